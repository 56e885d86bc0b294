"""What is known of the volumes of an EC2 instance, and of their snapshots, that may keep a capture from
working."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from datetime import timedelta

from scheduler.chosen_systems import Place
from scheduler.preflight import codes
from scheduler.preflight.codes import Found
from scheduler.preflight.facts import Facts
from scheduler.wording import account_in_words
from shared.models.inventory import Snapshot, Volume
from shared.models.systems import System

LARGE_GIB, VERY_LARGE_GIB = 500, 1_500  # the platform's documentation
# Snapshots of one volume that may be under way at once, and the seconds between two of them (AWS, "Quotas for
# Amazon EBS").
_MOST_PENDING, _MOST_PENDING_HDD, _HDD = 5, 1, ("st1", "sc1")
_SECONDS_APART = timedelta(seconds=15)
_MOST_PENDING_IN_REGION = 100


def volume_rules(facts: Facts) -> Iterator[Found]:
    targets = [target for target in facts.ec2() if target.takes_disks]
    systems: dict[Place, dict[str, System]] = defaultdict(dict)
    for target in targets:
        systems[target.place][target.system.instance] = target.system
    for place, of_place in systems.items():
        pending: dict[str, list[Snapshot]] = defaultdict(list)
        for snapshot in facts.pending.given.get(place, ()):
            pending[snapshot.volume].append(snapshot)
        # If a part of them could not be read, nothing is said about volumes without one.
        newest = None if place in facts.newest.failures else facts.newest.given.get(place)
        first = set()
        for volume in facts.volumes.given.get(place, ()):
            system = of_place.get(volume.instance)
            if system is None:
                continue
            yield from _of_volume(volume, system)
            if _is_held_up(facts, volume, pending[volume.id]):
                yield Found(codes.PENDING, (system,), (volume.id,))
            if newest is not None and volume.id not in newest and not volume.outpost:
                first.add((system, volume.id))
        for system, id in sorted(first, key=lambda one: one[1]):
            yield Found(codes.FIRST_SNAPSHOT, (system,), (id,))
    yield from _regions(facts, {place: list(of_place.values()) for place, of_place in systems.items()})


def _of_volume(volume: Volume, system: System) -> Iterator[Found]:
    if volume.outpost:
        yield Found(codes.OUTPOST, (system,), (volume.id,))
    if volume.gib > VERY_LARGE_GIB:
        yield Found(codes.VERY_LARGE, (system,), (volume.id,))
    elif volume.gib > LARGE_GIB:
        yield Found(codes.LARGE, (system,), (volume.id,))


def _is_held_up(facts: Facts, volume: Volume, pending: Sequence[Snapshot]) -> bool:
    most = _MOST_PENDING_HDD if volume.type in _HDD else _MOST_PENDING
    young = (one for one in pending if one.started_at and facts.now - one.started_at < _SECONDS_APART)
    return len(pending) >= most or any(young)


def _regions(facts: Facts, systems: dict[Place, list[System]]) -> Iterator[Found]:
    counts = Counter({place: len(snapshots) for place, snapshots in facts.pending.given.items()})
    for (account, region), count in counts.items():
        there = systems.get((account, region))
        if there and count >= _MOST_PENDING_IN_REGION:
            words = (("count", f"{count:,}"), ("region", region), ("account", account_in_words(account)))
            yield Found(codes.REGION_PENDING, tuple(there), words=words)
