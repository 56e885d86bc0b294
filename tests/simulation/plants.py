"""Faults of the product that exist here only: they prove that the schedules find such faults."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any
from unittest.mock import patch

from receiver.cases.lifecycle import CaseLifecycle
from receiver.deliveries import alarm, digest
from receiver.deliveries.record import Recorder
from receiver.messages.message import Message
from scheduler.recover_lost_webhooks import _Check
from scheduler.timer import JOBS
from shared.hosting import lambda_records
from shared.local import core
from shared.local.core import Core
from shared.local.database import Database
from shared.local.inbox import Inbox
from shared.local.inbox_reader import Batch
from shared.local.queue import SqliteQueue
from shared.models import known_good
from shared.queues import worker
from shared.queues.dead_letter_notices import DeadLetterNotices
from shared.queues.ports import QUEUES, Again, Done, Item, Verdict
from shared.storage.ledger.deliveries import Deliveries
from tests.simulation import sides

Change = tuple[Any, str, Any]  # in which object, which name, and what it becomes


@dataclass(frozen=True)
class Plant:
    changes: Callable[[], list[Change]]
    side: str = ""  # the only side on which it can be seen

    @contextmanager
    def planted(self) -> Iterator[None]:
        with ExitStack() as stack:
            for target, name, new in self.changes():
                stack.enter_context(patch.object(target, name, new))
            yield


def _done_unsent() -> list[Change]:
    real = Recorder.record

    def record(self: Recorder, *args: Any) -> Verdict:
        verdict = real(self, *args)
        return Done() if isinstance(verdict, Again) else verdict

    return [(Recorder, "record", record)]


def _no_lease() -> list[Change]:
    def start(self: Deliveries, before: Any, **fields: Any) -> Any:
        now = self._now()
        self.save(started := replace(before, **fields, first_at=before.first_at or now, last_at=now))
        return started

    def never_waits(*_: object) -> None: ...

    return [
        (alarm, "wait_for_other_worker", never_waits),
        (digest, "wait_for_other_worker", never_waits),
        (Deliveries, "start", start),
        (sides, "_HIDDEN", dict.fromkeys(QUEUES, 1)),
    ]


def _not_durable() -> list[Change]:
    def write(self: Inbox, file: int, data: bytes) -> None:
        self._size += os.write(file, data)

    return [(Inbox, "_write", write)]


def _call_before_commit() -> list[Change]:
    real = Core.park

    def park(self: Core, *args: Any) -> None:
        self._calls = [(work, call) for work, call in self._calls if not self._threads.start(call)]
        real(self, *args)

    return [(Core, "park", park)]


def _call_before_sync() -> list[Change]:
    real = Database.round

    def round(self: Database, *, durable: bool = True) -> Any:
        return real(self, durable=False)

    return [(Database, "round", round)]


def _deleted_first() -> list[Change]:
    real = worker.work_on

    def work_on(queue: SqliteQueue, handler: Any, item: Item, *, lease: float) -> None:
        def deleting(item: Item) -> Verdict:
            ((*row,),) = queue.database.read(
                "SELECT * FROM items WHERE queue=? AND id=?", (queue.name, item.id)
            )
            queue.done(item)
            verdict = worker.attempt(handler, item)
            if not isinstance(verdict, Done):
                values = f"VALUES ({', '.join('?' * len(row))})"
                queue.database.write(lambda db: db.execute(f"INSERT OR IGNORE INTO items {values}", row))
            return verdict

        real(queue, deleting, item, lease=lease)

    return [(core, "work_on", work_on)]


def _joined_though_lost() -> list[Change]:
    real = Database._join

    def join(self: Database, write: Any) -> None:
        real(self, write)
        write.settled = True

    return [(Database, "_join", join)]


def _deleted_unsynced() -> list[Change]:
    return [(Batch, "durable", False)]


def _unmarked() -> list[Change]:
    real = CaseLifecycle.message

    def message(self: CaseLifecycle, *args: Any, maybe_repeat: bool, opens: bool) -> Message:
        return real(self, *args, maybe_repeat=False, opens=opens)

    return [(CaseLifecycle, "message", message)]


def _endless_entry() -> list[Change]:
    real = known_good._why_not

    def why_not(occurrence: Any, known: Any, entry: Any, now: Any) -> str:
        return real(occurrence, known, replace(entry, ended_at=None), min(now, entry.at))

    return [(known_good, "_why_not", why_not)]


def _dropped() -> list[Change]:
    real = worker.attempt

    def attempt(handler: Any, item: Item) -> Verdict:
        verdict = real(handler, item)
        throttled = isinstance(verdict, Again) and ("throttl" in verdict.reason or "locked" in verdict.reason)
        return Done() if throttled else verdict

    return [(worker, "attempt", attempt), (lambda_records, "attempt", attempt)]


def _not_recovered() -> list[Change]:
    return [(_Check, "_raise", lambda *_: None)]


def _whole_batch_done() -> list[Change]:
    real = lambda_records._finished

    def finished(*args: Any) -> bool:
        with suppress(Exception):
            real(*args)
        return True

    return [(lambda_records, "_finished", finished)]


def _never_due() -> list[Change]:
    idle = [replace(job, run=lambda runtime: None) if job.name == "remind" else job for job in JOBS]
    return [(sides, "JOBS", tuple(idle))]


def _no_notice() -> list[Change]:
    return [(DeadLetterNotices, "count", lambda *_, **__: None)]


PLANTS = {
    "an item is done though its message must be sent again": Plant(_done_unsent),
    "a lease is ignored": Plant(_no_lease, "aws"),
    "a call begins before the commit": Plant(_call_before_commit, "one machine"),
    "a call begins before its round is synced": Plant(_call_before_sync, "one machine"),
    "an item is deleted before its outcome is stored": Plant(_deleted_first, "one machine"),
    "a write counts as stored though its round failed": Plant(_joined_though_lost, "one machine"),
    "a segment is deleted before its import is durable": Plant(_deleted_unsynced, "one machine"),
    "202 before the write is durable": Plant(_not_durable, "one machine"),
    "the mark of a repeat is forgotten": Plant(_unmarked),
    "an entry that has ended still withholds": Plant(_endless_entry),
    "an item is dropped when the store throttles": Plant(_dropped),
    "a lost webhook is not recovered": Plant(_not_recovered),
    "a batch counts as done though an item failed": Plant(_whole_batch_done, "aws"),
    "held alarms are never due": Plant(_never_due),
    "an item dies without a notice": Plant(_no_notice),
}
