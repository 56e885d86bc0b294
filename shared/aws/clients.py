"""AWS clients, made once and when they are first needed, and every failure of a call as one plain sentence.

No client is made at import, no call is repeated by anything but botocore's bounded retries, and nothing of
a request is repeated in an error.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

import boto3
import botocore.session
from botocore.config import Config as BotoConfig
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    CredentialRetrievalError,
    HTTPClientError,
    NoCredentialsError,
    NoRegionError,
    ParamValidationError,
    PartialCredentialsError,
    ProfileNotFound,
    ReadTimeoutError,
)
from botocore.loaders import Loader, create_loader

from shared.aws import wire
from shared.http import trust
from shared.http.deadlines import within
from shared.text import one_line

# Three attempts of at most 8 s and the pauses between them end before API Gateway gives up (29 s).
CONNECT_TIMEOUT, READ_TIMEOUT, RETRIES = 3.0, 5.0, 2

# Where a machine has no credentials, every look for some asks the instance metadata service, which may hang;
# once nothing was found, it is not asked again for this long.
_NO_CREDENTIALS_FOR = 60.0
_METADATA_TIMEOUT = 1  # seconds for each of at most two requests
_CREDENTIALS_TIMEOUT = 10.0  # seconds to find credentials for the first time, wherever they are

DENIED = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "KMS.AccessDeniedException",
        "KmsAccessDenied",
        "UnauthorizedOperation",
    }
)
_BAD_CREDENTIALS = frozenset(
    {
        "AuthFailure",
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidClientTokenId",
        "RequestExpired",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
_THROTTLED = frozenset(
    {
        "KmsThrottled",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
NO_CREDENTIALS = "no AWS credentials on this machine"


class AwsError(Exception):
    """A call that did not work. The text says why and is safe to show; `passing` says that the same call may
    well work later; `answer` is what AWS answered, and empty where it did not."""

    def __init__(self, text: str, *, passing: bool = False, answer: Mapping[str, Any] | None = None) -> None:
        super().__init__(text)
        self.passing, self.answer = passing, answer or {}

    @property
    def code(self) -> str:
        """AWS's own word for what is wrong."""
        return _code(self.answer)

    @property
    def refused(self) -> bool:
        """Whether AWS said no to what was asked, and not to the credentials, nor for now."""
        return bool(self.answer) and not self.passing and self.code not in _BAD_CREDENTIALS


@contextmanager
def understood(who: str, kind: Callable[[str], Exception] = AwsError) -> Iterator[None]:
    """The code inside reads an answer of `who`. An answer of another shape than the documented one is raised
    as `kind`, which names no more of it than the key that is missing."""
    try:
        yield
    except wire.ODD as error:
        missing = isinstance(error, KeyError) and isinstance(error.args[0], str)
        why = f"{one_line(error.args[0], 60)} is missing" if missing else type(error).__name__
        raise kind(
            f"{who} answered in a form that this version of huntbridge does not know ({why})"
        ) from None


