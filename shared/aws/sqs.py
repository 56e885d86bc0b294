"""The queues on AWS: each is a standard SQS queue with a dead letter queue beside it.

A lease is SQS's visibility timeout. SQS may hand the same item out twice and ignores item ids, so items are
handled idempotently by their ids. An item that moves between the two is deleted from one only after it is
stored in the other.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable, Collection

from shared.aws.clients import Clients
from shared.aws.sqs_calls import SqsCalls
from shared.aws.sqs_dead_letters import SqsDeadLetters
from shared.aws.sqs_messages import SqsItem, epoch, item_of_message
from shared.queues.ports import DeadItem, Depth, Item

log = logging.getLogger(__name__)

_MAX_DELAY = 900  # seconds; vendor number: "Amazon SQS message quotas"
# Seconds. A message is hidden for at most 12 hours after it was received (ChangeMessageVisibility). A Lambda
# function may use 15 minutes of that time before it hands the item back.
_MAX_HIDDEN = 43_200 - 900


class SqsQueue:
    def __init__(
        self,
        clients: Clients,
        name: str,
        url: str,
        dead_url: str,
        *,
        wait: int = 0,
        look_wait: int = 1,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`wait`: seconds that a claim waits for an item, at most 20 and less than the clients' read timeout.
        `look_wait`: the same for looks at dead items."""
        self.name = name
        self._calls, self._wait, self._now = SqsCalls(clients, name, url), wait, now
        self._dead_letters = SqsDeadLetters(SqsCalls(clients, name, dead_url), wait=look_wait)

    def put(
        self,
        body: bytes,
        *,
        id: str = "",
        delay: float = 0,
        urgent: bool = False,  # SQS cannot hand out an item ahead of others
        durable: bool = True,  # everything in SQS is durable
        lane: str = "",  # SQS has no lanes
    ) -> str:
        # The id is made here and not by SQS, so that both items have the same one if botocore repeats a call
        # whose answer was lost.
        id = id or secrets.token_hex(8)
        self._put(body, {"id": id}, delay)
        return id

    def _put(self, body: bytes, attributes: dict[str, str], delay: float) -> None:
        if delay > _MAX_DELAY:
            attributes["due"] = str(self._now() + delay)
        self._calls.send(body, attributes, delay=min(delay, _MAX_DELAY))

    def _put_as_new(self, item: Item) -> None:
        self._calls.send(item.body, {"id": item.id})

    def claim(self, limit: int = 1, *, lease: float) -> list[Item]:
        """At most 10 items, because SQS gives no more at once."""
        leased_until = self._now() + lease
        messages = self._calls.receive(limit, hidden=lease, wait=self._wait)
        items = [item_of_message(message, leased_until) for message in messages]
        due = (item for item in items if not self.hand_back_early(item) and not self.renew(item))
        return sorted(due, key=lambda item: item.added_at)

    def hand_back_early(self, item: SqsItem) -> bool:
        """Hand back an item that is not due yet; False if it is due. SQS delays an item by at most 15
        minutes, so an item with a longer delay arrives too early."""
        delay = item.due - self._now()
        if delay <= 0:
            return False
        self.retry(item, delay=delay)
        return True

    def renew(self, item: SqsItem) -> bool:
        """Replace an item that somebody moved back from the dead letter queue by hand; False if it was not
        moved. The new message has no trace of the item's death, and SQS counts its receives from 0."""
        if not item.moved_back:
            return False
        log.warning("item moved back by hand", extra={"item": item.id, "queue": self.name})
        self._put_as_new(item)
        self._calls.delete(item.receipt)
        return True

    def done(self, item: Item) -> bool:
        # Delete it even if the lease has run out: the work is done, and another worker need not do it again.
        return self._calls.delete(item.receipt) and self._holds(item)

    def retry(self, item: Item, *, delay: float, surprise: bool = False) -> bool:
        """An item is hidden for at most 11 hours and 45 minutes, so with a longer delay it comes back too
        early. A message cannot be changed, so a surprise is counted in a new message that replaces it."""
        if not self._holds(item):
            return False
        delay = max(delay, 0)
        if not surprise:
            return self._calls.hide(item.receipt, min(delay, _MAX_HIDDEN))
        attributes = {"id": item.id, "since": epoch(item.added_at), "surprises": str(item.surprises + 1)}
        self._put(item.body, attributes, delay)
        return self._calls.delete(item.receipt)

    def dead(self, item: Item, *, reason: str) -> bool:
        if not self._holds(item):
            return False
        self._dead_letters.keep(item, reason)
        return self._calls.delete(item.receipt)

    def adopt(self, tell: Callable[[Item], None]) -> None:
        self._dead_letters.adopt(tell)

    def dead_items(self, limit: int = 100) -> list[DeadItem]:
        return self._dead_letters.items(limit)

    def revive(self, ids: Collection[str]) -> list[str]:
        return self._dead_letters.revive(ids, self._put_as_new)

    def discard(self, ids: Collection[str]) -> list[str]:
        return self._dead_letters.discard(ids)

    def depth(self) -> Depth:
        """The approximate figures of SQS. A retried item counts as leased until it is due. SQS does not say
        when the oldest item came in."""
        visible, delayed, hidden = self._calls.counts()
        dead = self._dead_letters.count()
        return Depth(ready=visible, delayed=delayed, leased=hidden, dead=dead, oldest=None)

    def _holds(self, item: Item) -> bool:
        return not isinstance(item, SqsItem) or self._now() < item.leased_until
