"""The indexes of the store in DynamoDB: one small item, a pointer, for each entry of a document.

The partition key of a pointer is the index, its sort key the position. It names its document, and the version
of the document that it was written for.

A pointer is written before its document, and deleted after the document no longer has the entry. So a
document never lacks a pointer. A pointer may be left over if its writer dies or was too slow; readers skip
it. Two writers may move a document at the same time, so a pointer is deleted only if it was not written for a
later version than that of the writer who deletes it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

from shared.aws.dynamodb_table import Item, Table, key
from shared.aws.errors import AwsError, understood
from shared.storage.ports import IndexEntry, Key, StoreError

log = logging.getLogger(__name__)

# A pointer that its document keeps is not written with each write of the document, so it expires later than
# the document. It is written again before that.
_SPARE = 30 * 86_400  # seconds


def must_renew(expires_before: int | None, expires: int | None) -> bool:
    """Whether the pointers that a document keeps must be written again, since they would expire before it."""
    if expires is None or expires_before is None:
        return expires != expires_before
    return expires // _SPARE != expires_before // _SPARE


class Pointers:
    def __init__(self, table: Table) -> None:
        self._table = table

    def write(
        self, entries: Iterable[IndexEntry], of: Key, version: int, expires: int | None, write: str
    ) -> None:
        """Write the pointers of a document. `write` identifies the write of the document."""
        self._table.write([_pointer(entry, of, version, expires, write) for entry in entries])

    def write_all(self, documents: Iterable[tuple[Iterable[IndexEntry], Key, int, int | None]]) -> None:
        """Write the pointers of many documents in as few calls as possible."""
        pointers = (
            _pointer(entry, of, version, expires, "")
            for entries, of, version, expires in documents
            for entry in entries
        )
        # No batch may name an item twice.
        self._table.write(list({(one["pk"]["S"], one["sk"]["S"]): one for one in pointers}.values()))

    def restore(
        self, entries: Iterable[IndexEntry], of: Key, version: int, expires: int | None, write: str
    ) -> None:
        """Write those pointers that are missing, or were written for an earlier version."""
        for entry in entries:
            pointer = _pointer(entry, of, version, expires, write)
            place = key(pointer.pop("pk")["S"], pointer.pop("sk")["S"])
            self._if(
                "update_item",
                "attribute_not_exists(pk) OR #version < :version",
                pointer,
                Key=place,
                UpdateExpression=f"SET {', '.join(f'#{name} = :{name}' for name in pointer)}",
            )

    def drop(self, entries: Iterable[IndexEntry], version: int) -> None:
        """Delete pointers that no version since this one has. A pointer that cannot be deleted is left, since
        readers skip it."""
        self._drop(entries, "#version <= :version", {"version": {"N": str(version)}})

    def take_back(self, entries: Iterable[IndexEntry], write: str) -> None:
        """Delete the pointers of a write that came too late, unless somebody else has written them since."""
        self._drop(entries, "#write = :write", {"write": {"S": write}})

    def _drop(self, entries: Iterable[IndexEntry], condition: str, values: Item) -> None:
        try:
            for entry in entries:
                self._if("delete_item", condition, values, Key=key(_partition(entry.index), entry.position))
        except StoreError as error:
            log.warning("outdated index entries stay in the table", extra={"error": str(error)})

    def _if(self, operation: str, condition: str, values: Item, **request: Any) -> None:
        """Do nothing if the condition is not met."""
        try:
            self._table.try_to(
                operation,
                ConditionExpression=condition,
                ExpressionAttributeNames={f"#{name}": name for name in values},
                ExpressionAttributeValues={f":{name}": value for name, value in values.items()},
                **request,
            )
        except AwsError as error:
            if error.code != "ConditionalCheckFailedException":
                raise self._table.failure(error) from error

    def page(
        self, index: str, limit: int, after: str, newest_first: bool, since: str, until: str
    ) -> tuple[list[tuple[IndexEntry, Key]], str]:
        """The entries of one page with the documents that they name, and the `after` of the page."""
        pointers, after = self._table.page(_partition(index), limit, after, newest_first, since, until)
        with understood("DynamoDB", StoreError):
            return [(IndexEntry(index, item["sk"]["S"]), _document(item)) for item in pointers], after

    def count(self, index: str, prefix: str, most: int) -> int:
        values: Item = {":pk": {"S": _partition(index)}} | ({":prefix": {"S": prefix}} if prefix else {})
        request: dict[str, Any] = {
            "KeyConditionExpression": "pk = :pk" + (" AND begins_with(sk, :prefix)" if prefix else ""),
            "ExpressionAttributeValues": values,
            "ConsistentRead": True,
            "Select": "COUNT",
        }
        count = 0
        while count < most:
            answer = self._table.call("query", **request, Limit=most - count)
            with understood("DynamoDB", StoreError):
                count += int(answer["Count"])
            if "LastEvaluatedKey" not in answer:
                break
            request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]
        return count

    def positions(self, index: str, since: str, until: str, most: int) -> tuple[str, ...]:
        found: list[str] = []
        after = ""
        while len(found) < most:
            pointers, after = self._table.page(
                _partition(index), most - len(found), after, False, since, until
            )
            found += [pointer["sk"]["S"] for pointer in pointers]
            if not after:
                break
        return tuple(found)


def _partition(index: str) -> str:
    return f"index#{index}"


def _pointer(entry: IndexEntry, of: Key, version: int, expires: int | None, write: str) -> Item:
    kind, group, name = of
    return {
        **key(_partition(entry.index), entry.position),
        "kind": {"S": kind},
        "group": {"S": group},
        "name": {"S": name},
        "version": {"N": str(version)},
        "write": {"S": write},
        **({} if expires is None else {"expires": {"N": str(expires + _SPARE)}}),
    }


def _document(pointer: Item) -> Key:
    return pointer["kind"]["S"], pointer["group"]["S"], pointer["name"]["S"]
