"""huntbridge and its surroundings in one thread, on one of the two sides."""

from __future__ import annotations

import errno
import hashlib
import hmac
import json
import math
import random
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from receiver.assemble import Handlers, handlers
from receiver.destinations.contract import Destination, Traits
from receiver.events.enrich import Enricher
from receiver.intake.webhooks import WEBHOOK, Webhooks
from receiver.web import create_app
from scheduler.triggers import on_event
from shared.config.config import Config
from shared.hosting.runtime import Runtime
from shared.local.web_loop import Request
from shared.models.people import Person
from shared.queues import items
from shared.queues.ports import EVENTS, QUEUES, Queue
from shared.queues.waiting import Waiting
from shared.secrets import Secret, SecretRef, Secrets
from shared.storage.ports import NotNow, Store
from tests.receiver.sequences.world import (
    BOT,
    EXTRA,
    PLAIN,
    Content,
    Ec2,
    Fuse,
    Killed,
    Settings,
    World,
)
from tests.simulation.actors import Actor, Actors, Clock, Process, Trace
from tests.simulation.disk import Connection
from tests.simulation.network import Awaited, CloudPlatform, Place, Weather
from tests.simulation.one_machine import OF_WRITES, OneMachine
from tests.simulation.one_thread import locks_of
from tests.simulation.sides import Aws, Home, Side

TOKEN, SIGNING, CHANNEL = "0123456789abcdef0123", "signing-secret", "C0123456789"
# Each near a change of the clocks in Europe or America, in hours around which things are held.
STARTS = tuple(
    datetime(*day, tzinfo=UTC)
    for day in ((2026, 3, 27, 22), (2026, 10, 23, 22), (2026, 10, 31, 2), (2026, 6, 1, 2), (2026, 12, 30, 22))
)
TIMER = 60.0  # seconds between two runs of the timer
# Rounds of the timer in which nothing happens, before nothing more is expected: at the end of a schedule,
# where lost webhooks are recovered at the second round, and after a later decision.
_QUIET_ROUNDS, _QUIET_LATER = 3, 1
_MOST_ROUNDS = 1_500  # a day of the timer

SIDES: dict[str, Callable[[Home, Path], Side]] = {
    "one machine": OneMachine,
    "aws": lambda home, folder: Aws(home),
}


@dataclass(frozen=True)
class AllSettings(Settings):
    """The configuration as far as the schedules edit it."""

    held: bool = False  # the suspicious alarms of hunts are told in a digest, in active hours
    reminders: bool = False
    catch_up: bool = False

    def config(self) -> Config:
        return _configs(repr(self), self.whole)

    def whole(self) -> Config:
        config = super().config().model_dump(mode="json", exclude_unset=True)
        config["destinations"][BOT]["signing_secret"] = "env:SIGNING"
        config["hunts"][self.hunt] |= {"timezone": "Europe/Berlin", "catch_up": self.catch_up}
        # The machine may be off for weeks between two acts.
        config["follow"] = {"interval": TIMER, "recover_for": 100 * 86_400}
        if self.reminders:
            config["reminders"] = {"after": 1_800, "to": [BOT], "times": 2}
        if self.held:
            hours = {"days": "Mon-Fri", "hours": "02:30-19:00", "timezone": "Europe/Berlin"}
            config["routes"] = [
                {"match": {"severity": "suspicious"}, "to": list(self.default), "active": hours},
            ]
        return Config.model_validate(config)


_made: dict[str, Config] = {}


def _configs(settings: str, make: Callable[[], Config]) -> Config:
    """To validate a configuration takes as long as some alarms."""
    if settings not in _made:
        _made[settings] = make()
    return _made[settings]


class Faults:
    """What may go wrong at a pause. Each schedule has some kinds of faults, each with a rate of its own."""

    def __init__(self, world: SimulatedWorld, rng: random.Random, kinds: tuple[str, ...]) -> None:
        self._world, self._rng = world, rng
        self.rates = {kind: rng.choice([0.0003, 0.001, 0.004]) for kind in kinds}
        self.total = sum(self.rates.values())
        self.left = 12  # of all kinds together
        self.on = True

    def at(self, point: str) -> None:
        if not self.on or not self.left or self._rng.random() >= self.total:
            return
        (fault,) = self._rng.choices(list(self.rates), list(self.rates.values()))
        running = self._world.actors.running
        if not running or fault in OF_WRITES:
            return
        process = running.process.name
        if (fault == "person killed") != (process == "a person") or (fault == "web killed") != (
            process == "web"
        ):
            return
        self.left -= 1
        self._world.trace.add(f"fault: {fault}, at {point}")
        match fault:
            case "stall":
                self._world.actors.stall(self._rng.choice([20, 70, 400]))
            case "person killed":
                self._world.actors.kill(running.process)
                raise Killed
            case _:
                self._world.tick += 1
                self._world.side.crash(fault)