class Clients:
    """The clients of one account. Safe to use from several threads."""

    def __init__(
        self,
        environ: Mapping[str, str],
        *,
        endpoint_url: str | None = None,
        connect_timeout: float = CONNECT_TIMEOUT,
        read_timeout: float = READ_TIMEOUT,
        retries: int = RETRIES,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """The region is AWS_REGION, else AWS_DEFAULT_REGION, else botocore's own choice. Timeouts are in
        seconds, of each attempt; `retries` is how often a call is repeated after its first. A call takes as
        long as its attempts and the pauses between them, by the clock, or as its budget leaves."""
        self.region = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or None
        self._endpoint_url, self._read_timeout, self._now = endpoint_url, read_timeout, now
        self._boto = BotoConfig(
            connect_timeout=connect_timeout,
            read_timeout=read_timeout,
            retries={"total_max_attempts": retries + 1, "mode": "standard"},
            user_agent_extra="huntbridge",
        )
        pauses = 2.0**retries - 1  # botocore waits at most 1 s, then 2 s, 4 s …
        self._call_timeout = (retries + 1) * (connect_timeout + read_timeout) + pauses
        self._lock = threading.Lock()
        self._session: boto3.Session | None = None
        self._no_credentials_until = float("-inf")
        self._kept: dict[tuple[str, str | None], Any] = {}

    def get(self, service: str, region: str | None = None) -> Any:
        """The client of a service. Raises AwsError where none can be made."""
        region = region or self.region
        with self._lock:  # making a client is not safe from several threads
            if (service, region) not in self._kept:
                self._kept[service, region] = self._make(service, region, {})
            return self._kept[service, region]

    def prepare(self, *services: str) -> None:
        """Make these clients now, so that the first calls need not. Nothing is asked yet. Raises AwsError."""
        trust.authorities()
        for service in services:
            self.get(service)

    def home_region(self) -> str:
        """This machine's region, for what belongs to none. Raises AwsError where there are no credentials."""
        with self._lock:
            return self.region or self._base().region_name or "us-east-1"

    def make(self, service: str, region: str, **credentials: str) -> Any:
        """A client of its own, with these credentials, which is not kept. Raises AwsError."""
        with self._lock:
            return self._make(service, region, credentials)

    def call(self, service: str, operation: str, *, region: str | None = None, **request: Any) -> Any:
        """The answer to one call, such as `call("sqs", "send_message", QueueUrl=…)`. Raises AwsError."""
        client = self.get(service, region)
        try:
            return getattr(client, operation)(**request)
        except (BotoCoreError, ClientError) as error:
            action = f"{service}:{client.meta.method_to_api_mapping[operation]}"
            raise self.failure(error, NAMES[service], action) from error

    def failure(self, error: BotoCoreError | ClientError, who: str, action: str) -> AwsError:
        """`who` was asked, and `action` is the permission that asking takes."""
        if isinstance(error, ClientError):
            return _refusal(error, who, action)
        if isinstance(error, NoCredentialsError | ProfileNotFound):
            return AwsError(NO_CREDENTIALS)
        if isinstance(error, PartialCredentialsError):
            return AwsError("the AWS credentials on this machine cannot be used")
        if isinstance(error, CredentialRetrievalError):
            return AwsError("the AWS credentials on this machine cannot be renewed", passing=True)
        if isinstance(error, NoRegionError):
            return AwsError("no AWS region is set (AWS_REGION)")
        if isinstance(error, ParamValidationError):
            return AwsError(f"{who} does not allow such a name")
        if isinstance(error, wire.NotUnderstood):
            return AwsError(f"what answered for {who} is not AWS as huntbridge knows it", passing=True)
        if isinstance(error, wire.NoTimeLeft):
            return AwsError(f"no time was left to ask {who}", passing=True)
        if isinstance(error, ConnectTimeoutError | ReadTimeoutError):
            return AwsError(f"{who} did not answer within {self._read_timeout:g} s", passing=True)
        return AwsError(
            f"{who} cannot be reached ({type(error).__name__})", passing=isinstance(error, HTTPClientError)
        )

    def _make(self, service: str, region: str | None, credentials: Mapping[str, str]) -> Any:
        try:
            return self._base().client(
                service,
                region_name=region,
                endpoint_url=self._endpoint_url,
                config=self._boto,
                **credentials,
            )
        except BotoCoreError as error:
            raise self.failure(error, f"{NAMES[service]} in {region}", "") from error

    def _base(self) -> boto3.Session:
        """The session with this machine's own credentials. Raises AwsError where it has none."""
        if self._now() < self._no_credentials_until:
            raise AwsError(NO_CREDENTIALS)
        if self._session is None:
            core = botocore.session.get_session()
            wire.bound(core, self._call_timeout)
            core.set_config_variable("metadata_service_timeout", _METADATA_TIMEOUT)
            core.set_config_variable("metadata_service_num_attempts", 1)
            session = boto3.Session(botocore_session=core)
            core.register_component("data_loader", _loader())  # boto3 adds to the one that it finds
            with within(_CREDENTIALS_TIMEOUT):
                found = session.get_credentials()
            if found is None:
                self._no_credentials_until = self._now() + _NO_CREDENTIALS_FOR
                raise AwsError(NO_CREDENTIALS)
            self._session = session
        return self._session


NAMES = {
    "autoscaling": "Auto Scaling",
    "cloudformation": "CloudFormation",
    "dynamodb": "DynamoDB",
    "ec2": "EC2",
    "organizations": "Organizations",
    "s3": "S3",
    "scheduler": "EventBridge Scheduler",
    "secretsmanager": "Secrets Manager",
    "sqs": "SQS",
    "ssm": "Parameter Store",
    "sts": "STS",
}


@cache
def _loader() -> Loader:
    """The models of the services, each read once in a process, whoever makes clients of it."""
    return create_loader(os.environ.get("AWS_DATA_PATH"))


def _code(answer: Mapping[str, Any]) -> str:
    # SQS writes its older codes with this before them, as its first protocol did.
    return str(answer.get("Error", {}).get("Code", "")).removeprefix("AWS.SimpleQueueService.")


def _refusal(error: ClientError, who: str, action: str) -> AwsError:
    answer, code = error.response, _code(error.response)
    passing = code in _THROTTLED
    if code in DENIED:
        said = f"{code} {answer['Error'].get('Message', '')}".lower()
        key = " and the use of its KMS key" if "kms" in said else ""
        text = f"access denied by {who}: the role needs {action}{key}"
    elif code in _BAD_CREDENTIALS:
        text = f"{who} does not accept the AWS credentials ({code})"
    elif code in _THROTTLED:
        text = f"{who} is throttling requests"
    elif answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) >= 500:
        text, passing = f"{who} has a fault of its own ({code})", True
    else:
        text = f"{who} refused ({code})"
    return AwsError(text, passing=passing, answer=answer)
