"""The codec of queue items, and items of the version that told their kinds apart by their keys."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from shared.models.acknowledgements import Acknowledgement
from shared.models.alarms import Alarm
from shared.models.codec import dump, load
from shared.models.decisions import Action, CaseDecision, Verdict
from shared.models.events import Event
from shared.models.evidence import Artefact, Finding
from shared.models.severity import Severity
from shared.models.systems import Kind, System
from shared.queues import items
from shared.queues.sizes import MAX_ITEM
from tests.queue_items import C, decoded

# One item of each kind as bytes, written by the code of commit 10dda5c. Named by today's kinds.
WITHOUT_KIND = Path(__file__).parent / "items_without_kind"
# One item of each kind that was added since, as the version that added it wrote it.
VERSION_1 = Path(__file__).parent / "items_of_version_1"
AT = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
CASE = "project/3/-/us-east-1/i-0aaaaaaaaaaaaaaa1"
HUNT = "weekly@2026-11-24T02:00:00+00:00"
ADDED = sorted(path.stem for path in VERSION_1.iterdir())
KINDS = [content.kind for content in items.KINDS if content.kind not in ADDED]


def without_kind(kind: str) -> bytes:
    return (WITHOUT_KIND / f"{kind}.json").read_bytes()


def read(kind: type[C]) -> C:
    return decoded(kind, without_kind(kind.kind))


def test_there_is_an_item_of_each_kind():
    assert sorted(path.stem for path in WITHOUT_KIND.iterdir()) == sorted(KINDS)
    assert sorted((*KINDS, *ADDED)) == sorted(content.kind for content in items.KINDS)
    assert len({content.key for content in items.KINDS}) == len(items.KINDS)


@pytest.mark.parametrize("kind", ADDED)
def test_an_item_of_an_added_kind_is_read_and_written_as_it_was(kind):
    body = (VERSION_1 / f"{kind}.json").read_bytes()
    content = items.decode(body)
    assert content.kind == kind
    assert json.loads(items.encode(content)) == json.loads(body)


def test_the_fields_of_a_decision():
    content = items.decode((VERSION_1 / "decision.json").read_bytes())
    assert isinstance(content, items.DecideCase)
    decision = load(CaseDecision, content.decision)
    assert (content.case_key, decision.action, decision.verdict) == (CASE, Action.CLOSE, Verdict.BENIGN)
    assert (decision.by, decision.at, decision.why) == ("Ada Lovelace", AT, "a nightly job")
    # The version that wrote the item did not know these.
    added = {"terms": None, "covers": 0, "destination": "", "refines": False}
    assert dump(decision) == content.decision | added


@pytest.mark.parametrize("after", [None, "", "release-1"])
def test_an_acknowledgement_knows_the_decision_before_it(after):
    content = items.AcknowledgeCase(CASE, {"by": "ada"}, after)
    assert items.decode(items.encode(content)) == content


@pytest.mark.parametrize("kind", KINDS)
def test_an_item_without_a_kind_is_read(kind):
    assert items.decode(without_kind(kind)).kind == kind


@pytest.mark.parametrize("kind", KINDS)
def test_the_version_before_can_read_what_is_written_now(kind):
    """That version looks only at the keys: they are all there, with the values that it wrote itself."""
    before = json.loads(without_kind(kind))
    now = json.loads(items.encode(items.decode(without_kind(kind))))
    assert now == {"kind": kind, "v": 1, **before}


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_written_is_read_as_it_was(kind):
    content = items.decode(without_kind(kind))
    assert items.decode(items.encode(content)) == content


def test_the_fields_of_items_without_a_kind():
    read = {kind: items.decode(without_kind(kind)) for kind in KINDS}
    click = items.Click("acknowledge", CASE, "U012AB3CD", "ada", "C0123456789", "1764000000.000001")
    body = b'{"token":"<token>","event":"processing_with_alarms","message":"7 alarms \xff"}'
    assert read["webhook"] == items.Webhook(body, AT)
    assert read["click"] == items.SlackClick(click, "aws-secretsmanager:huntbridge/slack#signing", AT)
    assert read["reminder"] == items.Reminder(CASE, 2, AT)
    quiet_since = datetime(2026, 10, 24, 3, 0, 0, 123456, tzinfo=UTC)
    assert read["heartbeat"] == items.Heartbeat("office", quiet_since)
    assert read["dead_letter_notice"] == items.DeadLetterNotice("soc")
    assert read["start"] == items.StartHunt({"hunt": "weekly", "scheduled_at": "2026-11-24T02:00:00Z"})
    assert read["open"] == items.OpenProject(HUNT, 1764000000.5)
    assert read["digest"] == items.DeliverDigest("soc", "digest:soc:1")
    assert read["refresh"] == items.RefreshCase("ir", CASE)
    text = "You may not acknowledge “x”."
    assert read["ephemeral"] == items.Ephemeral("ir", "C0123456789", "U012AB3CD", text)


def test_the_models_in_items_without_a_kind():
    assert load(Event, read(items.OwnEvent).event).hunt_id == "weekly"
    acknowledge = read(items.AcknowledgeCase)
    assert acknowledge.case_key == CASE
    assert load(Acknowledgement, acknowledge.acknowledgement).by == "Ada Lovelace"
    capture = read(items.RequestCapture)
    assert (capture.hunt_id, capture.until) == (HUNT, 1764000000.5)
    assert load(System, capture.system) == System("i-0aaaaaaaaaaaaaaa1", "us-east-1", "production")
    deliver = read(items.DeliverAlarm)
    alarm = load(Alarm, deliver.alarm)
    assert (deliver.destination, alarm.case_key, alarm.malicious) == (
        "soc",
        "project/3/production/us-east-1/i-0aaaaaaaaaaaaaaa1",
        5,
    )
    assert alarm.findings[0].path == "/tmp/x"
    assert alarm.findings[0].artefacts == ()


def test_half_of_a_surrogate_pair_is_kept():
    text = items.Ephemeral("ir", "C", "U", "broken \ud800 text")
    assert items.decode(items.encode(text)) == text


def test_an_answer_to_one_person_keeps_its_links():
    text = items.Ephemeral("ir", "C", "U", "muted", (("Open the case", "https://console.example/cases/1"),))
    assert items.decode(items.encode(text)) == text


def test_an_event_is_cut_to_what_an_item_may_hold():
    event = replace(Event("event-1", "unknown", AT), text="x" * 2 * MAX_ITEM)
    assert len(items.encode(items.OwnEvent(dump(event)))) < MAX_ITEM


def test_an_alarm_that_does_not_fit_loses_its_artefacts_before_its_findings():
    places = tuple(Artefact(f"/srv/{number}/" + "é" * 400, 1, ("a" * 64,) * 5) for number in range(200))
    findings = tuple(
        Finding(f"kind {number}", 200, Severity.SUSPICIOUS, artefacts=places) for number in range(2)
    )
    alarm = Alarm(Event("event-1", "unknown", AT), Severity.SUSPICIOUS, findings=findings)
    content = items.decode(items.encode(items.DeliverAlarm("soc", dump(alarm))))
    assert isinstance(content, items.DeliverAlarm)
    read = load(Alarm, content.alarm)
    assert read == replace(alarm, findings=tuple(replace(finding, artefacts=()) for finding in findings))
    assert not read.findings[0].complete
    small = dump(replace(alarm, findings=findings[:1]))
    assert items.decode(items.encode(items.DeliverAlarm("soc", small))) == items.DeliverAlarm("soc", small)


@pytest.mark.parametrize(
    "body", [b"", b"\xff", b"[]", b"7", b"{}", b'{"destination":"soc"}', b'{"kind":"alarm","v":1}']
)
def test_what_is_no_item_is_refused(body):
    with pytest.raises(items.NotAnItem):
        items.decode(body)


@pytest.mark.parametrize(
    "body",
    [
        b'{"kind":"evidence","v":1}',
        b'{"kind":"notice","v":1,"notice":"soc"}',
        b'{"kind":"digest","v":"1","destination":"soc","digest":"d"}',
        b'{"kind":["digest"]}',
    ],
)
def test_an_unknown_kind_is_of_a_newer_version(body):
    with pytest.raises(items.NewerItem, match="is not known here"):
        items.decode(body)


def test_a_newer_version_of_a_known_kind_is_refused():
    with pytest.raises(items.NewerItem, match="kind 'digest', version 2, is not known here"):
        items.decode(b'{"kind":"digest","v":2,"destination":"soc","digest":"d"}')


def test_a_field_that_a_newer_version_added_is_left_out():
    body = b'{"kind":"digest","v":1,"destination":"soc","digest":"d","new":1}'
    assert items.decode(body) == items.DeliverDigest("soc", "d")


def test_an_item_about_another_kind_of_system_is_refused_by_an_older_worker():
    system = System.of(Kind.AZURE_VM, account="az", subscription="0f", group="rg", vm="web-1")
    container = items.RequestCapture(HUNT, dump(system), 1764000000.5)
    ec2 = items.RequestCapture(HUNT, dump(System("i-0aaaaaaaaaaaaaaa1", "us-east-1")), 1764000000.5)
    assert [json.loads(items.encode(item))["v"] for item in (container, ec2)] == [2, 1]
    assert items.decode(items.encode(container)) == container
    with pytest.raises(items.NewerItem, match="version 3"):
        items.decode(items.encode(container).replace(b'"v":2', b'"v":3'))
