"""Fills a store with runs of hunts, by the ledger's own functions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from shared.hosting.runtime import Runtime
from shared.models.captures import Capture, CaptureState, Preserved
from shared.models.hunts import Hunt, HuntState, HuntTotals
from shared.models.systems import System

SUNDAY = datetime(2026, 11, 29, 2, 0, tzinfo=UTC)
# Texts that somebody else wrote, such as whoever may tag a machine or owns a captured disk.
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{7*7}}\u202e"


def system(number: int, region: str = "us-east-1", account: str = "prod") -> System:
    return System(f"i-{number:017x}", region, account)


def capture(number: int, state: CaptureState = CaptureState.PROCESSED, **fields: object) -> Capture:
    return Capture("", system(number), state, **fields)  # type: ignore[arg-type]


def add_run(
    runtime: Runtime,
    captures: Iterable[Capture],
    *,
    name: str = "weekly",
    at: datetime = SUNDAY,
    state: HuntState = HuntState.FINISHED,
    reason: str = "",
    project_id: int | None = 118,
    names: Iterable[str] = (),
    **fields: object,
) -> Hunt:
    """A run whose captures were requested an hour ago, and took half an hour if they have ended."""
    captures = list(captures)
    hunt = Hunt(name, at, systems=len(captures), **fields)  # type: ignore[arg-type]
    planned = [replace(each, hunt_id=hunt.id) for each in captures]
    for each in planned:
        runtime.ledger.captures.plan(replace(each, state=CaptureState.PLANNED))
    hunt = runtime.ledger.hunts.open(hunt)
    if project_id is not None:
        runtime.ledger.hunts.start(hunt.id, project_id)
    asked = runtime.now() - timedelta(hours=1)
    ended = []
    for each in planned:
        over = each.state in (CaptureState.PROCESSED, CaptureState.FAILED)
        if each.state is not CaptureState.PLANNED:
            each = replace(each, requested_at=asked, ended_at=asked + timedelta(minutes=30) if over else None)
        changed = {key: value for key, value in vars(each).items() if key not in ("hunt_id", "system")}
        ended.append(runtime.ledger.captures.update(each, **changed))
    for each, text in zip(planned, names, strict=False):
        runtime.ledger.instance_names.save(each.system.instance, text)
    if state in (HuntState.PLANNED, HuntState.RUNNING):
        return runtime.ledger.hunts.get(hunt.id) or hunt
    return runtime.ledger.hunts.end(hunt.id, state, reason, HuntTotals.of(ended))


def kept(number: int, megabytes: int = 8192) -> tuple[Preserved, ...]:
    return (Preserved(number, f"vol-{number:017x}", megabytes),)
