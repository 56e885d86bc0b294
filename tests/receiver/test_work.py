"""The way through the queues: what is done once, what is done again, and what is kept."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from receiver.compose import Message
from receiver.destinations import Check, Delivered, Rejected, Retry
from receiver.work import Work
from shared import items
from shared.config import Config
from shared.local.sqlite import Database, SqliteQueue, SqliteStore
from shared.models import HUNT_FINISHED, Alarm, Event, Instance, Severity, dump
from shared.queues import work
from shared.runtime import Runtime
from shared.secrets import Secrets

START = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
BODY = b'{"event": "processing_with_alarms", "title": "ALARMS", "message": "5 alarms in project id 3"}'


@dataclass
class Tool:
    """A destination that answers as it is told and remembers what it was sent."""

    name: str
    outcomes: list = field(default_factory=list)
    sent: list[Message] = field(default_factory=list)
    refs: list[dict] = field(default_factory=list)
    thread = update = False

    def deliver(self, message, case_refs):
        self.sent.append(message)
        self.refs.append(dict(case_refs))
        outcome = self.outcomes.pop(0) if self.outcomes else Delivered()
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    def check(self):
        return Check(True, "")


INSTANCE = Instance("i-0aaaaaaaaaaaaaaa1", "us-east-1", name="web-01")


class Enricher:
    def enrich(self, event: Event) -> Alarm:
        return Alarm(event, Severity.MALICIOUS, instance=INSTANCE)


class Stage:
    def __init__(self, folder, retry_for=86_400):
        self.moment = START
        self.database = Database(folder / "huntbridge.db")

        def seconds() -> float:
            return self.moment.timestamp()

        self.runtime = Runtime(
            config=Config.model_validate(
                {
                    "platform": {"url": "https://cado.example", "api_key": "env:KEY"},
                    "destinations": {
                        "soc": {"type": "slack", "webhook_url": "env:A"},
                        "office": {"type": "teams", "webhook_url": "env:B"},
                    },
                    "routes": [{"match": {"event": "hunt_finished"}, "to": "office"}],
                    "default": ["soc", "office"],
                    "delivery": {"retry_for": retry_for},
                }
            ),
            store=SqliteStore(self.database),
            captures=SqliteQueue(self.database, "captures", seconds),
            events=SqliteQueue(self.database, "events", seconds),
            deliveries=SqliteQueue(self.database, "deliveries", seconds),
            secrets=Secrets({}),
            now=lambda: self.moment,
        )
        self.soc, self.office = Tool("soc"), Tool("office")
        self.work = Work(self.runtime, Enricher(), {"soc": self.soc, "office": self.office})

    def forward(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)

    def receive(self, body: bytes = BODY) -> str:
        return self.runtime.events.put(items.webhook(body, self.moment.isoformat()))

    def run(self) -> None:
        """Do what is due, in both queues."""
        while work(self.runtime.events, self.work.event, lease=60) or work(
            self.runtime.deliveries, self.work.delivery, lease=60
        ):
            pass

    def living(self) -> int:
        return self.runtime.events.depth().living + self.runtime.deliveries.depth().living


@pytest.fixture
def stage(tmp_path):
    stage = Stage(tmp_path)
    yield stage
    stage.database.close()


def test_a_webhook_becomes_one_message_per_destination(stage):
    id = stage.receive()
    stage.run()
    for tool in (stage.soc, stage.office):
        (message,) = tool.sent
        assert (message.id, message.title, message.maybe_repeat) == (
            id,
            "5 alarms on web-01 (i-0aaaaaaaaaaaaaaa1)",
            False,
        )
    assert stage.living() == 0
    assert stage.runtime.ledger.routed(id) == ["soc", "office"]
    assert [d.state for d in stage.runtime.ledger.deliveries(id)] == ["delivered", "delivered"]
    assert stage.runtime.ledger.name_of(INSTANCE.id) == "web-01"  # for the hunt's report
    (record,) = stage.runtime.ledger.events_of_project(3)
    assert (record["id"], record["kind"], record["to"]) == (id, "processing_with_alarms", ["soc", "office"])


def test_an_own_event_goes_its_route(stage):
    event = Event("hunt_finished:weekly", HUNT_FINISHED, START, hunt_id="weekly")
    stage.runtime.events.put(items.own_event(dump(event)), id=event.id)
    stage.run()
    assert (len(stage.soc.sent), len(stage.office.sent)) == (0, 1)


def test_an_event_that_comes_again_under_its_id_is_not_routed_again(stage):
    event = Event("hunt_finished:weekly", HUNT_FINISHED, START, hunt_id="weekly")
    for _ in range(2):
        stage.runtime.events.put(items.own_event(dump(event)), id=event.id)
        stage.run()
    assert len(stage.office.sent) == 1


@pytest.mark.parametrize("writes_before_the_crash", range(4))
def test_a_worker_that_dies_while_fanning_out_loses_and_repeats_nothing(
    stage, monkeypatch, writes_before_the_crash
):
    id = stage.receive()
    (item,) = stage.runtime.events.claim(lease=60)
    writes = itertools.count()
    real = stage.database.write

    def write(change):
        if next(writes) == writes_before_the_crash:
            raise KeyboardInterrupt  # what no handler catches: the process is gone
        return real(change)

    monkeypatch.setattr(stage.database, "write", write)
    with pytest.raises(KeyboardInterrupt):
        stage.work.event(item)
    monkeypatch.setattr(stage.database, "write", real)
    stage.run()  # deliveries that were queued before the crash go out
    stage.forward(61)
    stage.run()
    for tool in (stage.soc, stage.office):
        assert [message.id for message in tool.sent] == [id]
    assert stage.living() == 0


def test_a_crash_between_sending_and_recording_repeats_the_message_and_says_so(stage):
    stage.soc.outcomes = [KeyboardInterrupt()]  # the process died after the bytes had left
    stage.receive()
    work(stage.runtime.events, stage.work.event, lease=60)
    with pytest.raises(KeyboardInterrupt):
        stage.run()
    stage.run()
    assert len(stage.soc.sent) == 1  # its lease has not run out yet
    stage.forward(61)
    stage.run()
    assert [message.maybe_repeat for message in stage.soc.sent] == [False, True]
    assert [message.maybe_repeat for message in stage.office.sent] == [False]
    assert stage.living() == 0


def test_a_destination_that_asks_to_wait_is_left_alone_that_long(stage):
    stage.soc.outcomes = [Retry("Slack says rate_limited", after=40)]
    stage.receive()
    stage.run()
    assert (len(stage.soc.sent), len(stage.office.sent)) == (1, 1)
    stage.forward(39)
    stage.run()
    assert len(stage.soc.sent) == 1
    stage.forward(2)
    stage.run()
    assert [message.maybe_repeat for message in stage.soc.sent] == [False, False]
    assert stage.living() == 0


def test_an_answer_that_leaves_it_open_makes_the_next_message_a_possible_repeat(stage):
    stage.soc.outcomes = [Retry("no answer within 20 s", ambiguous=True), Retry("503")]
    stage.receive()
    for _ in range(3):
        stage.run()
        stage.forward(10)
    assert [message.maybe_repeat for message in stage.soc.sent] == [False, True, True]


def test_what_a_destination_refuses_is_kept_whole_with_the_reason(stage):
    stage.soc.outcomes = [Rejected("Slack says no_service: the webhook is gone")]
    id = stage.receive()
    stage.run()
    assert len(stage.office.sent) == 1
    (dead,) = stage.runtime.deliveries.dead_items()
    assert (dead.id, dead.reason) == (f"{id}:soc", "Slack says no_service: the webhook is gone")
    assert items.unpack(dead.body)["alarm"]["event"]["id"] == id
    assert stage.runtime.ledger.delivery(id, "soc").state == "dead"
    stage.runtime.deliveries.revive(dead.id)
    stage.run()
    assert len(stage.soc.sent) == 2
    assert stage.runtime.ledger.delivery(id, "soc").state == "delivered"


def test_a_destination_that_stays_down_is_tried_with_growing_pauses_and_then_given_up(tmp_path):
    stage = Stage(tmp_path, retry_for=3_600)
    stage.soc.outcomes = [Retry("503")] * 2_000
    id = stage.receive()
    while stage.living():
        stage.run()
        stage.forward(60)
    assert timedelta(hours=1) <= stage.moment - START < timedelta(hours=1, minutes=10)
    assert 15 < len(stage.soc.sent) < 35  # at most every five minutes, at least every two and a half
    delivery = stage.runtime.ledger.delivery(id, "soc")
    assert delivery.state == "dead"
    assert delivery.reason == f"given up after {len(stage.soc.sent)} attempts: 503"
    stage.database.close()


def test_a_destination_that_raises_is_a_bug_that_loses_nothing(stage, caplog):
    stage.soc.outcomes = [ZeroDivisionError()]
    stage.receive()
    stage.run()
    assert "ZeroDivisionError" in caplog.text
    stage.forward(2)
    stage.run()
    assert len(stage.soc.sent) == 2
    assert stage.living() == 0


def test_the_next_alarm_of_a_case_is_given_what_the_first_one_left(stage):
    stage.office.outcomes = [Delivered(ref="SEC-1"), Delivered(ref="SEC-1")]
    event = {"event": "processing_with_alarms", "message": "5 alarms in project id 3 evidence id 4"}
    for _ in range(2):
        stage.receive(repr(event).replace("'", '"').encode())
        stage.run()
    assert stage.office.refs == [{}, {"ref": "SEC-1"}]
    assert stage.soc.refs == [{}, {}]


def test_an_alarm_for_a_destination_that_is_no_longer_configured_is_kept(stage):
    stage.runtime.deliveries.put(
        items.delivery("gone", dump(Enricher().enrich(Event("e", "unknown", START))))
    )
    stage.run()
    (dead,) = stage.runtime.deliveries.dead_items()
    assert dead.reason == "there is no destination 'gone' any more"
