"""The indexes of the store in DynamoDB: one small item, a pointer, for each entry of a document.

The partition key of a pointer is the index, its sort key the position. It names its document.

A pointer is written before its document, and deleted after the document no longer has the entry. So no
document lacks a pointer. A pointer may be left over if its document is deleted, or if its writer dies or is
overtaken by another writer. Readers skip it, and it expires.

Another writer may give the document the same entry again before the outdated pointer is deleted. So each
pointer holds what identifies its own write. A writer reads this before it writes the document, and deletes
the pointer only if nobody has written it since.

The indexes of `indexes.ATTENTION` share one partition, so that one request reads them all. There the number
of the index stands before the position. An earlier version gave each of them a partition of its own. Until an
item in the shared partition says that all documents are indexed anew, both are read.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable
from typing import Any

from shared.aws.dynamodb_table import Item, Table, key
from shared.aws.errors import AwsError, understood
from shared.storage import indexes
from shared.storage.ports import IndexEntry, Key, Place, StoreError, after_all

log = logging.getLogger(__name__)

# A pointer that its document keeps is not written with each write of the document, so it expires later than
# the document. It is written again before that.
_SPARE = 30 * 86_400  # seconds

_SHARED = "index#attention"  # the partition of these indexes, with what stands before a position
_PREFIXES = {index: f"{number}#" for number, index in enumerate(indexes.ATTENTION)}
_INDEXED = "!indexed"  # the sort key of the item that says so; it comes before all pointers


def must_renew(expires_before: int | None, expires: int | None) -> bool:
    """Whether the pointers that a document keeps must be written again, since they would expire before it."""
    if expires is None or expires_before is None:
        return expires != expires_before
    return expires // _SPARE != expires_before // _SPARE


class Pointers:
    def __init__(self, table: Table) -> None:
        self._table = table
        self._all_indexed = False  # whether the item that says so was seen

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
        return self._table.read([pointer_key(entry) for entry in entries])

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
        places, after = self._places(index, limit, after, newest_first, since, until)
        return [(IndexEntry(index, place.position), place.key) for place in places], after

    def count(self, index: str, prefix: str, most: int) -> int:
        if self._is_apart(index):
            return len(self.positions(index, prefix, after_all(prefix), most))
        prefix = _PREFIXES.get(index, "") + prefix
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

    def positions(
        self, index: str, since: str, until: str, most: int, newest_first: bool = False
    ) -> tuple[str, ...]:
        found: list[str] = []
        after = ""
        while len(found) < most:
            places, after = self._places(index, most - len(found), after, newest_first, since, until)
            found += [place.position for place in places]
            if not after:
                break
        return tuple(found)

    def attention(self, most: int) -> dict[str, tuple[Place, ...]]:
        """The places in the indexes that share a partition; about `most` in all."""
        found: dict[str, dict[str, Place]] = {index: {} for index in _PREFIXES}
        names, after, count = {prefix: index for index, prefix in _PREFIXES.items()}, "", 0
        while count < most:
            items, after = self._table.page(_SHARED, most - count, after, False)
            for item in items:
                if item["sk"]["S"] == _INDEXED:
                    self._all_indexed = True
                    continue
                number, _, position = item["sk"]["S"].partition("#")
                if index := names.get(f"{number}#"):
                    found[index][position] = _place(position, item)
            count += len(items)
            if not after:
                break
        for index, places in found.items() if not self._all_indexed else ():
            items, _ = self._table.page(f"index#{index}", most, "", False)
            places |= {item["sk"]["S"]: _place(item["sk"]["S"], item) for item in items}
        return {index: tuple(places[at] for at in sorted(places)) for index, places in found.items()}

    def all_are_indexed(self) -> None:
        self._table.write([key(_SHARED, _INDEXED)])
        self._all_indexed = True

    def _places(
        self, index: str, limit: int, after: str, newest_first: bool, since: str, until: str
    ) -> tuple[list[Place], str]:
        """One page of an index, and its `after`."""
        prefix = _PREFIXES.get(index, "")
        place = [f"{prefix}{text}" if text else "" for text in (after, since, until)]
        if prefix:
            place = [place[0], place[1] or prefix, place[2] or after_all(prefix)]
        items, end = self._table.page(
            _partition(index), limit, place[0], newest_first, since=place[1], until=place[2]
        )
        found = {at: _place(at, item) for item in items if (at := item["sk"]["S"].removeprefix(prefix))}
        if not self._is_apart(index):
            return list(found.values()), end.removeprefix(prefix)
        items, end_apart = self._table.page(f"index#{index}", limit, after, newest_first, since, until)
        found |= {item["sk"]["S"]: _place(item["sk"]["S"], item) for item in items}
        order = sorted(found, reverse=newest_first)
        more = len(order) > limit or end or end_apart
        # What one of the two was not read to is for the next page.
        ends = [each for each in (end.removeprefix(prefix), end_apart) if each]
        if ends:
            last = max(ends) if newest_first else min(ends)
            order = [at for at in order if (at >= last if newest_first else at <= last)]
        order = order[:limit]
        return [found[at] for at in order], order[-1] if order and more else ""

    def _is_apart(self, index: str) -> bool:
        """Whether some pointers of an index may be where an earlier version wrote them."""
        if index not in _PREFIXES:
            return False
        if not self._all_indexed:
            answer = self._table.call("get_item", Key=key(_SHARED, _INDEXED), ConsistentRead=True)
            self._all_indexed = "Item" in answer
        return not self._all_indexed


def pointer_key(entry: IndexEntry) -> Item:
    """The key of the pointer of an entry."""
    return key(_partition(entry.index), _PREFIXES.get(entry.index, "") + entry.position)


def _partition(index: str) -> str:
    return _SHARED if index in _PREFIXES else f"index#{index}"


def _pointer(entry: IndexEntry, of: Key, expires: int | None, write: str) -> Item:
    kind, group, name = of
    return {
        **pointer_key(entry),
        "kind": {"S": kind},
        "group": {"S": group},
        "name": {"S": name},
        "write": {"S": write},
        **({} if expires is None else {"expires": {"N": str(expires + _SPARE)}}),
    }


def _place(position: str, pointer: Item) -> Place:
    with understood("DynamoDB", StoreError):
        return Place(position, (pointer["kind"]["S"], pointer["group"]["S"], pointer["name"]["S"]))
