"""The clients of AWS, which ask services in memory. The store and the queues above them are the real ones."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from shared.aws.clients import NAMES, Clients
from shared.aws.errors import AwsError, failure
from tests.simulation.dynamodb import Table
from tests.simulation.sqs import Chaos, SimulatedQueue

_MOST_READ, _MOST_WRITTEN = 100, 25  # items of one batch


def refused(code: str, item: Any = None) -> AwsError:
    """What the real clients raise for this answer."""
    answer = {"Error": {"Code": code, "Message": ""}, "ResponseMetadata": {"HTTPStatusCode": 400}}
    if item is not None:
        answer["Item"] = item
    return failure(ClientError(answer, "Operation"), "AWS", "", timeout=10)


class SimulatedClients(Clients):
    """DynamoDB and SQS in memory. `left_undone` says how many of so many items of a batch are left undone."""

    def __init__(self, now: Callable[[], float] = time.time, chaos: Chaos | None = None) -> None:
        super().__init__({"AWS_REGION": "eu-west-1"})
        self._clock = now
        self.chaos = chaos or Chaos()
        self.tables: dict[str, Table] = {}
        self.queues: dict[str, SimulatedQueue] = {}  # by URL
        self.left_undone: Callable[[int], int] = lambda count: 0

    def call(self, service: str, operation: str, *, region: str | None = None, **request: Any) -> Any:
        assert service in NAMES
        return getattr(self, f"_{service}")(operation, request)

    def _dynamodb(self, operation: str, request: dict[str, Any]) -> Any:
        if operation == "create_table":
            self.tables[request["TableName"]] = Table(refused)
            return {}
        if operation.startswith("batch_"):
            ((name, content),) = request["RequestItems"].items()
            return getattr(self, f"_{operation}")(name, content)
        name = request.pop("TableName")
        return getattr(self._table(name), operation)(**request)

    def _table(self, name: str) -> Table:
        if name not in self.tables:
            raise refused("ResourceNotFoundException")
        return self.tables[name]

    def _batch_get_item(self, name: str, content: dict[str, Any]) -> Any:
        table, keys = self._table(name), content["Keys"]
        _check_batch([(each["pk"]["S"], each["sk"]["S"]) for each in keys], _MOST_READ)
        done = len(keys) - self.left_undone(len(keys))
        found = [dict(item) for key in keys[:done] if (item := table.get(key)) is not None]
        left = {name: {**content, "Keys": keys[done:]}} if keys[done:] else {}
        return {"Responses": {name: found}, "UnprocessedKeys": left}

    def _batch_write_item(self, name: str, content: list[dict[str, Any]]) -> Any:
        table = self._table(name)
        items = [each["PutRequest"]["Item"] for each in content]
        _check_batch([(each["pk"]["S"], each["sk"]["S"]) for each in items], _MOST_WRITTEN)
        done = len(items) - self.left_undone(len(items))
        for item in items[:done]:
            table.put(item)
        return {"UnprocessedItems": {name: content[done:]} if content[done:] else {}}

    def _sqs(self, operation: str, request: dict[str, Any]) -> Any:
        if operation == "create_queue":
            url = f"https://sqs.simulated/{request['QueueName']}"
            self.queues[url] = SimulatedQueue(url, self._clock, refused, self.chaos)
            return {"QueueUrl": url}
        queue = self.queues.get(request.pop("QueueUrl"))
        if queue is None:
            raise refused("AWS.SimpleQueueService.NonExistentQueue")
        return getattr(queue, operation)(**request)


def _check_batch(keys: list[tuple[str, str]], most: int) -> None:
    if not keys or len(keys) > most or len(set(keys)) < len(keys):
        raise refused("ValidationException")
