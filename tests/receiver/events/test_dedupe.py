"""When two webhooks are one alarm: the same body twice, two kinds of webhook, a later run, an update."""

from __future__ import annotations

import itertools
import json
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from unittest.mock import Mock

import pytest

from receiver.events.history import History
from shared.models.event_kinds import RECOVERED
from shared.models.events import Event
from shared.models.evidence import Finding
from shared.models.severity import Severity
from shared.queues.worker import work

START = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
MONDAY = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)


def body(message="5 high severity alarms detected in project id 3 evidence id 4.", **more):
    return json.dumps({"event": "high_severity_alarm", "message": message} | more).encode()


SUMMED_UP = body(
    "Processing finished with 5 alarms in project id 3 evidence id 4.", event="processing_with_alarms"
)


def titles(stage):
    return [message.title for message in stage.soc.sent]


def test_the_same_body_within_a_quarter_of_an_hour_is_one_message(stage):
    ids = []
    for _ in range(3):
        ids.append(stage.receive(body()))
        stage.run()
        stage.forward(5 * 60)
    assert [message.id for message in stage.soc.sent] == ids[:1]
    merged = {r.id: r.merged_into for r in stage.runtime.ledger.events.of_project(3)}
    assert merged == {ids[0]: "", ids[1]: ids[0], ids[2]: ids[0]}
    stage.forward(60)  # 16 minutes after the first
    last = stage.receive(body())
    stage.run()
    assert [message.id for message in stage.soc.sent] == [ids[0], last]


def test_without_the_platform_nothing_is_merged_and_possible_repeats_say_so(stage):
    first = stage.receive(body())
    second = stage.receive(SUMMED_UP)
    third = stage.receive(body("6 high severity alarms detected in project id 3 evidence id 4."))
    stage.receive(body())  # the same, byte for byte
    stage.run()
    told = {m.title: m.summary.startswith("This may be a repeat") for m in stage.soc.sent}
    assert told == {
        "5 high severity alarms on web-01 (i-0aaaaaaaaaaaaaaa1)": False,
        "Update: 5 alarms on web-01 (i-0aaaaaaaaaaaaaaa1)": True,
        "Update: 6 high severity alarms on web-01 (i-0aaaaaaaaaaaaaaa1)": False,
    }
    assert len(stage.soc.sent) == 3
    assert len(stage.office.sent) == 3
    records = {r.id: r for r in stage.runtime.ledger.events.of_project(3)}
    assert [records[id].merged_into for id in (first, second, third)] == ["", "", ""]
    assert {r.confirmed for r in records.values()} == {False}


@pytest.mark.parametrize(
    "text",
    [b"$Title", b'{"event": "processing_with_alarms", "message": "Alarms in project id 3."}', b"hello"],
)
def test_bodies_without_any_id_are_not_merged(stage, text):
    for _ in range(3):
        stage.receive(text)
        stage.run()
        stage.forward(60)
    assert len(stage.soc.sent) == 3
    marked = [message.summary.startswith("This may be a repeat") for message in stage.soc.sent]
    assert marked == [False, True, True]


def test_the_same_detection_twice_is_one_message(stage):
    text = json.dumps({"title": "DETECTION CREATED", "message": "{'id': 41, 'name': 'Backdoor'}"}).encode()
    for _ in range(2):
        stage.receive(text)
    stage.run()
    assert len(stage.soc.sent) == 1


def test_the_first_confirmed_event_is_told_even_if_its_body_was_told_before(stage):
    for _ in range(3):
        stage.receive(SUMMED_UP)
        stage.run()
        stage.enricher.runs[4], stage.enricher.counts[4] = MONDAY, (3, 2)
    assert titles(stage) == [
        "5 alarms on web-01 (i-0aaaaaaaaaaaaaaa1)",
        "Update: 3 malicious, 2 suspicious on web-01 (i-0aaaaaaaaaaaaaaa1)",
    ]


