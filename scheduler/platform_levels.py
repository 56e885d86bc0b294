"""What the platform is asked to find systems of other kinds than EC2, level by level.

A level is one browse call: it takes a spot, such as a resource group, and gives what is in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from shared.models.systems import PARTS, Instance, Kind, System
from shared.platform.browse import Browse
from shared.platform.browse_answers import FoundDisk, Pod
from shared.text import one_line

NOT_EXECUTABLE = "its task was started without enableExecuteCommand"
OFFLINE = "the platform says that the container is offline"
PRIVATE = "the platform cannot reach private clusters"
ANY = "*"  # stands for the names below a spot that the platform cannot look into

_PLURALS = {
    "subscription": "subscriptions", "group": "resource groups",
    "project": "projects", "cluster": "clusters", "pod": "pods", "task": "tasks",
}  # fmt: skip


@dataclass(frozen=True)
class Spot:
    """A place in what the platform can browse: an account, and the names of what leads there."""

    account: str  # a key of accounts
    region: str = ""  # of AWS, or a zone of Google
    parts: tuple[tuple[str, str], ...] = ()

    def part(self, name: str) -> str:
        return self.region if name == "zone" else dict(self.parts).get(name, "")

    def below(self, *, region: str = "", **parts: str) -> Spot:
        return replace(self, region=region or self.region, parts=(*self.parts, *parts.items()))

    @property
    def name(self) -> str:
        """What it is called below its account."""
        return self.parts[-1][1] if self.parts else self.region

    @property
    def plural(self) -> str:
        """The word for spots of its level."""
        if not self.parts:
            return "regions" if self.region else "accounts"
        return _PLURALS.get(self.parts[-1][0], "places")


@dataclass(frozen=True)
class Found:
    """Something that a level gives. On the last level of a kind it is a system."""

    spot: Spot
    facts: Instance | None = None  # without its id and region, where those are the system's own
    why_not: str = ""  # why nothing at this spot can be captured
    note: str = ""
    also: str = ""  # another name of the spot


# Takes the platform's calls, its name for the account, the spot, and a name if only that one is wanted.
Ask = Callable[[Browse, str, Spot, str], Iterable[Found]]


@dataclass(frozen=True)
class Level:
    parts: tuple[str, ...]  # the parts of a system's name that this level gives
    ask: Ask
    optional: bool = False  # a name that the configuration gives in full needs no question
    filters: bool = False  # it can be asked for one name


def _subscriptions(browse: Browse, cloud: str, spot: Spot, _: str) -> Iterator[Found]:
    for place in browse.azure_subscriptions(cloud):
        yield Found(spot.below(subscription=place.id), also=place.name)


def _groups(browse: Browse, cloud: str, spot: Spot, _: str) -> Iterator[Found]:
    for name in browse.azure_groups(cloud, spot.part("subscription")):
        yield Found(spot.below(group=name))


def _azure_machines(browse: Browse, cloud: str, spot: Spot, _: str) -> Iterator[Found]:
    # All of the group is read: the platform's filter may tell upper from lower case, and Azure does not.
    for machine in browse.azure_machines(cloud, spot.part("subscription"), spot.part("group")):
        facts = Instance(
            "",
            machine.location,
            machine.name,
            platform=machine.os,
            tags=machine.tags,
            disks=_names(machine.disks),
            disks_gib=_sizes(machine.disks),
        )
        yield Found(spot.below(vm=machine.name), facts)


def _projects(browse: Browse, cloud: str, spot: Spot, _: str) -> Iterator[Found]:
    for place in browse.google_projects(cloud):
        yield Found(spot.below(project=place.id))


def _google_machines(browse: Browse, cloud: str, spot: Spot, only: str) -> Iterator[Found]:
    for machine in browse.google_machines(cloud, spot.part("project"), name=only):
        facts = Instance(
            machine.id,
            machine.zone,
            machine.name,
            machine.type,
            machine.state,
            tags=machine.labels,
            disks=_names(machine.disks),
            disks_gib=_sizes(machine.disks),
        )
        yield Found(spot.below(region=machine.zone, vm=machine.name), facts)


def _ecs_clusters(browse: Browse, cloud: str, spot: Spot, _: str) -> Iterator[Found]:
    for name in browse.ecs_clusters(cloud, spot.region):
        yield Found(spot.below(cluster=name))


def _ecs_tasks(browse: Browse, cloud: str, spot: Spot, _: str) -> Iterator[Found]:
    for task in browse.ecs_tasks(cloud, spot.region, spot.part("cluster")):
        why_not = NOT_EXECUTABLE if task.importable is False else ""
        yield Found(spot.below(task=task.name), why_not=why_not)


def _ecs_containers(browse: Browse, cloud: str, spot: Spot, _: str) -> Iterator[Found]:
    for one in browse.ecs_containers(cloud, spot.region, spot.part("cluster"), spot.part("task")):
        why_not = OFFLINE if one.online is False else ""
        yield Found(spot.below(container=one.name), Instance("", "", one.name), why_not)


def _functions(browse: Browse, cloud: str, spot: Spot, _: str) -> Iterator[Found]:
    for function in browse.functions(cloud, spot.region):
        facts = Instance("", "", function.name, image=function.package_type)
        yield Found(spot.below(function=function.name), facts)


def _kubernetes(kind: Kind) -> tuple[Level, ...]:
    """The levels of a kind of Kubernetes cluster."""

    def clusters(browse: Browse, cloud: str, spot: Spot, _: str) -> Iterator[Found]:
        for one in browse.clusters(kind, cloud, _place(spot)):
            cluster = spot.below(region=one.zone, cluster=one.name)
            is_out_of_reach = one.private is True and kind is Kind.GKE
            # AKS is asked through its management API, and EKS may have a public endpoint as well.
            is_doubtful = one.private is True and kind is Kind.EKS
            note = f"cluster {one_line(one.name, 100)} is private: the platform may not reach it"
            yield Found(cluster, why_not=PRIVATE if is_out_of_reach else "", note=note if is_doubtful else "")

    def pods(browse: Browse, cloud: str, spot: Spot, _: str) -> Iterator[Found]:
        for pod in browse.pods(kind, cloud, _place(spot), spot.part("cluster")):
            yield Found(spot.below(namespace=pod.namespace, pod=pod.name))

    def containers(browse: Browse, cloud: str, spot: Spot, _: str) -> Iterator[Found]:
        pod = Pod(spot.part("pod"), spot.part("namespace"))
        for one in browse.containers(kind, cloud, _place(spot), spot.part("cluster"), pod):
            yield Found(spot.below(container=one.name), Instance("", "", one.name, image=one.image))

    zone = ("zone",) if kind is Kind.GKE else ()
    return (
        Level((*zone, "cluster"), clusters),
        Level(("namespace", "pod"), pods),
        Level(("container",), containers),
    )


def _place(spot: Spot) -> dict[str, str]:
    """What the calls about Kubernetes need of the spot."""
    return dict(spot.parts) | ({"region": spot.region, "zone": spot.region} if spot.region else {})


def _names(disks: Iterable[FoundDisk]) -> tuple[str, ...]:
    return tuple(disk.name for disk in disks)


def _sizes(disks: Iterable[FoundDisk]) -> tuple[int, ...]:
    # A disk of unknown size counts as zero, so that names and sizes stay in the same order.
    return tuple(disk.gib or 0 for disk in disks)


_SUBSCRIPTIONS = Level(("subscription",), _subscriptions, optional=True)
_GROUPS = Level(("group",), _groups, optional=True)
_PROJECTS = Level(("project",), _projects, optional=True)
LEVELS: Mapping[Kind, tuple[Level, ...]] = {
    Kind.AZURE_VM: (_SUBSCRIPTIONS, _GROUPS, Level(("vm",), _azure_machines)),
    Kind.GCE: (_PROJECTS, Level(("zone", "vm"), _google_machines, filters=True)),
    Kind.ECS: (
        Level(("cluster",), _ecs_clusters),
        Level(("task",), _ecs_tasks),
        Level(("container",), _ecs_containers),
    ),
    Kind.EKS: _kubernetes(Kind.EKS),
    Kind.AKS: (_SUBSCRIPTIONS, _GROUPS, *_kubernetes(Kind.AKS)),
    Kind.GKE: (_PROJECTS, *_kubernetes(Kind.GKE)),
    Kind.LAMBDA: (Level(("function",), _functions),),
}


def system_of(kind: Kind, found: Found) -> System:
    """The system at this spot. What is below a spot that the platform cannot look into is named `*`. Raises
    ValueError with a sentence."""
    spot = found.spot
    own = [name for name in PARTS[kind] if name not in ("account", "region", "zone")]
    parts = {name: spot.part(name) or ANY for name in own}
    return System.of(kind, account=spot.account, region=spot.region, **parts)


def facts_of(system: System, found: Found) -> Instance | None:
    """What the platform said about the system; None if it was not asked about it."""
    facts = found.facts
    return facts and replace(facts, id=facts.id or system.instance, region=facts.region or system.region)
