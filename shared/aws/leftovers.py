"""Lists what carries the platform's marks: snapshots, volumes, keys. Nothing is changed in AWS.

The platform names what it makes `CadoResponse…`: very likely so, since its deployment templates let it delete
only what has such a name.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from shared.aws.accounts import AccountClients, understanding
from shared.models.leftovers import Marked, Sort

# The permissions that this needs. template.yaml and deploy/member-account-role.yaml grant them.
RIGHTS = ("ec2:DescribeSnapshots", "ec2:DescribeVolumes", "kms:ListAliases")
_NAMED = {"Name": "tag:Name", "Values": ["CadoResponse*"]}
_ALIAS = "alias/CadoResponse-KMS-Alias"
_PAGE, _ALIASES = 1_000, 100  # the largest pages, by the API references
_GIB = 2**30


class AwsMarks(AccountClients):
    """Safe to use from several threads."""

    read_timeout = 20
    retries = 4

    @understanding("EC2")
    def snapshots(self, account: str, region: str) -> list[Marked]:
        where = (account, region, "ec2", "describe_snapshots")
        return [
            Marked(
                Sort.SNAPSHOT,
                str(snapshot["SnapshotId"]),
                account,
                region,
                _moment(snapshot["StartTime"]),
                _name(snapshot),
                str(snapshot.get("State", "")),
                _snapshot_gib(snapshot),
                str(snapshot.get("VolumeId", "")),
            )
            for page in self._pages(*where, OwnerIds=["self"], Filters=[_NAMED], MaxResults=_PAGE)
            for snapshot in page["Snapshots"]
        ]

    @understanding("EC2")
    def volumes(self, account: str, region: str) -> list[Marked]:
        where = (account, region, "ec2", "describe_volumes")
        filters = [_NAMED, {"Name": "status", "Values": ["available"]}]
        return [
            Marked(
                Sort.VOLUME,
                str(volume["VolumeId"]),
                account,
                region,
                _moment(volume["CreateTime"]),
                _name(volume),
                str(volume.get("State", "")),
                float(volume["Size"]),
            )
            for page in self._pages(*where, Filters=filters, MaxResults=_PAGE)
            for volume in page["Volumes"]
        ]

    @understanding("KMS")
    def keys(self, account: str, region: str) -> list[Marked]:
        """A key without its alias is not found: the platform schedules it to be deleted."""
        where, cursor = (account, region, "kms", "list_aliases"), ("NextMarker", "Marker")
        return [
            Marked(
                Sort.KEY,
                str(alias["TargetKeyId"]),
                account,
                region,
                _moment(alias["CreationDate"]) if alias.get("CreationDate") else None,
                str(alias["AliasName"]),
            )
            for page in self._pages(*where, cursor=cursor, Limit=_ALIASES)
            for alias in page["Aliases"]
            if str(alias["AliasName"]).startswith(_ALIAS) and alias.get("TargetKeyId")
        ]


def _name(facts: Mapping[str, Any]) -> str:
    return next((str(tag.get("Value", "")) for tag in facts.get("Tags", ()) if tag["Key"] == "Name"), "")


def _snapshot_gib(snapshot: Mapping[str, Any]) -> float:
    """All its data, also blocks that it shares with older snapshots. Without that figure, the volume's
    size."""
    full = snapshot.get("FullSnapshotSizeInBytes")
    return float(snapshot["VolumeSize"]) if full is None else int(full) / _GIB


def _moment(moment: datetime) -> datetime:
    return moment.astimezone(UTC)