def test_the_same_body_is_told_again_if_the_platform_counts_more_by_now(stage):
    stage.enricher.runs[4], stage.enricher.counts[4] = MONDAY, (0, 1)
    for count in ((0, 1), (0, 1), (4, 1), (4, 1)):
        stage.enricher.counts[4] = count
        stage.receive(SUMMED_UP)
        stage.run()
    assert titles(stage) == [
        "1 suspicious on web-01 (i-0aaaaaaaaaaaaaaa1)",
        "Update: 4 malicious, 1 suspicious on web-01 (i-0aaaaaaaaaaaaaaa1)",
    ]


def test_what_was_counted_too_early_to_be_listed_is_told_when_it_is_listed(stage):
    stage.enricher.runs[4], stage.enricher.counts[4] = MONDAY, (0, 26)
    found = Finding("PUA.NetTool", 6, Severity.SUSPICIOUS)
    for findings in ((found,), (found, replace(found, description="WebShell", count=20)), (found,)):
        stage.enricher.found[4] = findings
        stage.receive(SUMMED_UP)
        stage.run()
    first, second = stage.soc.sent
    assert not any("WebShell" in kind.description for kind in first.findings)
    assert any("WebShell" in kind.description for kind in second.findings)
    assert second.title.startswith("Update: 26 suspicious")


def test_a_number_in_another_text_does_not_hide_what_the_platform_counts_later(stage):
    stage.enricher.runs[4], stage.enricher.counts[4] = MONDAY, (0, 1)
    stage.receive(SUMMED_UP)
    stage.run()
    stage.enricher.runs = {}
    stage.receive(body("9999 high severity alarms detected in project id 3 evidence id 4."))
    stage.run()
    stage.enricher.runs[4], stage.enricher.counts[4] = MONDAY, (4, 1)
    stage.receive(SUMMED_UP)
    stage.run()
    assert titles(stage)[-1] == "Update: 4 malicious, 1 suspicious on web-01 (i-0aaaaaaaaaaaaaaa1)"


@pytest.mark.slow
def test_the_document_of_an_evidence_stays_small(stage):
    for number in range(200):
        stage.receive(body(number=number))
        stage.forward(1)
    stage.run()
    assert len([r for r in stage.runtime.ledger.events.of_project(3) if r.to]) == 200
    record = stage.runtime.store.get("alarm", "cado.example/3", "4/alarms")
    assert len(json.dumps(record.body)) < 20_000


def test_a_number_in_an_unconfirmed_text_does_not_hide_what_the_platform_counts(stage):
    stage.receive(body("9999 high severity alarms detected in project id 3 evidence id 4."))
    stage.run()
    stage.enricher.runs[4], stage.enricher.counts[4] = MONDAY, (5, 0)
    stage.forward(86_400)
    stage.receive(body())
    stage.receive(SUMMED_UP)
    stage.run()
    assert [(m.title, m.malicious) for m in stage.soc.sent] == [
        ("9,999 high severity alarms on web-01 (i-0aaaaaaaaaaaaaaa1)", 9999),
        ("Update: 5 malicious on web-01 (i-0aaaaaaaaaaaaaaa1)", 5),
    ]


@pytest.mark.parametrize("crash", [False, True])
def test_without_the_platform_a_later_event_is_a_new_alarm_and_may_be_a_repeat(stage, monkeypatch, crash):
    stage.receive(body())
    stage.run()
    stage.forward(16 * 60)
    stage.receive(SUMMED_UP)
    if crash:  # after the decision, which is used again
        (item,) = stage.runtime.events.claim(lease=60)
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(History, "compare", Mock(side_effect=KeyboardInterrupt))
            stage.work.event(item)
        stage.forward(61)
    stage.run()
    _, later = stage.soc.sent
    assert later.title == "5 alarms on web-01 (i-0aaaaaaaaaaaaaaa1)"
    assert later.summary.startswith("This may be a repeat")
    stage.forward(16 * 60)
    stage.receive(body("6 high severity alarms detected in project id 3 evidence id 4."))
    stage.run()
    assert not stage.soc.sent[-1].summary.startswith("This may be a repeat"), "it tells of more"


