"""The targets of a hunt definition → its systems, each with the reason why it is in or left out.

AWS is asked about all accounts and regions at once, and the platform which of them it can capture. What
cannot be asked is a problem of the hunt, in words, and stops nothing else. Nothing is recorded here.
"""

from __future__ import annotations

import logging
import random
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from shared.config.hunts import HuntConfig
from shared.config.patterns import fits
from shared.config.targets import ALL_REGIONS, ExcludeConfig, SelectorConfig, WhichConfig
from shared.hosting.runtime import Runtime
from shared.http import deadlines
from shared.http.deadlines import DeadlineExceeded
from shared.models.inventory import Fleet, InstanceError
from shared.models.systems import Instance, System
from shared.platform.errors import CadoError
from shared.secrets import SecretError

log = logging.getLogger(__name__)

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
Place = tuple[str, str]  # account, region
_Told = Mapping[tuple[str, str], bool]  # by region and instance, whether the platform can capture it

# Seconds: all of AWS, and the platform. On AWS a hunt's whole start has 300.
BUDGET, PLATFORM_BUDGET = 180.0, 20.0
_AT_ONCE = 16
# Up to so many instances the platform is asked about by their ids, which stand in the URL.
_BY_ID = 20
_GONE = ("shutting-down", "terminated")
# The tag Name of the platform's own instance, as its deployment templates set it.
_PLATFORM = "CadoResponse"
_NAMED_LIKE_PLATFORM = (
    f"the tag Name is {_PLATFORM}, as on the platform's own machine, and the platform does not say whether "
    "it can capture it"
)
_NEVER = datetime.min.replace(tzinfo=UTC)
_NAMED = "named"
# EC2 API reference, "Filter".
_FILTER_VALUES = 200
_SHOWN = 4
_IDS_SHOWN = 20  # of the systems that one reason leaves out


@dataclass(frozen=True)
class Choice:
    """One system that a target names or finds."""

    system: System
    why: str  # what takes it
    out: str = ""  # why it is left out all the same
    instance: Instance | None = None  # None where EC2 was not asked, could not be, or does not have it
    mode: str = ""  # how its target wants it captured; empty where it does not say


@dataclass(frozen=True)
class Selection:
    """In the order in which they are asked for, what is left out at the end."""

    choices: tuple[Choice, ...]
    problems: tuple[str, ...] = ()  # there may be systems that are missing
    notes: tuple[str, ...] = ()  # there may be systems too many

    @property
    def systems(self) -> tuple[System, ...]:
        return tuple(choice.system for choice in self.choices if not choice.out)

    @property
    def modes(self) -> dict[System, str]:
        return {choice.system: choice.mode for choice in self.choices if choice.mode}

    @property
    def left_out(self) -> tuple[str, ...]:
        """The reasons, each with the systems that it left out."""
        by_reason: dict[str, list[str]] = defaultdict(list)
        for choice in self.choices:
            if choice.out:
                by_reason[choice.out].append(choice.system.instance)
        most_first = sorted(by_reason.items(), key=lambda item: -len(item[1]))
        return tuple(f"{len(ids):,} left out: {reason}: {_ids(ids)}" for reason, ids in most_first)


def choose(
    runtime: Runtime, definition: HuntConfig, *, identity: str, look: bool = False, budget: float = BUDGET
) -> Selection:
    """The systems of a hunt as they are now. A definition that does no more than name systems is taken at
    its word, and nobody is asked, unless with `look`. `identity` is the hunt's: a random order is the same
    each time for one hunt. `budget` is in seconds."""
    modes = definition.modes
    named = [Choice(system, _NAMED, mode=modes.get(system, "")) for system in definition.systems]
    selection = Selection(tuple(named))
    if definition.selects or look:
        with Asking(runtime.now, budget) as asking:
            selection = _Discovery(runtime, definition, asking).run(named)
    chosen = [choice for choice in selection.choices if not choice.out]
    left_out = [choice for choice in selection.choices if choice.out]
    most = definition.max_systems
    if most is not None and len(chosen) > most:
        first = _in_turn(runtime, definition, identity, chosen)
        waiting = f"max_systems is {most}: in the order {definition.order} others come first"
        chosen, left_out = first[:most], [*(replace(c, out=waiting) for c in first[most:]), *left_out]
    return replace(selection, choices=(*chosen, *left_out))


def _in_turn(runtime: Runtime, definition: HuntConfig, identity: str, chosen: list[Choice]) -> list[Choice]:
    if definition.order == "random":
        return random.Random(identity).sample(chosen, len(chosen))
    hunted = runtime.ledger.captures.last_requested() if definition.order == "least_recently_hunted" else {}
    return sorted(chosen, key=lambda c: (hunted.get(c.system.key, _NEVER), _launched(c), c.system.key))


