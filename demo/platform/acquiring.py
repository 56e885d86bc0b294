"""How the simulated platform acquires a system: with which pipelines and steps, and what becomes evidence.

The names of pipelines and evidence of other kinds than EC2 are not public. They are invented, and none of
them can be taken for an EC2 instance.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from demo.platform.records import Import, Machine, SimInstance, SimSystem, SimVolume

# Name, key and seconds (at pace 1) of each step. Real steps take minutes to hours.
Steps = tuple[tuple[str, str, float], ...]
_ACQUIRE: Steps = (
    ("Acquisition: Check access to the EC2 instance", "acquisition.check_access", 0.2),
    ("Acquisition: Create a snapshot of each EC2 volume", "acquisition.create_snapshots", 0.8),
    ("Acquisition: Copy each EC2 volume", "acquisition.copy_volumes", 0.8),
    ("Acquisition: Remove the snapshots", "acquisition.remove_snapshots", 0.2),
    (
        "Acquisition: Create a processing pipeline for each copied EC2 volume",
        "acquisition.create_processing",
        0.2,
    ),
)
PROCESS: Steps = (
    ("Setup: Starting worker machine.", "infrastructure.start_worker", 0.4),
    ("Extraction: Reading the file systems.", "extraction.file_systems", 0.6),
    ("Analysis > Timeline: Building MACB timeline events.", "timeline_builder.macb_events", 0.6),
    ("Analysis > Detection: Scanning files.", "detection.scan_files", 0.6),
    ("Shutdown: Stopping worker machine.", "infrastructure.self_shutdown", 0.2),
)
_SCAN: Steps = (*_ACQUIRE[:-1], PROCESS[0], PROCESS[3], PROCESS[4])
_ACQUIRE_OTHER: Steps = (
    ("Acquisition: Check access to the resource", "acquisition.check_access", 0.2),
    ("Acquisition: Collect the data of the resource", "acquisition.collect", 1.0),
    ("Acquisition: Create a processing pipeline", "acquisition.create_processing", 0.2),
)
_SCAN_OTHER: Steps = (*_ACQUIRE_OTHER[:-1], PROCESS[0], PROCESS[3], PROCESS[4])
_IN_ONE: Steps = (*_ACQUIRE_OTHER[:-1], *PROCESS)

_NOUNS = {
    "azure_vm": "Azure VM", "gce": "GCE instance", "ecs": "ECS container", "eks": "EKS container",
    "aks": "AKS container", "gke": "GKE container", "lambda": "Lambda function",
}  # fmt: skip
_RESOURCE_TYPES = {
    "azure_vm": "Compute Resource", "gce": "GCP Compute Resource", "ecs": "ECS", "lambda": "Lambda",
}  # fmt: skip
_ACCOUNT_TYPES = {"aws": "AWS", "azure": "Azure", "gcp": "GCP"}


@dataclass(frozen=True)
class Acquisition:
    """One pipeline that a request starts. `in_one`: it has no separate processing, and carries the evidence
    that it makes."""

    type: str
    name: str
    steps: Steps
    asked: Import
    fails: str
    in_one: bool = False


@dataclass(frozen=True)
class Collected:
    """What becomes one evidence."""

    name: str
    resource_id: str
    resource_type: str
    parent_id: str
    volume: SimVolume
    triage: bool
    account_type: str


def acquisitions(asked: Import, *, named: bool) -> Iterator[Acquisition]:
    """The pipelines that a request starts. `named`: those of other kinds than EC2 are called by the system's
    name, and otherwise by its kind."""
    machine = asked.instance
    broken = next((volume.fails for volume in machine.volumes if volume.fails), "")
    fails = machine.fails or (broken if asked.scan_only else "")
    type_ = "scanning" if asked.scan_only else "acquisition"
    if isinstance(machine, SimInstance):
        steps = _SCAN if asked.scan_only else _ACQUIRE
        yield Acquisition(type_, f"Acquiring {machine.instance_id}", steps, asked, fails)
        return
    name = f"Acquiring {machine.name if named else _NOUNS[machine.kind]}"
    if machine.kind == "lambda":
        yield Acquisition(type_, name, _IN_ONE, asked, fails or broken, in_one=True)
    elif asked.scan_only:
        for each in _by_disk(asked, machine):
            yield Acquisition(type_, name, _SCAN_OTHER, each, fails, in_one=True)
    elif machine.kind == "azure_vm" and not asked.triage:
        for each in _by_disk(asked, machine):
            yield Acquisition(type_, name, _ACQUIRE_OTHER, each, fails)
    else:
        yield Acquisition(type_, name, _ACQUIRE_OTHER, asked, fails)


def collected(asked: Import) -> Iterator[Collected]:
    machine = asked.instance
    for volume in [_all_of(machine)] if asked.triage else machine.volumes:
        if isinstance(machine, SimSystem):
            yield _of_system(machine, volume, asked.triage)
        elif asked.triage:
            name = machine.hostname or machine.name
            yield Collected(name, volume.volume_id, "EC2", "", volume, True, "AWS")
        else:
            yield Collected(
                volume.volume_id, volume.volume_id, "EBS", machine.instance_id, volume, False, "AWS"
            )


def _of_system(machine: SimSystem, volume: SimVolume, triage: bool) -> Collected:
    name, parent = volume.volume_id, ""
    if machine.has_pods or machine.kind in ("ecs", "lambda"):
        name = f"{machine.name}.tar.gz"
    elif triage:
        name = machine.hostname or machine.name
    else:
        parent = machine.name
    resource_type = _RESOURCE_TYPES.get(machine.kind, "Kubernetes")
    account_type = _ACCOUNT_TYPES[machine.provider]
    return Collected(name, f"{machine.kind}/{name}", resource_type, parent, volume, triage, account_type)


def _by_disk(asked: Import, machine: SimSystem) -> Iterator[Import]:
    for volume in machine.volumes:
        yield replace(asked, instance=replace(machine, volumes=(volume,)))


def _all_of(machine: Machine) -> SimVolume:
    """A triage collects the files of all volumes as one evidence."""
    return SimVolume(
        machine.instance_id,
        gb=1,
        alarms=tuple(alarm for volume in machine.volumes for alarm in volume.alarms),
        fails=next((volume.fails for volume in machine.volumes if volume.fails), ""),
    )
