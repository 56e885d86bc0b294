"""Reads everything in the table and in the dead-letter queues, and erases from there.

SQS cannot be searched, so living items must be gone before anything can be erased.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from shared.aws.dynamodb import DynamoStore
from shared.aws.dynamodb_table import Item, Table, key
from shared.queues.ports import Queue, QueueError
from shared.storage.kinds import KINDS
from shared.storage.ports import Key
from shared.storage.sweep import Document, StoredItem, Sweep, delete_documents

_MOST_DEAD = 10_000  # items of one queue
_INDEX = "index#"  # how the partition keys of index entries begin


class AwsSweep(Sweep):
    def __init__(self, store: DynamoStore, table: Table, queues: Mapping[str, Queue]) -> None:
        self._store, self._table, self._queues = store, table, queues

    def documents(self) -> Iterator[Document]:
        for item in self._scan():
            kind, _, group = item["pk"]["S"].partition("#")
            if kind in KINDS:
                for record in self._store.records(kind, [item]):
                    yield Document((kind, group, record.name), record.body)

    def items(self) -> Iterator[StoredItem]:
        for name, queue in self._queues.items():
            if living := queue.depth().living:
                raise QueueError(
                    f"{living} items wait in the queue {name}, which SQS cannot search: try again when they "
                    "are done"
                )
            for item in queue.dead_items(_MOST_DEAD):
                yield StoredItem(name, item.id, item.body, item.died_at.timestamp())

    def delete(self, keys: Collection[Key], items: Collection[StoredItem]) -> None:
        delete_documents(self._store, keys)
        for name, queue in self._queues.items():
            queue.discard([item.id for item in items if item.queue == name])

    def scrub(self, deleted: Collection[Key], mentions: Callable[[str], bool]) -> None:
        gone = set(deleted)
        for item in self._scan():
            pk, sk = item["pk"]["S"], item["sk"]["S"]
            if not pk.startswith(_INDEX) or "kind" not in item:
                continue
            of = (item["kind"]["S"], item["group"]["S"], item["name"]["S"])
            if of in gone or any(map(mentions, (pk, sk, *of))):
                self._table.call("delete_item", Key=key(pk, sk))

    def _scan(self) -> Iterator[Item]:
        request: dict[str, Any] = {"ConsistentRead": True}
        while True:
            answer = self._table.call("scan", **request)
            yield from answer["Items"]
            if "LastEvaluatedKey" not in answer:
                return
            request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]
