"""AWS clients for the accounts of the configuration: with this machine's own credentials or an account's
role.

A role is assumed for an hour and kept. The only call made here is sts:AssumeRole. Every failure is an
`InstanceError` with a text that a person can act on.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from shared.aws.clients import Clients
from shared.aws.errors import DENIED, AwsError, understood
from shared.config.accounts import AccountConfig
from shared.models.inventory import InstanceError
from shared.secrets import SecretError, Secrets

_RENEW_BEFORE = timedelta(minutes=5)


@dataclass(frozen=True)
class _Assumed:
    """A client with the credentials of a role, and the time at which they end."""

    client: Any
    until: datetime


class AccountClients:
    """Safe to use from several threads. Clients are made when they are first needed."""

    def __init__(
        self,
        account_of: Callable[[str], AccountConfig | None],
        secrets: Secrets,
        *,
        endpoint_url: str | None = None,
        connect_timeout: float = 3,
        read_timeout: float = 4,
        retries: int = 1,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`account_of` returns the account of a name. The timeouts are seconds for each attempt. `retries` is
        how often a failed call is repeated."""
        self._account_of, self._secrets, self._now = account_of, secrets, now
        self._clients = Clients(
            {},
            endpoint_url=endpoint_url,
            connect_timeout=connect_timeout,
            read_timeout=read_timeout,
            retries=retries,
            now=lambda: now().timestamp(),
        )
        self._lock = threading.Lock()
        self._assumed: dict[tuple[str, str, str], _Assumed] = {}

    def _client(self, account: str, region: str, service: str = "ec2") -> Any:
        """The client of a service. An empty account is this machine's own. Raises InstanceError."""
        config = self._account_of(account)
        if account and config is None:
            raise InstanceError(f"the account {account} is not in the configuration")
        try:
            if config is None or config.role is None:
                return self._clients.get(service, region)
            return self._client_of_role(account, config, region, service)
        except AwsError as error:
            raise InstanceError(str(error)) from error

    def _client_of_role(self, account: str, config: AccountConfig, region: str, service: str) -> Any:
        with self._lock:
            kept = self._assumed.get((account, region, service))
        if kept and self._now() < kept.until - _RENEW_BEFORE:
            return kept.client
        granted = self._assume(account, config, region)
        with understood("STS"):
            until: datetime = granted["Expiration"].astimezone(UTC)
            credentials = {
                "aws_access_key_id": str(granted["AccessKeyId"]),
                "aws_secret_access_key": str(granted["SecretAccessKey"]),
                "aws_session_token": str(granted["SessionToken"]),
            }
        client = self._clients.make(service, region, **credentials)
        with self._lock:
            self._assumed[account, region, service] = _Assumed(client, until)
        return client

    def _assume(self, account: str, config: AccountConfig, region: str) -> Mapping[str, Any]:
        request = {"RoleArn": config.role, "RoleSessionName": "huntbridge"}
        # STS is asked in the system's own region. This is right in every partition, and unlike the tokens of
        # the global endpoint, its tokens are valid in opt-in regions.
        sts = self._clients.get("sts", region)
        try:
            if config.external_id is not None:
                request["ExternalId"] = self._secrets.get(config.external_id).reveal()
            answer = sts.assume_role(**request)
        except SecretError as error:
            raise InstanceError(f"the external id of the account {account}: {error}") from error
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            reason = "its trust policy or the external id does not fit" if code in DENIED else code
            raise InstanceError(
                f"AWS does not let this machine assume the role {config.role}: {reason}"
            ) from error
        except BotoCoreError as error:
            raise self._clients.failure(error, f"STS in {region}", "sts:AssumeRole") from error
        with understood("STS"):
            credentials: Mapping[str, Any] = answer["Credentials"]
        return credentials