def _launched(choice: Choice) -> datetime:
    return (choice.instance and choice.instance.launched_at) or _NEVER


class Asking:
    """Many questions at once, and no waiting for an answer when the time is up."""

    def __init__(self, now: Callable[[], datetime], budget: float) -> None:
        # No longer than the work that asks may take.
        self._now, self._until = now, now() + timedelta(seconds=deadlines.remaining(budget))
        self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="targets")

    def __enter__(self) -> Asking:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def each(
        self, ask: Callable[[K], V], about: Iterable[K], *, within: float | None = None
    ) -> tuple[dict[K, V], dict[K, str]]:
        """The answers, and of the others why there is none."""
        until = self._until
        if within is not None:
            until = min(until, self._now() + timedelta(seconds=within))

        def in_time(one: K) -> V:
            """Its calls end soon after nobody waits for the answer any more."""
            with deadlines.within((until - self._now()).total_seconds() + 1):
                return ask(one)

        asked = {one: self._pool.submit(copy_context().run, in_time, one) for one in about}
        answers, failures = {}, {}
        for one, future in asked.items():
            try:
                answers[one] = future.result(max(0.0, (until - self._now()).total_seconds()))
            except TimeoutError:
                future.cancel()
                failures[one] = "there was no answer in time"
            except (InstanceError, CadoError, SecretError) as error:
                failures[one] = str(error)
            except DeadlineExceeded:
                failures[one] = "there was no time left to ask"
            except Exception as error:  # one strange answer must not cost the whole plan
                log.exception("a question about %s failed unexpectedly", one)
                failures[one] = f"unexpected {type(error).__name__}"
        return answers, failures


@dataclass(frozen=True)
class _Found:
    """An instance that fits a selector, before anything is left out."""

    number: int  # of the target
    account: str
    instance: Instance
    group: str = ""

    @property
    def system(self) -> System:
        return System(self.instance.id, self.instance.region, self.account)


