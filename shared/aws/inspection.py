"""Reads what may keep captures from working: volumes, snapshots, keys, agents, regions, the platform's role.

Every call only reads. The permissions are those of `RIGHTS`, action by action; template.yaml and
deploy/member-account-role.yaml grant them, and tests compare all three.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from shared.aws.accounts import AccountClients, understanding
from shared.aws.ec2 import manager_of
from shared.models.inspection import Agent, Decision, Grant, KeyState, Simulated
from shared.models.inventory import InstanceError, Snapshot, Volume

# The permissions that a preflight needs beside those of a hunt.
RIGHTS = (
    "ec2:DescribeInstanceTypes",
    "ec2:DescribeSnapshots",
    "ec2:DescribeVolumes",
    "iam:SimulatePrincipalPolicy",
    "kms:DescribeKey",
    "kms:GetKeyPolicy",
    "kms:ListGrants",
    "ssm:DescribeInstanceInformation",
)
# The largest pages: of volumes and snapshots, and of agents.
_PAGE, _AGENTS_PAGE = 1_000, 50
_FILTER_VALUES = 200  # values in one filter (EC2 API reference, "Filter")
_TYPES_AT_ONCE = 100
_CONDITION_IS = "string"
_SSM = "Systems Manager"


class AwsInspection(AccountClients):
    """Safe to use from several threads."""

    read_timeout = 15
    retries = 3

    @understanding("EC2")
    def volumes(self, account: str, region: str, instances: Collection[str]) -> Sequence[Volume]:
        return [
            _volume(facts, str(attachment["InstanceId"]), region, account)
            for some in _parts(instances, _FILTER_VALUES)
            for page in self._pages(
                account, region, "ec2", "describe_volumes", MaxResults=_PAGE,
                Filters=[{"Name": "attachment.instance-id", "Values": some}],
            )
            for facts in page["Volumes"]
            for attachment in facts["Attachments"]
            if attachment.get("InstanceId")
        ]  # fmt: skip

    @understanding("EC2")
    def newest_snapshots(self, account: str, region: str, volumes: Collection[str]) -> Mapping[str, Snapshot]:
        newest: dict[str, Snapshot] = {}
        for some in _parts(volumes, _FILTER_VALUES):
            filters = [
                {"Name": "volume-id", "Values": some},
                {"Name": "status", "Values": ["completed"]},
            ]
            for snapshot in self._snapshots(account, region, filters):
                known = newest.get(snapshot.volume)
                if known is None or _started(snapshot) > _started(known):
                    newest[snapshot.volume] = snapshot
        return newest

    @understanding("EC2")
    def pending_snapshots(self, account: str, region: str) -> Sequence[Snapshot]:
        return list(self._snapshots(account, region, [{"Name": "status", "Values": ["pending"]}]))

    @understanding(_SSM)
    def agents(self, account: str, region: str) -> Mapping[str, Agent]:
        operation = "describe_instance_information"
        return {
            str(one["InstanceId"]): Agent(str(one["PingStatus"]))
            for page in self._pages(account, region, "ssm", operation, called=_SSM, MaxResults=_AGENTS_PAGE)
            for one in page["InstanceInformationList"]
        }

    @understanding("EC2")
    def local_gib(self, account: str, region: str, types: Collection[str]) -> Mapping[str, int]:
        return {
            str(one["InstanceType"]): int(one.get("InstanceStorageInfo", {}).get("TotalSizeInGB", 0))
            for some in _parts(types, _TYPES_AT_ONCE)
            for page in self._pages(account, region, "ec2", "describe_instance_types", InstanceTypes=some)
            for one in page["InstanceTypes"]
        }

    @understanding("EC2")
    def opt_in(self, account: str) -> Mapping[str, str]:
        where = (account, self._first_region(account), "ec2")
        return {
            str(region["RegionName"]): str(region["OptInStatus"])
            for page in self._pages(*where, "describe_regions", AllRegions=True)
            for region in page["Regions"]
        }

    @understanding("KMS")
    def key_state(self, account: str, region: str, key: str) -> KeyState:
        try:
            (page,) = self._pages(account, _region_of(key, region), "kms", "describe_key", KeyId=key)
        except InstanceError as error:
            if isinstance(error.__cause__, ClientError) and _code(error.__cause__) == "NotFoundException":
                return KeyState("deleted", by_aws=False)
            raise
        facts = page["KeyMetadata"]
        return KeyState(str(facts["KeyState"]), by_aws=facts.get("KeyManager") == "AWS")

    @understanding("KMS")
    def key_policy(self, account: str, region: str, key: str) -> str:
        (page,) = self._pages(account, _region_of(key, region), "kms", "get_key_policy", KeyId=key)
        return str(page["Policy"])

    @understanding("KMS")
    def key_grants(self, account: str, region: str, key: str, role: str) -> Sequence[Grant]:
        pages = self._pages(
            account, _region_of(key, region), "kms", "list_grants", KeyId=key, GranteePrincipal=role,
            cursor=("NextMarker", "Marker"),
        )  # fmt: skip
        return [
            Grant(frozenset(map(str, one.get("Operations", ()))), bool(one.get("Constraints")))
            for page in pages
            for one in page["Grants"]
        ]

    @understanding("IAM")
    def simulate(
        self,
        account: str,
        role: str,
        actions: Collection[str],
        resources: Collection[str],
        context: Collection[tuple[str, str]],
    ) -> Mapping[tuple[str, str], Simulated]:
        request: dict[str, Any] = {
            "PolicySourceArn": role,
            "ActionNames": list(actions),
            "ResourceArns": list(resources),
        }
        if context:
            request["ContextEntries"] = [
                {"ContextKeyName": key, "ContextKeyValues": [value], "ContextKeyType": _CONDITION_IS}
                for key, value in context
            ]
        where = (account, self._first_region(account), "iam", "simulate_principal_policy")
        return {
            (str(result["EvalActionName"]), resource): simulated
            for page in self._pages(*where, cursor=("Marker", "Marker"), **request)
            for result in page["EvaluationResults"]
            for resource, simulated in _decisions(result)
        }

    def _snapshots(self, account: str, region: str, filters: list[dict[str, Any]]) -> Iterator[Snapshot]:
        for page in self._pages(
            account, region, "ec2", "describe_snapshots", OwnerIds=["self"], MaxResults=_PAGE, Filters=filters
        ):
            for facts in page["Snapshots"]:
                yield Snapshot(
                    str(facts["SnapshotId"]),
                    str(facts["VolumeId"]),
                    str(facts["State"]),
                    facts.get("StartTime"),
                    facts.get("FullSnapshotSizeInBytes"),
                )


def _volume(facts: Mapping[str, Any], instance: str, region: str, account: str) -> Volume:
    return Volume(
        id=str(facts["VolumeId"]),
        instance=instance,
        region=region,
        account=account,
        owner=str(facts.get("OwnerId", "")),
        gib=int(facts["Size"]),
        type=str(facts.get("VolumeType", "")),
        encrypted=bool(facts.get("Encrypted")),
        key=str(facts.get("KmsKeyId", "")),
        outpost=str(facts.get("OutpostArn", "")),
        managed_by=manager_of(facts),
    )


def _decisions(result: Mapping[str, Any]) -> Iterator[tuple[str, Simulated]]:
    """There is one result for each action, however many resources there are; the decision about each of
    several resources is inside it."""
    missing = tuple(map(str, result.get("MissingContextValues", ())))
    specific = result.get("ResourceSpecificResults", ())
    if not specific:
        yield str(result["EvalResourceName"]), Simulated(Decision(result["EvalDecision"]), missing)
    for one in specific:
        of_one = tuple(map(str, one.get("MissingContextValues", ()))) or missing
        yield str(one["EvalResourceName"]), Simulated(Decision(one["EvalResourceDecision"]), of_one)


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _region_of(key: str, region: str) -> str:
    """A key is asked for in its own region."""
    parts = key.split(":")
    return parts[3] if len(parts) > 5 and parts[3] else region


def _started(snapshot: Snapshot) -> datetime:
    return snapshot.started_at or datetime.min.replace(tzinfo=UTC)


def _parts(values: Collection[str], size: int) -> Iterator[list[str]]:
    listed = list(values)
    for first in range(0, len(listed), size):
        yield listed[first : first + size]
