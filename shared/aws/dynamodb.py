"""The store on AWS: one DynamoDB table, billed on demand.

A document is one item. Its partition key is `kind#group` and its sort key the name. Its body is JSON text,
which is compressed if it is long. Reads are strongly consistent. DynamoDB's time to live deletes documents
whose kind is not kept for ever.
"""

from __future__ import annotations

import gzip
import json
import logging
import secrets
import time
from collections.abc import Callable, Iterator
from typing import Any

from shared.aws.clients import Clients
from shared.aws.errors import AwsError, understood
from shared.storage.kinds import seconds_kept
from shared.storage.ports import Record, Store, StoreError, TooLarge

log = logging.getLogger(__name__)

# DynamoDB's limit of an item, names and values together ("Quotas in Amazon DynamoDB": 400 KB).
_MAX_ITEM = 400 * 1024
_ROOM_FOR_THE_REST = 256  # bytes, for the names of the attributes and for all values but key and body
_PACK_ABOVE = 4 * 1024  # bytes; DynamoDB charges a write for each KB, a read for each 4 KB
_SEARCH_TIME = 60.0  # seconds
# A document that is too large for one item is split into parts. Each part is an item, and the document's own
# item says how many there are.
_PART, _PART_SIZE, _MAX_PARTS = "part", 350 * 1024, 100
_READS = 3  # tries to read a document that other writes keep replacing before its parts are read


def table_definition() -> dict[str, Any]:
    """The properties of the table, as CloudFormation's AWS::DynamoDB::Table names them."""
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


