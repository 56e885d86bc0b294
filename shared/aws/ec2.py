"""What EC2 says about one instance, asked in the instance's own region and account.

An account with a role is read through that role, assumed for an hour and kept. Nothing is ever changed in
AWS: the calls are sts:AssumeRole and ec2:DescribeInstances. Every failure is an `InstanceError` that a
person can act on.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from shared.aws.clients import DENIED, AwsError, Clients
from shared.config import AccountConfig
from shared.instances import InstanceError
from shared.models import Instance
from shared.secrets import SecretError, Secrets

_RENEW_BEFORE = timedelta(minutes=5)


@dataclass(frozen=True)
class _Assumed:
    """A client with the credentials of a role, and when they end."""

    client: Any
    until: datetime


class Ec2:
    """Safe to use from several threads. Clients are made when they are first needed."""

    def __init__(
        self,
        accounts: Mapping[str, AccountConfig],
        secrets: Secrets,
        *,
        endpoint_url: str | None = None,
        connect_timeout: float = 3,
        read_timeout: float = 4,
        retries: int = 1,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Timeouts in seconds, of each attempt; `retries` is how often a call is repeated after its first."""
        self._accounts, self._secrets, self._now = accounts, secrets, now
        self._clients = Clients(
            {},
            endpoint_url=endpoint_url,
            connect_timeout=connect_timeout,
            read_timeout=read_timeout,
            retries=retries,
            now=lambda: now().timestamp(),
        )
        self._lock = threading.Lock()
        self._assumed: dict[tuple[str, str], _Assumed] = {}

    def describe(self, instance: str, region: str, account: str = "") -> Instance:
        """`account` is an alias from the config; empty is this machine's own. Raises InstanceError."""
        client = self._client(account, region)
        try:
            answer = client.describe_instances(InstanceIds=[instance])
        except (BotoCoreError, ClientError) as error:
            raise InstanceError(self._said(error, instance, region)) from error
        for reservation in answer.get("Reservations", ()):
            for facts in reservation.get("Instances", ()):
                return _instance(facts, region, str(reservation.get("OwnerId", "")))
        raise InstanceError(_not_there(instance, region))

    def _client(self, account: str, region: str) -> Any:
        config = self._accounts.get(account)
        if account and config is None:
            raise InstanceError(f"the account {account} is not in the configuration")
        try:
            if config is None or config.role is None:
                return self._clients.get("ec2", region)
            return self._client_of_role(account, config, region)
        except AwsError as error:
            raise InstanceError(str(error)) from error

    def _client_of_role(self, account: str, config: AccountConfig, region: str) -> Any:
        with self._lock:
            kept = self._assumed.get((account, region))
        if kept and self._now() < kept.until - _RENEW_BEFORE:
            return kept.client
        granted = self._assume(account, config, region)
        client = self._clients.make(
            "ec2",
            region,
            aws_access_key_id=granted["AccessKeyId"],
            aws_secret_access_key=granted["SecretAccessKey"],
            aws_session_token=granted["SessionToken"],
        )
        with self._lock:
            self._assumed[account, region] = _Assumed(client, granted["Expiration"])
        return client

    def _assume(self, account: str, config: AccountConfig, region: str) -> Mapping[str, Any]:
        request = {"RoleArn": config.role, "RoleSessionName": "huntbridge"}
        # STS is asked in the system's own region: that is right in every partition, and its tokens are good
        # in opt-in regions, which those of the global endpoint are not.
        sts = self._clients.get("sts", region)
        try:
            if config.external_id is not None:
                request["ExternalId"] = self._secrets.get(config.external_id).reveal()
            credentials: Mapping[str, Any] = sts.assume_role(**request)["Credentials"]
        except SecretError as error:
            raise InstanceError(f"the external id of the account {account}: {error}") from error
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            why = "its trust policy or the external id does not fit" if code in DENIED else code
            raise InstanceError(
                f"AWS does not let this machine assume the role {config.role}: {why}"
            ) from error
        except BotoCoreError as error:
            raise self._clients.failure(error, f"STS in {region}", "sts:AssumeRole") from error
        return credentials

    def _said(self, error: BotoCoreError | ClientError, instance: str, region: str) -> str:
        failure = self._clients.failure(error, f"EC2 in {region}", "ec2:DescribeInstances")
        if failure.code == "InvalidInstanceID.NotFound":
            return _not_there(instance, region)
        if failure.code == "InvalidInstanceID.Malformed":
            return f"{instance} is not an instance id"
        return str(failure)


def _not_there(instance: str, region: str) -> str:
    return f"EC2 in {region} says that {instance} does not exist (terminated long ago, or in another account)"


def _instance(facts: Mapping[str, Any], region: str, owner: str) -> Instance:
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
        # `Platform` is only set on Windows; `PlatformDetails` is the billing name, such as Linux/UNIX.
        platform=facts.get("PlatformDetails", "") or facts.get("Platform", "").capitalize(),
        launched_at=launched.astimezone(UTC) if launched else None,
        tags=tags,
    )
