"""One invocation by SQS: its records in, each worked by itself, and out the ids of those that come again.

Light on purpose: the web room starts with it. What a record's work needs is the handler's business.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from shared import leases
from shared.aws.sqs import SqsItem, SqsQueue, item_of
from shared.deadlines import within
from shared.queues import Again, Done, Handler, QueueError, attempt, settle

log = logging.getLogger(__name__)


class Context(Protocol):
    """What Lambda tells a function about its invocation, as far as it is used."""

    function_name: str

    def get_remaining_time_in_millis(self) -> int: ...


def work_records(
    queue: SqsQueue, handler: Handler, records: Sequence[Mapping[str, Any]], context: Context, *, needs: float
) -> dict[str, Any]:
    """The answer that SQS wants with ReportBatchItemFailures. `needs` (seconds): an item gets no more time
    than that, and is not begun with less. The first one always is: the next invocation would have no more."""
    failed = []
    for number, record in enumerate(records):
        left = context.get_remaining_time_in_millis() / 1000
        seconds = min(needs, left - leases.SETTLING) if number == 0 or left >= needs else None
        if not _finished(queue, handler, item_of(record), seconds):
            failed.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failed}


def _finished(queue: SqsQueue, handler: Handler, item: SqsItem, seconds: float | None) -> bool:
    """False where SQS must keep the message. `seconds`: the time for the item; None where it is too short."""
    try:
        if queue.early(item):
            return False
        if queue.renew(item):
            return True
        if seconds is None:
            settle(queue, item, Again(0, "no time is left for it"))
            return False
        with within(seconds):
            verdict = attempt(handler, item)
        if not isinstance(verdict, Done):  # SQS takes away itself what is not reported
            settle(queue, item, verdict)
        return not isinstance(verdict, Again)
    except QueueError as error:
        log.error("%s: what became of it cannot be told to SQS, so it comes again: %s", item.id, error)
        return False
