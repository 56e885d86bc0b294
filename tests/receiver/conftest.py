"""A stage for tests of the receiver: real queues and a real ledger, a clock that only the test moves, and
destinations and a platform that answer as the test says."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from receiver.assemble import Handlers, handlers
from receiver.destinations.contract import CaseRef, Check, Delivered, Destination, Outcome, Traits
from receiver.events import enrich
from receiver.events.severity import severity_of
from receiver.messages.message import Message
from shared.config.config import Config
from shared.hosting.runtime import Runtime
from shared.local.database import Database
from shared.local.queue import SqliteQueue
from shared.local.store import SqliteStore
from shared.models.alarms import Alarm
from shared.models.codec import dump
from shared.models.events import Event
from shared.models.evidence import Evidence, Finding
from shared.models.systems import Instance
from shared.queues import items
from shared.queues.worker import work
from shared.secrets import Secrets

if TYPE_CHECKING:
    from tests.receiver.world import World

START = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
BODY = b'{"event": "processing_with_alarms", "title": "ALARMS", "message": "5 alarms in project id 3"}'
INSTANCE = Instance("i-0aaaaaaaaaaaaaaa1", "us-east-1", name="web-01")


@dataclass
class Tool:
    """A destination that gives the outcomes that the test set, and remembers what it was sent."""

    name: str
    outcomes: list[Outcome | BaseException] = field(default_factory=list)
    sent: list[Message] = field(default_factory=list)
    cases: list[CaseRef] = field(default_factory=list)
    thread: bool = False

    @property
    def traits(self) -> Traits:
        return Traits(thread=self.thread)

    def deliver(self, message: Message, case: CaseRef) -> Outcome:
        self.sent.append(message)
        self.cases.append(case)
        outcome = self.outcomes.pop(0) if self.outcomes else Delivered()
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    def check(self) -> Check:
        return Check(True, "")


@dataclass
class Enricher(enrich.Enricher):
    """`runs`: when an evidence was processed; without it the platform cannot be asked. `counts`: what it
    counts; without it, what the webhook says. `found`: what it lists; without it, the findings and the system
    of the evidence are not known."""

    runs: dict[int, datetime] = field(default_factory=dict)
    counts: dict[int, tuple[int, int]] = field(default_factory=dict)
    found: dict[int, tuple[Finding, ...]] = field(default_factory=dict)
    instance: Instance | None = INSTANCE

    def enrich(self, event: Event) -> Alarm:
        evidence, findings = None, self.found.get(event.evidence_id or 0, ())
        malicious, suspicious = event.malicious, event.suspicious
        if event.evidence_id in self.runs:
            malicious, suspicious = self.counts.get(event.evidence_id, (malicious, suspicious))
            evidence = Evidence(
                event.evidence_id,
                event.project_id,
                "vol",
                instance=self.instance.id if self.instance and findings else "",
                malicious=malicious,
                suspicious=suspicious,
                processed_at=self.runs[event.evidence_id],
            )
        return Alarm(
            event,
            severity_of(event, malicious, suspicious),
            malicious,
            suspicious,
            evidence=evidence,
            instance=self.instance,
            findings=findings,
        )


class Stage:
    def __init__(
        self,
        folder: Path,
        delivery: dict[str, Any] | None = None,
        destinations: dict[str, Any] | None = None,
        default: Iterable[str] = ("soc", "office"),
        tools: dict[str, Destination] | None = None,
        reminders: dict[str, Any] | None = None,
        escalate: Sequence[dict[str, Any]] = (),
        routes: Sequence[dict[str, Any]] = ({"match": {"event": "hunt_finished"}, "to": "office"},),
    ) -> None:
        self.moment = START
        self.database = Database(folder / "huntbridge.db")
        self.database._levels = dict.fromkeys((True, False), "OFF")  # a test need not survive a power cut

        def seconds() -> float:
            return self.moment.timestamp()

        self.runtime = Runtime(
            config=Config.model_validate(
                {
                    "platform": {"url": "https://cado.example", "api_key": "env:KEY"},
                    "destinations": destinations
                    or {
                        "soc": {"type": "slack", "webhook_url": "env:A"},
                        "office": {"type": "teams", "webhook_url": "env:B"},
                    },
                    "routes": list(routes),
                    "default": list(default),
                    "delivery": delivery or {},
                    "reminders": reminders,
                    "escalate": list(escalate),
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
        self.tools: dict[str, Destination] = {"soc": self.soc, "office": self.office, **(tools or {})}
        self.enricher = Enricher()
        self.work = self.worker()

    def worker(self) -> Handlers:
        """One more process with the same ledger and queues."""
        return handlers(self.runtime, self.enricher, self.tools)

    def forward(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)

    def receive(self, body: bytes = BODY) -> str:
        return self.runtime.events.put(items.encode(items.Webhook(body, self.moment)))

    def raise_event(self, event: Event) -> None:
        self.runtime.events.put(items.encode(items.OwnEvent(dump(event))), id=event.id)

    def run(self) -> None:
        """Do what is due, in both queues."""
        while work(self.runtime.events, self.work.event, lease=60) or work(
            self.runtime.deliveries, self.work.delivery, lease=60
        ):
            pass

    def run_all(self, step: float = 1.0) -> None:
        """Do everything, however long it takes."""
        while self.living():
            self.run()
            self.forward(step)

    def living(self) -> int:
        return self.runtime.events.depth().living + self.runtime.deliveries.depth().living


@pytest.fixture
def make_stage(tmp_path: Path) -> Iterator[Callable[..., Stage]]:
    made: list[Stage] = []

    def make(**settings: Any) -> Stage:
        made.append(Stage(tmp_path, **settings))
        return made[-1]

    yield make
    for stage in made:
        stage.database.close()


@pytest.fixture
def stage(make_stage: Callable[..., Stage]) -> Stage:
    return make_stage()


@pytest.fixture
def make_world(make_stage: Callable[..., Stage]) -> Iterator[Callable[..., World]]:
    """`default`: the destinations of every alarm."""
    from tests.receiver.world import World

    with ExitStack() as stack:
        yield lambda default=("ir",), **settings: World(make_stage, stack, list(default), **settings)
