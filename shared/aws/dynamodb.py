"""The ledger's store on AWS: one DynamoDB table, on demand.

A document is an item under `kind#group` and its name, its body as JSON text, packed where it is long. Reads
are consistent. Documents that nobody needs any more go by themselves, by DynamoDB's time to live.
"""

from __future__ import annotations

import gzip
import json
import secrets
import time
from collections.abc import Callable, Iterator
from typing import Any

from shared.aws.clients import AwsError, Clients, understood
from shared.ledger import Record, StoreError

# DynamoDB's limit of an item, names and values together ("Quotas in Amazon DynamoDB": 400 KB).
_MAX_ITEM = 400 * 1024
_ROOM_FOR_THE_REST = 256  # bytes of the names of the attributes, and of the values beside key and body
_PACK_ABOVE = 4 * 1024  # bytes; a write costs by the KB, a read by 4 KB
_LONGEST_SEARCH = 60.0  # seconds
_DAY = 86_400
_KEPT = {
    "body": 2 * _DAY,
    "pace": 2 * _DAY,
    "hunt": 400 * _DAY,
    "capture": 400 * _DAY,
    "past-hunts": 400 * _DAY,
    "audit": 400 * _DAY,
    "system-alarms": 400 * _DAY,
    "open-hunt": None,
    "clock": None,
    "project": None,
}
_ELSE_KEPT = 180 * _DAY


def table_definition() -> dict[str, Any]:
    """What the table must be, in the words of AWS::DynamoDB::Table."""
    return {
        "AttributeDefinitions": [
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "sk", "AttributeType": "S"},
        ],
        "KeySchema": [
            {"AttributeName": "pk", "KeyType": "HASH"},
            {"AttributeName": "sk", "KeyType": "RANGE"},
        ],
        "BillingMode": "PAY_PER_REQUEST",
        "TimeToLiveSpecification": {"AttributeName": "expires", "Enabled": True},
    }


class DynamoStore:
    def __init__(self, clients: Clients, table: str, now: Callable[[], float] = time.time) -> None:
        self._clients, self._table, self._now = clients, table, now

    def get(self, kind: str, group: str, name: str) -> Record | None:
        answer = self._call("get_item", Key=_key(kind, group, name), ConsistentRead=True)
        item = answer.get("Item")
        return _record(group, item) if item else None

    def scan(self, kind: str, group: str) -> Iterator[Record]:
        """A page is asked for when the one before it is used up; StoreError may come with any of them."""
        request: dict[str, Any] = {
            "KeyConditionExpression": "pk = :pk",
            "ExpressionAttributeValues": {":pk": {"S": f"{kind}#{group}"}},
            "ConsistentRead": True,
        }
        while True:
            answer = self._call("query", **request)
            for item in answer.get("Items", ()):
                yield _record(group, item)
            if "LastEvaluatedKey" not in answer:
                return
            request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def groups(self, kind: str, prefix: str, limit: int) -> list[str]:
        """Reads the whole table, page by page, for at most a minute."""
        found: set[str] = set()
        request: dict[str, Any] = {
            "FilterExpression": "begins_with(pk, :pk)",
            "ExpressionAttributeValues": {":pk": {"S": f"{kind}#{prefix}"}},
            "ProjectionExpression": "pk",
        }
        until = time.monotonic() + _LONGEST_SEARCH
        while True:
            answer = self._call("scan", **request)
            found |= {item["pk"]["S"].partition("#")[2] for item in answer["Items"]}
            if len(found) >= limit or "LastEvaluatedKey" not in answer:
                return sorted(found)[:limit]
            if time.monotonic() > until:
                raise StoreError(f"the table {self._table} is too large to be searched: write the whole id")
            request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def put(
        self,
        kind: str,
        group: str,
        name: str,
        body: dict[str, Any],
        *,
        expect: int | None = None,
        durable: bool = True,  # here everything is
    ) -> bool:
        write = secrets.token_hex(8)
        values = {":body": self._packed(kind, group, name, body), ":write": {"S": write}, ":one": {"N": "1"}}
        changes = "SET body = :body, #write = :write"
        request: dict[str, Any] = {"ExpressionAttributeNames": {"#write": "write", "#version": "version"}}
        kept = _KEPT.get(kind, _ELSE_KEPT)
        if kept is not None:
            changes += ", expires = :expires"
            values[":expires"] = {"N": str(int(self._now()) + kept)}
        if expect == 0:
            request["ConditionExpression"] = "attribute_not_exists(pk)"
        elif expect is not None:
            request["ConditionExpression"] = "#version = :expect"
            values[":expect"] = {"N": str(expect)}
        if expect is not None:
            request["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
        try:
            self._clients.call(
                "dynamodb",
                "update_item",
                TableName=self._table,
                Key=_key(kind, group, name),
                UpdateExpression=f"{changes} ADD #version :one",
                ExpressionAttributeValues=values,
                **request,
            )
        except AwsError as error:
            if error.code != "ConditionalCheckFailedException":
                raise self._failure(error) from error
            # botocore repeats a call whose answer was lost, and then finds what it wrote itself.
            found: dict[str, Any] = error.answer.get("Item", {})
            return found.get("write") == {"S": write}
        return True

    def delete(self, kind: str, group: str, name: str) -> None:
        self._call("delete_item", Key=_key(kind, group, name))

    def _packed(self, kind: str, group: str, name: str, body: dict[str, Any]) -> dict[str, Any]:
        text = json.dumps(body, separators=(",", ":"))
        packed = gzip.compress(text.encode(), mtime=0) if len(text) > _PACK_ABOVE else b""
        size = len(f"{kind}#{group}{name}".encode()) + len(packed or text) + _ROOM_FOR_THE_REST
        if size > _MAX_ITEM:
            raise StoreError(
                f"the {kind} {name} takes {size // 1024} KB, and an item of DynamoDB holds 400 KB at most"
            )
        return {"B": packed} if packed else {"S": text}

    def _call(self, operation: str, **request: Any) -> Any:
        try:
            return self._clients.call("dynamodb", operation, TableName=self._table, **request)
        except AwsError as error:
            raise self._failure(error) from error

    def _failure(self, error: AwsError) -> StoreError:
        if error.code == "ResourceNotFoundException":
            return StoreError(f"there is no DynamoDB table {self._table} in {self._clients.region}")
        return StoreError(f"the table {self._table}: {error}")


def _key(kind: str, group: str, name: str) -> dict[str, Any]:
    return {"pk": {"S": f"{kind}#{group}"}, "sk": {"S": name}}


def _record(group: str, item: dict[str, Any]) -> Record:
    with understood("DynamoDB", StoreError):
        body = item["body"]
        text = gzip.decompress(body["B"]) if "B" in body else body["S"]
        return Record(group, item["sk"]["S"], int(item["version"]["N"]), json.loads(text))