class SimulatedWorld(World):
    """What the sequences of `tests/receiver/sequences` need of a world, for either side."""

    def __init__(self, folder: Path, side: str, seed: int) -> None:
        self.rng = random.Random(f"world {seed}")
        self.clock = Clock(self.rng.choice(STARTS))
        self.trace = Trace(self.clock)
        self.actors = Actors(self.clock, self.rng, self.trace)
        self.tick, self.fuse = 0, Fuse()
        self.weather = Weather(self.rng, self.rng.choice([0, 0.1, 0.3]), self.rng.choice([0, 0, 0.1]))
        self.settings: Settings = AllSettings()
        self.ec2 = Ec2()
        self.cloud = CloudPlatform(
            seconds=lambda: self.clock.true,
            tick=lambda: self.tick,
            actors=self.actors,
            weather=self.weather,
            trace=self.trace,
        )
        self.platform = self.cloud
        self._ids = self.cloud.ids  # type: ignore[assignment]
        places = {BOT: Traits(thread=True, edit=True), PLAIN: Traits(), EXTRA: Traits()}
        self.places = {
            name: Place(name, traits, self.actors, self.weather, self.trace)
            for name, traits in places.items()
        }
        self.tools = dict(self.places)
        for place in self.places.values():
            place.now = lambda: self.tick
        self.announce: Callable[[items.Content, str], None] = lambda content, id: None
        self.webhooks = Webhooks(lambda: [Secret(TOKEN)], self.clock.now, str, lambda *_: None)
        self.side = SIDES[side](self, folder)
        faults = tuple(sorted({*self.side.faults(), "stall"}))
        self.faults = Faults(self, self.rng, tuple(each for each in faults if self.rng.random() < 0.5))
        self.actors.fault = self.faults.at
        if isinstance(self.side, OneMachine):
            disk = self.side.disk
            disk.before_begin, disk.before_change = self._at_begin, self._at_change
            disk.before_commit = lambda: self._at_commit("commit")
            disk.after_commit = lambda: self._at_commit("committed")
            disk.before_write, disk.after_write = self._at_write, self._at_sync
        self._web = create_app(
            _Events(self),
            lambda: [Secret(TOKEN)],
            lambda: self.clock.now(),
            dict,
            lambda: {SecretRef("env:SIGNING"): Secret(SIGNING)},
            refused=lambda status, reason, address: None,
        ).test_client()

    def _at_commit(self, point: str) -> None:
        """Within a transaction nobody else goes on, but the process may die."""
        self._crash_at(point, "kill", "power cut", *(("torn commit",) if point == "committed" else ()))
        if point == "commit" and self._happens("commit fails", 6):
            raise sqlite3.OperationalError("disk I/O error")

    def _crash_at(self, point: str, *kinds: str, factor: float = 1) -> None:
        for fault in kinds:
            if self._happens(fault, factor, words=f"{fault}, at {point}"):
                self.tick += 1
                self.side.crash(fault)

    def _happens(self, fault: str, factor: float = 1, *, words: str = "") -> bool:
        """Whether this fault happens within a write."""
        faults, running = self.faults, self.actors.running
        if not (running and running.process.alive and faults.on and faults.left):
            return False
        if self.rng.random() >= faults.rates.get(fault, 0.0) * factor:
            return False
        faults.left -= 1
        self.trace.add(f"fault: {words or fault}")
        return True

    def _at_begin(self) -> None:
        if self._happens("database busy"):
            raise sqlite3.OperationalError("database is locked")

    def _at_change(self, connection: Connection) -> None:
        if self._happens("write fails"):
            if self.rng.random() < 0.3 and connection.in_transaction:  # SQLite undoes it after some failures
                connection.rollback()
            raise sqlite3.OperationalError("database or disk is full")

    def _at_write(self, size: int) -> int:
        """A segment of the inbox takes so many bytes of a record."""
        return self.rng.randrange(size) if self._happens("short write", 10) else size

    def _at_sync(self) -> None:
        """A segment of the inbox was written, and is not synced yet."""
        self._crash_at("sync", "kill", "power cut", "torn commit", "web killed", factor=5)
        if self._happens("sync fails", 10):
            raise OSError(errno.EIO, "the disk does not answer")

    # What the sequences know of a world

    @property
    def runtime(self) -> Runtime:  # type: ignore[override]
        return self.side.runtime

    @property
    def moment(self) -> datetime:
        return self.clock.now()

    @moment.setter
    def moment(self, moment: datetime) -> None:
        self.clock.true += max(0.0, (moment - self.clock.now()).total_seconds())

    def start(self) -> None:
        self.side.configure()

    def dead(self) -> Iterator[str]:
        for name in QUEUES:
            for dead in getattr(self.runtime, name).dead_items():
                yield dead.reason

    # The product, put together

    def runtime_on(self, store: Store, captures: Queue, events: Queue, deliveries: Queue) -> Runtime:
        runtime = Runtime(
            config=self.settings.config(),
            store=store,
            captures=captures,
            events=self._watched(events),
            deliveries=deliveries,
            secrets=Secrets({"KEY": "key", "T": "xoxb-1", "S": "s", "SIGNING": SIGNING}),
            now=self.clock.now,
            sleep=self.actors.sleep,
        )
        runtime.__dict__["_retrying_platform"] = self.cloud
        runtime.__dict__["make_cado"] = lambda tries: self.cloud
        return runtime

    def _watched(self, queue: Queue) -> Queue:
        """[events], with each event about a disk announced before it is put."""
        put = queue.put

        def announced(body: bytes, *, id: str = "", **options: Any) -> str:
            content = items.decode(body)
            if isinstance(content, items.Webhook):
                id = id or f"e{next(self.cloud.ids)}"
            self.announce(content, id)
            return put(body, id=id, **options)

        queue.put = announced  # type: ignore[method-assign]
        return queue

    def handlers_of(self, runtime: Runtime, waiting: Waiting | None = None) -> Handlers:
        """`waiting`: how handlers of one machine wait for peers."""
        config = runtime.config
        enricher = Enricher(
            runtime.ledger, self.cloud, self.ec2, config, now=self.clock.monotonic, waiting=waiting
        )
        places = {name: self.places[name] for name in config.destinations}
        tools: dict[str, Destination] = {
            name: Awaited(place, waiting) if waiting else place for name, place in places.items()
        }
        with locks_of(self.actors):
            return handlers(runtime, enricher, tools, waiting)

    # Time passes

    def run(self, steps: int = 10**9) -> None:
        """Let the actors go on for some steps, or until nothing is ready."""
        for _ in range(steps):
            if not self.step():
                return

    def step(self) -> bool:
        """Let one actor go on. False if none can."""
        self.side.recover()
        self.cloud.go_on()
        ready = self.actors.ready()
        if (not ready or self.rng.random() < 0.2) and self.side.start_work():
            ready = self.actors.ready()
        if not ready:
            return False
        self.actors.resume(self.rng.choice(ready))
        self.side.recover()
        return True

    def finish(self, actor: Actor, within: float = math.inf) -> None:
        """Let the actors go on until this one has ended, or so many seconds are over."""
        until = self.clock.true + within
        while not actor.done and self.clock.true < until:
            self._go_on(until, actor.name)

    def let_write(self) -> None:
        """Let the open transaction end, for which the schedule itself cannot wait."""
        while self.side.is_writing():
            self._go_on(math.inf, "a transaction")

    def _go_on(self, until: float, awaited: str) -> None:
        """Let one actor go on, if need be after a while."""
        if not self.step():
            soon = min(until, self.actors.wakes_at() or math.inf)
            assert soon < math.inf, f"{awaited} hangs"
            self.clock.true = max(self.clock.true, soon)

    def calm_down(self) -> None:
        """From now on nothing fails."""
        self.faults.on, self.weather.calm = False, True
        for place in self.places.values():
            place.state = "up"
        if isinstance(self.side, Aws):
            self.side.clients.rates.clear()

    def drain(self) -> None:
        """Let everything come to its end. Raises AssertionError if something waits for ever."""
        enough = _QUIET_ROUNDS if self.faults.on else _QUIET_LATER
        self.calm_down()
        quiet = 0
        for _ in range(_MOST_ROUNDS):
            before = self._signs()
            self._run_until(self.clock.true + TIMER)
            self.side.run_timer()
            self._run_until(self.clock.true + 1)
            quiet = quiet + 1 if self._signs() == before else 0
            soon = self._next()
            if quiet < enough:
                continue
            if soon is None:
                break
            self.clock.true = max(self.clock.true, soon)  # all rest until then
            quiet = 0 if self.actors.stall_ends() else quiet
        else:
            raise AssertionError("something waits for ever: " + ", ".join(self._waiting()))

    def _run_until(self, until: float) -> None:
        while True:
            self.run()
            now, dues = self.clock.true, (self.side.next_due(), self.actors.wakes_at())
            soon = min((*(each for each in dues if each is not None and each > now), until))
            if soon >= until:
                self.clock.true = max(now, until)
                return
            self.clock.true = soon + 0.001

    def _signs(self) -> tuple[int, ...]:
        """What changes when something happens."""
        return (sum(len(place.arrived) for place in self.places.values()), len(self.trace.lines))

    def _next(self) -> float | None:
        """When something happens that is not due yet."""
        digests = [
            each.hold.until.timestamp() - self.clock.offset
            for each in self.runtime.ledger.waiting_digests.all()
            if each.hold.until
        ]
        soon = [self.side.next_due(), self.cloud.next_end(), self.actors.stall_ends(), *digests]
        if not any(each is not None for each in soon):
            if any(True for _ in self.runtime.ledger.waiting_digests.all()):
                return self.clock.true + 3_600
            if any(True for _ in self.runtime.ledger.hunts.unfinished()):
                return self.clock.true + 3_600
        return min((each for each in soon if each is not None), default=None)

    def _waiting(self) -> Iterator[str]:
        for name in QUEUES:
            if count := getattr(self.runtime, name).depth().living:
                yield f"{count} items of {name}"
        for hunt in self.runtime.ledger.hunts.unfinished():
            yield f"the hunt {hunt.id}, which is {hunt.state}"
        for digest in self.runtime.ledger.waiting_digests.all():
            yield f"the digest {digest.id}"

    # What people and the platform do

    def post(self, body: bytes) -> str:
        """The platform calls the webhook. Returns the event's id, or an empty text if it was not accepted."""
        whole = {"token": TOKEN, **json.loads(body)}

        def post() -> str:
            if isinstance(self.side, OneMachine):
                request = Request(json.dumps(whole).encode(), "", "")
                (answers,) = self.side.accepting.store([request])
                answer = answers("127.0.0.1")
                status, content = answer.status, json.loads(answer.body)
            else:
                response = self._web.post(WEBHOOK, json=whole)
                status, content = response.status, response.json or {}
            id = str(content.get("id", ""))
            self.trace.add(f"web: {status} {id}".rstrip())
            return id if status.startswith("202") else ""

        actor = self.actors.spawn("platform", self.side.web(), post)
        self.finish(actor)
        return actor.result if isinstance(actor.result, str) else ""

    def click(self, action: str, case_key: str, name: str, option: str = "") -> bool:
        """Somebody clicks in Slack. Returns whether huntbridge accepted it."""
        clicked: dict[str, Any] = {"action_id": action, "value": case_key}
        if option:
            clicked = {"action_id": action, "block_id": case_key, "selected_option": {"value": option}}
        payload = {
            "type": "block_actions",
            "user": {"id": "U0123456789", "username": name},
            "channel": {"id": CHANNEL},
            "container": {"message_ts": "1.1"},
            "actions": [clicked],
        }
        body = urlencode({"payload": json.dumps(payload)}).encode("ascii")

        def click() -> bool:
            at = str(int(self.clock.seconds()))
            digest = hmac.new(SIGNING.encode(), b"v0:" + at.encode() + b":" + body, hashlib.sha256)
            headers = {"X-Slack-Request-Timestamp": at, "X-Slack-Signature": f"v0={digest.hexdigest()}"}
            answer = self._web.post("/slack/actions", data=body, headers=headers)
            self.trace.add(f"web: {answer.status_code}")
            return bool(answer.status_code == 200)

        actor = self.actors.spawn("Slack", self.side.person(), click)
        self.finish(actor)
        return actor.result is True

    def by_person(self, person: Person, call: Callable[[], object]) -> Actor:
        """A person uses a command. Returns what came of it."""
        actor = self.actors.spawn(person.name, Process("a person"), call)
        self.finish(actor)
        return actor

    def begin_hunt(self, found: dict[str, list[Content]]) -> str:
        """The schedule starts a hunt of all systems, of which these have alarms on their disks."""
        at = self.clock.now().replace(second=0, microsecond=0)
        name = self.settings.hunt
        self.cloud.planted[f"{name} {at:%Y-%m-%d %H:%M}Z"] = found

        def begin() -> object:
            event = {"hunt": name, "scheduled_at": at.isoformat()}
            try:
                return on_event(self.runtime, event)
            except NotNow:  # as scheduler/handler.py
                with suppress(NotNow):
                    self.runtime.captures.put(items.encode(items.StartHunt(event)))
            return None

        actor = self.actors.spawn("schedule", self.side.person(), begin)
        self.finish(actor)
        return f"{name} {at:%Y-%m-%d %H:%M}Z"


class _Events:
    """[events] as it is now; the process that has it may have been started again."""

    name = EVENTS

    def __init__(self, world: SimulatedWorld) -> None:
        self._world = world

    def __getattr__(self, name: str) -> Any:
        return getattr(self._world.side.events, name)
