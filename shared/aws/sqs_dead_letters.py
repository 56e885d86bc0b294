"""The dead letter queue beside each queue in SQS: it keeps dead items with the reason until they are revived.

Messages arrive in two ways. huntbridge puts an item here with the reason when its handler gives up. SQS moves
a message here after it was received `maxReceiveCount` times. `adopt` later stores such a message again with a
reason.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator
from contextlib import closing
from itertools import islice
from typing import Any

from shared.aws.sqs_calls import MAX_MESSAGES, SqsCalls
from shared.aws.sqs_messages import dead_item_of_message, epoch, is_kept, item_of_message
from shared.queues.ports import ABANDONED, DeadItem, Item

_MAX_REASON = 800  # characters, of up to 4 bytes: part of the 4 KiB for attributes
# Seconds for which messages are hidden while somebody looks at them.
_LOOK = 60
# A look ends after this many answers without a message that is new to it.
_STALE_ANSWERS = 3


class SqsDeadLetters:
    def __init__(self, calls: SqsCalls, *, wait: int) -> None:
        """`wait`: seconds that a look waits for messages. With 0, SQS asks only a sample of its servers and
        may miss messages ("Amazon SQS short and long polling")."""
        self._calls, self._wait = calls, wait

    def keep(self, item: Item, reason: str) -> None:
        attributes = {
            "id": item.id,
            "attempts": str(item.claims),
            "added": epoch(item.added_at),
            "reason": reason[:_MAX_REASON],
        }
        self._calls.send(item.body, attributes)

    def adopt(self, tell: Callable[[Item], None]) -> None:
        """For each item that SQS moved here: call `tell`, then keep the item with a reason. A crash may
        repeat both for an item, which is harmless because of the item's id."""
        with closing(self._look()) as messages:
            for message in messages:
                if not is_kept(message):
                    item = item_of_message(message)
                    tell(item)
                    self.keep(item, ABANDONED)
                    self._calls.delete(item.receipt)

    def items(self, limit: int) -> list[DeadItem]:
        """At most `limit` dead items, the newest first. Two looks at the same time may each see only a
        part."""
        with closing(self._look()) as messages:
            dead_items = [dead_item_of_message(message) for message in islice(messages, limit)]
        return sorted(dead_items, key=lambda item: item.died_at, reverse=True)

    def revive(self, ids: Collection[str], put: Callable[[Item], None]) -> list[str]:
        """Hand the items of these ids to `put` and forget them here. Returns the ids that were here."""
        return self._remove(ids, put)

    def discard(self, ids: Collection[str]) -> list[str]:
        """Forget the items of these ids. Returns the ids that were here."""
        return self._remove(ids, lambda item: None)

    def _remove(self, ids: Collection[str], first: Callable[[Item], None]) -> list[str]:
        """Delete the items of these ids. `first` is called with each before it is deleted."""
        removed: list[str] = []
        with closing(self._look()) as messages:
            for message in messages:
                item = item_of_message(message)
                if item.id in ids:
                    first(item)
                    if self._calls.delete(item.receipt):
                        removed.append(item.id)
                    if len(removed) == len(ids):
                        break
        return removed

    def count(self) -> int:
        return sum(self._calls.counts())

    def _look(self) -> Generator[dict[str, Any], None, None]:
        """Yields each message once. At the end, all messages become visible again for the next look."""
        receipts: dict[str, str] = {}
        stale = 0  # in a long look, messages appear again because they are hidden no longer
        try:
            while stale < _STALE_ANSWERS and (
                messages := self._calls.receive(MAX_MESSAGES, hidden=_LOOK, wait=self._wait)
            ):
                fresh = [message for message in messages if message["MessageId"] not in receipts]
                receipts |= {message["MessageId"]: message["ReceiptHandle"] for message in messages}
                yield from fresh
                stale = 0 if fresh else stale + 1
        finally:
            self._calls.show(list(receipts.values()))
