"""Asks AWS which instances match a hunt's targets, and the platform which of them it can capture.

All accounts and regions are queried at the same time. A query without an answer becomes a sentence in the
hunt's problems, and does not stop the others.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

from scheduler.chosen_systems import Choice, Place, Selection, list_order
from scheduler.parallel_calls import ParallelCalls
from scheduler.selectors import common_tags, selects
from scheduler.why_left_out import NAMED_LIKE_PLATFORM, Candidate, Importable, LeftOut
from scheduler.wording import account_in_words, alternatives, some_of
from shared.config.config import Config
from shared.config.hunts import HuntConfig
from shared.config.targets import ALL_REGIONS, SelectorConfig
from shared.models.inventory import Fleet
from shared.models.systems import System
from shared.platform.client import Cado
from shared.secrets import SecretError

PLATFORM_BUDGET = 20.0  # seconds for all questions to the platform
# At most this many instances are queried by their ids, since the ids are part of the URL. For more instances
# the platform is asked about all of the region.
_BY_ID = 20


class Discovery:
    """One search for the systems of one hunt."""

    def __init__(
        self,
        config: Config,
        definition: HuntConfig,
        fleet: Fleet,
        make_cado: Callable[[], Cado],
        calls: ParallelCalls,
    ) -> None:
        self._config, self._definition, self._fleet = config, definition, fleet
        self._make_cado, self._calls = make_cado, calls
        self._selectors = {
            number: target
            for number, target in enumerate(definition.targets)
            if isinstance(target, SelectorConfig)
        }
        self._problems: list[str] = []
        self._notes: list[str] = []

    def select(self, named: list[Choice]) -> Selection:
        """`named` are the systems that the definition names."""
        places = self._places()
        named = self._look_up(named)
        candidates = list(self._candidates(places))
        existing = [choice.system for choice in named if choice.instance]
        importable = self._importable([*existing, *(candidate.system for candidate in candidates)])
        reasons = LeftOut(self._definition, importable)
        chosen: dict[Place, Choice] = {}
        for choice in (*(self._judge_named(c, reasons) for c in named), *reasons.judge(candidates)):
            # Two names of an account may lead to the same instance. The first target that takes it counts.
            key = (choice.system.region, choice.system.instance)
            if key not in chosen or (chosen[key].why_not and not choice.why_not):
                chosen[key] = choice
        choices = sorted(chosen.values(), key=list_order)
        if hidden := [choice.system.instance for choice in choices if choice.why_not == NAMED_LIKE_PLATFORM]:
            self._notes.append(f"left out is {some_of(hidden)}: {NAMED_LIKE_PLATFORM}")
        return Selection(tuple(choices), tuple(self._problems), tuple(self._notes))

    def _places(self) -> dict[int, list[Place]]:
        """The accounts and regions in which each selector looks."""
        accounts = self._accounts()
        everywhere = {
            account
            for number, selector in self._selectors.items()
            if ALL_REGIONS in selector.regions
            for account in accounts[number]
        }
        enabled, failures = self._calls.each(self._fleet.regions, sorted(everywhere))
        for account, why in failures.items():
            self._problems.append(f"{account_in_words(account)}: the enabled regions are not known: {why}")
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
        """The accounts in which each selector looks; the empty name is this machine's own account."""
        organization = self._config.organization
        by = organization.account if organization else ""
        units = {unit for selector in self._selectors.values() for unit in selector.organizational_units}
        members, failures = self._calls.each(lambda unit: self._fleet.members(unit, by), sorted(units))
        for unit, why in failures.items():
            self._problems.append(f"the accounts of {unit} are not known: {why}")
        accounts = {}
        for number, selector in self._selectors.items():
            ids = [id for unit in selector.organizational_units for id in members.get(unit, ())]
            names = [*selector.accounts, *map(self._config.account_name, ids)]
            own = not selector.accounts and not selector.organizational_units
            accounts[number] = [""] if own else list(dict.fromkeys(names))
        return accounts

    def _look_up(self, named: list[Choice]) -> list[Choice]:
        """The named systems, each with its instance as EC2 describes it."""
        ids: dict[Place, list[str]] = defaultdict(list)
        for choice in named:
            ids[choice.place].append(choice.system.instance)
        answers, failures = self._calls.each(
            lambda place: self._fleet.instances(*place, only=ids[place]), ids
        )
        self._add_problems(failures, "what is named there is taken as it is")
        by_id = {(place, i.id): i for place, instances in answers.items() for i in instances}
        for place in answers:
            account, region = place
            missing = [id for id in dict.fromkeys(ids[place]) if (place, id) not in by_id]
            if missing and account:
                self._problems.append(
                    f"{account_in_words(account)}, {region}: {some_of(missing)} is named and does not exist"
                )
            elif missing:  # only a note: the platform may search in another account
                self._notes.append(
                    f"{some_of(missing)} is named and does not exist in {region} of "
                    f"{account_in_words(account)}"
                )
        return [
            replace(choice, instance=by_id.get((choice.place, choice.system.instance))) for choice in named
        ]

    def _candidates(self, places: Mapping[int, list[Place]]) -> Iterator[Candidate]:
        selectors = defaultdict(list)
        for number, wanted in places.items():
            for place in wanted:
                selectors[place].append(self._selectors[number])
        instances, failures = self._calls.each(
            lambda place: self._fleet.instances(*place, tags=common_tags(selectors[place])), selectors
        )
        self._add_problems(failures, "no system there is hunted")
        grouped = {place for place in instances if any(s.auto_scaling_groups for s in selectors[place])}
        groups, failures = self._calls.each(lambda place: self._fleet.groups(*place), sorted(grouped))
        self._add_problems(failures, "no Auto Scaling group there is hunted")
        for number, selector in self._selectors.items():
            for place in places[number]:
                group_of = groups.get(place, {})
                for instance in sorted(instances.get(place, ()), key=lambda i: (i.name, i.id)):
                    group = group_of.get(instance.id, "")
                    if selects(selector, instance, group):
                        yield Candidate(number, selector, place[0], instance, group)

    def _add_problems(self, failures: Mapping[Place, str], therefore: str) -> None:
        """Add one problem for each account and reason, which names all regions with that reason."""
        regions_of: dict[tuple[str, str], list[str]] = defaultdict(list)
        for (account, region), why in failures.items():
            regions_of[account, why.replace(f" in {region}", "")].append(region)
        for (account, why), regions in regions_of.items():
            self._problems.append(
                f"{account_in_words(account)}, {alternatives(sorted(regions))}: {why}; {therefore}"
            )

    def _importable(self, systems: Iterable[System]) -> Importable:
        """For each of these systems, whether the platform can capture it. Empty if the hunt has no selector,
        with API v2, and if the platform's key cannot be read. Places without an answer are missing."""
        ids: dict[Place, set[str]] = defaultdict(set)
        for system in systems:
            ids[system.account, system.region].add(system.instance)
        if not ids or not self._definition.selects or self._config.platform.api_version == "v2":
            return {}
        try:
            cado = self._make_cado()
        except SecretError as error:
            self._notes.append(f"the platform was not asked what it can capture: {error}")
            return {}

        def ask(place: Place) -> dict[str, bool]:
            account = self._config.account(place[0])
            few = sorted(ids[place]) if len(ids[place]) <= _BY_ID else ()
            return dict(cado.importable(account.cado_account if account else "Default", place[1], few))

        answers, failures = self._calls.each(ask, ids, within=PLATFORM_BUDGET)
        for why, count in Counter(failures.values()).most_common():
            self._notes.append(
                f"the platform does not say what it can capture in {count} of {len(ids)} places: {why}"
            )
        return {
            (region, id): is_importable
            for (_, region), answer in answers.items()
            for id, is_importable in answer.items()
        }

    def _judge_named(self, choice: Choice, reasons: LeftOut) -> Choice:
        instance, system = choice.instance, choice.system
        if instance is None:
            return replace(choice, why_not=reasons.excluded(system, None))
        if never := reasons.never(system, instance):
            self._problems.append(f"{system.instance} is named and left out: {never}")
        return replace(choice, why_not=never or reasons.excluded(system, instance))
