"""AWS over the wire: slow peers where credentials are read, idle connections, and whose certificates count.
What drips at an API itself is in tests/shared/http/test_drip.py."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from shared.aws.clients import Clients
from shared.aws.errors import AwsError
from shared.http import sockets
from tests.certificates import Certificate
from tests.shared.http.test_client import serving
from tests.slow_peers import DRIPS, dripping

URL = b'{"QueueUrl": "https://sqs.eu-west-1.amazonaws.com/1/q"}'
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: %d\r\n\r\n%s" % (
    len(URL),
    URL,
)


def asks(endpoint: str, **settings: Any) -> Clients:
    return Clients({"AWS_REGION": "eu-west-1"}, endpoint_url=endpoint, retries=0, **settings)


@pytest.mark.parametrize("kind", ["nothing", "header", "body", "100 Continue", "chunk size"])
def test_a_slow_metadata_service_ends_in_time(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_EC2_METADATA_DISABLED"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("shared.aws.clients._CREDENTIALS_TIMEOUT", 0.3)
    started = time.monotonic()
    with dripping(*DRIPS[kind]) as peer, pytest.raises(AwsError, match="no AWS credentials"):
        monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", f"http://127.0.0.1:{peer.port}")
        asks("http://127.0.0.1:9").call("sqs", "get_queue_url", QueueName="q")
    assert time.monotonic() - started < 5


def test_an_idle_connection_is_not_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(ANSWER) as server:
        clients = asks(f"http://127.0.0.1:{server.port}")
        for _ in range(2):
            clients.call("sqs", "get_queue_url", QueueName="q")
        assert server.connections == 1
        monkeypatch.setattr(sockets, "MAX_IDLE", -1.0)
        clients.call("sqs", "get_queue_url", QueueName="q")
        assert server.connections == 2


@pytest.mark.parametrize(
    "variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "AWS_CA_BUNDLE"]
)
def test_an_authority_of_the_environment_is_trusted(
    variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = Certificate(tmp_path, "root")
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "AWS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    with serving(ANSWER, Certificate(tmp_path, "peer", by=root).context) as server:
        endpoint = f"https://127.0.0.1:{server.port}"
        with pytest.raises(AwsError, match="SSLError"):
            asks(endpoint).call("sqs", "get_queue_url", QueueName="q")
        monkeypatch.setenv(variable, str(root.path))
        assert "QueueUrl" in asks(endpoint).call("sqs", "get_queue_url", QueueName="q")
