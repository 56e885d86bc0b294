"""What is known of a machine itself that may keep its capture from working."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

from scheduler.preflight import codes
from scheduler.preflight.codes import Found
from scheduler.preflight.facts import Facts, Target
from shared.models.systems import Instance, Kind, System
from shared.text import one_line

_CHANGING = ("pending", "stopping")


def system_rules(facts: Facts) -> Iterator[Found]:
    managed = _managed_volumes(facts)
    for target in facts.targets:
        if target.instance is None:
            continue
        if target.is_ec2:
            yield from _ec2(facts, target, target.instance, managed)
        elif target.takes_disks and target.system.kind in (Kind.AZURE_VM, Kind.GCE):
            yield from _sizes(target, target.instance.disks_gib, target.instance.disks)


def _managed_volumes(facts: Facts) -> dict[System, dict[str, str]]:
    """For each system, by the service that manages it, one of its volumes."""
    managed: dict[System, dict[str, str]] = defaultdict(dict)
    for (account, region), volumes in facts.volumes.given.items():
        for volume in volumes:
            if volume.managed_by:
                managed[System(volume.instance, region, account)][volume.managed_by] = volume.id
    return managed


def _ec2(
    facts: Facts, target: Target, instance: Instance, managed: Mapping[System, Mapping[str, str]]
) -> Iterator[Found]:
    this = (target.system,)
    if instance.state in _CHANGING:
        yield Found(codes.CHANGING, this, words=(("state", instance.state),))
    if not target.takes_disks:
        if instance.state == "stopped":
            yield Found(codes.STOPPED, this)
        return
    if instance.root_device == "instance-store":
        yield Found(codes.NO_EBS_ROOT, this)
    if gib := facts.local_gib.given.get(target.place, {}).get(instance.type):
        yield Found(codes.LOCAL_DISKS, this, words=(("gib", f"{gib:,}"),))
    if instance.hibernation:
        yield Found(codes.HIBERNATION, this)
    if instance.marketplace:
        yield Found(codes.MARKETPLACE, this)
    volumes = managed.get(target.system, {})
    for service in dict.fromkeys([*filter(None, [instance.managed_by]), *volumes]):
        of_service = (volumes[service],) if service in volumes else ()
        yield Found(codes.MANAGED, this, of_service, words=(("service", one_line(service, 80)),))


def _sizes(target: Target, sizes: tuple[int, ...], names: tuple[str, ...]) -> Iterator[Found]:
    """Of Azure and Google the platform says no more than the sizes of the disks."""
    large = [number for number, gib in enumerate(sizes) if gib > 500]
    if large:
        disks = tuple(one_line(names[number], 80) for number in large if number < len(names))
        yield Found(codes.LARGE, (target.system,), disks)
