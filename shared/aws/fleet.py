"""Lists what there is in AWS: the accounts of a unit, the regions of an account, the instances of a region.

All pages of a list are read. Nothing is changed in AWS. `scheduler/` decides which instances are hunted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from shared.aws.accounts import AccountClients, understanding
from shared.aws.ec2 import instance_of
from shared.aws.errors import AwsError
from shared.models.inventory import ACTIVE, InstanceError
from shared.models.systems import Instance

# The largest page sizes of DescribeInstances and DescribeVolumes, and of DescribeAutoScalingGroups, by their
# API references.
_PAGE, _GROUPS_PAGE = 1_000, 100
# Values in one filter (EC2 API reference, "Filter").
_FILTER_VALUES = 200


class AwsFleet(AccountClients):
    """Safe to use from several threads."""

    read_timeout = 20
    retries = 4

    @understanding("Organizations")
    def members(self, unit: str, account: str = "") -> list[str]:
        return [id for id, state in self.accounts_below(unit, account).items() if state == ACTIVE]

    @understanding("Organizations")
    def accounts_below(self, unit: str, account: str = "") -> Mapping[str, str]:
        where = (account, self._first_region(account), "organizations")
        states: dict[str, str] = {}
        units = [unit]
        for parent in units:
            for page in self._pages(*where, "list_accounts_for_parent", ParentId=parent):
                states |= {str(member["Id"]): _state(member) for member in page["Accounts"]}
            for page in self._pages(*where, "list_organizational_units_for_parent", ParentId=parent):
                units += [str(child["Id"]) for child in page["OrganizationalUnits"]]
        return states

    @understanding("STS")
    def own_account(self) -> str:
        try:
            region = self._first_region("")
            return str(self._clients.call("sts", "get_caller_identity", region=region)["Account"])
        except AwsError as error:
            raise InstanceError(str(error)) from error

    @understanding("EC2")
    def regions(self, account: str) -> list[str]:
        pages = self._pages(account, self._first_region(account), "ec2", "describe_regions")
        return sorted(str(region["RegionName"]) for page in pages for region in page["Regions"])

    @understanding("EC2")
    def instances(
        self,
        account: str,
        region: str,
        *,
        only: Collection[str] = (),
        tags: Mapping[str, Collection[str]] = {},
    ) -> list[Instance]:
        return [
            instance_of(facts, region, str(reservation.get("OwnerId", "")))
            for request in _requests("instance-id", only, tags)
            for page in self._pages(account, region, "ec2", "describe_instances", **request)
            for reservation in page["Reservations"]
            for facts in reservation["Instances"]
        ]

    @understanding("Auto Scaling")
    def groups(self, account: str, region: str) -> Mapping[str, str]:
        operation = "describe_auto_scaling_groups"
        return {
            str(instance["InstanceId"]): str(group["AutoScalingGroupName"])
            for page in self._pages(account, region, "autoscaling", operation, MaxRecords=_GROUPS_PAGE)
            for group in page["AutoScalingGroups"]
            for instance in group.get("Instances", ())
        }

    @understanding("EC2")
    def volumes(self, account: str, region: str, only: Collection[str]) -> Mapping[str, list[int]]:
        sizes: dict[str, list[int]] = defaultdict(list)
        for request in _requests("attachment.instance-id", only):
            for page in self._pages(account, region, "ec2", "describe_volumes", **request):
                for volume in page["Volumes"]:
                    for attachment in volume["Attachments"]:
                        sizes[attachment["InstanceId"]].append(int(volume["Size"]))
        return sizes


def _state(account: Mapping[str, Any]) -> str:
    """AWS Organizations has this in the field `State`; before 2026-09-09 it was `Status`."""
    return str(account["Status"] if "State" not in account and "Status" in account else account["State"])


def _requests(
    filter_by: str, values: Collection[str], tags: Mapping[str, Collection[str]] = {}
) -> Iterator[dict[str, Any]]:
    """The parameters of each request: as many requests as the values need, or without values a single request
    for everything."""
    listed, size = list(values), {"MaxResults": _PAGE}
    filters = [{"Name": f"tag:{key}", "Values": list(globs)} for key, globs in tags.items()]
    if not listed:
        yield size | ({"Filters": filters} if filters else {})
    for first in range(0, len(listed), _FILTER_VALUES):
        part = listed[first : first + _FILTER_VALUES]
        yield size | {"Filters": [{"Name": filter_by, "Values": part}, *filters]}