@pytest.mark.parametrize("known", ["the first", "the second"])
def test_of_two_kinds_of_webhook_one_unconfirmed_both_are_told_the_later_as_an_update(stage, known):
    stage.enricher.counts[4] = (5, 0)
    if known == "the first":
        stage.enricher.runs[4] = MONDAY
    first = stage.receive(body())
    stage.run()
    stage.enricher.runs = {} if known == "the first" else {4: MONDAY}
    second = stage.receive(SUMMED_UP)
    stage.run()
    stage.enricher.runs[4] = MONDAY
    stage.forward(86_400)
    stage.receive(SUMMED_UP)  # by now its run is known to be the one that was told
    stage.run()
    assert [message.id for message in stage.soc.sent] == [first, second]
    assert stage.soc.sent[1].title.startswith("Update: ")
    stage.enricher.runs[4] = MONDAY + timedelta(days=1)
    stage.receive(SUMMED_UP)
    stage.run()
    assert len(stage.soc.sent) == 3


def test_two_kinds_about_one_evidence_and_run_are_one_message(stage):
    stage.enricher.runs[4] = MONDAY
    stage.enricher.counts[4] = (5, 0)
    first, second, again = stage.receive(SUMMED_UP), stage.receive(body()), stage.receive(SUMMED_UP)
    stage.run()
    assert [message.id for message in stage.soc.sent] == [first]
    merged = {r.id: r.merged_into for r in stage.runtime.ledger.events.of_project(3)}
    assert merged == {first: "", second: first, again: first}
    assert stage.runtime.ledger.events.routed_to(second) == []
    assert {r.run for r in stage.runtime.ledger.events.of_project(3)} == {MONDAY.isoformat()}


def test_the_same_run_is_one_alarm_however_late_the_second_webhook_comes(stage):
    stage.enricher.runs[4] = MONDAY
    stage.receive(body())
    stage.run()
    stage.forward(86_400)
    stage.receive(body())
    stage.run()
    assert len(stage.soc.sent) == 1


def test_a_later_run_is_a_new_alarm_even_with_the_same_body(stage):
    for day in range(3):
        stage.enricher.runs[4] = MONDAY + timedelta(days=day)
        stage.receive(body())
        stage.run()
    assert titles(stage) == ["5 high severity alarms on web-01 (i-0aaaaaaaaaaaaaaa1)"] * 3


def test_an_event_that_counts_more_is_told_as_an_update(stage):
    stage.enricher.runs[4] = MONDAY
    first = stage.receive(
        body("2 suspicious severity events in project id 3 evidence id 4.", event="suspicious_severity_event")
    )
    stage.run()
    second = stage.receive(body())
    stage.receive(body("3 high severity alarms detected in project id 3 evidence id 4."))
    stage.run()
    assert titles(stage) == [
        "2 suspicious events on web-01 (i-0aaaaaaaaaaaaaaa1)",
        "Update: 5 high severity alarms on web-01 (i-0aaaaaaaaaaaaaaa1)",
    ]
    before = stage.soc.sent[1].facts[0]
    assert (before.label, before.value) == ("Told before", f"2 suspicious (event {first})")
    assert stage.soc.sent[1].id == second
    assert stage.soc.sent[0].case_key == stage.soc.sent[1].case_key


def test_a_webhook_that_comes_after_its_alarm_was_recovered_is_merged(stage):
    stage.enricher.runs[4] = MONDAY
    stage.raise_event(
        Event("recovered:4", RECOVERED, START, project_id=3, evidence_id=4, malicious=5, suspicious=0)
    )
    stage.receive(body())
    stage.run()
    assert [message.id for message in stage.soc.sent] == ["recovered:4"]


