"""Estimates what a hunt costs, from the systems that it captures and the prices. Nothing is asked or read.

What each kind of capture costs:

* Disks of EC2: a snapshot of the new blocks, the reading of all its blocks, and the transfer of the data to
  the platform.
* Disks of Azure and Google: a snapshot or an image. What it costs that data leaves them is not counted.
* Everything: the time of a worker; and, unless it is a scan, what the platform's bucket keeps.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from scheduler.ranges import NOTHING, Range
from shared.config.cost import CostConfig
from shared.models.cost import WORKERS, CostEstimate, CostItem
from shared.models.kinds_of_system import CONTAINERS
from shared.models.prices import Prices, dates
from shared.models.systems import Kind
from shared.phrases import counted

_BLOCKS_OF_A_GIB = 2_048  # of 512 KiB
_BLOCKS_OF_A_LIST = 10_000  # at most
_DAYS_OF_A_MONTH = 30.4
IDLE_SECONDS = 300.0  # that a worker waits for more work before it ends
READ_SECONDS = 2.05  # for a GiB, at AWS's limit of 1,000 blocks a second for an account and region
LARGEST_KEPT = 500.0  # GiB; the platform keeps no image of a larger disk


# Shares of a disk that hold data, if that is not known.
_WRITTEN = Range(0.1, 0.4, 1.0)
# Shares of the data that changed since the last snapshot.
_CHANGED = Range(0.01, 0.1, 1.0)
# GB that a triage, a container or a function brings.
_COLLECTED = Range(0.1, 1.0, 5.0)


@dataclass(frozen=True)
class Disk:
    gib: float
    written_gib: float | None = None  # None: not known
    has_snapshot: bool = False  # one is known on which the next one builds

    @property
    def written(self) -> Range:
        return _WRITTEN * self.gib if self.written_gib is None else Range.exactly(self.written_gib)


@dataclass(frozen=True)
class ToCapture:
    """One system, as far as its cost depends on it."""

    kind: Kind
    mode: str  # full, triage or scan
    region: str
    seconds: Range  # of a worker
    disks: tuple[Disk, ...] | None = None  # None: not known

    @property
    def copies_disks(self) -> bool:
        return self.mode != "triage" and self.kind not in CONTAINERS and self.kind is not Kind.LAMBDA


@dataclass(frozen=True)
class CostFacts:
    """Everything that the estimate needs besides the prices and the configuration."""

    captures: Sequence[ToCapture]
    slots: int  # how many captures run at once
    worker_type: str = ""  # such as i3.4xlarge; empty if the platform does not say
    idle_seconds: float = IDLE_SECONDS
    vendor_pays: bool = False  # for the workers and the bucket
    assumptions: tuple[str, ...] = ()  # about these facts
    not_counted: tuple[str, ...] = ()


def estimate(facts: CostFacts, prices: Prices, settings: CostConfig) -> CostEstimate:
    """Nothing is `known` of the cost if there is nothing to capture."""
    if not facts.captures:
        return CostEstimate(not_counted=facts.not_counted)
    sums: dict[str, Range] = defaultdict(lambda: NOTHING)
    for capture in facts.captures:
        for what, cost in _of_disks(capture, prices, settings):
            sums[what] += cost
        if not facts.vendor_pays:
            sums["the platform’s bucket"] += _stored(capture, settings) * _storing_a_gib(prices, settings)
    if not facts.vendor_pays:
        sums[WORKERS] = _workers(facts, prices)
    disks = [disk for capture in facts.captures for disk in capture.disks or () if capture.copies_disks]
    return CostEstimate(
        items=tuple(
            CostItem(what, round(cost.low, 4), round(cost.likely, 4), round(cost.high, 4))
            for what, cost in sums.items()
            if cost.high
        ),
        as_of=dates(prices.used),
        own_prices=tuple(price.id for price in prices.used if price.own),
        assumptions=(*facts.assumptions, *_assumptions(facts, prices, settings)),
        not_counted=(*facts.not_counted, *_not_counted(facts, prices, settings)),
        systems=len(facts.captures),
        copied=sum(capture.copies_disks for capture in facts.captures),
        gib=sum(disk.gib for disk in disks),
        worker_seconds=sum(capture.seconds.likely for capture in facts.captures),
    )


def _of_disks(capture: ToCapture, prices: Prices, settings: CostConfig) -> Iterator[tuple[str, Range]]:
    for disk in (capture.disks or ()) if capture.copies_disks else ():
        match capture.kind:
            case Kind.AZURE_VM:
                yield "Azure snapshots", disk.written * _months(settings) * prices.usd("azure_snapshot")
            case Kind.GCE:
                yield "images of Google disks", disk.written * _months(settings) * prices.usd("gcp_image")
            case _:
                new = disk.written * (_CHANGED if disk.has_snapshot else 1.0)
                yield "EBS snapshots", new * _months(settings) * prices.usd("snapshot")
                yield "blocks read from snapshots", disk.written * _reading_a_gib(prices)
                yield "transfer between regions", disk.written * _way(capture.region, prices, settings)
                if settings.nat:
                    yield "NAT gateway", disk.written * prices.usd("nat")


def _way(region: str, prices: Prices, settings: CostConfig) -> Range:
    """For a GiB that is read in the region of the system. Inside a region it is free."""
    if settings.region is None:
        return Range(0.0, 0.0, prices.transfer(region, "") or 0.0)
    return Range.exactly(prices.transfer(region, settings.region) or 0.0)


def _stored(capture: ToCapture, settings: CostConfig) -> Range:
    """GiB that the platform's bucket keeps."""
    if capture.mode == "scan":
        return NOTHING
    if not capture.copies_disks:
        return _COLLECTED
    ratio = settings.ratio
    packed = Range(ratio / 2, ratio, min(1.0, ratio * 2))
    kept = (disk.written * packed for disk in capture.disks or () if disk.gib <= LARGEST_KEPT)
    return sum(kept, NOTHING)


