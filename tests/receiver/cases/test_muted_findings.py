"""A mute covers some findings of a system, or all of them: these are withheld, and the others are told."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from shared.models.evidence import Artefact, Finding
from shared.models.fingerprints import fingerprint
from shared.models.mutes import Mute, MuteMatch
from shared.models.severity import Severity
from shared.models.system_findings import Status
from tests.receiver.cases.test_deciding import MINER, SYSTEM, Hunts, found
from tests.receiver.conftest import START, Stage

NETCAT, SUDO = found(), found("User accessing sudo", "")


@pytest.fixture
def hunts(stage: Stage) -> Hunts:
    return Hunts(stage)


def mute(hunts: Hunts, id: str = "m1", *, malicious: bool = False, **match: Any) -> None:
    until = START + timedelta(days=20)
    made = Mute(id, MuteMatch(**match), until, "Ada", "a drill", START, "a test", malicious=malicious)
    hunts.stage.runtime.ledger.mutes.add(made)


def hits(hunts: Hunts, id: str = "m1") -> int:
    return hunts.stage.runtime.ledger.mutes.hits(id).count


def newest(hunts: Hunts):
    return hunts.stage.runtime.queries.events.list().rows[0]


def test_the_findings_that_a_mute_covers_are_withheld_and_the_others_told(hunts):
    mute(hunts, path=("/opt/backup/*",))
    assert hunts.find(NETCAT, SUDO)
    message = hunts.stage.soc.sent[-1]
    assert [each.description for each in message.findings] == ["User accessing sudo"]
    assert (message.suspicious, hits(hunts), newest(hunts).mute) == (2, 1, "")
    alarm = hunts.stage.runtime.queries.events.get(newest(hunts).id).alarm
    (withheld,) = alarm.judgement.withheld
    assert (withheld.status, withheld.by, withheld.author, withheld.reason) == (
        Status.MUTED,
        "m1",
        "Ada",
        "a drill",
    )
    assert withheld.until == START + timedelta(days=20)


def test_a_mute_that_withholds_the_whole_alarm_is_named_with_the_event(hunts):
    mute(hunts, path=("/opt/backup/*",))
    mute(hunts, "m2", finding=("User accessing*",))
    assert not hunts.find(NETCAT, SUDO)
    assert newest(hunts).mute == "m1"
    assert (hits(hunts), hits(hunts, "m2")) == (1, 1)
    assert newest(hunts).case == ""
    assert hunts.stage.runtime.ledger.findings.of_system(SYSTEM).case == ""


def test_what_was_muted_is_told_when_the_mute_has_ended(hunts):
    mute(hunts, instance=(SYSTEM,))
    assert [hunts.find(NETCAT) for _ in range(5)] == [False, False, False, True, False]
    assert hits(hunts) == 3


def test_a_malicious_finding_is_told_unless_the_mute_says_so(hunts):
    mute(hunts, instance=(SYSTEM,))
    assert hunts.find(MINER, NETCAT)
    assert [each.severity for each in hunts.stage.soc.sent[-1].findings] == [Severity.MALICIOUS]
    mute(hunts, "m2", malicious=True, instance=(SYSTEM,))
    assert not hunts.find(MINER, NETCAT)


def test_a_mute_must_cover_every_place_that_shares_the_fingerprint(hunts):
    paths = ("/tmp/x.AbC123", "/tmp/x.XyZ789")
    assert len({fingerprint("PUA.NetTool", path).id for path in paths}) == 1
    both = Finding(
        "PUA.NetTool", 2, Severity.SUSPICIOUS, artefacts=tuple(Artefact(path, 1) for path in paths)
    )
    mute(hunts, path=paths[:1])
    assert hunts.find(both)
    mute(hunts, "m2", path=("/tmp/x.*",))
    assert not hunts.find(both)


def test_a_mute_of_a_path_covers_nothing_if_not_all_places_are_known(hunts):
    mute(hunts, path=("/opt/backup/*",))
    unlisted = (*NETCAT.artefacts, Artefact("", 1, listed=False))
    assert hunts.find(replace(NETCAT, count=3, artefacts=unlisted))
    assert hunts.find(replace(NETCAT, artefacts=()))
    assert hits(hunts) == 0


def test_a_mute_of_a_system_covers_findings_whose_places_the_platform_does_not_list(hunts):
    mute(hunts, instance=(SYSTEM,))
    assert not hunts.find(replace(NETCAT, artefacts=()))
    assert (newest(hunts).mute, hits(hunts)) == ("m1", 1)


def test_nothing_is_withheld_if_the_webhook_counts_more_than_the_platform_lists(hunts, monkeypatch):
    mute(hunts, instance=(SYSTEM,))
    receive = hunts.stage.receive
    monkeypatch.setattr(
        hunts.stage, "receive", lambda body: receive(body.replace(b"1 alarms in", b"9 alarms in"))
    )
    assert hunts.find(NETCAT)
    assert hits(hunts) == 0


def test_the_mutes_are_read_once_for_each_alarm(hunts, monkeypatch):
    mute(hunts, path=("/opt/backup/*",))
    mutes, read = hunts.stage.runtime.ledger.mutes, []
    stored = mutes.stored

    def counted():
        read.append(1)
        return stored()

    monkeypatch.setattr(mutes, "stored", counted)
    hunts.find(NETCAT, SUDO, MINER)
    assert len(read) == 1
