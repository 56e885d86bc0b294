"""AWS as moto simulates it, on a port of this machine, with the guarantees of AWS that moto does not keep."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import pytest
from moto.dynamodb.models import DynamoDBBackend
from moto.server import ThreadedMotoServer
from moto.sqs.models import SQSBackend

# As the module of a class: Hypothesis then does not parse its source. CPython 3.11 cannot parse in one thread
# while moto does in another (python/cpython#106905).
WITHOUT_SOURCE = "builtins"


@contextmanager
def moto_server() -> Iterator[str]:
    """Yields the URL of the server."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        lock = threading.RLock()
        for name in ("get_item", "put_item", "query", "update_item", "delete_item"):
            patch.setattr(DynamoDBBackend, name, _one_at_a_time(getattr(DynamoDBBackend, name), lock))
        patch.setattr(SQSBackend, "receive_message", _received_once(SQSBackend.receive_message))
        try:
            yield f"http://{host}:{port}"
        finally:
            server.stop()


def _one_at_a_time(call: Callable[..., Any], lock: threading.RLock) -> Callable[..., Any]:
    """DynamoDB checks a condition and writes in one step. moto does so in several steps, and in between
    another thread may write, or read what is half written."""

    @functools.wraps(call)
    def locked(*args: Any, **kwargs: Any) -> Any:
        with lock:
            return call(*args, **kwargs)

    return locked


def _received_once(receive: Callable[..., Any]) -> Callable[..., Any]:
    """SQS hides a message in the step that returns it. moto hides it in a second step, and another thread may
    receive it in between. Calls that wait for messages are not locked, since they would delay the others."""
    lock = threading.Lock()

    @functools.wraps(receive)
    def received(
        self: SQSBackend, queue_name: str, count: int, wait_seconds_timeout: int, *args: Any, **kwargs: Any
    ) -> Any:
        with nullcontext() if wait_seconds_timeout else lock:
            return receive(self, queue_name, count, wait_seconds_timeout, *args, **kwargs)

    return received