class DynamoStore(Store):
    def __init__(self, clients: Clients, table: str, now: Callable[[], float] = time.time) -> None:
        self._clients, self._table, self._now = clients, table, now

    def get(self, kind: str, group: str, name: str) -> Record | None:
        for _ in range(_READS):
            answer = self._call("get_item", Key=_key(kind, group, name), ConsistentRead=True)
            item = answer.get("Item")
            if item is None:
                return None
            if record := self._record(group, item):
                return record
        raise StoreError(f"the {kind} {name} changes each time that it is read")

    def scan(self, kind: str, group: str) -> Iterator[Record]:
        """Reads page by page, so StoreError may be raised while iterating."""
        request: dict[str, Any] = {
            "KeyConditionExpression": "pk = :pk",
            "ExpressionAttributeValues": {":pk": {"S": f"{kind}#{group}"}},
            "ConsistentRead": True,
        }
        while True:
            answer = self._call("query", **request)
            for item in answer.get("Items", ()):
                name = item["sk"]["S"]
                if record := self._record(group, item) or self.get(kind, group, name):
                    yield record
            if "LastEvaluatedKey" not in answer:
                return
            request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def groups(self, kind: str, prefix: str, limit: int) -> list[str]:
        """Reads the whole table, for at most a minute. Raises StoreError after that."""
        groups: set[str] = set()
        request: dict[str, Any] = {
            "FilterExpression": "begins_with(pk, :pk)",
            "ExpressionAttributeValues": {":pk": {"S": f"{kind}#{prefix}"}},
            "ProjectionExpression": "pk",
        }
        until = time.monotonic() + _SEARCH_TIME
        while True:
            answer = self._call("scan", **request)
            with understood("DynamoDB", StoreError):
                groups |= {item["pk"]["S"].partition("#")[2] for item in answer["Items"]}
            if len(groups) >= limit or "LastEvaluatedKey" not in answer:
                return sorted(groups)[:limit]
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
        durable: bool = True,  # every write to DynamoDB is durable
    ) -> bool:
        write = secrets.token_hex(8)
        packed = _packed(body)
        size = len(f"{kind}#{group}{name}".encode()) + len(packed) + _ROOM_FOR_THE_REST
        parts = _split(kind, name, packed) if size > _MAX_ITEM else []
        kept = seconds_kept(kind)
        expires = None if kept is None else int(self._now()) + kept
        request: dict[str, Any] = {}
        if expect == 0:
            request["ConditionExpression"] = "attribute_not_exists(pk)"
        elif expect is not None:
            request["ConditionExpression"] = "#version = :expect"
        if expect is not None:
            request["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
        values: dict[str, Any] = {"body": _value(b"" if parts else packed), "write": {"S": write}}
        if parts:
            values["parts"] = {"N": str(len(parts))}
        try:
            for number, part in enumerate(parts):  # before the document that names them
                self._update(_part_key(write, number), {"body": {"B": part}}, expires)
            before = self._update(_key(kind, group, name), values, expires, expect, **request)
        except AwsError as error:
            if error.code != "ConditionalCheckFailedException":
                raise self._failure(error) from error
            # botocore repeats a call whose answer was lost. If so, the stored document is this very write.
            stored: dict[str, Any] = error.answer.get("Item", {})
            mine: bool = stored.get("write") == {"S": write}
            if not mine:
                self._drop_parts(values)
            return mine
        self._drop_parts(before)
        return True

    def _update(
        self,
        key: dict[str, Any],
        values: dict[str, Any],
        expires: int | None,
        expect: int | None = None,
        **request: Any,
    ) -> dict[str, Any]:
        """Write an item, add one to its version, and return the previous values. Raises AwsError."""
        if expires is not None:
            values = {**values, "expires": {"N": str(expires)}}
        given = {f":{name}": value for name, value in values.items()} | {":one": {"N": "1"}}
        if expect:
            given[":expect"] = {"N": str(expect)}
        sets = ", ".join(f"#{name} = :{name}" for name in values)
        removes = "" if "parts" in values else " REMOVE #parts"
        answer = self._clients.call(
            "dynamodb",
            "update_item",
            TableName=self._table,
            Key=key,
            UpdateExpression=f"SET {sets}{removes} ADD #version :one",
            ExpressionAttributeNames={f"#{name}": name for name in {*values, "parts", "version"}},
            ExpressionAttributeValues=given,
            ReturnValues="UPDATED_OLD",
            **request,
        )
        before: dict[str, Any] = answer.get("Attributes", {})
        return before

    def delete(self, kind: str, group: str, name: str) -> None:
        answer = self._call("delete_item", Key=_key(kind, group, name), ReturnValues="ALL_OLD")
        self._drop_parts(answer.get("Attributes", {}))

    def _drop_parts(self, item: dict[str, Any]) -> None:
        """Delete the parts of a document that was replaced or deleted. A part that cannot be deleted expires
        later."""
        for number in range(_parts(item)):
            try:
                self._call("delete_item", Key=_part_key(item["write"]["S"], number))
            except StoreError as error:
                log.warning("parts of a replaced document stay in the table", extra={"error": str(error)})
                return

    def _record(self, group: str, item: dict[str, Any]) -> Record | None:
        """None if its parts are gone, because another write has replaced the document meanwhile."""
        with understood("DynamoDB", StoreError):
            body, parts = item["body"], _parts(item)
            packed = body["B"] if "B" in body else body["S"].encode()
            if parts:
                contents = [self._part(item["write"]["S"], number) for number in range(parts)]
                if None in contents:
                    return None
                packed = b"".join(content for content in contents if content is not None)
            text = gzip.decompress(packed) if packed.startswith(_GZIP) else packed
            return Record(group, item["sk"]["S"], int(item["version"]["N"]), json.loads(text))

    def _part(self, write: str, number: int) -> bytes | None:
        answer = self._call("get_item", Key=_part_key(write, number), ConsistentRead=True)
        return answer["Item"]["body"]["B"] if "Item" in answer else None

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


_GZIP = b"\x1f\x8b"  # the first bytes of gzip, with which no JSON text begins


def _packed(body: dict[str, Any]) -> bytes:
    text = json.dumps(body, separators=(",", ":")).encode()
    return gzip.compress(text, mtime=0) if len(text) > _PACK_ABOVE else text


def _value(packed: bytes) -> dict[str, Any]:
    return {"B": packed} if packed.startswith(_GZIP) else {"S": packed.decode()}


def _split(kind: str, name: str, packed: bytes) -> list[bytes]:
    parts = [packed[at : at + _PART_SIZE] for at in range(0, len(packed), _PART_SIZE)]
    if len(parts) > _MAX_PARTS:
        most = _MAX_PARTS * _PART_SIZE // 1024
        raise TooLarge(
            f"the {kind} {name} takes {len(packed) // 1024:,} KB, and at most {most:,} KB are kept"
        )
    return parts


def _parts(item: dict[str, Any]) -> int:
    return int(item["parts"]["N"]) if "parts" in item else 0


def _part_key(write: str, number: int) -> dict[str, Any]:
    return _key(_PART, write, f"{number:03}")
