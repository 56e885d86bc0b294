"""One schedule: what people, the platform and the machines do, all drawn from one seed.

The acts are those of `tests/receiver/sequences`, with everything going on at once and over the whole path. So
is the model of what may be withheld.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from shared.models.case_states import DecisionRefused
from shared.models.cases import CaseState
from shared.models.decisions import Verdict
from shared.models.event_kinds import ALARM_KINDS
from shared.models.known_good_terms import Scope
from shared.models.people import Person
from shared.queues import items
from shared.storage.ports import NotNow
from tests.receiver.sequences.machine import NAMES, TAGS, Machine, Made
from tests.receiver.sequences.oracle import FOREVER, PLACES, Closing, Event, Oracle
from tests.receiver.sequences.world import BOT, PLAIN, SYSTEMS, Content, Disk, Killed, Planted
from tests.simulation.judgement import Judgement
from tests.simulation.sides import Aws
from tests.simulation.world import SimulatedWorld

_ACTS = (4, 10)  # how many a schedule has


class Schedule(Machine):
    def __init__(self, folder: Path, side: str, seed: int) -> None:
        super().__init__()
        self.rng = random.Random(f"acts {seed}")
        self.world: SimulatedWorld = SimulatedWorld(folder, side, seed)
        self.oracle = Oracle()
        self.checks: Judgement = Judgement(self.world, self.oracle)
        self.mail: list[tuple[Disk, bytes]] = []
        self.posted: list[tuple[Disk, bytes]] = []
        self.unsure: list[Closing] = []
        self.number = self.crashes = 0
        self.perhaps_reopened = []
        self.sending: list[tuple[int, datetime, Disk]] = []
        self.world.cloud.alarmed = self.alarmed
        self.world.announce = self.announce
        if isinstance(self.world.side, Aws):
            chaos, rates = self.world.side.chaos, self.world.side.clients.rates
            chaos.shuffled = self.rng.random() < 0.5
            chaos.twice, chaos.blind = self.rng.choice([0, 0.05]), self.rng.choice([0, 0.2])
            for fault in ("throttled", "no answer", "sent twice", "partly done"):
                rates[fault] = self.rng.choice([0, 0, 0.002, 0.01])

    def run(self) -> None:
        """Everything that happens, and the judgement. Raises AssertionError."""
        rng = self.rng
        self.act_of("hunt")
        for _ in range(rng.randint(*_ACTS)):
            self.act_of(rng.choices(list(_WEIGHTS), list(_WEIGHTS.values()))[0])
        while self.mail:
            self.draw_webhook()
        if self.world.platform.state == "down":
            self.platform("up")  # otherwise no hunt could end
        self.check()
        self.note("the schedule is over: every case is closed")
        self.checks.every_case_can_be_closed(self.close_as)
        self.checks.nothing_waits()

    def act_of(self, name: str) -> None:
        getattr(self, f"draw_{name}")()
        self.run_a_while()

    def note(self, what: str) -> None:
        self.world.trace.add(what, actor="—")

    # What is drawn

    def planted(self) -> Planted:
        rng = self.rng
        return Planted(
            rng.choice(NAMES),
            rng.choice([*PLACES]),
            rng.random() < 0.25,
            rng.choice([1, 1, 2, 6, 20]),
            rng.choice("aab"),
        )

    def content(self) -> Content:
        made = {}
        for _ in range(self.rng.randint(1, 3)):
            each = self.planted()
            made[each.name, each.path] = each
        return tuple(made.values())

    def found(self) -> dict[str, list[Content]]:
        chosen = self.rng.sample(SYSTEMS, self.rng.choice([1, 1, 2, 3]))
        return {each: [self.content() for _ in range(self.rng.choice([1, 1, 2]))] for each in chosen}

    def draw_hunt(self) -> None:
        self.step(self.rng.choice([0.1, 1, 24, 168]))
        found = self.found()
        self.note(f"a hunt was captured: {_words(found)}")
        for each in self.world.hunt(found):
            self.post(each)

    def draw_whole_hunt(self) -> None:
        self.step(self.rng.choice([1, 24, 168]))
        found = self.found()
        self.note(f"a hunt begins: {_words(found)}")
        self.world.begin_hunt(found)

    def draw_same_hunt(self) -> None:
        if self.world.platform.disks:
            self.note("the next hunt finds the same, or more")
            more = self.planted() if self.rng.random() < 0.3 else None
            self.hunt_again(more, self.rng.choice([1, 1, 1, 4]), None)

    def deliver_all(self, fuse: Any) -> None:
        """Most webhooks come soon, the others later or never."""
        for _ in range(len(self.mail)):
            if self.rng.random() < 0.8:
                self.draw_webhook()

    def draw_webhook(self) -> None:
        if not self.mail:
            return
        disk, body = self.mail.pop(self.rng.randrange(len(self.mail)))
        if self.rng.random() < 0.08:
            self.note(f"the webhook of disk {disk.evidence} is lost on its way")
            return
        self.posted.append((disk, body))
        for _ in range(2 if self.rng.random() < 0.15 else 1):
            self.receive(disk, body)
        self.run_a_while()

    def draw_same_webhook(self) -> None:
        if self.posted:
            self.note("a webhook comes again")
            self.receive(*self.rng.choice(self.posted))

    def draw_growth(self) -> None:
        if self.posted:
            disk, _ = self.posted[-1 - self.rng.randrange(min(len(self.posted), 3))]
            self.note(f"the platform finds more on disk {disk.evidence}")
            number = next(n for n, (each, _) in enumerate(reversed(self.posted)) if each is disk)
            self.grow(self.planted(), number)

    def draw_decision(self) -> None:
        rng, system = self.rng, self.rng.choice(SYSTEMS)
        match rng.choice(["acknowledge", "close", "close", "close", "reopen", "release"]):
            case "acknowledge":
                self.note(f"a person takes the case of {system}")
                self.acknowledge(system, None)
            case "reopen":
                self.note(f"a person reopens the case of {system}")
                self.reopen(system, None)
            case "release":
                self.note(f"a person gives back the case of {system}")
                self.release(system, None)
            case _:
                verdict = rng.choice([Verdict.BENIGN, Verdict.FALSE_POSITIVE, Verdict.TRUE_POSITIVE])
                scope, until = rng.choice(list(Scope)), rng.choice([None, 1, 7, 30])
                self.note(f"a person closes a case as {verdict.value}, {scope.value}")
                self.close(
                    rng.randrange(3), verdict, scope, rng.choice(TAGS), until, rng.random() < 0.5, None
                )

    def draw_click(self) -> None:
        """Somebody clicks on the buttons of the message in Slack."""
        system = self.rng.choice(SYSTEMS)
        if not (at := self.case_of(system)) or BOT not in at[1].told:
            return
        key, case = at
        person = self.person()
        if self.rng.random() < 0.5 or case.state is CaseState.CLOSED:
            self.note(f"{person.name} clicks Acknowledge for {system}")
            self.world.click("acknowledge", key, person.name)
            return
        verdict = self.rng.choice([Verdict.BENIGN, Verdict.TRUE_POSITIVE])
        until = self.world.moment.timestamp() + 86_400 * self.world.settings.known_good_days
        closing = Closing(
            person.name,
            key,
            system,
            verdict.is_harmless,
            self.world.tick,
            datetime.fromtimestamp(until + 7_200 * 2, UTC),
        )
        self.oracle.closings.append(closing)
        self.unsure.append(closing)
        self.note(f"{person.name} closes the case of {system} as {verdict.value} in Slack")
        self.world.click("close", key, person.name, verdict.value)

    def draw_mute(self) -> None:
        rng = self.rng
        self.note("a person mutes something")
        self.mute(
            configured=rng.random() < 0.5,
            system=rng.choice(["", "", *SYSTEMS[:2]]),
            hunt=rng.choice(["", "weekly", "weekly"]),
            name=rng.choice(["", "", *NAMES]),
            path=rng.choice(["", "", "/home/", "/home/ada/"]),
            malicious=rng.random() < 0.5,
            until_next_hunt=rng.random() < 0.5,
            length=rng.choice([1, 7, 30]),
        )

    def draw_end(self) -> None:
        if self.rng.random() < 0.5:
            self.note("a person ends a mute")
            self.end_mute(self.rng.randrange(10))
        else:
            self.note("a person ends an entry of the known good")
            self.end_entry(self.rng.randrange(10))

    def draw_configuration(self) -> None:
        change: dict[str, Any] = self.rng.choice(
            [
                {"across_hunts": False},
                {"across_hunts": True},
                {"hunt": "nightly"},
                {"hunt": "weekly"},
                {"default": (BOT, PLAIN)},
                {"default": (PLAIN,)},
                {"default": (BOT,)},
                {"extra": True},
                {"extra": False},
                {"known_good_days": 30},
                {"held": True},
                {"held": False},
                {"reminders": True},
                {"catch_up": True},
            ]
        )
        self.note(f"the configuration is changed: {change}")
        self.edit_configuration(change)

    def draw_tag(self) -> None:
        system, tag = self.rng.choice(SYSTEMS), self.rng.choice(["", *TAGS])
        self.note(f"{system} gets the tag {tag!r}")
        self.tag(system, tag)

    def draw_platform(self) -> None:
        state = self.rng.choice(["up", "up", "up", "unlisted", "silent", "down"])
        self.note(f"the platform is {state}")
        self.platform(state)

    def draw_destination(self) -> None:
        place = self.rng.choice(list(self.world.places.values()))
        place.state = self.rng.choice(["up", "up", "down", "limited", "limited", "refusing"])
        self.note(f"{place.name} is {place.state}")
        self.step(self.rng.choice([0.01, 0.2]))

    def draw_timer(self) -> None:
        self.world.side.run_timer()

    def draw_wait(self) -> None:
        hours = self.rng.choice([0.02, 0.2, 1, 3, 26, 170])
        self.note(f"{hours:g} h pass")
        self.step(hours)
        self.world.side.run_timer()

    # How the acts of the sequences are done here

    def step(self, hours: float) -> None:
        self.note_ends()
        self.world.tick += 1
        if hours >= 1 and self.rng.random() < 0.8:
            self.world.run()
        self.world.clock.true += hours * 3_600
        self.world.cloud.go_on()
        self.world.let_write()

    def work(self, fuse: Any) -> None:
        self.run_a_while()

    def run_a_while(self) -> None:
        self.world.run(self.rng.choice([0, 5, 20, 100, 10**6]))
        self.note_ends()

    def act(self, call: Callable[[], object], fuse: Any) -> Made:
        actor = self.world.by_person(Person(f"person-{self.number}", "the console"), call)
        self.world.tick += 1
        self.work(None)
        match actor.error:
            case DecisionRefused():
                return Made.NOT
            case Killed() | NotNow():
                return Made.PERHAPS
        return Made.SURELY

    def receive(self, disk: Disk, body: bytes) -> None:
        self.note_ends()
        self.world.tick += 1
        kind = json.loads(body)["event"]
        self.note(f"webhook {kind} of disk {disk.evidence} on {disk.system}: {_content(disk.content)}")
        id = self.world.post(body)
        if id:
            self.checks.accepted.add(id)

    def announce(self, content: items.Content, id: str) -> None:
        """An event about a disk is about to be put into [events]."""
        match content:
            case items.Webhook(body):
                evidence = int(json.loads(body)["message"].rpartition(" ")[2])
            case items.OwnEvent({"kind": kind, "evidence_id": int(evidence), "id": id}) if (
                kind in ALARM_KINDS
            ):
                pass
            case _:
                return
        if id not in self.oracle.events and evidence in self.world.platform.disks:
            disk = self.world.platform.disks[evidence]
            self.oracle.events[id] = Event(id, disk, self.world.tick, self.world.moment)

    def alarmed(self, disk: Disk) -> None:
        """The platform has processed a disk with alarms."""
        self.note(f"disk {disk.evidence} of {disk.system} is processed: {_content(disk.content)}")
        self.post(disk)

    def check(self) -> None:
        self.note("everything comes to its end")
        self.world.tick += 1
        self.world.drain()
        self.note_ends()
        for closing in self.unsure:
            closing.end = self.world.tick
        self.unsure.clear()
        self.checks.all()

    def note_ends(self) -> None:
        if self.world.side.crashes != self.crashes:
            self.crashes = self.world.side.crashes
            for event in self.oracle.events.values():
                event.end = event.end if self.world.is_recorded(event.id) else FOREVER
        for closing in list(self.unsure):
            case = self.world.runtime.ledger.cases.get(closing.case)
            if case and case.closure and case.closure.by == closing.by:
                closing.end = self.world.tick
                self.unsure.remove(closing)
        for event in self.oracle.events.values():
            if event.end == FOREVER:
                event.started_at = min(event.started_at, self.world.moment)
                if self.world.is_recorded(event.id):
                    event.end = self.world.tick

    def edit(self, **change: Any) -> None:
        settings = replace(self.world.settings, **change)
        self.world.settings = settings
        self.world.start()
        self.oracle.across_hunts.change(self.world.tick, settings.across_hunts)


_WEIGHTS = {
    "hunt": 2,
    "whole_hunt": 2,
    "same_hunt": 3,
    "webhook": 8,
    "same_webhook": 1,
    "growth": 1,
    "decision": 4,
    "click": 2,
    "mute": 1,
    "end": 1,
    "configuration": 1.5,
    "tag": 0.5,
    "platform": 1,
    "destination": 1.5,
    "timer": 2,
    "wait": 2,
}


def _words(found: dict[str, list[Content]]) -> str:
    return "; ".join(f"{system}: {' and '.join(map(_content, disks))}" for system, disks in found.items())


def _content(content: Content) -> str:
    return ", ".join(
        f"{each.count} {'malicious' if each.malicious else 'suspicious'} {each.name} {each.path or '(log)'}"
        f" [{each.content}]"
        for each in content
    )
