"""AWS clients for the accounts of the configuration: with this machine's own credentials or an account's
role.

A role is assumed for an hour, and its credentials serve in all regions. The only call made here is
sts:AssumeRole. Every failure is an `InstanceError` with a text that a person can act on.
"""

from __future__ import annotations

import functools
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, ParamSpec, TypeVar

from botocore.credentials import Credentials
from botocore.exceptions import BotoCoreError, ClientError

from shared.aws.as_role import AsRole
from shared.aws.clients import NAMES, Clients
from shared.aws.errors import DENIED, AwsError, understood
from shared.config.accounts import AccountConfig
from shared.models.inventory import InstanceError, RoleRefused
from shared.secrets import SecretError, Secrets

_RENEW_BEFORE = timedelta(minutes=5)
# The region in which calls that belong to no region are made, by the partition of the account.
_FIRST_REGION = {"aws": "us-east-1", "aws-cn": "cn-north-1", "aws-us-gov": "us-gov-west-1"}

P = ParamSpec("P")
V = TypeVar("V")


def understanding(service: str) -> Callable[[Callable[P, V]], Callable[P, V]]:
    """Turns an answer of an undocumented shape into an InstanceError."""

    def guard(ask: Callable[P, V]) -> Callable[P, V]:
        @functools.wraps(ask)
        def asking(*args: P.args, **kwargs: P.kwargs) -> V:
            with understood(service, InstanceError):
                return ask(*args, **kwargs)

        return asking

    return guard


@dataclass(frozen=True)
class _Assumed:
    """The credentials of a role, and the time at which they end."""

    credentials: Credentials = field(repr=False)
    until: datetime


class AccountClients:
    """Safe to use from several threads. Clients are made when they are first needed."""

    # The manners of its clients: seconds for each attempt, and how often a failed call is repeated.
    read_timeout: ClassVar[float] = 4
    retries: ClassVar[int] = 1

    def __init__(
        self,
        account_of: Callable[[str], AccountConfig | None],
        secrets: Secrets,
        *,
        endpoint_url: str | None = None,
        connect_timeout: float = 3,
        read_timeout: float | None = None,
        retries: int | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`account_of` returns the account of a name. The timeouts are seconds for each attempt. `retries` is
        how often a failed call is repeated."""
        self._account_of, self._secrets, self._now = account_of, secrets, now
        self._clients = Clients(
            {},
            endpoint_url=endpoint_url,
            connect_timeout=connect_timeout,
            read_timeout=self.read_timeout if read_timeout is None else read_timeout,
            retries=self.retries if retries is None else retries,
            now=lambda: now().timestamp(),
        )
        self._lock = threading.Lock()
        self._assumed: dict[str, _Assumed] = {}  # by account
        self._assuming: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def _client(self, account: str, region: str, service: str = "ec2") -> Any:
        """The client of a service. An empty account is this machine's own. Raises InstanceError."""
        config = self._account_of(account)
        if account and config is None:
            raise InstanceError(f"the account {account} is not in the configuration")
        try:
            if config is None or config.role is None:
                return self._clients.get(service, region)
            credentials = self._credentials(account, config, region)
            return AsRole(self._clients.get(service, region), credentials)
        except AwsError as error:
            raise InstanceError(str(error)) from error

    def _credentials(self, account: str, config: AccountConfig, region: str) -> Credentials:
        with self._lock:
            assuming = self._assuming[account]
        with assuming:  # many threads may need the same role at the same moment
            kept = self._assumed.get(account)
            if kept is None or self._now() >= kept.until - _RENEW_BEFORE:
                granted = self._assume(account, config, region)
                with understood("STS"):
                    keys = [str(granted[key]) for key in ("AccessKeyId", "SecretAccessKey", "SessionToken")]
                    kept = _Assumed(Credentials(*keys), granted["Expiration"].astimezone(UTC))
                self._assumed[account] = kept
            return kept.credentials

    def _assume(self, account: str, config: AccountConfig, region: str) -> Mapping[str, Any]:
        request = {"RoleArn": config.role, "RoleSessionName": "huntbridge"}
        # STS is asked in the region of the first system. This is right in every partition, and unlike the
        # tokens of the global endpoint, its tokens are valid in opt-in regions.
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
            raise RoleRefused(
                f"AWS does not let this machine assume the role {config.role}: {reason}"
            ) from error
        except BotoCoreError as error:
            raise self._clients.failure(error, f"STS in {region}", "sts:AssumeRole") from error
        with understood("STS"):
            credentials: Mapping[str, Any] = answer["Credentials"]
        return credentials

    def _pages(
        self,
        account: str,
        region: str,
        service: str,
        operation: str,
        *,
        cursor: tuple[str, str] = ("NextToken", "NextToken"),
        called: str = "",
        **request: Any,
    ) -> Iterator[Mapping[str, Any]]:
        """All pages of an answer; an answer without pages is a single one. `cursor`: the key of the answer
        that names the next page, and the key of the request that takes it. `called`: the service in words.
        Raises InstanceError."""
        client = self._client(account, region, service)
        following: dict[str, str] = {}
        try:
            # botocore's paginators are not used: the first one reads the folder of all services.
            while True:
                page = getattr(client, operation)(**request, **following)
                yield page
                if not page.get(cursor[0]):
                    return
                following = {cursor[1]: page[cursor[0]]}
        except (BotoCoreError, ClientError) as error:
            action = f"{service}:{client.meta.method_to_api_mapping[operation]}"
            failure = self._clients.failure(error, called or NAMES[service], action)
            # The text does not name the region, so the same failure in many regions is reported once.
            raise InstanceError(str(failure)) from error

    def _first_region(self, account: str) -> str:
        config = self._account_of(account)
        partition = config.role.split(":")[1] if config and config.role else ""
        try:
            return _FIRST_REGION.get(partition) or self._clients.home_region()
        except AwsError as error:
            raise InstanceError(str(error)) from error
