"""Makes the clients of AWS services, each once and when it is first needed, and calls them.

Nothing repeats a call except botocore's own bounded retries.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import boto3
import botocore.session
from botocore.config import Config as BotoConfig
from botocore.exceptions import BotoCoreError, ClientError
from botocore.loaders import Loader, create_loader

from shared.aws import as_role, deadlines, errors
from shared.aws.errors import AwsError
from shared.aws.names import NO_CREDENTIALS
from shared.http import trust
from shared.http.deadlines import within

# Seconds. Three attempts of at most 8 s and the pauses between them end before API Gateway gives up (29 s).
CONNECT_TIMEOUT, READ_TIMEOUT, RETRIES = 3.0, 5.0, 2

_CONNECTIONS = 16  # of one client; as many threads ask at once (scheduler/parallel_calls.py)

# On a machine without credentials, each search for credentials asks the instance metadata service, which may
# hang. So after a failed search there is no new one for this long (seconds).
_NO_CREDENTIALS_FOR = 60.0
_METADATA_TIMEOUT = 1  # seconds for each of at most two requests
_CREDENTIALS_TIMEOUT = 10.0  # seconds for the first search for credentials


class Clients:
    """The clients of this machine's own account. Safe to use from several threads."""

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
        """The region is AWS_REGION, or else AWS_DEFAULT_REGION, or else what botocore finds.

        The timeouts of each attempt are in seconds. `retries` is how often a failed call is repeated. A call
        takes at most the time of its attempts and the pauses between them, or what is left of its budget."""
        self.region = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or None
        self._endpoint_url, self._read_timeout, self._now = endpoint_url, read_timeout, now
        self._boto = BotoConfig(
            connect_timeout=connect_timeout,
            read_timeout=read_timeout,
            max_pool_connections=_CONNECTIONS,
            retries={"total_max_attempts": retries + 1, "mode": "standard"},
            user_agent_extra="huntbridge",
        )
        pauses = 2.0**retries - 1  # botocore waits at most 1 s, then 2 s, 4 s …
        self._call_timeout = (retries + 1) * (connect_timeout + read_timeout) + pauses
        self._lock = threading.Lock()
        self._session: boto3.Session | None = None
        self._no_credentials_until = float("-inf")
        self._clients: dict[tuple[str, str | None], Any] = {}

    def get(self, service: str, region: str | None = None) -> Any:
        """The client of a service. Raises AwsError if none can be made."""
        region = region or self.region
        with self._lock:  # making a client is not safe from several threads
            if (service, region) not in self._clients:
                self._clients[service, region] = self._make(service, region)
            return self._clients[service, region]

    def prepare(self, *services: str) -> None:
        """Makes these clients before they are needed, without a call. Raises AwsError."""
        trust.authorities()
        for service in services:
            self.get(service)

    def home_region(self) -> str:
        """This machine's region, for a service that has none. Raises AwsError if there are no credentials."""
        with self._lock:
            return self.region or self._own_session().region_name or "us-east-1"

    def call(self, service: str, operation: str, *, region: str | None = None, **request: Any) -> Any:
        """The answer to one call, such as `call("sqs", "send_message", QueueUrl=…)`. Raises AwsError."""
        client = self.get(service, region)
        try:
            return getattr(client, operation)(**request)
        except (BotoCoreError, ClientError) as error:
            action = f"{service}:{client.meta.method_to_api_mapping[operation]}"
            raise self.failure(error, NAMES[service], action) from error

    def failure(self, error: BotoCoreError | ClientError, service: str, action: str) -> AwsError:
        """What a call raised, as an AwsError. `action` is the permission that the call takes."""
        return errors.failure(error, service, action, timeout=self._read_timeout)

    def _make(self, service: str, region: str | None) -> Any:
        try:
            return self._own_session().client(
                service,
                region_name=region,
                endpoint_url=self._endpoint_url,
                config=self._boto,
            )
        except BotoCoreError as error:
            raise self.failure(error, f"{NAMES[service]} in {region}", "") from error

    def _own_session(self) -> boto3.Session:
        """The session with this machine's own credentials. Raises AwsError if it has none."""
        if self._now() < self._no_credentials_until:
            raise AwsError(NO_CREDENTIALS)
        if self._session is None:
            core = botocore.session.get_session()
            deadlines.bound(core, self._call_timeout)
            as_role.prepare(core)
            core.set_config_variable("metadata_service_timeout", _METADATA_TIMEOUT)
            core.set_config_variable("metadata_service_num_attempts", 1)
            session = boto3.Session(botocore_session=core)
            core.register_component("data_loader", _loader())  # boto3 adds to the loader of the session
            with within(_CREDENTIALS_TIMEOUT):
                credentials = session.get_credentials()
            if credentials is None:
                self._no_credentials_until = self._now() + _NO_CREDENTIALS_FOR
                raise AwsError(NO_CREDENTIALS)
            self._session = session
        return self._session


NAMES = {  # for messages
    "autoscaling": "Auto Scaling",
    "cloudformation": "CloudFormation",
    "dynamodb": "DynamoDB",
    "ec2": "EC2",
    "iam": "IAM",
    "kms": "KMS",
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
    """Reads the model of each service once in a process, for all `Clients`."""
    return create_loader(os.environ.get("AWS_DATA_PATH"))