@pytest.mark.parametrize(("count", "marked"), [(5, True), (6, False)])
def test_a_webhook_long_after_an_alarm_whose_run_was_not_known_may_repeat_it(stage, count, marked):
    """The platform did not say when the alarm that was recovered had been processed."""
    stage.raise_event(
        Event("recovered:4", RECOVERED, START, project_id=3, evidence_id=4, malicious=5, suspicious=0)
    )
    stage.run()
    stage.forward(3_600)
    stage.enricher.runs[4], stage.enricher.counts[4] = MONDAY, (count, 0)
    stage.receive(body())
    stage.run()
    assert [message.summary.startswith("This may be a repeat") for message in stage.soc.sent] == [
        False,
        marked,
    ]


def test_another_evidence_or_another_end_of_processing_is_another_message(stage):
    stage.enricher.runs |= {4: MONDAY, 5: MONDAY}
    finished = "Processing finished in project id 3 evidence id 4."
    for text in (
        body(),
        body("5 high severity alarms detected in project id 3 evidence id 5."),
        body(finished, event="processing_finished"),
        body(finished, event="processing_finished"),
    ):
        stage.receive(text)
    stage.run()
    assert len(stage.soc.sent) == 3


@pytest.mark.parametrize("writes_before_the_crash", range(7))
def test_a_decision_whose_worker_died_is_used_by_the_same_event(stage, monkeypatch, writes_before_the_crash):
    stage.enricher.runs[4] = MONDAY
    id = stage.receive(body())
    (item,) = stage.runtime.events.claim(lease=60)
    writes, real = itertools.count(), stage.database.write

    def write(change, **durable):
        if next(writes) == writes_before_the_crash:
            raise KeyboardInterrupt
        return real(change, **durable)

    monkeypatch.setattr(stage.database, "write", write)
    with pytest.raises(KeyboardInterrupt):
        stage.work.event(item)
    monkeypatch.setattr(stage.database, "write", real)
    twin = stage.receive(body())
    stage.run()
    stage.forward(61)
    stage.run()
    told = {message.id for message in stage.soc.sent}
    assert len(stage.soc.sent) == len(stage.office.sent) == 1
    assert told <= {id, twin}
    assert stage.living() == 0


def test_of_many_workers_only_one_tells(stage):
    stage.enricher.runs[4] = MONDAY
    for number in range(8):
        stage.receive(body(number=number))  # eight bodies about one finding
    workers = [
        threading.Thread(target=work, args=(stage.runtime.events, stage.worker().event), kwargs={"lease": 60})
        for _ in range(8)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    stage.run()
    assert len(stage.soc.sent) == len(stage.office.sent) == 1
    assert len([r for r in stage.runtime.ledger.events.of_project(3) if r.merged_into]) == 7


def test_documents_of_the_version_before_still_count(stage):
    stage.enricher.runs[4], stage.enricher.counts[4] = MONDAY, (5, 0)
    told = {"event_id": "old", "severity": "malicious", "malicious": 5, "suspicious": 0, "total": 5}
    one = {"run": MONDAY.isoformat(), "at": START.isoformat(), "told": told, "claims": {"old": None}}
    stage.runtime.store.put("alarm", "cado.example/3", "4/alarms", {"runs": [one]})
    id = stage.receive(SUMMED_UP)
    stage.run()
    assert stage.soc.sent == []
    assert {r.id: r.merged_into for r in stage.runtime.ledger.events.of_project(3)} == {id: "old"}


def test_an_update_that_the_version_before_decided_is_told_as_decided(stage):
    stage.enricher.runs[4], stage.enricher.counts[4] = MONDAY, (5, 0)
    id = stage.receive(body())
    before = {"event_id": "old", "severity": "suspicious", "malicious": 0, "suspicious": 2, "total": 2}
    told = before | {"event_id": id, "malicious": 5}
    one = {
        "run": MONDAY.isoformat(),
        "at": START.isoformat(),
        "told": told,
        "claims": {"old": None, id: before},
    }
    stage.runtime.store.put("alarm", "cado.example/3", "4/alarms", {"runs": [one]})
    stage.run()
    (message,) = stage.soc.sent
    assert message.title == "Update: 5 malicious on web-01 (i-0aaaaaaaaaaaaaaa1)"
    assert not message.summary.startswith("This may be a repeat")
