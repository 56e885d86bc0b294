"""What there is in AWS: the accounts of a unit, the regions of an account, the instances of a region.

Names of units, accounts and regions go in; whole lists come out, page after page. Nothing is ever changed
in AWS, and nothing is judged here: which of them are hunted is decided elsewhere.
"""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, ParamSpec, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from shared.aws.accounts import InAccounts
from shared.aws.clients import NAMES
from shared.aws.ec2 import instance_of
from shared.aws.errors import AwsError, understood
from shared.config.accounts import AccountConfig
from shared.models.inventory import InstanceError
from shared.models.systems import Instance
from shared.secrets import Secrets

# The largest pages of DescribeInstances and DescribeVolumes, and of DescribeAutoScalingGroups, by their API
# references.
_PAGE, _GROUPS_PAGE = 1_000, 100
# Values in one filter (EC2 API reference, "Filter").
_FILTER_VALUES = 200
# Where a question is asked that belongs to no region, by the partition of the account.
_FIRST_REGION = {"aws": "us-east-1", "aws-cn": "cn-north-1", "aws-us-gov": "us-gov-west-1"}


P = ParamSpec("P")
V = TypeVar("V")


def _understood(who: str) -> Callable[[Callable[P, V]], Callable[P, V]]:
    """An answer of another shape than the one that is documented becomes an InstanceError."""

    def guard(ask: Callable[P, V]) -> Callable[P, V]:
        @functools.wraps(ask)
        def asking(*args: P.args, **kwargs: P.kwargs) -> V:
            with understood(who, InstanceError):
                return ask(*args, **kwargs)

        return asking

    return guard


class AwsFleet(InAccounts):
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
        super().__init__(account_of, secrets, read_timeout=read_timeout, retries=retries, **manners)

    @_understood("Organizations")
    def members(self, unit: str, account: str = "") -> list[str]:
        where = (account, self._first_region(account), "organizations")
        found, units = [], [unit]
        for parent in units:
            for page in self._pages(*where, "list_accounts_for_parent", ParentId=parent):
                found += [str(one["Id"]) for one in page["Accounts"] if _is_active(one)]
            for page in self._pages(*where, "list_organizational_units_for_parent", ParentId=parent):
                units += [str(one["Id"]) for one in page["OrganizationalUnits"]]
        return found

    @_understood("EC2")
    def regions(self, account: str) -> list[str]:
        pages = self._pages(account, self._first_region(account), "ec2", "describe_regions")
        return sorted(str(one["RegionName"]) for page in pages for one in page["Regions"])

    @_understood("EC2")
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

    @_understood("Auto Scaling")
    def groups(self, account: str, region: str) -> Mapping[str, str]:
        operation = "describe_auto_scaling_groups"
        return {
            str(instance["InstanceId"]): str(group["AutoScalingGroupName"])
            for page in self._pages(account, region, "autoscaling", operation, MaxRecords=_GROUPS_PAGE)
            for group in page["AutoScalingGroups"]
            for instance in group.get("Instances", ())
        }

    @_understood("EC2")
    def volumes(self, account: str, region: str, only: Collection[str]) -> Mapping[str, list[int]]:
        found: dict[str, list[int]] = defaultdict(list)
        for request in _requests("attachment.instance-id", only):
            for page in self._pages(account, region, "ec2", "describe_volumes", **request):
                for volume in page["Volumes"]:
                    for attachment in volume["Attachments"]:
                        found[attachment["InstanceId"]].append(int(volume["Size"]))
        return found

    def _pages(
        self, account: str, region: str, service: str, operation: str, **request: Any
    ) -> Iterator[Mapping[str, Any]]:
        client = self._client(account, region, service)
        following: dict[str, str] = {}
        try:
            # Not botocore's paginators: to make the first one reads its folder of all services.
            while True:
                page = getattr(client, operation)(**request, **following)
                yield page
                if not page.get("NextToken"):
                    return
                following = {"NextToken": page["NextToken"]}
        except (BotoCoreError, ClientError) as error:
            action = f"{service}:{client.meta.method_to_api_mapping[operation]}"
            # Without the region: what is the same in many can then be told once.
            raise InstanceError(str(self._clients.failure(error, NAMES[service], action))) from error

    def _first_region(self, account: str) -> str:
        config = self._account_of(account)
        partition = config.role.split(":")[1] if config and config.role else ""
        try:
            return _FIRST_REGION.get(partition) or self._clients.home_region()
        except AwsError as error:
            raise InstanceError(str(error)) from error


def _is_active(account: Mapping[str, Any]) -> bool:
    """AWS Organizations says it in `State`; before 2026-09-09 it did in `Status`."""
    state = account["Status"] if "State" not in account and "Status" in account else account["State"]
    return bool(state == "ACTIVE")


def _requests(
    filter_by: str, values: Collection[str], tags: Mapping[str, Collection[str]] = {}
) -> Iterator[dict[str, Any]]:
    """What a question says, in as many parts as it takes; without values it is about everything."""
    listed, size = list(values), {"MaxResults": _PAGE}
    filters = [{"Name": f"tag:{key}", "Values": list(globs)} for key, globs in tags.items()]
    if not listed:
        yield size | ({"Filters": filters} if filters else {})
    for first in range(0, len(listed), _FILTER_VALUES):
        some = listed[first : first + _FILTER_VALUES]
        yield size | {"Filters": [{"Name": filter_by, "Values": some}, *filters]}
