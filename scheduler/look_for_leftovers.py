"""Looks in every account and region for what carries the platform's marks, and keeps what was left behind.

The daily check queues this. The calls only read.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta

from scheduler.chosen_systems import Place
from scheduler.leftovers import UnderWay, left_behind
from scheduler.listed_fleet import Answers
from scheduler.parallel_calls import ParallelCalls
from scheduler.release_captures import ENDED, waits
from scheduler.wording import account_in_words, alternatives
from shared.config.config import Config
from shared.config.targets import SelectorConfig
from shared.hosting.runtime import Runtime
from shared.models.leftovers import MAX_ROWS, LeftBehind, Marked, Sort
from shared.models.prices import Prices
from shared.models.systems import Kind
from shared.platform.readiness_answers import Worker
from shared.queues.ports import Done, Verdict
from shared.storage.ledger.ledger import Ledger

log = logging.getLogger(__name__)

# Seconds for all calls. The rest of the lease of an item is for storing what was found.
BUDGET = 90.0
_PLATFORM_BUDGET = 20.0  # of these, for the platform
_CLOCKS_DIFFER = timedelta(hours=1)  # at most; the clock of the platform and the clocks of AWS
_MAX_PROBLEMS = 20
NOT_ASKED = (
    "AWS was not asked what carries the platform's marks, since no account is configured and no hunt looks "
    "its systems up"
)


def asks_aws(config: Config) -> bool:
    """Whether the configuration says where in AWS to look."""
    return bool(config.accounts) or any(hunt.selects for hunt in config.hunts.values())


def keep_leftovers(runtime: Runtime) -> Verdict:
    """Handle the item of [captures]: look, and keep what was found."""
    found = look(runtime, budget=BUDGET)
    runtime.ledger.left_behind.save(found)
    log.info("leftovers looked for", extra={"found": found.total, "places": found.places})
    return Done()


def look(runtime: Runtime, *, budget: float) -> LeftBehind:
    """What there is now. What could not be looked at is named in the problems."""
    config = runtime.config
    problems: list[str] = []
    places: list[Place] = []
    under_way = _UnderWay(runtime.ledger)
    with ParallelCalls(runtime.now, budget) as calls:
        marked = [*_workers(runtime, calls, problems)]
        if asks_aws(config):
            places = _places(runtime, calls, problems)
            marked += _marked(runtime, places, calls, problems)
            judged = under_way.look_up_volumes(runtime, calls)
        else:
            judged = under_way.without_volumes()
            problems.append(NOT_ASKED)
    found, used = left_behind(marked, judged, Prices(config.prices), runtime.now())
    return LeftBehind(
        runtime.now(),
        tuple(found[:MAX_ROWS]),
        total=len(found),
        usd_a_month=round(sum(one.usd_a_month or 0.0 for one in found), 2),
        in_use=used,
        places=len(places),
        problems=tuple(dict.fromkeys(problems))[:_MAX_PROBLEMS],
    )


class _UnderWay:
    """The captures of EC2 instances that are under way, by place, each with the time since which it may have
    made something."""

    def __init__(self, ledger: Ledger) -> None:
        self.since: datetime | None = None
        self.machines: dict[Place, dict[str, datetime]] = defaultdict(dict)
        for hunt in ledger.hunts.unfinished():
            began = (hunt.created_at or hunt.scheduled_at) - _CLOCKS_DIFFER
            for capture in ledger.captures.of_hunt(hunt.id):
                if waits(capture) or capture.state in ENDED:
                    continue
                self.since = min(self.since or began, began)
                system = capture.system
                if system.kind is Kind.EC2:
                    there = self.machines[system.account, system.region]
                    there[system.instance] = min(there.get(system.instance, began), began)

    def without_volumes(self) -> UnderWay:
        return UnderWay(
            self.since, {}, {place: min(there.values()) for place, there in self.machines.items()}
        )

    def look_up_volumes(self, runtime: Runtime, calls: ParallelCalls) -> UnderWay:
        if not self.machines:
            return UnderWay(self.since)
        inspection = runtime.make_inspection()
        answers, _ = calls.each(
            lambda place: inspection.volumes(*place, [*self.machines[place]]), [*self.machines]
        )
        volumes = {
            volume.id: self.machines[place][volume.instance]
            for place, attached in answers.items()
            for volume in attached
            if volume.instance in self.machines[place]
        }
        known = {volume.instance for attached in answers.values() for volume in attached}
        unknown = {
            place: min(there.values())
            for place, there in self.machines.items()
            if not there.keys() <= known  # a machine may be gone, or its place cannot be read
        }
        return UnderWay(self.since, volumes, unknown)


def _workers(runtime: Runtime, calls: ParallelCalls, problems: list[str]) -> Iterator[Marked]:
    def ask(_: str) -> list[Worker]:
        return list(runtime.make_cado(tries=1).readiness.workers())

    answers, failures = calls.each(ask, ["workers"], within=_PLATFORM_BUDGET)
    problems += [f"the workers of the platform are not known: {why}" for why in failures.values()]
    for worker in answers.get("workers", ()):
        if worker.status != "terminating":
            yield Marked(Sort.WORKER, worker.id, "", "", worker.launched_at, state=worker.type)


def _places(runtime: Runtime, calls: ParallelCalls, problems: list[str]) -> list[Place]:
    """Every region that is enabled in each account of AWS that the configuration names."""
    config, fleet = runtime.config, runtime.make_fleet()
    by = config.organization.account if config.organization else ""
    units = Answers(*calls.each(lambda unit: fleet.members(unit, by), sorted(_units(config))))
    problems += [f"the accounts of {unit} are not known: {why}" for unit, why in units.failures.items()]
    accounts = {
        "",  # this machine's own
        *(name for name, account in config.accounts.items() if account.provider == "aws"),
        *(system.account for hunt in config.hunts.values() for system in hunt.systems),
        *(config.account_name(id) for ids in units.given.values() for id in ids),
    }
    regions, failures = calls.each(fleet.regions, sorted(accounts))
    problems += [
        f"the regions of {account_in_words(account)} are not known: {why}"
        for account, why in failures.items()
    ]
    return [(account, region) for account, enabled in regions.items() for region in enabled]


def _units(config: Config) -> set[str]:
    return {
        unit
        for hunt in config.hunts.values()
        for target in hunt.targets
        if isinstance(target, SelectorConfig)
        for unit in target.organizational_units
    }


def _marked(
    runtime: Runtime, places: Iterable[Place], calls: ParallelCalls, problems: list[str]
) -> Iterator[Marked]:
    marks = runtime.make_marks()
    lists = {"snapshots": marks.snapshots, "volumes": marks.volumes, "KMS keys": marks.keys}
    questions = [(what, place) for place in places for what in lists]
    answers, failures = calls.each(lambda asked: lists[asked[0]](*asked[1]), questions)
    problems += _in_words(failures)
    for found in answers.values():
        yield from found


def _in_words(failures: Mapping[tuple[str, Place], str]) -> Iterator[str]:
    """One sentence for each reason, however many regions it concerns."""
    regions: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for (what, (account, region)), why in failures.items():
        regions[what, account, why].append(region)
    for (what, account, why), where in regions.items():
        yield f"the {what} of {account_in_words(account)} in {alternatives(where)} are not known: {why}"