class _Discovery:
    def __init__(self, runtime: Runtime, definition: HuntConfig, asking: Asking) -> None:
        self._runtime, self._definition, self._asking = runtime, definition, asking
        self._fleet: Fleet = runtime.make_fleet()
        self._selectors = {
            number: target
            for number, target in enumerate(definition.targets)
            if isinstance(target, SelectorConfig)
        }
        self._problems: list[str] = []
        self._notes: list[str] = []

    def run(self, named: list[Choice]) -> Selection:
        places = self._places()
        named = self._looked_up(named)
        found = list(self._found(places))
        told = self._told([c.system for c in named if c.instance] + [f.system for f in found])
        taken: dict[Place, Choice] = {}
        for choice in (*(self._named(c, told) for c in named), *self._selected(found, told)):
            # An instance may be reached by two names of its account; the first target that takes it does.
            key = (choice.system.region, choice.system.instance)
            if key not in taken or (taken[key].out and not choice.out):
                taken[key] = choice
        choices = sorted(taken.values(), key=_place_in_list)
        if hidden := [choice.system.instance for choice in choices if choice.out == _NAMED_LIKE_PLATFORM]:
            self._notes.append(f"left out is {_ids(hidden)}: {_NAMED_LIKE_PLATFORM}")
        return Selection(tuple(choices), tuple(self._problems), tuple(self._notes))

    # where to look

    def _places(self) -> dict[int, list[Place]]:
        """Of each selector, the accounts and regions."""
        accounts = self._accounts()
        everywhere = {
            account
            for number, selector in self._selectors.items()
            if ALL_REGIONS in selector.regions
            for account in accounts[number]
        }
        enabled, failures = self._asking.each(self._fleet.regions, sorted(everywhere))
        for account, why in failures.items():
            self._problems.append(f"{_whose(account)}: the enabled regions are not known: {why}")
        return {
            number: [
                (account, region)
                for account in accounts[number]
                for region in (
                    enabled.get(account, ())
                    if ALL_REGIONS in selector.regions
                    else dict.fromkeys(selector.regions)
                )
            ]
            for number, selector in self._selectors.items()
        }

    def _accounts(self) -> dict[int, list[str]]:
        config = self._runtime.config
        by = config.organization.account if config.organization else ""
        units = {unit for selector in self._selectors.values() for unit in selector.organizational_units}
        members, failures = self._asking.each(lambda unit: self._fleet.members(unit, by), sorted(units))
        for unit, why in failures.items():
            self._problems.append(f"the accounts of {unit} are not known: {why}")
        found = {}
        for number, selector in self._selectors.items():
            ids = [id for unit in selector.organizational_units for id in members.get(unit, ())]
            names = [*selector.accounts, *map(config.account_name, ids)]
            own = not selector.accounts and not selector.organizational_units
            found[number] = [""] if own else list(dict.fromkeys(names))
        return found

    # what is there

    def _looked_up(self, named: list[Choice]) -> list[Choice]:
        places: dict[Place, list[str]] = defaultdict(list)
        for choice in named:
            places[choice.system.account, choice.system.region].append(choice.system.instance)
        answers, failures = self._asking.each(
            lambda place: self._fleet.instances(*place, only=places[place]), places
        )
        self._tell(failures, "what is named there is taken as it is")
        by_id = {(place, i.id): i for place, instances in answers.items() for i in instances}
        for place in answers:
            missing = [id for id in dict.fromkeys(places[place]) if (place, id) not in by_id]
            if missing and place[0]:
                self._problems.append(
                    f"{_whose(place[0])}, {place[1]}: {_ids(missing)} is named and does not exist"
                )
            elif missing:  # the platform may look for it in another account than this machine's own
                self._notes.append(
                    f"{_ids(missing)} is named and does not exist in {place[1]} of this machine's own account"
                )
        return [
            replace(c, instance=by_id.get(((c.system.account, c.system.region), c.system.instance)))
            for c in named
        ]

    def _found(self, places: Mapping[int, list[Place]]) -> Iterator[_Found]:
        selectors = defaultdict(list)
        for number, wanted in places.items():
            for place in wanted:
                selectors[place].append(self._selectors[number])
        instances, failures = self._asking.each(
            lambda place: self._fleet.instances(*place, tags=_common_tags(selectors[place])), selectors
        )
        self._tell(failures, "no system there is hunted")
        grouped = {place for place in instances if any(s.auto_scaling_groups for s in selectors[place])}
        groups, failures = self._asking.each(lambda place: self._fleet.groups(*place), sorted(grouped))
        self._tell(failures, "no Auto Scaling group there is hunted")
        for number, selector in self._selectors.items():
            for place in places[number]:
                group_of = groups.get(place, {})
                for instance in sorted(instances.get(place, ()), key=lambda i: (i.name, i.id)):
                    group = group_of.get(instance.id, "")
                    if _fits(selector, instance) and _in_group(selector, group):
                        yield _Found(number, place[0], instance, group)

    def _tell(self, failures: Mapping[Place, str], therefore: str) -> None:
        """One problem for each account and reason, however many regions it is about."""
        same: dict[tuple[str, str], list[str]] = defaultdict(list)
        for (account, region), why in failures.items():
            same[account, why.replace(f" in {region}", "")].append(region)
        for (account, why), regions in same.items():
            self._problems.append(f"{_whose(account)}, {_listed(sorted(regions))}: {why}; {therefore}")

    # what the platform says

    def _told(self, systems: list[System]) -> _Told:
        """By region and instance, whether the platform says that it can capture it."""
        if not systems or not self._definition.selects or self._runtime.config.platform.api_version == "v2":
            return {}
        places: dict[Place, set[str]] = defaultdict(set)
        for system in systems:
            places[system.account, system.region].add(system.instance)
        try:
            cado = self._runtime.make_cado(tries=1)
        except SecretError as error:
            self._notes.append(f"the platform was not asked what it can capture: {error}")
            return {}

        def ask(place: Place) -> dict[str, bool]:
            account = self._runtime.config.account(place[0])
            ids = sorted(places[place]) if len(places[place]) <= _BY_ID else ()
            return dict(cado.importable(account.cado_account if account else "Default", place[1], ids))

        answers, failures = self._asking.each(ask, places, within=PLATFORM_BUDGET)
        for why, count in Counter(failures.values()).most_common():
            self._notes.append(
                f"the platform does not say what it can capture in {count} of {len(places)} places: {why}"
            )
        return {(region, id): can for (_, region), told in answers.items() for id, can in told.items()}

    # who is in

    def _named(self, choice: Choice, told: _Told) -> Choice:
        instance, system = choice.instance, choice.system
        if instance is None:
            return replace(choice, out=next(self._excluded(system, None), ""))
        if never := self._never(system, instance, told):
            self._problems.append(f"{system.instance} is named and left out: {never}")
        return replace(choice, out=never or next(self._excluded(system, instance), ""))

    def _selected(self, found: list[_Found], told: _Told) -> Iterator[Choice]:
        sampled: Counter[tuple[int, str, str, str]] = Counter()
        for one in sorted(found, key=lambda f: (f.number, f.instance.launched_at or _NEVER)):
            selector, instance = self._selectors[one.number], one.instance
            out = self._never(one.system, instance, told)
            out = out or next(self._excluded(one.system, instance), "")
            if not out and instance.state not in selector.states:
                out = f"it is {instance.state}, and the target wants {' or '.join(selector.states)}"
            groups = selector.auto_scaling_groups
            if groups and groups.sample and not out:
                key = (one.number, one.account, instance.region, one.group)
                sampled[key] += 1
                if sampled[key] > groups.sample:
                    out = f"{groups.sample} of its Auto Scaling group that ran longer stands for it"
            why = f"targets[{one.number}]: {_described(selector)}"
            why += f", group {one.group}" if one.group else ""
            yield Choice(one.system, why, out, instance, selector.capture or "")

    def _never(self, system: System, instance: Instance, told: _Told) -> str:
        if instance.state in _GONE:
            return "it is terminated"
        can = told.get((system.region, system.instance))
        if can is False:
            return "the platform says that it cannot capture it: it is its own or a worker"
        # Anybody who may tag a machine can write this tag, so it counts only where the platform should have
        # said which machines are its own, and did not.
        if can is None and self._definition.selects and instance.name == _PLATFORM:
            return _NAMED_LIKE_PLATFORM
        return ""

    def _excluded(self, system: System, instance: Instance | None) -> Iterator[str]:
        for number, rule in enumerate(self._definition.exclude):
            if _rules_out(rule, system, instance):
                yield f"exclude[{number}]: {_described(rule)}"


