"""The systems that hunts capture: how one is named, and what is known of it.

A system is named by three texts, which are stored. `instance` says of which kind it is: the id of an EC2
instance, or `<kind>:<part>/<part>/…` with every part percent-encoded. It is unique on its own, in all
accounts and places.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from urllib.parse import quote, unquote


class Kind(StrEnum):
    EC2 = "ec2"
    AZURE_VM = "azure_vm"
    GCE = "gce"
    ECS = "ecs"
    EKS = "eks"
    AKS = "aks"
    GKE = "gke"
    LAMBDA = "lambda"


MOST_CHARACTERS = 500  # of `System.instance`; a key of the ledger holds at most 1,024 bytes
PLATFORM_ACCOUNT = "-"  # stands for the platform's own account

# The parts of `System.instance`, in their order. `account` and `zone` are those of the system itself.
PARTS: Mapping[Kind, tuple[str, ...]] = {
    Kind.EC2: (),
    Kind.AZURE_VM: ("subscription", "group", "vm"),
    Kind.GCE: ("project", "zone", "vm"),
    Kind.ECS: ("account", "region", "cluster", "task", "container"),
    Kind.EKS: ("account", "region", "cluster", "namespace", "pod", "container"),
    Kind.AKS: ("subscription", "group", "cluster", "namespace", "pod", "container"),
    Kind.GKE: ("project", "zone", "cluster", "namespace", "pod", "container"),
    Kind.LAMBDA: ("account", "region", "function"),
}
OF_THE_SYSTEM = ("account", "region", "zone")
WITHOUT_REGION = (Kind.AZURE_VM, Kind.AKS)
_IGNORES_CASE = ("subscription", "group", "vm")  # of Azure
_ID = re.compile(rf"({'|'.join(kind for kind in Kind if kind is not Kind.EC2)}):(.*)", re.DOTALL)
_KEY = re.compile(rf"(.*)/([^/]*)/({_ID.pattern})", re.DOTALL)
_REGION = re.compile(r"[a-z0-9-]+")

# Kubernetes makes the ends of pods' names of these characters.
_SAFE = "[bcdfghjklmnpqrstvwxz2456789]"
_OF_A_DEPLOYMENT = re.compile(rf"-(?:{_SAFE}{{8,10}}|[0-9]{{8,10}})-{_SAFE}{{5}}\Z")  # digits: of a CronJob
_OF_A_DAEMON_SET = re.compile(rf"-{_SAFE}{{5}}\Z")  # or of a Job


@dataclass(frozen=True)
class System:
    """One thing to capture. `account` is a name from the configuration; empty means the account of the
    platform."""

    instance: str
    region: str  # of AWS; the zone for Google; empty for Azure
    account: str = ""

    @classmethod
    def of(cls, kind: Kind, *, account: str = "", region: str = "", **parts: str) -> System:
        """A system of a kind other than EC2, of its parts without account, region and zone. Raises ValueError
        with a sentence."""
        names = PARTS[kind]
        own = [name for name in names if name not in OF_THE_SYSTEM]
        if kind is Kind.EC2 or sorted(parts) != sorted(own) or not all(parts.values()):
            raise ValueError(f"a system of kind {kind} has other parts: {', '.join(own)}")
        if "account" not in names and not account:
            raise ValueError(f"a system of kind {kind} needs an account")
        if bool(region) == (kind in WITHOUT_REGION) or (region and not _REGION.fullmatch(region)):
            raise ValueError(f"{region!r} is no place of a system of kind {kind}")
        values = {**parts, "account": account or PLATFORM_ACCOUNT, "region": region, "zone": region}
        if kind in WITHOUT_REGION:
            values |= {name: values[name].lower() for name in _IGNORES_CASE if name in values}
        instance = f"{kind}:{'/'.join(quote(values[name], safe='') for name in names)}"
        if len(instance) > MOST_CHARACTERS:
            raise ValueError("its names are too long to be kept")
        return cls(instance, region, account)

    @property
    def key(self) -> str:
        return f"{self.account or PLATFORM_ACCOUNT}/{self.region}/{self.instance}"

    @classmethod
    def from_key(cls, key: str) -> System:
        """The reverse of `key`. Raises ValueError."""
        match = _KEY.fullmatch(key)  # an encoded part has no slash and no colon
        account, region, instance = match.group(1, 2, 3) if match else key.rsplit("/", 2)
        return cls(instance, region, "" if account == PLATFORM_ACCOUNT else account)

    @property
    def kind(self) -> Kind:
        match = _ID.match(self.instance)
        return Kind(match[1]) if match else Kind.EC2

    @property
    def parts(self) -> Mapping[str, str]:
        """The named parts of the id; none for EC2."""
        match = _ID.match(self.instance)
        texts = [unquote(part) for part in match[2].split("/")] if match else []
        return dict(zip(PARTS[self.kind], texts, strict=False))

    @property
    def name(self) -> str:
        """What it is called in its place: the machine, the container, the function. EC2: the id."""
        return list(self.parts.values())[-1] if self.parts else self.instance

    @property
    def lasting(self) -> str:
        """What findings and cases are remembered under. The pods of one Deployment share it, since each pod
        lives for a short time only. It is also a pattern that fits the ids of all of them."""
        match = _ID.match(self.instance)
        if not match:
            return self.instance
        texts = match[2].split("/")
        names = PARTS[self.kind]
        if len(texts) != len(names):
            return self.instance
        if self.kind is Kind.ECS:
            texts[names.index("task")] = "*"
        if "pod" in names:
            at = names.index("pod")
            texts[at] = folded_pod(texts[at])
        return f"{self.kind}:{'/'.join(texts)}"

    @property
    def lasts_in_others(self) -> bool:
        """Whether other systems may have the same `lasting`."""
        return self.lasting != self.instance

    @property
    def as_lasting(self) -> System:
        """The system of this name that lasts: for all but containers it is this one."""
        return replace(self, instance=self.lasting)

    @property
    def lasting_key(self) -> str:
        return self.as_lasting.key

    @property
    def title(self) -> str:
        """What people read: `Azure machine web-1`. EC2: the id."""
        parts = self.parts
        match self.kind:
            case Kind.EC2:
                return self.instance
            case Kind.AZURE_VM:
                return f"Azure machine {self.name}"
            case Kind.GCE:
                return f"Google machine {self.name}"
            case Kind.LAMBDA:
                return f"function {self.name}"
            case Kind.ECS:
                return f"container {self.name} in task {last_segment(parts.get('task', ''))}"
            case _:
                return f"container {self.name} in pod {parts.get('pod')} of {parts.get('namespace')}"

    @property
    def place(self) -> str:
        """Where it is, in words: `subscription 0f…, group rg-1`."""
        parts = self.parts
        cluster = last_segment(parts.get("cluster", ""))
        match self.kind:
            case Kind.AZURE_VM:
                return f"subscription {parts.get('subscription')}, group {parts.get('group')}"
            case Kind.GCE:
                return f"project {parts.get('project')}, {self.region}"
            case Kind.ECS:
                return f"cluster {cluster}, {self.region}"
            case Kind.EKS | Kind.GKE:
                return f"cluster {cluster}, namespace {parts.get('namespace')}, {self.region}"
            case Kind.AKS:
                return f"cluster {cluster}, namespace {parts.get('namespace')}"
            case _:
                return self.region


def lasting_key(key: str) -> str:
    """`System.lasting_key` of the system with this key. Texts that are no key stay as they are."""
    return System.from_key(key).lasting_key if _KEY.fullmatch(key) else key


def is_key(text: str) -> bool:
    """Whether the text has the form of a `System.key`."""
    return bool(_KEY.fullmatch(text)) or text.count("/") == 2


def folded_pod(name: str) -> str:
    """The name of a pod without what Kubernetes makes anew for each pod. `db-0` of a StatefulSet stays."""
    folded = _OF_A_DEPLOYMENT.sub("-*", name)
    return folded if folded != name else _OF_A_DAEMON_SET.sub("-*", name)


def last_segment(arn: str) -> str:
    """The name at the end of an ARN, such as the id of a task."""
    return arn.rsplit("/", 1)[-1]


@dataclass(frozen=True)
class Instance:
    """What EC2 says about an instance, or the platform about a system of another kind. What is not known is
    empty."""

    id: str  # GCE: the number of the machine; other kinds than EC2: the system's `instance`
    region: str  # Azure: the location; GCE: the zone
    name: str = ""
    type: str = ""
    state: str = ""
    zone: str = ""
    account_id: str = ""
    private_ip: str = ""
    public_ip: str = ""
    vpc: str = ""
    subnet: str = ""
    security_groups: tuple[str, ...] = ()  # "name (sg-…)"
    iam_profile: str = ""
    image: str = ""  # of a machine or a container; Lambda: the type of its package
    platform: str = ""  # Linux/UNIX, Windows
    launched_at: datetime | None = None
    tags: Mapping[str, str] = field(default_factory=dict)  # or labels
    disks: tuple[str, ...] = ()  # their names
    disks_gib: tuple[int, ...] = ()  # their sizes, in the same order
    # Only of EC2, for the preflight.
    root_device: str = ""  # ebs, instance-store
    hibernation: bool = False
    marketplace: bool = False  # its image has a product code of AWS Marketplace
    managed_by: str = ""  # the AWS service that manages it
