"""Says of each machine of one place which hunt selects it, or why none does, and why it was not captured."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from scheduler.selectors import selects
from scheduler.why_left_out import Candidate, LeftOut
from shared.config.config import Config
from shared.config.hunts import HuntConfig
from shared.config.targets import ALL_REGIONS, SelectorConfig
from shared.models.coverage import CoveredSystem
from shared.models.fleet_coverage import CHOSEN, FleetRow, Reason, Why
from shared.models.systems import Instance, System
from shared.text import one_line

NEW_FOR = timedelta(hours=24)
RUNNING = "running"
_MAX_DETAIL, _MAX_NAME = 300, 100  # characters


@dataclass(frozen=True)
class AccountNames:
    """Which names of the configuration lead to the same account, and which accounts belong to a unit."""

    same: Mapping[str, Collection[str]]  # by name: all names of that account, itself included
    units: Mapping[str, Collection[str]]  # by unit: the names of its accounts; units that are known

    def of(self, account: str) -> Collection[str]:
        return self.same.get(account, (account,))


_NO_HUNT = Why(Reason.UNSELECTED)


@dataclass(frozen=True)
class Selecting:
    """Which hunts select a machine, and if none does, why."""

    hunts: tuple[str, ...] = ()  # in the order of the configuration
    why_not: Why = _NO_HUNT


@dataclass(frozen=True)
class _Finding:
    """What one hunt says about one machine."""

    hunt: str
    why_not: str  # empty: it selects the machine
    reason: Reason  # of `why_not`


class Selected:
    """What all hunts say about the machines of one place."""

    def __init__(self, config: Config, names: AccountNames, account: str, region: str) -> None:
        self._config, self._names = config, names
        self._here, self._region = set(names.of(account)), region

    @property
    def needs_groups(self) -> bool:
        """Whether a hunt asks for the Auto Scaling groups of this place."""
        return any(
            selector.auto_scaling_groups
            for hunt in self._config.hunts.values()
            for _, selector, _ in self._selectors(hunt)
        )

    def of(
        self, instances: Collection[Instance], groups: Mapping[str, str], no_groups: str = ""
    ) -> dict[str, Selecting]:
        """By the id of each running machine. `instances`: all of the place, since stopped ones may stand for
        a group. `groups`: the Auto Scaling group of each machine that is in one. `no_groups`: why these are
        not known."""
        found: dict[str, list[_Finding]] = defaultdict(list)
        for name, hunt in self._config.hunts.items():
            for instance, finding in self._findings(name, hunt, instances, groups):
                found[instance].append(finding)
        unclear = no_groups or self._unclear()
        return {
            instance.id: _chosen(found.get(instance.id, []), unclear)
            for instance in instances
            if instance.state == RUNNING
        }

    def _findings(
        self, name: str, hunt: HuntConfig, instances: Collection[Instance], groups: Mapping[str, str]
    ) -> Iterator[tuple[str, _Finding]]:
        left_out = LeftOut(hunt, {})
        by_id = {instance.id: instance for instance in instances}
        for system in hunt.systems:
            instance = by_id.get(system.instance)
            if instance and system.region == self._region:
                why_not = left_out.never(system, instance) or left_out.excluded(system, instance)
                yield instance.id, _finding(name, left_out, system, instance, why_not)
        candidates = (
            Candidate(number, selector, account, instance, groups.get(instance.id, ""))
            for number, selector, account in self._selectors(hunt)
            for instance in instances
            if selects(selector, instance, groups.get(instance.id, ""))
        )
        for choice in left_out.judge(candidates):
            if choice.instance:
                finding = _finding(name, left_out, choice.system, choice.instance, choice.why_not)
                yield choice.instance.id, finding

    def _selectors(self, hunt: HuntConfig) -> Iterator[tuple[int, SelectorConfig, str]]:
        """The selectors of a hunt that look in this place, each with its number and its name of the
        account."""
        for number, selector in enumerate(hunt.targets):
            if not isinstance(selector, SelectorConfig):
                continue
            if ALL_REGIONS not in selector.regions and self._region not in selector.regions:
                continue
            accounts = [*selector.accounts]
            for unit in selector.organizational_units:
                accounts += self._names.units.get(unit, ())
            if not selector.accounts and not selector.organizational_units:
                accounts = [""]
            if name := next((account for account in accounts if account in self._here), None):
                yield number, selector, name
            elif name is not None:
                yield number, selector, ""

    def _unclear(self) -> str:
        """The first hunt of which it is not known whether it looks here, with the unit that is not known."""
        for name, hunt in self._config.hunts.items():
            for selector in hunt.targets:
                if isinstance(selector, SelectorConfig):
                    for unit in selector.organizational_units:
                        if unit not in self._names.units:
                            return f"no hunt is known to select it; {name} has {unit}, which cannot be read"
        return ""


def _finding(name: str, left_out: LeftOut, system: System, instance: Instance, why_not: str) -> _Finding:
    reason = Reason.LEFT_OUT
    if why_not and why_not == left_out.never(system, instance):
        reason = Reason.NOT_IMPORTABLE
    elif why_not and why_not == left_out.excluded(system, instance):
        reason = Reason.EXCLUDED
    return _Finding(name, why_not, reason)


def _chosen(findings: list[_Finding], unclear: str) -> Selecting:
    hunts = tuple(dict.fromkeys(finding.hunt for finding in findings if not finding.why_not))
    if hunts:
        return Selecting(hunts)
    if findings:
        first = findings[0]
        text = one_line(f"{first.hunt}: {first.why_not}", _MAX_DETAIL)
        return Selecting(why_not=Why(first.reason, first.hunt, text))
    if unclear:
        return Selecting(why_not=Why(Reason.UNCLEAR, "", one_line(unclear, _MAX_DETAIL)))
    return Selecting()


class Rows:
    """Makes the row of each running machine of one place."""

    def __init__(
        self, config: Config, now: datetime, day: date, max_age_days: int, before: Iterable[FleetRow]
    ) -> None:
        """`day`: of the look, which may begin after midnight. `before`: the rows of the last look."""
        self._config, self._now, self._today, self._max_age = config, now, day, max_age_days
        self._before = {row.instance: row for row in before}

    def row(self, instance: Instance, selecting: Selecting, known: CoveredSystem | None) -> FleetRow:
        """`known`: what is stored of its captures."""
        before = self._before.get(instance.id)
        launched = instance.launched_at
        # A machine that is stopped and started again has a new time of launch.
        since = min(
            (day for day in (launched and launched.astimezone(UTC).date(), before and before.since) if day),
            default=self._today,
        )
        captured_at = known.last_captured_at if known else None
        row = FleetRow(
            instance=instance.id,
            why=self._why(selecting, known, launched, since),
            name=one_line(instance.name, _MAX_NAME),
            since=since,
            captured=captured_at.astimezone(UTC).date() if captured_at else None,
        )
        is_old = row.why.reason is not Reason.CAPTURED and row.age(self._today) > self._max_age
        if not is_old or row.why.reason in CHOSEN:
            return row
        # A second look on the same day finds the same machines for the first time.
        old_on = before.old_on if before and before.old_on else self._today
        return FleetRow(row.instance, row.why, row.name, row.since, row.captured, old_on)

    def _why(
        self, selecting: Selecting, known: CoveredSystem | None, launched: datetime | None, since: date
    ) -> Why:
        captured_at = known.last_captured_at if known else None
        hunts = selecting.hunts
        hunt = hunts[0] if hunts else ""
        if captured_at and self._now - captured_at <= timedelta(days=self._max_age):
            return Why(Reason.CAPTURED, hunt)
        if not hunts:
            return selecting.why_not
        if known and known.failures_in_a_row:
            reason = f": {known.last_reason}" if known.last_reason else ""
            return Why(Reason.FAILED, hunt, one_line(f"its last capture failed{reason}", _MAX_DETAIL))
        if captured_at is None and self._now - _began(launched, since, self._now) < NEW_FOR:
            return Why(Reason.TOO_NEW, hunt)
        limits = {name: self._config.hunts[name].max_systems for name in hunts}
        if None not in limits.values():
            texts = [f"max_systems of {name} is {limit:,}" for name, limit in limits.items()]
            return Why(Reason.NOT_REACHED, hunt, one_line(", ".join(texts), _MAX_DETAIL))
        return Why(Reason.WAITING, hunt, f"{hunt} selects it and has not captured it")


def _began(launched: datetime | None, since: date, now: datetime) -> datetime:
    """When the machine began to run, as far as it is known."""
    launched = launched or now
    return min(launched, datetime.combine(since, time(), UTC)) if since < launched.date() else launched
