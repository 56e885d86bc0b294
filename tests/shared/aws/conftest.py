"""AWS as moto plays it, in this process."""

from __future__ import annotations

import socket
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ConnectionClosedError
from botocore.httpsession import URLLib3Session

from shared.aws.clients import Clients
from shared.aws.sqs import SqsQueue
from tests.moto_server import moto_server

ENVIRON = {"AWS_REGION": "eu-west-1"}


@pytest.fixture(scope="session")
def endpoint() -> Iterator[str]:
    with moto_server() as url:
        yield url


@pytest.fixture(scope="module", autouse=True)
def credentials(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Whatever this machine has, the tests have these."""
    none = str(tmp_path_factory.getbasetemp() / "none")
    with pytest.MonkeyPatch.context() as environ:
        for name in ("AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_ENDPOINT_URL"):
            environ.delenv(name, raising=False)
        for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
            environ.setenv(name, none)
        environ.setenv("AWS_EC2_METADATA_DISABLED", "true")
        environ.setenv("AWS_ACCESS_KEY_ID", "testing")
        environ.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        yield


@pytest.fixture(scope="module")
def clients(endpoint: str, credentials: None) -> Clients:
    return Clients(ENVIRON, endpoint_url=endpoint, retries=0)


@pytest.fixture
def nobody() -> Iterator[str]:
    """An address at which every connection is refused."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound and not listening
        yield f"http://127.0.0.1:{closed.getsockname()[1]}"


@pytest.fixture
def silent() -> Iterator[str]:
    """An address that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def lossy(endpoint: str) -> Callable[[str, str], Clients]:
    """Clients that repeat a call once, and never see the first answer to this operation."""

    def make(service: str, operation: str) -> Clients:
        clients = Clients(ENVIRON, endpoint_url=endpoint, retries=1)
        lost: list[object] = []

        def lose(request: Any, **_: Any) -> None:
            if not lost:
                lost.append(URLLib3Session().send(request))
                raise ConnectionClosedError(endpoint_url=endpoint)

        clients.get(service).meta.events.register(f"before-send.{service}.{operation}", lose)
        return clients

    return make


@pytest.fixture
def asked(clients: Clients, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    """The calls of `clients`, as they are made."""
    calls: list[tuple[str, dict[str, Any]]] = []
    call = clients.call

    def noting(service: str, operation: str, **request: Any) -> Any:
        calls.append((operation, request))
        return call(service, operation, **request)

    monkeypatch.setattr(clients, "call", noting)
    return calls


# Queues in SQS

RECORD = {
    "messageId": "059f36b4-87a3-44ab-83d2-661975830a7d",
    "receiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a",
    "body": '{"event": "naïve"}',
    "attributes": {
        "ApproximateReceiveCount": "3",
        "SentTimestamp": "1545082649183",
        "SenderId": "AIDAIENQZJOLO23YVJ4VO",
        "ApproximateFirstReceiveTimestamp": "1545082649185",
    },
    "messageAttributes": {
        "id": {
            "stringValue": "event:slack",
            "stringListValues": [],
            "binaryListValues": [],
            "dataType": "String",
        }
    },
    "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3",
    "eventSource": "aws:sqs",
    "eventSourceARN": "arn:aws:sqs:us-east-2:123456789012:events",
    "awsRegion": "us-east-2",
}


def made(clients: Clients, name: str, **attributes: str) -> str:
    """The URL of a new queue."""
    answer = clients.call("sqs", "create_queue", QueueName=f"{name}-{uuid.uuid4()}", Attributes=attributes)
    url: str = answer["QueueUrl"]
    return url


@pytest.fixture
def urls(clients: Clients) -> tuple[str, str]:
    return made(clients, "events"), made(clients, "events-dlq")


@pytest.fixture
def queue(clients: Clients, urls: tuple[str, str]) -> SqsQueue:
    return SqsQueue(clients, "events", *urls)


def foreign(clients: Clients, url: str, body: str, **attributes: str) -> None:
    """Put a message there as somebody else may."""
    clients.call(
        "sqs",
        "send_message",
        QueueUrl=url,
        MessageBody=body,
        MessageAttributes={
            name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()
        },
    )
