"""The facts of one instance from EC2, asked in the instance's own region and account.

The only calls are sts:AssumeRole and ec2:DescribeInstances, so nothing is changed in AWS. Every failure is an
`InstanceError` with a text that a person can act on.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from shared.aws.accounts import AccountClients
from shared.aws.errors import understood
from shared.models.inventory import InstanceError
from shared.models.systems import Instance


class Ec2(AccountClients):
    """Safe to use from several threads. Clients are made when they are first needed."""

    def describe(self, instance: str, region: str, account: str = "") -> Instance:
        """`account` is a name from the configuration; empty is this machine's own. Raises InstanceError."""
        client = self._client(account, region)
        try:
            answer = client.describe_instances(InstanceIds=[instance])
        except (BotoCoreError, ClientError) as error:
            raise InstanceError(self._reason(error, instance, region)) from error
        with understood(f"EC2 in {region}", InstanceError):
            for reservation in answer.get("Reservations", ()):
                for facts in reservation.get("Instances", ()):
                    return instance_of(facts, region, str(reservation.get("OwnerId", "")))
        raise InstanceError(_not_found(instance, region))

    def _reason(self, error: BotoCoreError | ClientError, instance: str, region: str) -> str:
        failure = self._clients.failure(error, f"EC2 in {region}", "ec2:DescribeInstances")
        if failure.code == "InvalidInstanceID.NotFound":
            return _not_found(instance, region)
        if failure.code == "InvalidInstanceID.Malformed":
            return f"{instance} is not an instance id"
        return str(failure)


def _not_found(instance: str, region: str) -> str:
    return f"EC2 in {region} says that {instance} does not exist (terminated long ago, or in another account)"


def instance_of(facts: Mapping[str, Any], region: str, owner: str) -> Instance:
    tags = {str(tag["Key"]): str(tag.get("Value", "")) for tag in facts.get("Tags", ())}
    groups = tuple(
        f"{group.get('GroupName', '')} ({group['GroupId']})" for group in facts.get("SecurityGroups", ())
    )
    launched: datetime | None = facts.get("LaunchTime")
    return Instance(
        id=facts["InstanceId"],
        region=region,
        name=tags.get("Name", ""),
        type=facts.get("InstanceType", ""),
        state=facts.get("State", {}).get("Name", ""),
        zone=facts.get("Placement", {}).get("AvailabilityZone", ""),
        account_id=owner,
        private_ip=facts.get("PrivateIpAddress", ""),
        public_ip=facts.get("PublicIpAddress", ""),
        vpc=facts.get("VpcId", ""),
        subnet=facts.get("SubnetId", ""),
        security_groups=groups,
        iam_profile=facts.get("IamInstanceProfile", {}).get("Arn", "").rpartition("/")[2],
        image=facts.get("ImageId", ""),
        # `PlatformDetails` is the billing name, such as Linux/UNIX. `Platform` is only set on Windows.
        platform=facts.get("PlatformDetails", "") or facts.get("Platform", "").capitalize(),
        launched_at=launched.astimezone(UTC) if launched else None,
        tags=tags,
        root_device=facts.get("RootDeviceType", ""),
        hibernation=bool(facts.get("HibernationOptions", {}).get("Configured")),
        marketplace=any(
            code.get("ProductCodeType") == "marketplace" for code in facts.get("ProductCodes", ())
        ),
        managed_by=manager_of(facts),
    )


def manager_of(facts: Mapping[str, Any]) -> str:
    """The AWS service that manages an instance or a volume; empty if none does."""
    operator = facts.get("Operator", {})
    return str(operator.get("Principal") or "an AWS service") if operator.get("Managed") else ""