def _place_in_list(choice: Choice) -> tuple[str, ...]:
    """What is named first, as it is written; what is found by where it is and what it is called."""
    system = choice.system
    name = choice.instance.name if choice.instance else ""
    found = (system.account, system.region, name, system.instance)
    return ("",) if choice.why == _NAMED else ("found", *found)


def _rules_out(rule: ExcludeConfig, system: System, instance: Instance | None) -> bool:
    """What EC2 did not tell of an instance is not held against it."""
    if instance is None:
        if any(getattr(rule, name) for name in WhichConfig.model_fields if name != "instance_regex"):
            return False
        instance = Instance(system.instance, system.region)
    return (
        (not rule.instance or system.instance in rule.instance)
        and (not rule.regions or system.region in rule.regions)
        and (not rule.accounts or system.account in rule.accounts)
        and (not rule.states or instance.state in rule.states)
        and _fits(rule, instance)
    )


def _fits(which: WhichConfig, instance: Instance) -> bool:
    """All but the state, which for a target is a reason to be told."""
    windows = "windows" in instance.platform.lower()
    return (
        (not which.names or fits(instance.name, which.names))
        and (not which.vpcs or fits(instance.vpc, which.vpcs))
        and (not which.platforms or ("windows" if windows else "linux") in which.platforms)
        and (which.instance_regex is None or bool(re.fullmatch(which.instance_regex, instance.id)))
        and all(k in instance.tags and fits(instance.tags[k], v) for k, v in which.tags.items())
    )


def _in_group(selector: SelectorConfig, group: str) -> bool:
    groups = selector.auto_scaling_groups
    return groups is None or (bool(group) and fits(group, groups.names))


def _common_tags(selectors: Collection[SelectorConfig]) -> dict[str, set[str]]:
    """What EC2 may leave out because it fits none of them. A text that EC2 would read in another way than we
    do, or more texts than a filter takes, are left to us."""
    keys = set.intersection(*(set(selector.tags) for selector in selectors))
    found = {key: {glob for selector in selectors for glob in selector.tags[key]} for key in keys}
    return {
        key: globs
        for key, globs in found.items()
        if 0 < len(globs) <= _FILTER_VALUES and not any(set(glob) & set("[\\") for glob in globs)
    }


def _described(which: WhichConfig) -> str:
    parts = [f"tag {key} is {' or '.join(values)}" for key, values in which.tags.items()]
    for name, text in (
        ("names", "Name is"), ("vpcs", "VPC is"), ("platforms", "platform is"), ("instance", "instance is"),
        ("regions", "region is"), ("accounts", "account is"), ("states", "state is"),
    ):  # fmt: skip
        values = getattr(which, name, ())
        told = isinstance(which, ExcludeConfig) or name not in ("regions", "accounts", "states")
        if values and told:
            parts.append(f"{text} {_listed(values)}")
    if which.instance_regex is not None:
        parts.append(f"id fits {which.instance_regex}")
    return ", ".join(parts) or "every system"


def _listed(values: Collection[str]) -> str:
    shown = list(values)
    if len(shown) > _SHOWN:
        return f"{', '.join(shown[:_SHOWN])} and {len(shown) - _SHOWN} more"
    return " or ".join(shown) if len(shown) < 3 else f"{', '.join(shown[:-1])} or {shown[-1]}"


def _ids(ids: list[str]) -> str:
    more = len(ids) - _IDS_SHOWN
    return ", ".join(ids[:_IDS_SHOWN]) + (f" and {more:,} more" if more > 0 else "")


def _whose(account: str) -> str:
    return f"account {account}" if account else "this machine's own account"
