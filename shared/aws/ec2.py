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

import boto3
import botocore.session
from botocore.config import Config as BotoConfig
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    CredentialRetrievalError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    ReadTimeoutError,
)

from shared.config import AccountConfig
from shared.instances import InstanceError
from shared.models import Instance
from shared.secrets import SecretError, Secrets

_RENEW_BEFORE = timedelta(minutes=5)
# Where a machine has no credentials, every look for some asks the instance metadata service, which may hang;
# once nothing was found, it is not asked again for this long.
_NO_CREDENTIALS_FOR = timedelta(minutes=1)
_METADATA_TIMEOUT = 1  # seconds for each of at most two requests

_DENIED = ("UnauthorizedOperation", "AccessDenied", "AccessDeniedException")
_BAD_CREDENTIALS = (
    "AuthFailure",
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidClientTokenId",
    "RequestExpired",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
)
_THROTTLED = ("RequestLimitExceeded", "Throttling", "ThrottlingException")


@dataclass(frozen=True)
class _Kept:
    """A client, and when the credentials in it end; None where they renew themselves."""

    client: Any
    until: datetime | None


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
        self._accounts, self._secrets, self._endpoint_url, self._now = accounts, secrets, endpoint_url, now
        self._read_timeout = read_timeout
        self._boto = BotoConfig(
            connect_timeout=connect_timeout,
            read_timeout=read_timeout,
            retries={"total_max_attempts": retries + 1, "mode": "standard"},
            user_agent_extra="huntbridge",
        )
        self._lock = threading.Lock()
        self._session: boto3.Session | None = None
        self._no_credentials_until: datetime | None = None
        self._clients: dict[tuple[str, str], _Kept] = {}

    def describe(self, instance: str, region: str, account: str = "") -> Instance:
        """`account` is an alias from the config; empty is this machine's own. Raises InstanceError."""
        try:
            answer = self._client(account, region).describe_instances(InstanceIds=[instance])
        except ClientError as error:
            raise InstanceError(_refusal(error, instance, region)) from error
        except BotoCoreError as error:
            raise InstanceError(self._failure(error, f"EC2 in {region}")) from error
        for reservation in answer.get("Reservations", ()):
            for facts in reservation.get("Instances", ()):
                return _instance(facts, region, str(reservation.get("OwnerId", "")))
        raise InstanceError(_not_there(instance, region))

    def _client(self, account: str, region: str) -> Any:
        with self._lock:
            kept = self._clients.get((account, region))
            if kept and (kept.until is None or self._now() < kept.until - _RENEW_BEFORE):
                return kept.client
            session = self._base()
        kept = self._make(session, account, region)
        with self._lock:
            self._clients[account, region] = kept
        return kept.client

    def _base(self) -> boto3.Session:
        """The session with this machine's own credentials. Raises InstanceError where it has none."""
        if self._no_credentials_until and self._now() < self._no_credentials_until:
            raise InstanceError("no AWS credentials on this machine")
        if self._session is None:
            core = botocore.session.get_session()
            core.set_config_variable("metadata_service_timeout", _METADATA_TIMEOUT)
            core.set_config_variable("metadata_service_num_attempts", 1)
            try:
                session = boto3.Session(botocore_session=core)
                found = session.get_credentials()
            except BotoCoreError as error:
                raise InstanceError(self._failure(error, "AWS")) from error
            if found is None:
                self._no_credentials_until = self._now() + _NO_CREDENTIALS_FOR
                raise InstanceError("no AWS credentials on this machine")
            self._session = session
        return self._session

    def _make(self, session: boto3.Session, account: str, region: str) -> _Kept:
        config = self._accounts.get(account)
        if account and config is None:
            raise InstanceError(f"the account {account} is not in the configuration")
        if config is None or config.role is None:
            return _Kept(self._boto_client(session, "ec2", region), None)
        granted = self._assume(session, account, config, region)
        client = self._boto_client(
            session,
            "ec2",
            region,
            aws_access_key_id=granted["AccessKeyId"],
            aws_secret_access_key=granted["SecretAccessKey"],
            aws_session_token=granted["SessionToken"],
        )
        return _Kept(client, granted["Expiration"])

    def _assume(
        self, session: boto3.Session, account: str, config: AccountConfig, region: str
    ) -> Mapping[str, Any]:
        request = {"RoleArn": config.role, "RoleSessionName": "huntbridge"}
        try:
            if config.external_id is not None:
                request["ExternalId"] = self._secrets.get(config.external_id).reveal()
            # STS is asked in the system's own region: that is right in every partition, and its tokens are
            # good in opt-in regions, which those of the global endpoint are not.
            granted: Mapping[str, Any] = self._boto_client(session, "sts", region).assume_role(**request)
        except SecretError as error:
            raise InstanceError(f"the external id of the account {account}: {error}") from error
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            why = "its trust policy or the external id does not fit" if code in _DENIED else code
            raise InstanceError(
                f"AWS does not let this machine assume the role {config.role}: {why}"
            ) from error
        except BotoCoreError as error:
            raise InstanceError(self._failure(error, f"STS in {region}")) from error
        credentials: Mapping[str, Any] = granted["Credentials"]
        return credentials

    def _boto_client(self, session: boto3.Session, service: str, region: str, **credentials: str) -> Any:
        with self._lock:  # making a client is not safe from several threads
            return session.client(
                service,
                region_name=region,
                endpoint_url=self._endpoint_url,
                config=self._boto,
                **credentials,
            )

    def _failure(self, error: BotoCoreError, who: str) -> str:
        if isinstance(error, NoCredentialsError | ProfileNotFound):
            return "no AWS credentials on this machine"
        if isinstance(error, PartialCredentialsError | CredentialRetrievalError):
            return "the AWS credentials on this machine cannot be used"
        if isinstance(error, ConnectTimeoutError | ReadTimeoutError):
            return f"{who} did not answer within {self._read_timeout:g} s"
        return f"{who} cannot be reached ({type(error).__name__})"


def _refusal(error: ClientError, instance: str, region: str) -> str:
    code = str(error.response.get("Error", {}).get("Code", ""))
    if code == "InvalidInstanceID.NotFound":
        return _not_there(instance, region)
    if code == "InvalidInstanceID.Malformed":
        return f"{instance} is not an instance id"
    if code in _DENIED:
        return f"access denied by EC2 in {region}: the role needs ec2:DescribeInstances"
    if code in _BAD_CREDENTIALS:
        return f"EC2 in {region} does not accept the AWS credentials ({code})"
    if code in _THROTTLED:
        return f"EC2 in {region} is throttling requests"
    return f"EC2 in {region} refused ({code})"


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
