"""A huntbridge in one process for long sequences: real handlers, store and queues, a simulated platform and
simulated destinations. Its clock moves only when the test says so, and a fuse interrupts it at any call."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from receiver.assemble import handlers
from receiver.destinations.contract import CaseRef, Check, Delivered, Destination, Outcome, Traits
from receiver.events.enrich import Enricher
from receiver.messages.message import Message
from shared.config.config import Config
from shared.hosting.runtime import Runtime
from shared.local.database import Database
from shared.local.queue import SqliteQueue
from shared.local.store import SqliteStore
from shared.models.captures import Capture, CaptureState
from shared.models.evidence import Artefact, Evidence, Finding, Project
from shared.models.hunts import Hunt
from shared.models.severity import Severity
from shared.models.systems import Instance, System
from shared.platform.answers import DetectedIndicator, Pipeline
from shared.platform.errors import CadoError
from shared.queues import items
from shared.queues.worker import work
from shared.secrets import Secrets
from shared.storage.ports import NotNow

START = datetime(2026, 11, 1, 2, 0, tzinfo=UTC)
REGION = "us-east-1"
SYSTEMS = ("i-0aaaaaaaaaaaaaaa1", "i-0bbbbbbbbbbbbbbb2", "i-0ccccccccccccccc3")
BOT, PLAIN, EXTRA = "soc", "office", "extra"  # destinations; the last one comes and goes


@dataclass(frozen=True)
class Planted:
    """Alarms of one kind, at one place of a disk."""

    name: str
    path: str  # empty for events of a log
    malicious: bool
    count: int
    content: str  # a letter

    @property
    def severity(self) -> Severity:
        return Severity.MALICIOUS if self.malicious else Severity.SUSPICIOUS


Content = tuple[Planted, ...]


@dataclass
class Disk:
    """One evidence on the platform. What is found on it grows while the platform processes it."""

    evidence: int
    project: int
    system: str
    hunt: str  # the hunt's name
    hunt_at: datetime
    processed_at: datetime
    contents: list[tuple[int, Content]]  # from which moment of the sequence on it has which content

    @property
    def content(self) -> Content:
        return self.contents[-1][1]

    def at(self, moment: int) -> Content:
        return next(content for since, content in reversed(self.contents) if since <= moment)

    def count(self, severity: Severity) -> int:
        return sum(each.count for each in self.content if each.severity is severity)


class Killed(BaseException):
    """The process is gone: nothing catches it."""


@dataclass
class Fuse:
    """Does something at the n-th call of the store, of a queue or of a destination."""

    left: int = 0
    burn: Callable[[], None] = lambda: None

    def light(self, calls: int, burn: Callable[[], None]) -> None:
        self.left, self.burn = calls, burn

    def touch(self) -> None:
        self.left -= 1
        if self.left == 0:
            self.burn()

    @contextmanager
    def unlit(self) -> Iterator[None]:
        left, self.left = self.left, 0
        yield
        self.left = left

    def wrap(self, target: object, *names: str) -> None:
        """Every call of these methods touches the fuse before and after."""
        for name in names:
            setattr(target, name, self._touching(getattr(target, name)))

    def _touching(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def touching(*args: Any, **options: Any) -> Any:
            self.touch()
            answer = call(*args, **options)
            self.touch()
            return answer

        return touching


@dataclass
class Platform:
    """What the platform answers, and the way it answers now."""

    disks: dict[int, Disk] = field(default_factory=dict)
    state: str = "up"  # up | unlisted: no list of alarms | silent: nothing about alarms | down

    def project(self, project_id: int) -> Project:
        self._answer("down")
        return Project(project_id, f"hunt {project_id}")

    def evidence(self, evidence_id: int) -> Evidence:
        self._answer("down")
        disk = self.disks[evidence_id]
        return Evidence(
            evidence_id,
            disk.project,
            f"disk {evidence_id}",
            instance=disk.system,
            malicious=disk.count(Severity.MALICIOUS),
            suspicious=disk.count(Severity.SUSPICIOUS),
            processed_at=disk.processed_at,
        )

    def findings(self, project_id: int, evidence_id: int | None = None) -> tuple[Finding, ...]:
        self._answer("down", "silent")
        assert evidence_id is not None
        found = findings_of(self.disks[evidence_id].content)
        return tuple(replace(each, artefacts=()) for each in found) if self.state == "unlisted" else found

    def detected(self, project_id: int, evidence_id: int | None = None) -> tuple[DetectedIndicator, ...]:
        return ()

    def pipelines_of_evidence(self, evidence_id: int) -> tuple[Pipeline, ...]:
        return ()

    def _answer(self, *not_in: str) -> None:
        if self.state in not_in:
            raise CadoError("the platform does not answer")


def findings_of(content: Content) -> tuple[Finding, ...]:
    rows: dict[tuple[str, Severity], list[Artefact]] = {}
    for each in content:
        digests = (each.content * 64,) if each.path else ()
        rows.setdefault((each.name, each.severity), []).append(Artefact(each.path, each.count, digests))
    return tuple(
        Finding(name, sum(each.count for each in there), severity, artefacts=tuple(there))
        for (name, severity), there in rows.items()
    )


@dataclass
class Ec2:
    tags: dict[str, dict[str, str]] = field(default_factory=lambda: {each: {} for each in SYSTEMS})

    def describe(self, instance: str, region: str, account: str = "") -> Instance:
        return Instance(instance, region, tags=dict(self.tags[instance]))


@dataclass
class Tool:
    """A destination that remembers what people saw."""

    name: str
    traits: Traits
    seen: list[tuple[int, Message]] = field(default_factory=list)
    now: Callable[[], int] = lambda: 0

    def deliver(self, message: Message, case: CaseRef) -> Outcome:
        self.seen.append((self.now(), message))
        return Delivered(f"{self.name}-1" if self.traits.thread else "")

    def check(self) -> Check:
        return Check(True, "")


@dataclass(frozen=True)
class Settings:
    """The configuration as far as the sequences edit it."""

    hunt: str = "weekly"
    across_hunts: bool = True
    known_good_days: int = 90
    default: tuple[str, ...] = (BOT,)
    extra: bool = False
    mutes: tuple[tuple[str, Any], ...] = ()  # by an id of the test, as the section has them

    def config(self) -> Config:
        webhook = {"type": "webhook", "url": "https://siem.example", "secrets": "env:S"}
        return Config.model_validate(
            {
                "platform": {"url": "https://cado.example", "api_key": "env:KEY"},
                "hunts": {
                    self.hunt: {
                        "targets": [{"instance": each, "region": REGION} for each in SYSTEMS],
                        "schedule": "cron(0 2 ? * SUN *)",
                    }
                },
                "destinations": {
                    BOT: {"type": "slack", "token": "env:T", "channel": "C0123456789", "pace": 1_000},
                    PLAIN: {"type": "webhook", "url": "https://chat.example", "secrets": "env:S"},
                    **({EXTRA: webhook} if self.extra else {}),
                },
                "default": [*self.default, *([EXTRA] if self.extra else [])],
                "cases": {"across_hunts": self.across_hunts, "known_good_days": self.known_good_days},
                "mutes": [section for _, section in self.mutes],
            }
        )


class World:
    def __init__(self, folder: Path) -> None:
        self.moment, self.tick, self.fuse = START, 0, Fuse()
        self.settings, self.platform, self.ec2 = Settings(), Platform(), Ec2()
        self.database = Database(folder / "huntbridge.db")
        self.database._levels = dict.fromkeys((True, False), "OFF")  # it need not survive a power cut
        self.tools = {
            BOT: Tool(BOT, Traits(thread=True, edit=True)),
            PLAIN: Tool(PLAIN, Traits()),
            EXTRA: Tool(EXTRA, Traits()),
        }
        store = SqliteStore(self.database)
        queues = [SqliteQueue(self.database, name, self.seconds) for name in ("events", "deliveries")]
        self.fuse.wrap(store, "get", "put", "delete", "page", "read_many")
        for queue in queues:
            self.fuse.wrap(queue, "put", "claim", "done", "retry", "dead")
        for tool in self.tools.values():
            tool.now = lambda: self.tick
            self.fuse.wrap(tool, "deliver")
        self.runtime = Runtime(
            config=self.settings.config(),
            store=store,
            captures=SqliteQueue(self.database, "captures", self.seconds),
            events=queues[0],
            deliveries=queues[1],
            secrets=Secrets({}),
            now=lambda: self.moment,
        )
        self._ids = itertools.count(1)
        self.start()

    def seconds(self) -> float:
        return self.moment.timestamp()

    def start(self) -> None:
        """Start the worker, with the configuration as it is now."""
        self.runtime = replace(self.runtime, config=self.settings.config())
        for name in ("ledger", "queries"):
            self.runtime.__dict__.pop(name, None)
        enricher = Enricher(self.runtime.ledger, self.platform, self.ec2, self.runtime.config)
        tools: dict[str, Destination] = {name: self.tools[name] for name in self.runtime.config.destinations}
        self.handlers = handlers(self.runtime, enricher, tools)

    @contextmanager
    def another_worker(self) -> Iterator[None]:
        """In the block a second worker does everything, which shares the store and the queues with the first
        one, and no lock of its process."""
        runtime, mine = self.runtime, self.handlers
        self.start()
        try:
            yield
        finally:
            self.runtime, self.handlers = runtime, mine

    # What happens outside

    def hunt(self, found: dict[str, list[Content]]) -> list[Disk]:
        """A hunt of these systems, which have these disks."""
        project = next(self._ids)
        hunts, captures = self.runtime.ledger.hunts, self.runtime.ledger.captures
        hunt = hunts.open(Hunt(self.settings.hunt, self.moment, systems=len(found), began_at=self.moment))
        hunts.start(hunt.id, project)
        disks = []
        for system, contents in found.items():
            of_system = [
                Disk(
                    project * 100 + next(self._ids),
                    project,
                    system,
                    hunt.name,
                    self.moment,
                    self.moment,
                    [(self.tick, content)],
                )
                for content in contents
            ]
            captures.plan(
                Capture(
                    hunt.id,
                    System(system, REGION),
                    CaptureState.PROCESSED,
                    project_id=project,
                    evidence_ids=tuple(disk.evidence for disk in of_system),
                )
            )
            disks += of_system
        self.platform.disks |= {disk.evidence: disk for disk in disks}
        return disks

    def receive(self, body: bytes, id: str) -> None:
        self.runtime.events.put(items.encode(items.Webhook(body, self.moment)), id=id)

    # What huntbridge does

    def work(self) -> None:
        """Do what is due now. A worker that is killed is replaced by a new one."""
        while True:
            try:
                if not self._work_once():
                    return
            except Killed:
                self.start()
            except NotNow:
                pass  # the queue itself does not answer; the server goes on

    def _work_once(self) -> int:
        return work(self.runtime.events, self.handlers.event, lease=60) or work(
            self.runtime.deliveries, self.handlers.delivery, lease=60
        )

    def is_recorded(self, event_id: str) -> bool:
        return self.runtime.ledger.events.routed_to(event_id) is not None

    def drain(self) -> None:
        """Do everything, however long it takes."""
        self.fuse.left = 0
        for _ in range(1_000):
            self.work()
            due = self._next_due()
            if due is None:
                return
            self.moment = max(self.moment, datetime.fromtimestamp(due, UTC) + timedelta(milliseconds=1))
        raise AssertionError("an item waits for ever")

    def _next_due(self) -> float | None:
        ((due,),) = self.database.read("SELECT min(due) FROM items", ())
        return None if due is None else float(due)

    def dead(self) -> Iterator[str]:
        """The reasons of the dead items."""
        for queue in (self.runtime.events, self.runtime.deliveries):
            for dead in queue.dead_items():
                yield dead.reason


def webhook(disk: Disk, kind: str) -> bytes:
    """What the platform posts about the disk as it is now."""
    malicious, suspicious = disk.count(Severity.MALICIOUS), disk.count(Severity.SUSPICIOUS)
    counted = {
        "high_severity_alarm": f"{malicious} high severity alarms detected",
        "suspicious_severity_event": f"{suspicious} suspicious severity events detected",
        "processing_with_alarms": f"Processing finished with {malicious + suspicious} alarms",
    }[kind]
    text = f"{counted} in project id {disk.project} evidence id {disk.evidence}"
    return json.dumps({"event": kind, "title": "ALARMS", "message": text}).encode()
