"""What is outside: destinations, the platform and EC2, all of which may fail."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from receiver.destinations.contract import (
    CaseRef,
    Check,
    Delivered,
    Outcome,
    Recipient,
    Rejected,
    Retry,
    Traits,
)
from receiver.messages.message import Message
from shared.http.deadlines import remaining
from shared.models.evidence import Evidence, Project
from shared.models.systems import System
from shared.platform.answers import Pipeline, PipelinesStatus
from shared.platform.errors import CadoError, NotFound, Unavailable
from shared.queues.waiting import Waiting
from tests.receiver.sequences.world import Content, Disk, Platform, Tool
from tests.simulation.actors import Actors, Trace

LOST = "the answer was lost"


@dataclass
class Weather:
    """How things are outside, which the schedule changes."""

    rng: random.Random
    losing: float = 0.0  # the share of answers of destinations that are lost
    fails: float = 0.0  # the share of calls of the platform that fail
    calm: bool = False  # the schedule is over


class Place(Tool):
    """A destination, and what people saw there."""

    def __init__(self, name: str, traits: Traits, actors: Actors, weather: Weather, trace: Trace) -> None:
        super().__init__(name, traits)
        self._actors, self._weather, self._trace = actors, weather, trace
        self.state = "up"  # up | down | limited | refusing
        self.arrived: list[tuple[int, Message]] = []
        self.refused: list[tuple[int, Message]] = []  # people were told so by notices
        self.whispers: list[str] = []

    def deliver(self, message: Message, case: CaseRef) -> Outcome:
        self._actors.pause(f"send to {self.name}")
        remaining(30)  # as the real clients: nothing is sent after the deadline
        what = f"{self.name} ← {message.kind} {message.id}" + " (edit)" * message.silent
        what += " (may be a repeat)" * message.maybe_repeat
        if outcome := self._failure(message):
            self._trace.add(f"{what}: {outcome.reason}")
            return outcome
        self.arrived.append((self.now(), message))
        lost = not self._weather.calm and self._weather.rng.random() < self._weather.losing
        self._trace.add(what + f": arrived, and {LOST}" * lost)
        self._actors.pause(f"answer of {self.name}")
        if lost:
            return Retry(LOST, ambiguous=True)
        return Delivered(f"{self.name}-1" if self.traits.thread else "")

    def _failure(self, message: Message) -> Retry | Rejected | None:
        match self.state:
            case "down":
                return Retry("503")
            case "limited":
                return Retry("429", after=float(self._weather.rng.choice([1, 30, 900])))
            case "refusing":
                self.refused.append((self.now(), message))
                return Rejected("403")
        return None

    def send_ephemeral(self, to: Recipient, text: str, links: Any = ()) -> Outcome:
        self._actors.pause(f"whisper at {self.name}")
        remaining(30)
        if self.state != "up":
            return Retry("503")
        self.whispers.append(text)
        return Delivered()


class Awaited:
    """A destination as the handlers of one machine have it: they wait for it outside."""

    def __init__(self, place: Place, waiting: Waiting) -> None:
        self.name, self.traits = place.name, place.traits
        self._place, self._outside = place, waiting.outside

    def deliver(self, message: Message, case: CaseRef) -> Outcome:
        return self._outside(lambda: self._place.deliver(message, case))

    def send_ephemeral(self, to: Recipient, text: str, links: Any = ()) -> Outcome:
        return self._outside(lambda: self._place.send_ephemeral(to, text, links))

    def check(self) -> Check:
        return self._outside(self._place.check)


@dataclass
class Capturing:
    """A capture on the platform: one pipeline, and then the disks of the system."""

    pipeline: int
    project: int
    system: str
    hunt: str
    hunt_at: datetime
    ends_at: float
    contents: list[Content]
    fails: bool
    disks: list[Disk] = field(default_factory=list)


@dataclass
class CloudPlatform(Platform):
    """The platform with projects and captures. It raises an alarm by `alarmed` when a disk was processed."""

    seconds: Callable[[], float] = lambda: 0.0
    tick: Callable[[], int] = lambda: 0
    actors: Actors | None = None
    weather: Weather | None = None
    trace: Trace | None = None
    alarmed: Callable[[Disk], None] = lambda disk: None
    planted: dict[str, dict[str, list[Content]]] = field(default_factory=dict)  # by project name and system
    projects_by_name: dict[str, int] = field(default_factory=dict)
    capturing: list[Capturing] = field(default_factory=list)
    ids: Iterator[int] = field(default_factory=lambda: itertools.count(1))  # of projects and disks
    pipeline_ids: Iterator[int] = field(default_factory=lambda: itertools.count(100_001))

    def _answer(self, *not_in: str) -> None:
        if self.actors:
            self.actors.pause("platform")
        super()._answer(*not_in)

    def _ask(self, what: str) -> bool:
        """Whether the answer is lost. Raises Unavailable if the platform does nothing."""
        assert self.actors
        assert self.weather
        assert self.trace
        self.actors.pause(what)
        remaining(30)
        if self.state == "down":
            raise Unavailable("the platform does not answer")
        failed = not self.weather.calm and self.weather.rng.random() < self.weather.fails
        lost = failed and self.weather.rng.random() < 0.5
        if failed:
            self.trace.add(f"platform: {what}: {LOST if lost else '503'}")
        if failed and not lost:
            raise Unavailable("503")
        return lost

    # What the scheduler asks

    def version(self) -> str:
        if self._ask("version"):
            raise Unavailable(LOST)
        return "2.324.0"

    def open_project(self, name: str, description: str, **_: Any) -> int:
        lost = self._ask(f"open project {name}")
        project = self.projects_by_name.setdefault(name, next(self.ids))
        if lost:
            raise Unavailable(LOST, ambiguous=True)
        return project

    def capture(self, project_id: int, system: System, *__: Any, **___: Any) -> tuple[int, ...]:
        lost = self._ask(f"capture {system.instance}")
        name = next((name for name, id in self.projects_by_name.items() if id == project_id), "")
        if not name:
            raise NotFound(f"the platform does not know project {project_id}")
        assert self.weather
        rng = self.weather.rng
        hunt, _, planned_at = name.partition(" ")
        begun = Capturing(
            next(self.pipeline_ids),
            project_id,
            system.instance,
            hunt,
            datetime.fromisoformat(planned_at.removesuffix("Z")).replace(tzinfo=UTC),
            self.seconds() + rng.choice([30, 600, 7_200]),
            self.planted.get(name, {}).get(system.instance, []),
            rng.random() < 0.1,
        )
        self.capturing.append(begun)
        if lost:
            raise Unavailable(LOST, ambiguous=True)
        return (begun.pipeline,)

    def pipelines(self, project_id: int) -> Iterator[Pipeline]:
        if self._ask("pipelines"):
            raise Unavailable(LOST)
        return iter(
            [
                Pipeline(
                    each.pipeline,
                    "acquisition",
                    f"Acquiring {each.system}",
                    self._state_of(each),
                    project_id,
                    each.disks[0].evidence if each.disks else None,
                    None,
                    None,
                    "it broke" if each.fails else "",
                )
                for each in self.capturing
                if each.project == project_id
            ]
        )

    def _state_of(self, each: Capturing) -> str:
        if each.ends_at > self.seconds():
            return "in_progress"
        return "failed" if each.fails else "complete"

    def pipelines_status(self) -> PipelinesStatus:
        return PipelinesStatus(0, 0, 4)

    def evidences(self, project_id: int) -> Iterator[Evidence]:
        if self._ask("evidences"):
            raise Unavailable(LOST)
        return iter([self._evidence(each) for each in self.disks.values() if each.project == project_id])

    def _evidence(self, disk: Disk) -> Evidence:
        return super().evidence(disk.evidence)

    def projects(self) -> Iterator[Project]:
        return iter(Project(id, name) for name, id in self.projects_by_name.items())

    @property
    def readiness(self) -> Any:
        raise CadoError("this platform does not say it")

    @property
    def vulnerabilities(self) -> Any:
        raise NotFound("this platform has no such list")

    # What the platform does by itself

    def next_end(self) -> float | None:
        return min((each.ends_at for each in self.capturing if not self._settled(each)), default=None)

    def _settled(self, each: Capturing) -> bool:
        return bool(each.disks) or each.fails or not each.contents

    def go_on(self) -> None:
        """End the captures whose time has come."""
        for each in self.capturing:
            if self._settled(each) or each.ends_at > self.seconds():
                continue
            for content in each.contents:
                at = datetime.fromtimestamp(self.seconds(), UTC)
                disk = Disk(
                    each.project * 100 + next(self.ids),
                    each.project,
                    each.system,
                    each.hunt,
                    each.hunt_at,
                    at,
                    [(self.tick(), content)],
                )
                self.disks[disk.evidence] = disk
                each.disks.append(disk)
                self.alarmed(disk)
