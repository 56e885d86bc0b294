"""Decides what the platform left behind: snapshots, volumes, keys and workers that no capture needs.

A resource that may still be in use does not count: one younger than the longest capture, or a snapshot that
is being made. The same is true of one that was made since the running hunt of its machine began. Nothing is
deleted, since huntbridge has no right to. Each finding has the command with which a person can delete it.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from scheduler.chosen_systems import Place
from shared.models.leftovers import Leftover, Marked, Sort
from shared.models.prices import Prices

# No session of the platform in a cloud lasts longer.
LONGEST_CAPTURE = timedelta(hours=12)
_OF_A_COPY = "vol-ffffffff"  # the volume of every snapshot that is a copy
_HOURS_OF_A_MONTH = 730


@dataclass(frozen=True)
class UnderWay:
    """The captures that are under way."""

    since: datetime | None = None  # when the first of their hunts began; None: there is none
    volumes: Mapping[str, datetime] = field(default_factory=dict)  # of their machines: when their hunt began
    unknown: Mapping[Place, datetime] = field(default_factory=dict)  # where volumes could not be looked up


def in_use(what: Marked, under_way: UnderWay, now: datetime) -> bool:
    """Whether a capture may still need it. In doubt it does."""
    made = what.made_at
    if made is None or now - made < LONGEST_CAPTURE or what.state == "pending":
        return True
    if what.sort is Sort.SNAPSHOT and what.volume not in ("", _OF_A_COPY):
        since = [
            moment
            for moment in (
                under_way.volumes.get(what.volume),
                under_way.unknown.get((what.account, what.region)),
            )
            if moment
        ]
    else:
        # Copies, keys and workers are not known by their machine: any capture may have made them.
        since = [under_way.since] if under_way.since else []
    return any(made >= moment for moment in since)


def left_behind(
    marked: Iterable[Marked], under_way: UnderWay, prices: Prices, now: datetime
) -> tuple[list[Leftover], int]:
    """What no capture needs any more, the most expensive first, and how many others there are."""
    unique = {(what.sort, what.region, what.id): what for what in marked}  # two names may lead to one account
    found = [_leftover(what, prices) for what in unique.values() if not in_use(what, under_way, now)]
    found.sort(key=lambda one: (-(one.usd_a_month or 0.0), one.what.made_at or now, one.what.id))
    return found, len(unique) - len(found)


def _leftover(what: Marked, prices: Prices) -> Leftover:
    region = f"--region {shlex.quote(what.region)}"
    id = shlex.quote(what.id)
    match what.sort:
        case Sort.SNAPSHOT:
            usd = (what.gib or 0.0) * prices.usd("snapshot")
            note = "its making failed" if what.state == "error" else ""
            return Leftover(what, usd, f"aws ec2 delete-snapshot --snapshot-id {id} {region}", note)
        case Sort.VOLUME:
            return Leftover(what, None, f"aws ec2 delete-volume --volume-id {id} {region}")
        case Sort.KEY:
            command = f"aws kms schedule-key-deletion --key-id {id} --pending-window-in-days 7 {region}"
            note = "a copy of this key in another region must be deleted first"
            return Leftover(what, prices.usd("kms_key"), command, note)
        case Sort.WORKER:
            usd = prices.worker(what.state) * _HOURS_OF_A_MONTH
            return Leftover(what, usd, "", "end it in the platform, on its page about workers")