def _storing_a_gib(prices: Prices, settings: CostConfig) -> float:
    return prices.usd("storage") * settings.store_days / _DAYS_OF_A_MONTH


def _workers(facts: CostFacts, prices: Prices) -> Range:
    seconds = NOTHING
    for capture in facts.captures:
        seconds += capture.seconds
    # The queue keeps the workers busy, so that each of them is likely to wait once.
    count = len(facts.captures)
    idle = Range(0.0, min(facts.slots, count), count) * facts.idle_seconds
    return (seconds + idle) * (prices.worker(facts.worker_type) / 3_600)


def _reading_a_gib(prices: Prices) -> float:
    lists = _BLOCKS_OF_A_GIB / _BLOCKS_OF_A_LIST
    return (_BLOCKS_OF_A_GIB * prices.usd("block_reads") + lists * prices.usd("block_lists")) / 1_000


def _months(settings: CostConfig) -> Range:
    """For how long a snapshot is kept: at least a day, and if nobody deletes it, the first month counts."""
    days = settings.keep_days
    return Range(min(days, 1.0), days, max(days, _DAYS_OF_A_MONTH)) * (1 / _DAYS_OF_A_MONTH)


def _assumptions(facts: CostFacts, prices: Prices, settings: CostConfig) -> Iterator[str]:
    copied = [capture for capture in facts.captures if capture.copies_disks]
    disks = [disk for capture in copied for disk in capture.disks or ()]
    if unknown := sum(disk.written_gib is None for disk in disks):
        data = f"{_WRITTEN.likely:.0%} of the size is data"
        yield f"{counted(unknown, 'disk')} of which no snapshot is known: {data}"
    if incremental := sum(disk.has_snapshot for disk in disks):
        changed = f"{_CHANGED.likely:.0%} of the data changed since"
        yield f"{counted(incremental, 'disk')} with an older snapshot: {changed}"
    if disks:
        yield f"snapshots and images of disks are deleted after {_days(settings.keep_days)} (cost.keep_days)"
        if lasting := sum(disk.written.likely for disk in disks):
            yield f"if nobody deletes them, up to {lasting:,.0f} GiB are paid for every month"
    if not facts.vendor_pays and not prices.knows_worker(facts.worker_type):
        yield f"a worker of type {facts.worker_type} costs as much as an i3.4xlarge (prices.worker)"
    if any(capture.kind is Kind.EC2 for capture in copied) and settings.region is None:
        yield "the platform is in the region of the systems; if it is not, write its region as cost.region"


def _not_counted(facts: CostFacts, prices: Prices, settings: CostConfig) -> Iterator[str]:
    if unknown := sum(capture.copies_disks and capture.disks is None for capture in facts.captures):
        yield f"the disks of {counted(unknown, 'system')}, since their sizes are not known"
    if any(capture.kind in (Kind.AZURE_VM, Kind.GCE) and capture.copies_disks for capture in facts.captures):
        yield "what it costs that data leaves Azure or Google"
    regions = {c.region for c in facts.captures if c.copies_disks and c.kind is Kind.EC2}
    to = settings.region
    if to and (unpriced := sorted(region for region in regions if prices.transfer(region, to) is None)):
        yield f"transfer out of {', '.join(unpriced)}, for which no price is known"
    if facts.vendor_pays:
        yield "the platform’s workers and bucket, since its vendor pays for them (cost.paid_by)"


def _days(days: float) -> str:
    return f"{days:g} day" + ("" if days == 1 else "s")
