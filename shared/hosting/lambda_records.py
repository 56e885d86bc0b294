"""Handles the records of one invocation by SQS one by one, and reports to SQS which to deliver again.

This module imports little, because the web function starts with it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

from shared import log_context
from shared.aws.sqs import SqsQueue
from shared.aws.sqs_messages import SqsItem, item_of
from shared.hosting.metrics import emit
from shared.http.deadlines import within
from shared.queues import leases
from shared.queues.ports import Again, Done, Handler, QueueError
from shared.queues.worker import attempt, settle

log = logging.getLogger(__name__)


class Context(Protocol):
    """The part of an invocation's context that is used."""

    function_name: str

    def get_remaining_time_in_millis(self) -> int: ...


def work_records(
    queue: SqsQueue, handler: Handler, records: Sequence[Mapping[str, Any]], context: Context, *, needs: float
) -> dict[str, Any]:
    """The answer that SQS wants with ReportBatchItemFailures.

    `needs`: seconds. An item gets at most this long, and is not begun if less time is left. The first item is
    always begun, because the next invocation would have no more time for it.

    The age of the oldest item that was due and is not finished becomes a metric. SQS's own metric leaves out
    messages that were received three times, and each attempt is a receive.
    """
    failed, ages, now = [], [], datetime.now(UTC)
    for number, record in enumerate(records):
        item = item_of(record)
        left = context.get_remaining_time_in_millis() / 1000
        seconds = min(needs, left - leases.SETTLING) if number == 0 or left >= needs else None
        with log_context.scope():
            finished = _finished(queue, handler, item, seconds)
        if not finished:
            failed.append({"itemIdentifier": record["messageId"]})
            if item.due <= now.timestamp():
                ages.append((now - item.added_at).total_seconds())
    if ages:
        emit(context.function_name, now, **{f"Oldest{queue.name.title()}Seconds": max(ages)})
    return {"batchItemFailures": failed}


def _finished(queue: SqsQueue, handler: Handler, item: SqsItem, seconds: float | None) -> bool:
    """False if SQS must keep the message. `seconds`: the time for the item; None if there is not enough."""
    try:
        if queue.hand_back_early(item):
            return False
        if queue.renew(item):
            return True
        if seconds is None:
            settle(queue, item, Again(0, "the invocation has no time left for it"))
            return False
        with within(seconds):
            verdict = attempt(handler, item)
        if not isinstance(verdict, Done):  # SQS itself deletes a message that is not reported
            settle(queue, item, verdict)
        return not isinstance(verdict, Again)
    except QueueError as error:
        log.error("item not settled in SQS, so it comes again", extra={"item": item.id, "reason": error})
        return False
