"""Random sequences of hunts, decisions, mutes, edits of the configuration, crashes and outages."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from enum import Enum
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from receiver.assemble import case_decisions
from receiver.cases import known_good
from receiver.cases.decisions import CaseDecisions
from shared.models.case_states import DecisionRefused
from shared.models.cases import Case, CaseState
from shared.models.decisions import Closure, Verdict
from shared.models.known_good_terms import Scope, Terms
from shared.models.mutes import Mute, MuteMatch
from shared.models.people import Person
from shared.models.severity import Severity
from shared.storage.ports import NotNow, StoreError
from tests.receiver.sequences.checks import Checks
from tests.receiver.sequences.oracle import FOREVER, PLACES, Closing, Event, MuteMade, Oracle, Timeline
from tests.receiver.sequences.world import (
    BOT,
    PLAIN,
    SYSTEMS,
    Content,
    Disk,
    Killed,
    Planted,
    World,
    webhook,
)

NAMES = ("PUA.NetTool", "PUA.NetTool2")
TAGS = ("web", "db")
systems = st.sampled_from(SYSTEMS)
planted = st.builds(
    Planted,
    st.sampled_from(NAMES),
    st.sampled_from([*PLACES]),
    st.sampled_from([False, False, False, True]),
    st.sampled_from([1, 1, 2, 6, 20]),
    st.sampled_from("aab"),
)
disk = st.lists(planted, min_size=1, max_size=3, unique_by=lambda each: (each.name, each.path)).map(tuple)
found = st.dictionaries(
    st.sampled_from(SYSTEMS[:1] * 3 + SYSTEMS), st.lists(disk, min_size=1, max_size=2), min_size=1
)
# After how many calls something happens, and what: see `Machine.burn`.
fuses = st.one_of(
    st.none(),
    st.tuples(st.integers(1, 90), st.sampled_from(["kill", "kill", "outage", "other", "close", "reopen"])),
)
days = st.sampled_from([1, 7, 30, 100])
verdicts = st.sampled_from([Verdict.BENIGN, Verdict.FALSE_POSITIVE, Verdict.BENIGN, Verdict.TRUE_POSITIVE])


class Made(Enum):
    """What became of a person's decision."""

    SURELY = "it was carried out, or is queued"
    PERHAPS = "its process died, perhaps after it was stored"
    NOT = "it was refused"


