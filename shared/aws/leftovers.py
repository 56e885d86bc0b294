"""Lists what carries the platform's marks: snapshots, volumes, keys. Nothing is changed in AWS.

The platform names what it makes `CadoResponse…`: very likely so, since its deployment templates let it delete
only what has such a name. The calls are ec2:DescribeSnapshots, ec2:DescribeVolumes and kms:ListAliases.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from shared.aws.accounts import AccountClients
from shared.aws.clients import NAMES
from shared.aws.errors import understood
from shared.config.accounts import AccountConfig
from shared.models.inventory import InstanceError
from shared.models.leftovers import Marked, Sort
from shared.secrets import Secrets

_NAMED = {"Name": "tag:Name", "Values": ["CadoResponse*"]}
_ALIAS = "alias/CadoResponse-KMS-Alias"
_PAGE, _ALIASES = 1_000, 100  # the largest pages, by the API references
_GIB = 2**30


class AwsMarks(AccountClients):
    """Safe to use from several threads."""

    def __init__(
        self,
        account_of: Callable[[str], AccountConfig | None],
        secrets: Secrets,
        *,
        read_timeout: float = 20,
        retries: int = 4,
        **manners: Any,
    ) -> None:
        """The arguments are those of `AccountClients`."""
        super().__init__(account_of, secrets, read_timeout=read_timeout, retries=retries, **manners)

    def snapshots(self, account: str, region: str) -> list[Marked]:
        request = {"OwnerIds": ["self"], "Filters": [_NAMED], "MaxResults": _PAGE}
        with understood("EC2", InstanceError):
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
                for page in self._every_page(account, region, "ec2", "describe_snapshots", request)
                for snapshot in page["Snapshots"]
            ]

    def volumes(self, account: str, region: str) -> list[Marked]:
        filters = [_NAMED, {"Name": "status", "Values": ["available"]}]
        request = {"Filters": filters, "MaxResults": _PAGE}
        with understood("EC2", InstanceError):
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
                for page in self._every_page(account, region, "ec2", "describe_volumes", request)
                for volume in page["Volumes"]
            ]

    def keys(self, account: str, region: str) -> list[Marked]:
        """A key without its alias is not found: the platform schedules it to be deleted."""
        request = {"Limit": _ALIASES}
        with understood("KMS", InstanceError):
            return [
                Marked(
                    Sort.KEY,
                    str(alias["TargetKeyId"]),
                    account,
                    region,
                    _moment(alias["CreationDate"]) if alias.get("CreationDate") else None,
                    str(alias["AliasName"]),
                )
                for page in self._every_page(account, region, "kms", "list_aliases", request)
                for alias in page["Aliases"]
                if str(alias["AliasName"]).startswith(_ALIAS) and alias.get("TargetKeyId")
            ]

    def _every_page(
        self, account: str, region: str, service: str, operation: str, request: Mapping[str, Any]
    ) -> Iterator[Mapping[str, Any]]:
        client = self._client(account, region, service)
        following: dict[str, str] = {}
        try:
            while True:
                page = getattr(client, operation)(**request, **following)
                yield page
                # EC2 and KMS name the mark of the next page differently.
                if token := page.get("NextToken"):
                    following = {"NextToken": token}
                elif page.get("Truncated"):
                    following = {"Marker": page["NextMarker"]}
                else:
                    return
        except (BotoCoreError, ClientError) as error:
            action = f"{service}:{client.meta.method_to_api_mapping[operation]}"
            raise InstanceError(str(self._clients.failure(error, NAMES[service], action))) from error


def _name(facts: Mapping[str, Any]) -> str:
    return next((str(tag.get("Value", "")) for tag in facts.get("Tags", ()) if tag["Key"] == "Name"), "")


def _snapshot_gib(snapshot: Mapping[str, Any]) -> float:
    """All its data, also blocks that it shares with older snapshots. Without that figure, the volume's
    size."""
    full = snapshot.get("FullSnapshotSizeInBytes")
    return float(snapshot["VolumeSize"]) if full is None else int(full) / _GIB


def _moment(moment: datetime) -> datetime:
    return moment.astimezone(UTC)
