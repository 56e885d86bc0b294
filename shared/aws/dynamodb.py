"""The store on AWS: one DynamoDB table, billed on demand.

A document is one item. Its partition key is `kind#group` and its sort key the name. Its body is JSON text,
which is compressed if it is long. Reads are strongly consistent. DynamoDB's time to live deletes documents
whose kind is not kept for ever.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from shared.aws.clients import Clients
from shared.aws.dynamodb_index import Pointers, must_renew
from shared.aws.dynamodb_items import (
    Known,
    after_key,
    document_key,
    expiry,
    in_parts,
    key_after,
    packed,
    part_count,
    part_key,
    unpacked,
    value_of,
)
from shared.aws.dynamodb_table import ABSENT, MOST_READ, Condition, Item, Table, has_version
from shared.aws.errors import AwsError, understood
from shared.storage import indexes
from shared.storage.kinds import DEFAULT_DAYS, days_kept
from shared.storage.ports import (
    Body,
    IndexEntry,
    Key,
    Page,
    Places,
    Record,
    Store,
    StoreError,
    after_all,
    first_places,
    on_a_page,
)

T = TypeVar("T")

log = logging.getLogger(__name__)

_DAY = 86_400  # seconds
_SEARCH_TIME = 60.0  # seconds
_COUNTED_ONE_BY_ONE = 25  # entries
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
    def __init__(
        self,
        clients: Clients,
        table: str,
        now: Callable[[], float] = time.time,
        keep: Mapping[str, int] = DEFAULT_DAYS,
    ) -> None:
        """`now` is in epoch seconds, `keep` as in `kinds.days_kept`."""
        self._clients, self._now, self._keep = clients, now, keep
        self._table = Table(clients, table)
        self._pointers = Pointers(self._table)

    def get(self, kind: str, group: str, name: str) -> Record | None:
        known = self._known(kind, group, name)
        return known.record if known else None

    def _known(self, kind: str, group: str, name: str) -> Known | None:
        for _ in range(_READS):
            answer = self._table.call("get_item", Key=document_key(kind, group, name), ConsistentRead=True)
            item = answer.get("Item")
            if item is None:
                return None
            if record := self._record(group, item):
                return Known(record, expiry(item), item.get("write", {}).get("S", ""))
        raise StoreError(f"the {kind} {name} changes each time that it is read")

    def scan(self, kind: str, group: str) -> Iterator[Record]:
        """Reads page by page, so StoreError may be raised while iterating."""
        request: dict[str, Any] = {
            "KeyConditionExpression": "pk = :pk",
            "ExpressionAttributeValues": {":pk": {"S": f"{kind}#{group}"}},
            "ConsistentRead": True,
        }
        while True:
            answer = self._table.call("query", **request)
            yield from self.records(kind, answer.get("Items", ()))
            if "LastEvaluatedKey" not in answer:
                return
            request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def records(self, kind: str, items: Iterable[Item]) -> Iterator[Record]:
        """The documents in some items, which are all of one kind."""
        for item in items:
            with understood("DynamoDB", StoreError):
                group, name = item["pk"]["S"].partition("#")[2], item["sk"]["S"]
            if record := self._record(group, item) or self.get(kind, group, name):
                yield record

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
            answer = self._table.call("scan", **request)
            with understood("DynamoDB", StoreError):
                groups |= {item["pk"]["S"].partition("#")[2] for item in answer["Items"]}
            if len(groups) >= limit or "LastEvaluatedKey" not in answer:
                return sorted(groups)[:limit]
            if time.monotonic() > until:
                raise StoreError(
                    f"the table {self._table.name} is too large to be searched: write the whole id"
                )
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
        if not indexes.is_indexed(kind):
            condition = None if expect is None else has_version(expect) if expect else ABSENT
            expires = self._will_expire(kind)
            return self._write(kind, group, name, body, condition, secrets.token_hex(8), expires)
        while True:
            # A document that must not exist has no pointers, so it need not be read.
            known = None if expect == 0 else self._known(kind, group, name)
            if expect and (known is None or known.record.version != expect):
                return False
            if self._replace(kind, group, name, body, known):
                return True
            if expect is not None:
                return False

    def update(
        self,
        kind: str,
        group: str,
        name: str,
        change: Callable[[Body | None], tuple[Body | None, T]],
        *,
        durable: bool = True,
    ) -> T:
        if not indexes.is_indexed(kind):
            return super().update(kind, group, name, change, durable=durable)
        while True:
            known = self._known(kind, group, name)
            before = known.record.body if known else None
            after, result = change(before)
            if after is None or after == before:
                return result
            if self._replace(kind, group, name, after, known):
                return result

    def _replace(self, kind: str, group: str, name: str, body: Body, known: Known | None) -> bool:
        """Write a document and its pointers if it still is as it is known. Returns False otherwise."""
        write, expires = secrets.token_hex(8), self._will_expire(kind)
        before = known.entries(kind) if known else set()
        after = set(indexes.entries(kind, group, name, body))
        new = after - before
        if known is None or must_renew(known.expires, expires):
            new = after
        outdated = self._pointers.read(before - after)
        self._pointers.write([(new, (kind, group, name), expires)], write)
        condition = known.unchanged if known else ABSENT
        written = self._write(kind, group, name, body, condition, write, expires)
        if written:
            self._pointers.drop(outdated)
        return written

    def _write(
        self,
        kind: str,
        group: str,
        name: str,
        body: Body,
        condition: Condition | None,
        write: str,
        expires: int | None,
    ) -> bool:
        content = packed(body)
        parts = in_parts(kind, group, name, content)
        values: dict[str, Any] = {"body": value_of(b"" if parts else content), "write": {"S": write}}
        if parts:
            values["parts"] = {"N": str(len(parts))}
        try:
            for number, part in enumerate(parts):  # before the document that names them
                self._update(part_key(write, number), {"body": {"B": part}}, expires)
            before = self._update(document_key(kind, group, name), values, expires, condition)
        except AwsError as error:
            if error.code != "ConditionalCheckFailedException":
                raise self._table.failure(error) from error
            # botocore repeats a call whose answer was lost. If so, the stored document is this very write.
            mine: bool = error.answer.get("Item", {}).get("write") == {"S": write}
            if not mine:
                self._drop_parts(values)
            return mine
        self._drop_parts(before)
        return True

    def _will_expire(self, kind: str) -> int | None:
        days = days_kept(kind, self._keep)
        return None if days is None else int(self._now()) + days * _DAY

    def _update(
        self, key: Item, values: Item, expires: int | None, condition: Condition | None = None
    ) -> Item:
        """Write an item, add one to its version, and return the previous values. Raises AwsError."""
        if expires is not None:
            values = {**values, "expires": {"N": str(expires)}}
        given = {f":{name}": value for name, value in values.items()} | {":one": {"N": "1"}}
        request: dict[str, Any] = {}
        if condition:
            given |= condition.values
            request["ConditionExpression"] = condition.text
            request["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
        sets = ", ".join(f"#{name} = :{name}" for name in values)
        removes = "" if "parts" in values else " REMOVE #parts"
        answer = self._table.try_to(
            "update_item",
            Key=key,
            UpdateExpression=f"SET {sets}{removes} ADD #version :one",
            ExpressionAttributeNames={f"#{name}": name for name in {*values, "parts", "version"}},
            ExpressionAttributeValues=given,
            ReturnValues="UPDATED_OLD",
            **request,
        )
        before: Item = answer.get("Attributes", {})
        return before

    def delete(self, kind: str, group: str, name: str) -> None:
        # Its pointers are left, and readers skip them. If they were deleted, another writer who makes the
        # document anew at this moment could lose its own.
        answer = self._table.call("delete_item", Key=document_key(kind, group, name), ReturnValues="ALL_OLD")
        self._drop_parts(answer.get("Attributes", {}))

    # Pages

    def page(
        self,
        index: str,
        *,
        limit: int,
        after: str = "",
        newest_first: bool = True,
        since: str = "",
        until: str = "",
    ) -> Page:
        entries, after = self._pointers.page(index, on_a_page(limit), after, newest_first, since, until)
        return Page(self._of_entries(entries), after)

    def _of_entries(self, entries: Sequence[tuple[IndexEntry, Key]]) -> tuple[Record, ...]:
        """The documents of these entries, without those that no longer have their entry."""
        records = self.read_many([key for _, key in entries])
        return tuple(
            record
            for entry, key in entries
            if (record := records.get(key)) and entry in indexes.entries(*key, record.body)
        )

    def page_of_group(
        self, kind: str, group: str, *, limit: int, after: str = "", newest_first: bool = False
    ) -> Page:
        items, after = self._table.page(f"{kind}#{group}", on_a_page(limit), after, newest_first)
        return Page(tuple(self.records(kind, items)), after)

    def count(self, index: str, *, prefix: str = "", most: int = 10_000) -> int:
        # A left over pointer matters where few are expected, so few are looked at one by one.
        entries, after = self._pointers.page(index, _COUNTED_ONE_BY_ONE, "", True, prefix, after_all(prefix))
        if after:
            return self._pointers.count(index, prefix, most)
        return min(len(self._of_entries(entries)), most)

    def positions(
        self,
        index: str,
        *,
        since: str = "",
        until: str = "",
        most: int = 10_000,
        newest_first: bool = False,
    ) -> tuple[str, ...]:
        return self._pointers.positions(index, since, until, most, newest_first)

    def attention(self, *, most: int = 10_000) -> Places:
        return first_places(self._pointers.attention(most + 1), most)

    def read_many(self, keys: Sequence[Key]) -> dict[Key, Record]:
        wanted, found = list(dict.fromkeys(keys)), {}
        for at in range(0, len(wanted), MOST_READ):
            items = self._table.read([document_key(*key) for key in wanted[at : at + MOST_READ]])
            for item in items:
                kind, _, group = item["pk"]["S"].partition("#")
                for record in self.records(kind, [item]):
                    found[kind, group, record.name] = record
        return found

    def every(self, kind: str, *, limit: int, after: str = "") -> Page:
        request: dict[str, Any] = {"ExclusiveStartKey": key_after(after)} if after else {}
        answer = self._table.call(
            "scan",
            FilterExpression="begins_with(pk, :pk)",
            ExpressionAttributeValues={":pk": {"S": f"{kind}#"}},
            ConsistentRead=True,
            Limit=limit,
            **request,
        )
        last = answer.get("LastEvaluatedKey")
        records = tuple(self.records(kind, answer.get("Items", ())))
        return Page(records, after_key(last) if last else "")

    def reindex(self, kind: str, records: Sequence[Record]) -> None:
        # The time when a document expires is not known here. The pointer expires no earlier.
        expires = self._will_expire(kind)
        documents = [
            (
                indexes.entries(kind, record.group, record.name, record.body),
                (kind, record.group, record.name),
                expires,
            )
            for record in records
        ]
        self._pointers.write(documents, secrets.token_hex(8))

    def record_indexed(self, all: bool) -> None:
        self._pointers.record_indexed(all)

    def tidy(self, *, delete: bool) -> bool:
        return False

    def _drop_parts(self, item: Item) -> None:
        """Delete the parts of a document that was replaced or deleted. A part that cannot be deleted expires
        later."""
        for number in range(part_count(item)):
            try:
                self._table.call("delete_item", Key=part_key(item["write"]["S"], number))
            except StoreError as error:
                log.warning("parts of a replaced document stay in the table", extra={"error": str(error)})
                return

    def _record(self, group: str, item: Item) -> Record | None:
        """None if its parts are gone, because another write has replaced the document meanwhile."""
        with understood("DynamoDB", StoreError):
            body, parts = item["body"], part_count(item)
            content = body["B"] if "B" in body else body["S"].encode()
            if parts:
                contents = [self._part(item["write"]["S"], number) for number in range(parts)]
                if None in contents:
                    return None
                content = b"".join(part for part in contents if part is not None)
            return Record(group, item["sk"]["S"], int(item["version"]["N"]), unpacked(content))

    def _part(self, write: str, number: int) -> bytes | None:
        answer = self._table.call("get_item", Key=part_key(write, number), ConsistentRead=True)
        return answer["Item"]["body"]["B"] if "Item" in answer else None
