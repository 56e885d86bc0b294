"""Which alarms a mute covers, and which it never does."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from receiver.events.mutes import covering
from shared.config.config import Config
from shared.models.alarms import Alarm
from shared.models.event_kinds import ALARM_KINDS
from shared.models.events import Event
from shared.models.evidence import Artefact, Evidence, Finding
from shared.models.fingerprints import fingerprint
from shared.models.hunts import Hunt
from shared.models.mutes import Mute, MuteMatch, why_refused
from shared.models.severity import Severity
from shared.models.systems import Instance

NOW = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
CONFIG = Config.model_validate({"platform": {"url": "https://cado.example", "api_key": "env:KEY"}})
SUDO = Finding("User accessing sudo", 2, Severity.SUSPICIOUS, ("T1548.003",), "", (Artefact("", 2),))
CRON = Finding("New cron job", 1, Severity.SUSPICIOUS, ("T1053",), "", (Artefact("/opt/backup/cron", 1),))
MINER = Finding("Miner", 1, Severity.MALICIOUS, ("T1496",), "/opt/x", (Artefact("/opt/x", 1),))


def alarm(*findings: Finding) -> Alarm:
    def count(severity: Severity) -> int:
        return sum(finding.count for finding in findings if finding.severity is severity)

    malicious, suspicious = count(Severity.MALICIOUS), count(Severity.SUSPICIOUS)
    return Alarm(
        Event("e1", "processing_with_alarms", NOW, project_id=3, evidence_id=7),
        Severity.MALICIOUS if malicious else Severity.SUSPICIOUS,
        malicious,
        suspicious,
        hunt=Hunt("weekly", NOW - 2 * DAY, began_at=NOW - 2 * DAY),
        evidence=Evidence(7, 3, "vol", instance="i-0aaaaaaaaaaaaaaa1"),
        instance=Instance("i-0aaaaaaaaaaaaaaa1", "us-east-1", name="web-01", tags={"Env": "lab"}),
        findings=findings,
    )


def mute(*, malicious: bool = False, until_next_hunt: bool = False, **match: Any) -> Mute:
    values: dict[str, Any] = {key: value if key == "tags" else (value,) for key, value in match.items()}
    made = Mute("m1", MuteMatch(**values), NOW + DAY, "Ada", "known", NOW - DAY, "a test")
    return replace(made, malicious=malicious, until_next_hunt=until_next_hunt)


def covered(about: Alarm, *mutes: Mute, now: datetime = NOW) -> bool:
    return covering(about, mutes, CONFIG, now).whole is not None


def test_matchers_of_the_alarm_cover_all_its_findings():
    for match in ({"instance": "web-*"}, {"hunt": "weekly"}, {"tags": {"Env": ("lab",)}}):
        assert covered(alarm(SUDO, CRON), mute(**match))
    assert not covered(alarm(SUDO, CRON), mute(instance="db-*"))


def test_matchers_of_findings_cover_just_those():
    by_path = mute(path="/opt/backup/*")
    found = covering(alarm(SUDO, CRON), [by_path], CONFIG, NOW).findings
    assert found == {fingerprint(CRON.description, "/opt/backup/cron").id: by_path}
    assert not covered(alarm(SUDO, CRON), by_path)
    assert covered(alarm(SUDO, CRON), by_path, mute(technique="T1548*"))
    assert covered(alarm(SUDO), mute(finding="User accessing*", instance="web-01"))
    assert not covered(alarm(SUDO), mute(finding="User accessing*", instance="web-02"))


def test_a_malicious_finding_needs_the_word():
    assert not covered(alarm(MINER), mute(instance="web-01"))
    assert not covered(alarm(SUDO, MINER), mute(instance="web-01"))
    assert covered(alarm(SUDO, MINER), mute(instance="web-01", malicious=True))
    # The alarm is malicious by its kind, and no finding says why.
    unexplained = replace(alarm(SUDO), severity=Severity.MALICIOUS)
    assert not covered(unexplained, mute(instance="web-01", malicious=True))


def test_the_beginning_and_the_end_are_decided_when_an_alarm_comes():
    one = mute(instance="web-01")
    assert covered(alarm(SUDO), one, now=one.at)
    assert not covered(alarm(SUDO), one, now=one.at - timedelta(seconds=1))
    assert not covered(alarm(SUDO), one, now=one.until)


def test_a_mute_until_the_next_hunt():
    one, about = mute(instance="web-01", until_next_hunt=True), alarm(SUDO)
    assert covered(about, one)
    assert not covered(replace(about, hunt=Hunt("weekly", NOW, began_at=NOW)), one)
    assert not covered(replace(about, hunt=None), one)
    set_back = replace(about, hunt=Hunt("weekly", NOW, began_at=one.at - timedelta(hours=1), created_at=NOW))
    assert not covered(set_back, one), "the clock was set back after the hunt was created"


@pytest.mark.parametrize(
    "unknown",
    [
        {"findings": ()},
        {"evidence": None},
        {"suspicious": 3},
        {"malicious": 1},
        {"findings_total": 2},
    ],
)
def test_what_is_not_known_is_told(unknown):
    everything = mute(instance="web-01", malicious=True)
    assert covered(alarm(SUDO), everything)
    assert not covered(replace(alarm(SUDO), **unknown), everything)


@pytest.mark.parametrize(
    "places",
    [
        (),
        (Artefact("/opt/backup/cron", 1), Artefact("/etc/cron.d/x", 1)),
        (Artefact("/opt/backup/../x", 2),),
        (Artefact("/opt/backup/cron", 1), Artefact("", 1, listed=False)),
        (Artefact("", 2),),
    ],
)
def test_every_place_must_be_known_and_match(places):
    finding = replace(CRON, count=2, artefacts=places)
    assert not covered(alarm(finding), mute(path="/opt/backup/*"))


def test_own_events_are_always_told():
    own = replace(alarm(SUDO), event=replace(alarm(SUDO).event, kind="capture_failed"))
    assert not covered(own, mute(instance="web-01"))
    login = replace(own, event=replace(own.event, kind="admin_login"))
    assert covered(login, mute(instance="web-01"))


def test_mutes_that_single_nothing_out_are_refused():
    wide: tuple[dict[str, Any], ...]
    wide = ({}, {"instance": "*"}, {"severity": "suspicious"}, {"event": ALARM_KINDS[0]})
    for match in wide:
        assert "nearly every alarm" in why_refused(mute(**match), ALARM_KINDS)
    narrow: tuple[dict[str, Any], ...]
    narrow = ({"path": "/opt/*"}, {"event": "admin_login"}, {"tags": {"Env": ("lab",)}})
    for match in narrow:
        assert why_refused(mute(**match), ALARM_KINDS) == ""


def test_a_mute_has_an_author_a_reason_and_an_end():
    one = mute(instance="web-01")
    for wrong, why in (
        ({"by": " "}, "nobody is named"),
        ({"why": ""}, "the reason is empty"),
        ({"until": one.at}, "end before it begins"),
        ({"until": one.at + timedelta(days=91)}, "longer than 90 days"),
    ):
        assert why in why_refused(replace(one, **wrong), ALARM_KINDS)
