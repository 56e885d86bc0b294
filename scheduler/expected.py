"""Finds out what a hunt is expected to take and to cost, before it begins.

Asked are the platform, for its workers, and EC2, for the disks. What could not be read is not a failure: the
estimate says what it does not cover.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from scheduler.capacity import DEFAULT_SLOTS, Capacity, Load, capacity
from scheduler.capture_times import HUNTS_BACK, CaptureTimes, Sort, assumed, observe
from scheduler.chosen_systems import Place
from scheduler.cost import IDLE_SECONDS, READ_SECONDS, CostFacts, Disk, ToCapture, estimate
from scheduler.parallel_calls import ParallelCalls
from scheduler.plan import Plan
from scheduler.wording import account_in_words, alternatives
from shared.config.hunts import HuntConfig
from shared.hosting.runtime import Runtime
from shared.http.deadlines import DeadlineExceeded
from shared.models.captures import Capture
from shared.models.cost import CostEstimate, dollars
from shared.models.hunts import Hunt
from shared.models.prices import Prices
from shared.models.systems import Kind
from shared.phrases import counted, duration
from shared.platform.answers import PipelinesStatus
from shared.platform.readiness_answers import PlatformFacts, PlatformSettings
from shared.secrets import SecretError
from shared.storage.ports import StoreError

log = logging.getLogger(__name__)

_GIB = 2**30
_MAX_PROBLEMS = 10  # that are kept with the hunt


@dataclass(frozen=True)
class Expected:
    """What a hunt is expected to take and to cost."""

    cost: CostEstimate
    capacity: Capacity | None = None  # None: it captures nothing


@dataclass(frozen=True)
class _Platform:
    """What the platform says about its workers."""

    limit: int | None = None  # captures at once
    worker_type: str = ""
    idle_seconds: float = IDLE_SECONDS
    vendor_pays: bool = False


@dataclass(frozen=True)
class _Disks:
    """The disks of EC2 instances, by instance id within a place."""

    of: Mapping[Place, Mapping[str, tuple[Disk, ...]]]
    problems: tuple[str, ...] = ()


def expect(
    runtime: Runtime,
    name: str,
    captures: Sequence[Capture],
    begins: datetime,
    *,
    budget: float,
    ask_aws: bool = True,
) -> Expected:
    """`name`: of a hunt in the configuration. `captures`: those of its plan. `budget`: seconds for all
    questions. Raises StoreError."""
    config = runtime.config
    definition = config.hunts[name]
    with ParallelCalls(runtime.now, budget) as calls:
        platform = _platform(runtime, calls)
        disks = _disks(runtime, captures, calls) if ask_aws else _Disks({})
    sorts = {_sort(capture) for capture in captures}
    others = [other for other in config.hunts if other != name]
    times = observe(runtime.ledger, name, others, sorts)
    facts = CostFacts(
        [_to_capture(capture, times, disks) for capture in captures],
        slots=_slots(definition, platform),
        worker_type=platform.worker_type,
        idle_seconds=platform.idle_seconds,
        vendor_pays=(config.cost.paid_by == "saas") if config.cost.paid_by else platform.vendor_pays,
        assumptions=tuple(_about_times(times, sorts)),
        not_counted=disks.problems,
    )
    loads = [
        Load(
            (capture.system.account, capture.system.region),
            times.elapsed(capture.system, capture.mode).likely,
            _read_gib(cost),
        )
        for capture, cost in zip(captures, facts.captures, strict=True)
    ]
    return Expected(
        estimate(facts, Prices(config.prices), config.cost),
        capacity(loads, facts.slots, definition, begins) if loads else None,
    )


def _slots(definition: HuntConfig, platform: _Platform) -> int:
    known = [limit for limit in (definition.max_in_flight, platform.limit) if limit]
    return min(known, default=DEFAULT_SLOTS)


def _platform(runtime: Runtime, calls: ParallelCalls) -> _Platform:
    """What the platform does not say, or not in time, has its default."""
    try:
        cado = runtime.make_cado(tries=1)
    except SecretError:
        return _Platform()
    questions: dict[str, Callable[[], Any]] = {
        "status": cado.pipelines_status,
        "settings": lambda: cado.readiness.settings(),
        "facts": lambda: cado.readiness.facts(),
    }
    answers, _ = calls.each(lambda question: questions[question](), questions)
    status: PipelinesStatus | None = answers.get("status")
    said: PlatformSettings | None = answers.get("settings")
    facts: PlatformFacts | None = answers.get("facts")
    limit = status.limit if status else None
    return _Platform(
        limit=limit or (said.most_workers if said else None),
        worker_type=said.worker_type if said else "",
        idle_seconds=IDLE_SECONDS if said is None or said.idle_wait is None else said.idle_wait,
        vendor_pays=bool(facts and facts.saas),
    )


def _disks(runtime: Runtime, captures: Sequence[Capture], calls: ParallelCalls) -> _Disks:
    wanted: dict[Place, list[str]] = defaultdict(list)
    for capture in captures:
        if capture.system.kind is Kind.EC2 and capture.mode != "triage":
            wanted[capture.system.account, capture.system.region].append(capture.system.instance)
    if not wanted:
        return _Disks({})
    inspection = runtime.make_inspection()
    volumes, failed = calls.each(lambda place: inspection.volumes(*place, wanted[place]), wanted)
    ids = {place: [volume.id for volume in found] for place, found in volumes.items()}
    newest, unread = calls.each(lambda place: inspection.newest_snapshots(*place, ids[place]), ids)
    found: dict[Place, dict[str, tuple[Disk, ...]]] = {}
    for place, attached in volumes.items():
        of: dict[str, tuple[Disk, ...]] = {}
        for volume in attached:
            snapshot = newest.get(place, {}).get(volume.id)
            full = snapshot.full_bytes if snapshot else None
            disk = Disk(volume.gib, None if full is None else full / _GIB, has_snapshot=snapshot is not None)
            of[volume.instance] = (*of.get(volume.instance, ()), disk)
        found[place] = of
    problems = (*_in_words("disks", failed), *_in_words("older snapshots", unread))
    more = len(problems) - _MAX_PROBLEMS
    told = (f"and {more:,} more such reasons",) if more > 0 else ()
    return _Disks(found, (*problems[:_MAX_PROBLEMS], *told))


def _in_words(what: str, failures: Mapping[Place, str]) -> Iterator[str]:
    regions: dict[tuple[str, str], list[str]] = defaultdict(list)
    for (account, region), why in failures.items():
        regions[account, why].append(region)
    for (account, why), where in regions.items():
        yield f"the {what} of {account_in_words(account)} in {alternatives(where)} are not known: {why}"


def _to_capture(capture: Capture, times: CaptureTimes, disks: _Disks) -> ToCapture:
    system = capture.system
    if system.kind is Kind.EC2:
        known = disks.of.get((system.account, system.region), {}).get(system.instance)
    else:
        sizes = capture.facts.disks_gib if capture.facts else ()
        known = tuple(map(Disk, sizes)) or None
    seconds = times.working(system, capture.mode)
    made = ToCapture(system.kind, capture.mode, system.region, seconds, known)
    return replace(made, seconds=seconds.at_least(_read_gib(made) * READ_SECONDS))


def _read_gib(capture: ToCapture) -> float:
    """Data that is read from snapshots of EC2."""
    if capture.kind is not Kind.EC2 or not capture.copies_disks:
        return 0.0
    return sum(disk.written.likely for disk in capture.disks or ())


def _sort(capture: Capture) -> Sort:
    return capture.system.kind, capture.mode


def _about_times(times: CaptureTimes, sorts: set[Sort]) -> Iterator[str]:
    """What the times of the captures are derived from."""
    if seen := times.count(sorts):
        yield f"captures take as long as the last {counted(seen, 'capture')} in up to {HUNTS_BACK} runs"
    for kind, mode in sorted(sorts - {*times.sorts}):
        minutes = duration(assumed((kind, mode)).likely)
        yield f"a capture of mode {mode} takes {minutes}, since none of kind {kind} was made before"


# Seconds for all questions before a hunt starts.
_BUDGET = 20.0


def with_cost(runtime: Runtime, planned: Plan) -> Plan:
    """The plan with its estimated cost, unless the hunt is recorded already or not in the configuration. EC2
    is asked for the disks if it is asked for the systems as well, or if the cost is limited."""
    hunt = planned.hunt
    definition = runtime.config.hunts.get(hunt.name)
    if definition is None or not planned.captures or hunt.cost:
        return planned
    asks = definition.selects or definition.max_cost is not None
    try:
        expected = expect(
            runtime, hunt.name, planned.captures, hunt.scheduled_at, budget=_BUDGET, ask_aws=asks
        )
    except (StoreError, DeadlineExceeded):
        raise
    except Exception:  # a hunt is more important than what it costs
        log.exception("cost of a hunt not estimated", extra={"hunt": hunt.id})
        return planned
    return replace(planned, hunt=replace(hunt, cost=expected.cost))


def too_expensive(definition: HuntConfig | None, hunt: Hunt) -> str:
    """Why the hunt may not begin; empty if it may. A cost that is not known refuses no hunt."""
    if definition is None or definition.max_cost is None or hunt.cost is None or not hunt.cost.known:
        return ""
    if hunt.cost.likely <= definition.max_cost:
        return ""
    return (
        f"it is likely to cost {hunt.cost.amount}, and its max_cost is {dollars(definition.max_cost)} "
        f"({hunt.cost.prices})"
    )
