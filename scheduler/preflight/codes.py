"""Every kind of notice that a preflight can give: its degree, its words, and what was read to know it.

`docs/preflight.md` shows this table; a test compares the two. Words in braces are filled in by the rules.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from shared.models.preflight import Degree, Notice
from shared.models.systems import System

FAILS, MAY_FAIL, TAKES_LONG = Degree.FAILS, Degree.MAY_FAIL, Degree.TAKES_LONG
NOT_KNOWN, INFO = Degree.NOT_KNOWN, Degree.INFO


@dataclass(frozen=True)
class Code:
    id: str
    degree: Degree
    what: str
    do: str
    read: str  # the calls of the platform, or the permissions of AWS


@dataclass(frozen=True)
class Found:
    """One thing that a rule found. Those that have the same words become one notice."""

    code: Code
    systems: tuple[System, ...] = ()
    volumes: tuple[str, ...] = ()
    words: tuple[tuple[str, str], ...] = ()  # for the braces
    right: str = ""


CODES: dict[str, Code] = {}


def _code(id: str, degree: Degree, what: str, do: str, read: str) -> Code:
    CODES[id] = Code(id, degree, what, do, read)
    return CODES[id]


# What the platform says itself

LICENCE = _code(
    "licence", FAILS, "the platform's licence does not allow it: {why}",
    "renew the licence on the platform, or hunt with what it allows", "GET /license",
)  # fmt: skip
KEY_RIGHT = _code(
    "key-right", FAILS, "the role {role} of the platform's API key lacks {permission}",
    "use a key of a user with the role Lead Analyst", "GET /auth/whoami",
)  # fmt: skip
LOCAL_WORKERS = _code(
    "local-workers", FAILS,
    "the platform has local workers only, which cannot capture disks of EC2 instances",
    "give the platform cloud workers, or use capture: triage", "GET /settings, GET /platform",
)  # fmt: skip
CLOUD_OFF = _code(
    "cloud-off", FAILS, "the platform says that it does not capture from {cloud}",
    "switch {cloud} on in the platform's settings", "GET /platform",
)  # fmt: skip
ACCOUNT_UNKNOWN = _code(
    "account-unknown", FAILS, "the platform has no account named {account}",
    "add the account to the platform, or write its name there as cado_account", "GET /accounts",
)  # fmt: skip
ACCOUNT_ISSUE = _code(
    "account-issue", MAY_FAIL, "the platform's own check of its account {account} found: {issue}",
    "mend it on the platform, then let the platform check the account again", "GET /accounts/{name}",
)  # fmt: skip
BUSY = _code(
    "busy", TAKES_LONG,
    "the platform has {queued} pipelines waiting, more than the {limit} that it runs at once",
    "start the hunt later, or give the platform more workers", "GET /pipelines/status",
)  # fmt: skip

# The system

CHANGING = _code(
    "changing", MAY_FAIL, "{state}: a capture has to wait until that has ended",
    "plan again in some minutes", "ec2:DescribeInstances",
)  # fmt: skip
STOPPED = _code(
    "stopped", FAILS, "stopped, and a triage needs a machine that runs",
    "start it, or use capture: full, which takes the disks", "ec2:DescribeInstances",
)  # fmt: skip
NO_EBS_ROOT = _code(
    "no-ebs-root", FAILS, "the root device is an instance store, which has no snapshot",
    "use capture: triage", "ec2:DescribeInstances",
)  # fmt: skip
LOCAL_DISKS = _code(
    "local-disks", INFO, "{gib} GB of local disks, which no snapshot holds",
    "use capture: triage if what is there matters", "ec2:DescribeInstanceTypes",
)  # fmt: skip
HIBERNATION = _code(
    "hibernation", MAY_FAIL, "hibernation is on, and AWS advises against snapshots of such an instance",
    "use capture: triage, or try one capture by hand", "ec2:DescribeInstances",
)  # fmt: skip
MANAGED = _code(
    "managed", MAY_FAIL, "{service} manages the machine or a volume, and may refuse a snapshot",
    "try one capture by hand, or leave it out", "ec2:DescribeInstances, ec2:DescribeVolumes",
)  # fmt: skip
MARKETPLACE = _code(
    "marketplace", MAY_FAIL,
    "made of an image of AWS Marketplace, whose product code passes on to the snapshots",
    "try one capture by hand; where the platform attaches volumes, it needs a subscription of its own",
    "ec2:DescribeInstances",
)  # fmt: skip

# Its volumes

OUTPOST = _code(
    "outpost", FAILS, "a volume is on an Outpost, and the platform cannot read its snapshots",
    "use capture: triage", "ec2:DescribeVolumes",
)  # fmt: skip
LARGE = _code(
    "large", TAKES_LONG,
    "a disk has more than 500 GiB: that takes hours, and the platform keeps no image of it",
    "use a hunt of its own, or capture: triage", "ec2:DescribeVolumes",
)  # fmt: skip
VERY_LARGE = _code(
    "very-large", MAY_FAIL,
    "a disk has more than 1,500 GiB, which does not fit on the platform's usual worker",
    "give the platform larger workers, or use capture: triage", "ec2:DescribeVolumes",
)  # fmt: skip
FIRST_SNAPSHOT = _code(
    "first-snapshot", INFO, "a volume has no complete snapshot yet: the first one takes longest", "",
    "ec2:DescribeSnapshots",
)  # fmt: skip
PENDING = _code(
    "pending", MAY_FAIL,
    "snapshots of a volume are under way, as many as AWS allows or only seconds old",
    "keep the hunt clear of the backup's hours", "ec2:DescribeSnapshots",
)  # fmt: skip
REGION_PENDING = _code(
    "region-pending", MAY_FAIL,
    "{count} snapshots are under way in {region} of {account}, and AWS allows 100",
    "keep the hunt clear of the backup's hours, or spread it with max_in_flight", "ec2:DescribeSnapshots",
)  # fmt: skip

# Its keys

KEY_STATE = _code(
    "key-state", FAILS, "the key {key} of a volume is {state}", "enable the key, or cancel its deletion",
    "kms:DescribeKey",
)  # fmt: skip
KEY_DENIED = _code(
    "key-denied", FAILS, "the platform may not use the key {key} of a volume: {why}",
    "allow kms:Decrypt to {role}, or use capture: triage",
    "kms:GetKeyPolicy, kms:ListGrants, iam:SimulatePrincipalPolicy",
)  # fmt: skip
KEY_NOT_KNOWN = _code(
    "key-not-known", NOT_KNOWN, "whether the platform may use the key {key} of a volume: {why}",
    "{do}", "kms:GetKeyPolicy, kms:ListGrants, iam:SimulatePrincipalPolicy",
)  # fmt: skip

# Its agent

AGENT = _code(
    "agent", FAILS, "the SSM agent is not online, and a triage needs it",
    "start the agent and see that it reaches Systems Manager, or use capture: full",
    "ssm:DescribeInstanceInformation",
)  # fmt: skip
SSM_TAG = _code(
    "ssm-tag", FAILS, "the tag {tag} is missing, and the platform's role may run a triage only with it",
    "set the tag, or use capture: full", "iam:SimulatePrincipalPolicy, ec2:DescribeInstances",
)  # fmt: skip

# Its place

REGION_OFF = _code(
    "region-off", FAILS, "{region} is not enabled in {account}",
    "enable the region there, or leave it out of the targets", "ec2:DescribeRegions",
)  # fmt: skip
OPT_IN_REGION = _code(
    "opt-in-region", INFO,
    "{region} is an opt-in region, where tokens of the global STS endpoint are not valid by default",
    "if a capture there fails, see the STS settings of {account}", "ec2:DescribeRegions",
)  # fmt: skip
RIGHT = _code(
    "right", FAILS, "the platform's role {role} may not {action}{by}",
    "allow {action} to it", "iam:SimulatePrincipalPolicy",
)  # fmt: skip
RIGHT_NOT_KNOWN = _code(
    "right-not-known", NOT_KNOWN,
    "whether the platform's role {role} may {action}: it depends on {conditions}", "look at its policies",
    "iam:SimulatePrincipalPolicy",
)  # fmt: skip
ROLE_NOT_KNOWN = _code(
    "role-not-known", NOT_KNOWN, "which role the platform uses in {account}, and so what it may do there",
    "{do}", "GET /accounts/{name}",
)  # fmt: skip
NOT_READ = _code(
    "not-read", NOT_KNOWN, "{what}: {why}", "{do}", "any of the above",
)  # fmt: skip

# Other kinds

OTHER_CLOUD = _code(
    "other-cloud", NOT_KNOWN,
    "whether disks may be exported, agents answer and keys may be used in {cloud}: huntbridge has no "
    "credentials there",
    "see docs/targets.md for what the platform needs", "nothing",
)  # fmt: skip


_OF_PLATFORM = frozenset(
    code.id for code in (LICENCE, KEY_RIGHT, LOCAL_WORKERS, CLOUD_OFF, ACCOUNT_UNKNOWN, ACCOUNT_ISSUE, BUSY)
)
_DEGREES = (FAILS, MAY_FAIL, TAKES_LONG, INFO, NOT_KNOWN)


def notices(found: Iterator[Found]) -> list[Notice]:
    """One notice for each code and words, with all their systems. First comes what the platform says, last
    what is not known; between them the worst comes first."""
    grouped: dict[tuple[str, str, str, str], tuple[dict[System, None], dict[str, None]]] = {}
    for one in found:
        words = dict(one.words)
        key = (one.code.id, one.code.what.format(**words), one.code.do.format(**words), one.right)
        systems, volumes = grouped.setdefault(key, ({}, {}))
        systems.update(dict.fromkeys(one.systems))
        volumes.update(dict.fromkeys(one.volumes))
    made = [
        Notice(id, CODES[id].degree, what, do, tuple(systems), tuple(volumes), right)
        for (id, what, do, right), (systems, volumes) in grouped.items()
    ]
    order = list(CODES)
    return sorted(
        made,
        key=lambda one: (
            one.degree is NOT_KNOWN,
            one.code not in _OF_PLATFORM,
            _DEGREES.index(one.degree),
            order.index(one.code),
            -len(one.systems),
        ),
    )