class Machine(RuleBasedStateMachine):
    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.world, self.oracle = World(Path(self.folder.name)), Oracle()
        self.checks = Checks(self.world, self.oracle)
        self.mail: list[tuple[Disk, bytes]] = []  # webhooks on their way
        self.posted: list[tuple[Disk, bytes]] = []  # webhooks that arrived
        self.unsure: list[Closing] = []  # decisions of processes that died
        self.number = 0
        self.perhaps_reopened: list[tuple[str, Closure, int]] = []  # by processes that died
        self.is_interrupting = False  # something happens while a worker or a person is busy

    def teardown(self) -> None:
        if hasattr(self, "world"):
            try:
                for number in range(len(self.mail)):
                    self.deliver(number, twice=False, fuse=None)
                self.check()
                self.checks.every_case_can_be_closed(self.close_as)
            finally:
                self.world.database.close()
                self.folder.cleanup()

    # --- hunts and their alarms

    @rule(found=found, hours=st.sampled_from([1, 24, 168]), at_once=st.booleans(), fuse=fuses)
    def hunt(self, found: dict[str, list[Content]], hours: int, at_once: bool, fuse: Any) -> None:
        self.step(hours)
        for each in self.world.hunt(found):
            self.post(each)
        if at_once:
            self.deliver_all(fuse)

    @precondition(lambda self: self.world.platform.disks)
    @rule(more=st.one_of(st.none(), st.none(), planted), times=st.sampled_from([1, 1, 1, 4]), fuse=fuses)
    def hunt_again(self, more: Planted | None, times: int, fuse: Any) -> None:
        """The next hunt of the systems finds what the last one found, and perhaps more."""
        self.step(168)
        last: dict[str, list[Content]] = {}
        for each in self.world.platform.disks.values():
            content = tuple(replace(one, count=one.count * times) for one in each.content)
            if more and (more.name, more.path) not in {(one.name, one.path) for one in content}:
                content = (*content, more)
            last[each.system] = [content]
        for each in self.world.hunt(last):
            self.post(each)
        self.deliver_all(fuse)

    hunt_once_more = hunt_and_hunt = hunt_again

    def post(self, disk: Disk) -> None:
        kinds = ["processing_with_alarms"]
        kinds += ["high_severity_alarm"] if disk.count(Severity.MALICIOUS) else []
        few = disk.count(Severity.SUSPICIOUS) in (1, 2)  # not for each disk, since each webhook takes time
        kinds += ["suspicious_severity_event"] if few else []
        self.mail += [(disk, webhook(disk, kind)) for kind in kinds]

    def deliver_all(self, fuse: Any) -> None:
        self.light(fuse)
        while self.mail:
            self.posted.append(self.mail.pop(0))
            self.receive(*self.posted[-1])
            self.world.work()
            self.note_ends()
        self.world.fuse.left = 0

    @precondition(lambda self: self.mail)
    @rule(number=st.integers(0, 9), twice=st.booleans(), fuse=fuses)
    def deliver(self, number: int, twice: bool, fuse: Any) -> None:
        """One of the webhooks arrives."""
        if not self.mail:
            return
        one = self.mail.pop(number % len(self.mail))
        self.posted.append(one)
        for _ in range(1 + twice):
            self.receive(*one)
        self.work(fuse)

    @precondition(lambda self: self.posted)
    @rule(number=st.integers(0, 50), fuse=fuses)
    def deliver_again(self, number: int, fuse: Any) -> None:
        self.step(0.1)
        self.receive(*self.posted[number % len(self.posted)])
        self.work(fuse)

    def receive(self, disk: Disk, body: bytes) -> None:
        self.world.tick += 1
        self.number += 1
        event = Event(f"e{self.number}", disk, self.world.tick, self.world.moment)
        self.oracle.events[event.id] = event
        with self.world.fuse.unlit():  # the web function does this
            self.world.receive(body, event.id)

    @precondition(lambda self: self.posted)
    @rule(more=planted, number=st.integers(0, 9))
    def grow(self, more: Planted, number: int) -> None:
        """The platform finds more on a disk that it has told of."""
        self.step(0.1)
        disk, _ = self.posted[-1 - number % len(self.posted)]
        kept = [each for each in disk.content if (each.name, each.path) != (more.name, more.path)]
        was = [each for each in disk.content if each not in kept]
        if was:  # it finds more of the same
            more = replace(was[0], count=was[0].count + more.count)
        disk.contents.append((self.world.tick, (*kept, more)))
        self.post(disk)

    # --- what people decide

    def case_of(self, system: str) -> tuple[str, Case] | None:
        key = self.world.runtime.ledger.findings.of_system(system).case
        case = self.world.runtime.ledger.cases.get(key) if key else None
        return (key, case) if case else None

    @rule(system=systems, fuse=fuses)
    def acknowledge(self, system: str, fuse: Any) -> None:
        self.decide(system, lambda decisions, key, _: decisions.acknowledge(key, self.person()), fuse)

    @rule(
        number=st.integers(0, 2),
        verdict=verdicts,
        scope=st.sampled_from(Scope),
        tag=st.sampled_from(TAGS),
        until=st.one_of(st.none(), days),
        names=st.booleans(),
        fuse=fuses,
    )
    def close(
        self, number: int, verdict: Verdict, scope: Scope, tag: str, until: int | None, names: bool, fuse: Any
    ) -> None:
        self.step(0.1)
        living = [
            (system, *at)
            for system in SYSTEMS
            if (at := self.case_of(system)) and at[1].state is not CaseState.CLOSED
        ]
        if not living:
            return
        system, key, case = living[number % len(living)]
        hunt = case.alarm.hunt.name if case.alarm.hunt else ""
        scope = Scope.SYSTEM if scope is Scope.HUNT and not hunt else scope
        known = self.world.runtime.ledger.findings.of_system(system).findings
        named = [
            (mark, (each.description, PLACES[each.path]))
            for mark, each in known.items()
            if names and each.told_severity is Severity.MALICIOUS
        ]
        ends = self.world.moment + timedelta(days=until) if until else None
        terms = Terms(
            scope,
            ends,
            hunt=hunt if scope is Scope.HUNT else "",
            tag=("role", tag) if scope is Scope.TAG else ("", ""),
            malicious=tuple(mark for mark, _ in named),
        )
        closing = Closing(
            "",
            key,
            system,
            verdict.is_harmless,
            self.world.tick,
            ends or self.world.moment + timedelta(days=self.world.settings.known_good_days),
            scope.value,
            terms.hunt,
            terms.tag,
            frozenset(name for _, name in named),
        )
        self.close_as(closing, verdict, terms if verdict.is_harmless else None, fuse)

    judge = close

    def close_as(self, closing: Closing, verdict: Verdict, terms: Terms | None, fuse: Any = None) -> None:
        person = self.person()
        closing.by = person.name
        self.oracle.closings.append(closing)
        made = self.act(
            lambda: case_decisions(self.world.runtime).close(closing.case, person, verdict, "why", terms),
            fuse,
        )
        match made:
            case Made.SURELY:
                closing.end = self.world.tick
            case Made.PERHAPS:
                self.unsure.append(closing)
            case Made.NOT:
                self.oracle.closings.remove(closing)

    @rule(system=systems, fuse=fuses)
    def reopen(self, system: str, fuse: Any) -> None:
        self.decide(system, lambda decisions, key, _: decisions.reopen(key, self.person()), fuse)

    @rule(system=systems, fuse=fuses)
    def release(self, system: str, fuse: Any) -> None:
        self.decide(system, lambda decisions, key, _: decisions.release(key, self.person()), fuse)

    def decide(self, system: str, call: Callable[[CaseDecisions, str, Case], Case], fuse: Any) -> None:
        self.step(0.1)
        if at := self.case_of(system):
            key, before = at
            start = self.world.tick
            made = self.act(lambda: call(case_decisions(self.world.runtime), key, before), fuse)
            if before.closure:
                self.note_reopening(key, before.closure, start, made is not Made.PERHAPS)
                if made is Made.PERHAPS:  # it may be carried out later
                    self.perhaps_reopened.append((key, before.closure, start))

    def note_reopening(self, key: str, closure: Closure, start: int, done: bool) -> None:
        after = self.world.runtime.ledger.cases.get(key)
        if after and (after.closure is None or after.closure != closure):
            for closing in self.oracle.closings:
                if closing.by == closure.by:
                    closing.reopened = min(start, closing.reopened)
                    closing.ended = min(self.world.tick, closing.ended) if done else closing.ended

    @rule(number=st.integers(0, 9))
    def end_entry(self, number: int) -> None:
        """A person ends what is known good."""
        self.step(0.1)
        made = [each for each in self.oracle.closings if each.ended == FOREVER]
        if made:
            closing = made[number % len(made)]
            ledger = self.world.runtime.ledger.known_good
            groups = [*SYSTEMS, "wide"]
            entries = {entry for group in groups for entry in ledger.naming(group)}
            for entry in entries:
                if entry.by == closing.by:
                    with suppress(known_good.NotEnded):
                        known_good.end(
                            ledger, self.world.runtime.store, self.world.moment, entry.id, self.person()
                        )
                        closing.ended = self.world.tick

    @rule(
        configured=st.booleans(),
        system=st.sampled_from(["", "", *SYSTEMS[:2]]),
        hunt=st.sampled_from(["", "weekly", "weekly"]),
        name=st.sampled_from(["", "", *NAMES]),
        path=st.sampled_from(["", "", "/home/", "/home/ada/"]),
        malicious=st.booleans(),
        until_next_hunt=st.booleans(),
        length=st.sampled_from([1, 7, 30]),
    )
    def mute(self, configured: bool, length: int, until_next_hunt: bool, **what: Any) -> None:
        self.step(0.1)
        if not (what["system"] or what["hunt"] or what["name"] or what["path"]):
            return
        match = {
            "instance": what["system"],
            "hunt": what["hunt"],
            "finding": what["name"],
            "path": what["path"] and f"{what['path']}*",
        }
        match = {key: (value,) for key, value in match.items() if value}
        at, until = self.world.moment, self.world.moment + timedelta(days=length)
        by, malicious = self.person().name, what["malicious"]
        made = MuteMade(
            by, self.world.tick, at, until, **what, until_next_hunt=until_next_hunt and not configured
        )
        self.oracle.mutes.append(made)
        if configured:
            section = {"match": match, "at": at, "until": until, "by": by, "why": "why"}
            mutes = (*self.world.settings.mutes, (by, section | {"malicious": malicious}))
            self.edit(mutes=mutes)
        else:
            self.world.runtime.ledger.mutes.add(
                Mute(
                    by,
                    MuteMatch(**match),
                    until,
                    by,
                    "why",
                    at,
                    "a test",
                    malicious=malicious,
                    until_next_hunt=until_next_hunt,
                )
            )

    @rule(number=st.integers(0, 9))
    def end_mute(self, number: int) -> None:
        self.step(0.1)
        living = [each for each in self.oracle.mutes if each.ended == FOREVER]
        if not living:
            return
        mute = living[number % len(living)]
        configured = self.world.settings.mutes
        if mute.by in dict(configured):
            self.edit(mutes=tuple(each for each in configured if each[0] != mute.by))
        elif any(each.id == mute.by for each in self.world.runtime.ledger.mutes.stored()):
            self.world.runtime.ledger.mutes.end(mute.by)
        mute.ended = self.world.tick

    # --- the configuration, the machines, the platform and the clock

    @rule(
        change=st.sampled_from(
            [
                {"across_hunts": False},
                {"across_hunts": True},
                {"across_hunts": True},
                {"hunt": "nightly"},
                {"hunt": "weekly"},
                {"default": (BOT, PLAIN)},
                {"default": (PLAIN,)},
                {"default": (BOT,)},
                {"extra": True},
                {"extra": False},
                {"known_good_days": 30},
            ]
        )
    )
    def edit_configuration(self, change: dict[str, Any]) -> None:
        self.step(0.1)
        self.edit(**change)

    def edit(self, **change: Any) -> None:
        self.world.settings = replace(self.world.settings, **change)
        self.world.start()
        self.oracle.across_hunts.change(self.world.tick, self.world.settings.across_hunts)

    @rule(system=systems, value=st.sampled_from(["", *TAGS]))
    def tag(self, system: str, value: str) -> None:
        self.step(0.1)
        self.world.ec2.tags[system] = {"role": value} if value else {}
        self.oracle.tags.setdefault((system, "role"), Timeline("")).change(self.world.tick, value)

    @rule(state=st.sampled_from(["up", "up", "up", "unlisted", "silent", "down"]))
    def platform(self, state: str) -> None:
        self.step(0.1)
        self.world.platform.state = state
        self.oracle.platform.change(self.world.tick, state)

    @rule(length=days)
    def wait(self, length: int) -> None:
        self.step(length * 24)
        self.work(None)

    @rule()
    def check(self) -> None:
        """Everything comes to its end, and nothing is withheld that may not be."""
        self.world.fuse.left = 0
        self.world.tick += 1
        self.world.drain()
        self.note_ends()
        for each in self.unsure:  # its process may have died before it stored anything
            case = self.world.runtime.ledger.cases.get(each.case)
            if case and any(decision.by == each.by for decision in case.decisions):
                each.end = self.world.tick
        self.unsure.clear()
        for key, closure, start in self.perhaps_reopened:
            self.note_reopening(key, closure, start, False)
        self.checks.all()

    # --- the machinery

    def person(self) -> Person:
        self.number += 1
        return Person(f"person-{self.number}", "the console")

    def step(self, hours: float) -> None:
        self.world.tick += 1
        if not self.is_interrupting:  # a worker that is busy ends within its lease
            self.world.moment += timedelta(hours=hours)

    def work(self, fuse: Any) -> None:
        self.light(fuse)
        self.world.work()
        self.world.fuse.left = 0
        self.note_ends()

    def note_ends(self) -> None:
        with self.world.fuse.unlit():
            for event in self.oracle.events.values():
                if event.end == FOREVER and self.world.is_recorded(event.id):
                    event.end = self.world.tick

    def act(self, call: Callable[[], object], fuse: Any) -> Made:
        """A person decides. Their process may be killed, and another person may decide meanwhile."""
        self.light(fuse)
        made = Made.SURELY
        try:
            call()
        except DecisionRefused:
            made = Made.NOT
        except (Killed, NotNow):
            return Made.PERHAPS
        finally:
            self.world.fuse.left = 0
        self.world.tick += 1  # what is done from now on is done after the decision
        self.work(None)
        return made

    def light(self, fuse: Any) -> None:
        if fuse:
            calls, what = fuse
            self.world.fuse.light(calls, lambda: self.burn(what))

    def burn(self, what: str) -> None:
        """Something happens while a worker or a person is busy."""
        self.world.tick += 1
        if what == "kill":
            raise Killed
        if what == "outage":
            raise StoreError("the store does not answer")
        self.is_interrupting = True
        with self.world.another_worker():
            match what:
                case "other":
                    self.world.work()
                case "close":
                    self.close(0, Verdict.BENIGN, Scope.SYSTEM, "", None, True, None)
                case "reopen":
                    self.reopen(SYSTEMS[0], None)
        self.is_interrupting = False
