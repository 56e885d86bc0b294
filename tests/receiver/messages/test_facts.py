"""The facts of a message."""

from __future__ import annotations

import pytest

from receiver.messages.compose import compose
from receiver.messages.message import Fact, Message, Place
from shared.config.config import Config
from shared.models.captures import Capture, CaptureState
from shared.models.evidence import Evidence, Finding
from shared.models.severity import Severity
from tests.receiver.messages.examples import WEB, WEB_INSTANCE, alarm


def test_an_absurd_size_that_an_older_version_put_into_a_queue_is_left_out() -> None:
    evidence = Evidence(31, 12, "vol-1", size_mb=10**400)
    shown = {fact.label: fact.value for fact in compose(alarm("processing_failed", evidence=evidence)).facts}
    assert shown["Evidence"] == "vol-1 (id 31)"


def of_disks(disks: tuple[int, ...], mode: str = "full", **counts: int) -> Message:
    """The message about an alarm on evidence 31, with 7 malicious and 8 suspicious alarms."""
    capture = Capture("weekly", WEB, CaptureState.PROCESSED, mode, evidence_ids=disks, **counts)  # type: ignore[arg-type]
    return compose(
        alarm(
            "processing_with_alarms",
            project_id=12,
            evidence_id=31,
            malicious=7,
            suspicious=8,
            system=WEB,
            evidence=Evidence(31, 12, "vol-0000000a1", instance=WEB.instance),
            instance=WEB_INSTANCE,
            capture=capture,
        )
    )


def test_two_disks_of_one_machine_do_not_contradict_its_total() -> None:
    both = of_disks((31, 32), malicious=10, suspicious=9)
    assert both.title == "7 malicious, 8 suspicious on one of 2 disks of web-01 (prod, i-0123456789abcdef0)"
    assert Fact("Whole machine", "10 malicious, 9 suspicious on its 2 disks") in both.facts_at(Place.NEWS)
    quiet = of_disks((31, 32), malicious=7, suspicious=8)
    assert (quiet.title, "Whole machine" in labels(quiet)) == (both.title, False)
    for one in (of_disks((31,), malicious=7, suspicious=8), of_disks((31, 32), "triage", malicious=9)):
        assert one.title == "7 malicious, 8 suspicious on web-01 (prod, i-0123456789abcdef0)"
        assert "Whole machine" not in labels(one)


def labels(message: Message) -> list[str]:
    return [fact.label for fact in message.facts]


def test_what_the_title_names_is_not_repeated_before_what_matters() -> None:
    titled = of_disks((31,))
    assert {"Host", "Instance"} <= {fact.label for fact in titled.facts_at(Place.REST)}
    config = Config.model_validate(
        {
            "platform": {"url": "https://cado.example", "api_key": "env:KEY"},
            "message": {"title": "Alarms in {{ account }}"},
        }
    )
    assert titled.alarm
    untitled = compose(titled.alarm, config)
    assert [fact.label for fact in untitled.facts_at(Place.NEWS)] == ["Host", "Instance"]


def test_of_the_configured_facts_the_first_six_come_first() -> None:
    names = ("image", "received", "region", "account", "project", "evidence", "instance")
    config = Config.model_validate(
        {
            "platform": {"url": "https://cado.example", "api_key": "env:KEY"},
            "message": {"title": "x", "facts": [*names, "others"]},
        }
    )
    titled = of_disks((31,)).alarm
    assert titled
    message = compose(titled, config)
    assert [fact.name for fact in message.facts_at(Place.NEWS)] == ["instance", "host"]
    first = [fact.name for fact in message.facts_at(Place.FIRST)]
    assert first == ["received", "region", "account", "project", "evidence"]


@pytest.mark.parametrize(
    ("findings", "place"),
    [
        ((), Place.FIRST),
        ((Finding("php_backdoor", 2, Severity.MALICIOUS),), Place.FIRST),
        ((Finding("php_backdoor", 2, Severity.MALICIOUS, path="/srv/a.php"),), Place.REST),
    ],
)
def test_where_no_finding_has_a_path_people_see_which_evidence_it_is_about(
    findings: tuple[Finding, ...], place: Place
) -> None:
    evidence = Evidence(31, 12, "vol-1")
    message = compose(alarm("processing_with_alarms", evidence=evidence, findings=findings))
    assert "Evidence" in {fact.label for fact in message.facts_at(place)}
