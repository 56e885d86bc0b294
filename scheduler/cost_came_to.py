"""Computes what a hunt came to, from its captures and the estimate that was made before it began.

The time of the workers is that of the captures. What its data costs is the estimate, for the disks that were
captured: how many of their blocks hold data was looked up before, and is not known better afterwards.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace

from scheduler.ranges import Range
from shared.models.captures import Capture, CaptureState
from shared.models.cost import WORKERS, CostEstimate, CostItem
from shared.models.systems import Kind

_MB_OF_A_GIB = 1_024


def came_to(estimate: CostEstimate | None, captures: Collection[Capture]) -> CostEstimate | None:
    """None if there was no estimate, or if nothing has ended yet."""
    ended = [capture for capture in captures if capture.ended_at]
    if estimate is None or not estimate.known or not ended:
        return None
    seconds = sum(map(_seconds, ended))
    share = _captured(estimate, ended)
    working = seconds / estimate.worker_seconds if estimate.worker_seconds else 0.0
    items = (
        _exactly(item.what, item.likely * working) if item.what == WORKERS else _times(item, share)
        for item in estimate.items
    )
    return replace(estimate, items=tuple(items), worker_seconds=seconds, assumptions=())


def _captured(estimate: CostEstimate, ended: Iterable[Capture]) -> Range:
    """The share of the data that was captured. A capture that failed may have read its disks before, and so
    may each earlier attempt."""
    done = [c for c in ended if c.state is CaptureState.PROCESSED]
    failed = [c for c in ended if c.state is CaptureState.FAILED and c.requested_at]
    once, again = _data(estimate, done), sum(c.attempt - 1 for c in done) + sum(c.attempt for c in failed)
    each = 1 / max(1, estimate.systems)
    return Range(once, once, once + again * each)


def _data(estimate: CostEstimate, done: Collection[Capture]) -> float:
    """By the sizes of the disks if the platform told all of them, else by the number of captures."""
    if not estimate.copied:
        return len(done) / max(1, estimate.systems)
    copied = [c for c in done if c.mode != "triage" and c.system.kind is not Kind.LAMBDA]
    sizes = [kept.size_mb for capture in copied for kept in capture.preserved]
    if estimate.gib and sizes and all(sizes):
        return sum(size or 0 for size in sizes) / _MB_OF_A_GIB / estimate.gib
    return len(copied) / estimate.copied


def _seconds(capture: Capture) -> float:
    """Of the platform's workers."""
    if capture.worker_seconds is not None:
        return capture.worker_seconds
    if not capture.requested_at or not capture.ended_at:
        return 0.0
    return max(0.0, (capture.ended_at - capture.requested_at).total_seconds()) * capture.attempt


def _exactly(what: str, usd: float) -> CostItem:
    return CostItem(what, round(usd, 4), round(usd, 4), round(usd, 4))


def _times(item: CostItem, share: Range) -> CostItem:
    return CostItem(
        item.what,
        round(item.low * share.low, 4),
        round(item.likely * share.likely, 4),
        round(item.high * share.high, 4),
    )
