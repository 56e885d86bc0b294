"""What is known of a machine itself that may keep its capture from working."""

from __future__ import annotations

from collections.abc import Iterator

from scheduler.preflight import codes
from scheduler.preflight.codes import Found
from scheduler.preflight.facts import Facts, Target
from shared.models.systems import Kind
from shared.text import one_line

_CHANGING = ("pending", "stopping")


def system_rules(facts: Facts) -> Iterator[Found]:
    for target in facts.targets:
        if target.instance is None:
            continue
        if target.is_ec2:
            yield from _ec2(facts, target)
        elif target.takes_disks and target.system.kind in (Kind.AZURE_VM, Kind.GCE):
            yield from _sizes(target, target.instance.disks_gib, target.instance.disks)


def _ec2(facts: Facts, target: Target) -> Iterator[Found]:
    instance, this = target.instance, (target.system,)
    assert instance is not None
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
    managers = {volume.managed_by: volume.id for volume in facts.volumes_of(target) if volume.managed_by}
    for manager in dict.fromkeys([*filter(None, [instance.managed_by]), *managers]):
        volumes = tuple(filter(None, [managers.get(manager)]))
        yield Found(codes.MANAGED, this, volumes, words=(("service", one_line(manager, 80)),))


def _sizes(target: Target, sizes: tuple[int, ...], names: tuple[str, ...]) -> Iterator[Found]:
    """Of Azure and Google the platform says no more than the sizes of the disks."""
    large = [number for number, gib in enumerate(sizes) if gib > 500]
    if large:
        disks = tuple(one_line(names[number], 80) for number in large if number < len(names))
        yield Found(codes.LARGE, (target.system,), disks)
