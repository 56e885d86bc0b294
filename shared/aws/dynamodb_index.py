"""The indexes of the store in DynamoDB: one small item, a pointer, for each entry of a document.

The partition key of a pointer is the index, its sort key the position. It names its document.

A pointer is written before its document, and deleted after the document no longer has the entry. So no
document lacks a pointer. A pointer may be left over if its document is deleted, or if its writer dies or is
overtaken by another writer. Readers skip it, and it expires.

Another writer may give the document the same entry again before the outdated pointer is deleted. So each
pointer holds what identifies its own write. A writer reads this before it writes the document, and deletes
the pointer only if nobody has written it since.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable
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

    def write(self, documents: Iterable[tuple[Iterable[IndexEntry], Key, int | None]], write: str) -> None:
        """Write pointers of documents, of which each is given with its key and with the time when it expires.
        `write` identifies this call."""
        pointers = [
            _pointer(entry, of, expires, write) for entries, of, expires in documents for entry in entries
        ]
        # No batch may name an item twice.
        self._table.write(list({(one["pk"]["S"], one["sk"]["S"]): one for one in pointers}.values()))

    def read(self, entries: Collection[IndexEntry]) -> list[Item]:
        """The pointers of these entries, for `drop`."""
        return self._table.read([key(_partition(entry.index), entry.position) for entry in entries])

    def drop(self, pointers: Iterable[Item]) -> None:
        """Delete pointers that nobody has written since they were read. A pointer that cannot be deleted is
        left, since readers skip it."""
        for pointer in pointers:
            try:
                self._table.try_to(
                    "delete_item",
                    Key={"pk": pointer["pk"], "sk": pointer["sk"]},
                    ConditionExpression="#write = :write",
                    ExpressionAttributeNames={"#write": "write"},
                    ExpressionAttributeValues={":write": pointer["write"]},
                )
            except AwsError as error:
                if error.code != "ConditionalCheckFailedException":
                    log.warning("an outdated index entry stays in the table", extra={"error": str(error)})

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


def _pointer(entry: IndexEntry, of: Key, expires: int | None, write: str) -> Item:
    kind, group, name = of
    return {
        **key(_partition(entry.index), entry.position),
        "kind": {"S": kind},
        "group": {"S": group},
        "name": {"S": name},
        "write": {"S": write},
        **({} if expires is None else {"expires": {"N": str(expires + _SPARE)}}),
    }


def _document(pointer: Item) -> Key:
    return pointer["kind"]["S"], pointer["group"]["S"], pointer["name"]["S"]
