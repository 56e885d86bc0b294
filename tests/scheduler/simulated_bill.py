"""What AWS and the platform would bill for a hunt on the simulated platform.

Computed from what the simulated platform did and from what is planted about the disks. It imports nothing of
the estimate, not even its prices.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass

from demo.platform.records import Machine, Pipeline, SimInstance
from demo.platform.world import World

GIB = 2**30
_BLOCK = 512 * 1024
_IDLE = 300.0
# US dollars
_SNAPSHOT, _BLOCKS, _LISTS, _WORKER, _BUCKET = 0.05, 0.003 / 1_000, 0.0006 / 1_000, 1.248, 0.023
_OTHER_SNAPSHOT = 0.05  # of Azure, and an image of Google
_TRANSFER = {"us-east-1": 0.0, "us-east-2": 0.01, "eu-west-1": 0.02, "ap-northeast-1": 0.09}  # to us-east-1
_MONTH = 30.4


@dataclass(frozen=True)
class PlantedDisk:
    """What the blocks of a simulated volume hold."""

    gib: int
    written: int  # bytes
    changed: int | None  # bytes since the older snapshot; None: there is no older snapshot

    @classmethod
    def of(cls, gib: int, dice: random.Random) -> PlantedDisk:
        written = int(gib * GIB * dice.betavariate(3, 4))
        return cls(gib, written, int(written * dice.uniform(0.02, 0.2)) if dice.random() < 0.75 else None)


def bill(world: World, project_id: int, disks: Mapping[str, PlantedDisk], dice: random.Random) -> float:
    """The US dollars of one hunt. The platform is in us-east-1; snapshots are deleted after about seven days,
    and what the bucket keeps is deleted after thirty."""
    pipelines = [pipeline for pipeline in world.pipelines.values() if pipeline.project_id == project_id]
    total = _worker_hours(pipelines) * _WORKER
    billed: set[str] = set()  # an Azure machine has a pipeline for each of its disks
    for pipeline in pipelines:
        if pipeline.asked is None:
            continue
        machine = pipeline.asked.instance
        if pipeline.asked.triage or not all(volume.volume_id in disks for volume in machine.volumes):
            total += dice.uniform(0.2, 3.0) * _BUCKET
            continue
        for volume in machine.volumes:
            if volume.volume_id not in billed:
                total += _disk(disks[volume.volume_id], machine, pipeline.asked.scan_only, dice)
                billed.add(volume.volume_id)
    return total


def _disk(disk: PlantedDisk, machine: Machine, is_scan: bool, dice: random.Random) -> float:
    kept = disk.written / GIB * dice.uniform(0.4, 0.6) * _BUCKET * 30 / _MONTH
    if is_scan or disk.gib > 500:
        kept = 0.0
    if not isinstance(machine, SimInstance):
        return kept + disk.written / GIB * _OTHER_SNAPSHOT * dice.uniform(6.5, 7.5) / _MONTH
    blocks = math.ceil(disk.written / _BLOCK)
    new = disk.written if disk.changed is None else disk.changed
    cost = new / GIB * _SNAPSHOT * dice.uniform(6.5, 7.5) / _MONTH
    cost += blocks * _BLOCKS + math.ceil(blocks / 10_000) * _LISTS
    return cost + disk.written / GIB * _TRANSFER[machine.region] + kept


def _worker_hours(pipelines: list[Pipeline]) -> float:
    """A worker takes the next pipeline that begins while it waits, and ends if none does."""
    seconds = 0.0
    free: list[float] = []  # when each worker that took no further pipeline yet became free
    spans = sorted(
        (pipeline.started, max(step.finished for step in pipeline.steps))
        for pipeline in pipelines
        if pipeline.started
    )
    for began, ended in spans:
        waiting = [moment for moment in free if moment <= began <= moment + _IDLE]
        if waiting:
            free.remove(max(waiting))
            seconds += began - max(waiting)
        seconds += ended - began
        free.append(ended)
    # Each worker that took no further pipeline waited until it ended.
    return (seconds + _IDLE * len(free)) / 3_600
