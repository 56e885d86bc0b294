"""Calls of one DynamoDB table, with its failures as StoreError, and the batches of the table."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from shared.aws.clients import Clients
from shared.aws.errors import AwsError, understood
from shared.storage.ports import StoreError

Item = dict[str, Any]

MOST_READ, MOST_WRITTEN = 100, 25  # items of one batch, by DynamoDB's limits
# What DynamoDB leaves undone of a batch is asked for again, after a pause that doubles each time.
_TRIES, _PAUSE = 7, 0.05  # the pauses are 3 s in all


class Table:
    def __init__(self, clients: Clients, name: str, sleep: Callable[[float], None] = time.sleep) -> None:
        self._clients, self.name, self._sleep = clients, name, sleep

    def call(self, operation: str, **request: Any) -> Any:
        """Raises StoreError."""
        try:
            return self.try_to(operation, **request)
        except AwsError as error:
            raise self.failure(error) from error

    def try_to(self, operation: str, **request: Any) -> Any:
        """Raises AwsError."""
        return self._clients.call("dynamodb", operation, TableName=self.name, **request)

    def page(
        self, pk: str, limit: int, after: str, newest_first: bool, since: str = "", until: str = ""
    ) -> tuple[list[Item], str]:
        """Items of one partition in the order of their sort keys, and the `after` of the page that follows;
        empty if there is none. The sort keys are behind `after`, from `since` on, and before `until`."""
        low, high = since if newest_first else max(since, after), until
        if newest_first and after:
            high = min(after, until or after)
        if high and low >= high:
            return [], ""
        conditions = ["pk = :pk"]
        if low and high:
            # Includes both ends, of which each may not belong to the page.
            conditions.append("sk BETWEEN :low AND :high")
        elif low or high:
            conditions.append("sk >= :low" if low else "sk < :high")
        values = {name: {"S": value} for name, value in ((":low", low), (":high", high)) if value}
        answer = self.call(
            "query",
            KeyConditionExpression=" AND ".join(conditions),
            ExpressionAttributeValues={":pk": {"S": pk}, **values},
            ConsistentRead=True,
            ScanIndexForward=not newest_first,
            Limit=limit + 2,  # for the two ends
        )
        with understood("DynamoDB", StoreError):
            found = [(item["sk"]["S"], item) for item in answer["Items"]]
        found = [(sk, item) for sk, item in found if sk != after and not (high and sk >= high)]
        more = len(found) > limit or "LastEvaluatedKey" in answer
        found = found[:limit]
        return [item for _, item in found], found[-1][0] if found and more else ""

    def read(self, keys: Sequence[Item]) -> list[Item]:
        """The items with these keys, at most MOST_READ, in any order. No key may be there twice."""
        found: list[Item] = []
        request: Any = {"Keys": list(keys), "ConsistentRead": True}

        def read(left: Any) -> Any:
            answer = self._batch("batch_get_item", left)
            found.extend(answer["Responses"].get(self.name, ()))
            return answer.get("UnprocessedKeys", {}).get(self.name)

        self._until_done(read, request if keys else None)
        return found

    def write(self, items: Sequence[Item]) -> None:
        """Write these items, whatever is there."""
        for at in range(0, len(items), MOST_WRITTEN):
            request: Any = [{"PutRequest": {"Item": item}} for item in items[at : at + MOST_WRITTEN]]

            def write(left: Any) -> Any:
                answer = self._batch("batch_write_item", left)
                return answer.get("UnprocessedItems", {}).get(self.name)

            self._until_done(write, request)

    def _until_done(self, do: Callable[[Any], Any], left: Any) -> None:
        """Repeat a batch with what is left of it."""
        for number in range(_TRIES):
            if not left:
                return
            if number:
                self._sleep(_PAUSE * 2 ** (number - 1))
            left = do(left)
        if left:
            raise StoreError(f"the table {self.name}: DynamoDB is throttling requests")

    def _batch(self, operation: str, request: Any) -> Any:
        try:
            answer = self._clients.call("dynamodb", operation, RequestItems={self.name: request})
        except AwsError as error:
            raise self.failure(error) from error
        with understood("DynamoDB", StoreError):
            return dict(answer)

    def failure(self, error: AwsError) -> StoreError:
        if error.code == "ResourceNotFoundException":
            return StoreError(f"there is no DynamoDB table {self.name} in {self._clients.region}")
        return StoreError(f"the table {self.name}: {error}")


def key(pk: str, sk: str) -> Item:
    return {"pk": {"S": pk}, "sk": {"S": sk}}


@dataclass(frozen=True)
class Condition:
    """What a write expects of the item that it replaces."""

    text: str
    values: Item = field(default_factory=dict)


ABSENT = Condition("attribute_not_exists(pk)")


def has_version(version: int) -> Condition:
    return Condition("#version = :expect", {":expect": {"N": str(version)}})
