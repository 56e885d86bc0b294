"""Asks the platform which systems of other kinds than EC2 match a hunt's targets.

It walks down what the platform can browse, all targets together: first all subscriptions, projects and
clusters, then what is in each. A question without an answer becomes a sentence in the hunt's problems, and
does not stop the others.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock

from scheduler.chosen_systems import NAMED, Choice, Selection
from scheduler.cloud_selectors import Wanted, excludes, wanted
from scheduler.parallel_calls import ParallelCalls
from scheduler.platform_levels import LEVELS, Found, Level, Spot, facts_of, system_of
from scheduler.selectors import described
from scheduler.wording import account_in_words, alternatives
from shared.config.config import Config
from shared.config.hunts import HuntConfig
from shared.config.targets import ALL_REGIONS
from shared.models.inventory import Fleet
from shared.models.systems import Instance, System
from shared.phrases import counted
from shared.platform.browse import Browse
from shared.platform.client import Cado
from shared.platform.errors import CadoError
from shared.secrets import SecretError
from shared.text import one_line

MOST_REQUESTS = 2_000  # of one hunt
_NAMED_SHOWN = 4  # spots in one problem
_MOST_REASONS = 10  # why spots of one level could not be read
_NOT_HUNTED, _TAKEN = "no system there is hunted", "what is named there is taken as it is"
_OTHER = "there are more reasons than are listed here"


class TooManyRequests(CadoError):
    """The hunt has sent as many requests as it may."""


@dataclass(frozen=True)
class Question:
    """One browse call."""

    level: Level
    spot: Spot


@dataclass(frozen=True)
class Candidate:
    """A system that matches a target, before anything is left out."""

    want: Wanted
    system: System
    facts: Instance | None
    why_not: str


class PlatformDiscovery:
    """One search for the systems of one hunt."""

    def __init__(
        self,
        config: Config,
        definition: HuntConfig,
        make_fleet: Callable[[], Fleet],
        make_cado: Callable[[], Cado],
        calls: ParallelCalls,
    ) -> None:
        self._config, self._definition, self._calls = config, definition, calls
        self._make_fleet, self._make_cado = make_fleet, make_cado
        self._wants = [want for n, target in enumerate(definition.targets) if (want := wanted(n, target))]
        self._problems: list[str] = []
        self._notes: list[str] = []
        self._unread: set[int] = set()  # the targets of which not everything could be read
        self._requests, self._nameless, self._lock = 0, 0, Lock()

    def select(self) -> Selection:
        if not self._wants:
            return Selection(())
        try:
            browse = self._make_cado().browse.counted(self._count, self._count_nameless)
        except SecretError as error:
            self._problems.append(f"the platform was not asked for its systems: {error}")
            self._unread.update(want.number for want in self._wants)
            candidates = []
        else:
            candidates = list(self._walk(browse))
        if self._nameless:
            things = counted(self._nameless, "thing")
            self._problems.append(f"the platform listed {things} without a usable name; {_NOT_HUNTED}")
        chosen: dict[tuple[str, str], Choice] = {}
        for choice in (*self._named(candidates), *self._judged(candidates)):
            # Two names of an account may lead to the same system. The first target that takes it counts.
            key = (choice.system.region, choice.system.instance)
            if key not in chosen or (chosen[key].why_not and not choice.why_not):
                chosen[key] = choice
        return Selection(
            tuple(chosen.values()), tuple(dict.fromkeys(self._problems)), tuple(dict.fromkeys(self._notes))
        )

    def _count(self) -> None:
        with self._lock:
            self._requests += 1
            if self._requests > MOST_REQUESTS:
                raise TooManyRequests(f"a hunt asks the platform at most {MOST_REQUESTS:,} times")

    def _count_nameless(self, count: int) -> None:
        with self._lock:
            self._nameless += count

    # --- what there is

    def _walk(self, browse: Browse) -> Iterator[Candidate]:
        """Level by level, each question once, whichever targets it serves."""
        spots = self._roots()
        for depth in range(max(map(len, LEVELS.values()))):
            serves: dict[Question, list[Wanted]] = defaultdict(list)
            below: list[tuple[Wanted, Found]] = []
            for want, spot in spots:
                level = LEVELS[want.kind][depth]
                part = level.parts[-1]
                if level.optional and (names := want.exactly(part)):
                    below += [(want, Found(spot.below(**{part: name}))) for name in names]
                else:
                    serves[Question(level, spot)].append(want)
            answers = self._answers(browse, serves)
            below += [
                (want, found)
                for question, wants in serves.items()
                for found in answers.get(question, ())
                for want in wants
                if _admits(want, question.level, found)
            ]
            spots = []
            for want, found in below:
                if found.note:
                    self._notes.append(f"{account_in_words(found.spot.account)}: {found.note}")
                if found.why_not or depth + 1 == len(LEVELS[want.kind]):
                    yield from self._candidate(want, found)
                else:
                    spots.append((want, found.spot))

    def _roots(self) -> list[tuple[Wanted, Spot]]:
        """The accounts, and on AWS the regions, in which each target looks."""
        everywhere = {
            account
            for want in self._wants
            if ALL_REGIONS in want.regions
            for account in want.target.in_accounts
        }
        enabled: Mapping[str, list[str]] = {}
        if everywhere:
            enabled, failures = self._calls.each(self._make_fleet().regions, sorted(everywhere))
            for account, why in failures.items():
                self._problems.append(
                    f"{account_in_words(account)}: the enabled regions are not known: {why}"
                )
        roots = []
        for want in self._wants:
            for account in want.target.in_accounts:
                regions = enabled.get(account, ()) if ALL_REGIONS in want.regions else want.regions
                roots += [(want, Spot(account, region)) for region in dict.fromkeys(regions)]
        return roots

    def _answers(
        self, browse: Browse, serves: Mapping[Question, Sequence[Wanted]]
    ) -> Mapping[Question, Sequence[Found]]:
        def ask(question: Question) -> list[Found]:
            account = self._config.account(question.spot.account)
            cloud = account.cado_account if account else "Default"
            only = _only(serves[question]) if question.level.filters else ""
            return list(question.level.ask(browse, cloud, question.spot, only))

        answers, failures = self._calls.each(ask, serves)
        self._add_problems(serves, failures)
        return answers

    def _add_problems(
        self, serves: Mapping[Question, Sequence[Wanted]], failures: Mapping[Question, str]
    ) -> None:
        """Add one problem for each account, level and reason. If there are many reasons, those that are left
        share one."""
        asked = Counter((question.spot.account, question.spot.plural) for question in serves)
        unread: dict[tuple[str, str], dict[str, list[Question]]] = defaultdict(lambda: defaultdict(list))
        for question, why in failures.items():
            self._unread.update(want.number for want in serves[question])
            reasons = unread[question.spot.account, question.spot.plural]
            is_shared = why not in reasons and len(reasons) >= _MOST_REASONS
            reasons[_OTHER if is_shared else why].append(question)
        for (account, plural), reasons in unread.items():
            for why, questions in reasons.items():
                where = account_in_words(account)
                names = sorted({one_line(question.spot.name, 60) for question in questions} - {""})
                if len(questions) > _NAMED_SHOWN:
                    total = asked[account, plural]
                    where += f": {len(questions):,} of {total:,} {plural} were not looked at"
                elif names:
                    where += f", {alternatives(names)}"
                selects = any(want.system is None for question in questions for want in serves[question])
                self._problems.append(f"{where}: {why}; {_NOT_HUNTED if selects else _TAKEN}")

    def _candidate(self, want: Wanted, found: Found) -> Iterator[Candidate]:
        try:
            system = system_of(want.kind, found)
        except ValueError as error:
            self._problems.append(f"{one_line(found.spot.name, 60)} cannot be hunted: {error}")
            return
        facts = facts_of(system, found)
        if found.why_not or want.selects(system, facts):
            yield Candidate(want, system, facts, found.why_not)

    # --- what is taken of it

    def _named(self, candidates: Iterable[Candidate]) -> Iterator[Choice]:
        """The systems that targets name, each with what the platform says of it."""
        facts = {c.system: c.facts for c in candidates if c.want.system == c.system}
        for want in self._wants:
            system = want.system
            if system is None:
                continue
            if system not in facts and want.number not in self._unread:
                self._problems.append(f"{system.title} ({system.place}) is named and does not exist")
            known = facts.get(system)
            yield Choice(system, NAMED, self._excluded(system, known), known, want.mode)

    def _judged(self, candidates: Iterable[Candidate]) -> Iterator[Choice]:
        """Each system that a target selects, as a choice."""
        taken: Counter[tuple[int, str]] = Counter()
        for candidate in sorted(candidates, key=lambda each: (each.want.number, each.system.key)):
            want, system, facts = candidate.want, candidate.system, candidate.facts
            if want.system is not None:
                continue
            reason = candidate.why_not or self._excluded(system, facts) or want.not_in_state(facts)
            if want.sample and not reason:
                taken[want.number, system.lasting_key] += 1
                if taken[want.number, system.lasting_key] > want.sample:
                    reason = (
                        "another of the same workload stands for it"
                        if want.sample == 1
                        else f"{want.sample} others of the same workload stand for it"
                    )
            why = f"targets[{want.number}]: {want.described}"
            yield Choice(system, why, reason, facts, want.mode)

    def _excluded(self, system: System, facts: Instance | None) -> str:
        for number, rule in enumerate(self._definition.exclude):
            if excludes(rule, system, facts):
                return f"exclude[{number}]: {described(rule)}"
        return ""


def _admits(want: Wanted, level: Level, found: Found) -> bool:
    """Whether the target looks for what the level gave."""
    *before, last = level.parts
    named = {found.spot.part(last), found.also} - {""}
    return want.admits(last, named) and all(want.admits(part, {found.spot.part(part)}) for part in before)


def _only(wants: Iterable[Wanted]) -> str:
    """The one name that all these targets ask for; empty if there is none."""
    names = {want.only for want in wants}
    return names.pop() if len(names) == 1 else ""
