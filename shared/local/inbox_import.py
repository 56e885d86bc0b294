"""Imports the inbox into the queue of events, in a thread of `serve`."""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from shared.local.inbox_reader import InboxReader
from shared.local.queue import SqliteQueue
from shared.queues.ports import QueueError

log = logging.getLogger(__name__)

LOOKS_EVERY = 1.0  # seconds between two looks at the inbox if nothing wakes it
# Seconds between two looks at the least. What comes meanwhile shares one transaction, and then the rounds of
# the core.
_LOOKS_APART = 0.006


class InboxImport:
    """Has the methods of a `Listener` that `Server` uses."""

    def __init__(
        self, events: SqliteQueue, directory: Path, looked: Callable[[], None] = lambda: None
    ) -> None:
        """`looked` is called after each look at the inbox. Raises sqlite3.Error."""
        self._events, self._looked = events, looked
        self._reader = InboxReader(directory, events.database.read, events.add)
        self._woken = threading.Event()
        self._failing = False

    def wake(self) -> None:
        self._woken.set()

    def run(self, beat: Callable[[], None] = lambda: None) -> None:
        looked_at = -LOOKS_EVERY
        while True:
            self._woken.wait(LOOKS_EVERY)
            time.sleep(max(looked_at + _LOOKS_APART - time.monotonic(), 0))
            looked_at = time.monotonic()
            self._woken.clear()
            beat()
            self.bring_in()
            self._looked()

    def bring_in(self) -> None:
        """Import all that waits. If that fails it is logged, and tried again the next time."""
        try:
            while batch := self._reader.read():
                self._events.database.write(partial(self._reader.store, batch=batch), durable=batch.durable)
                self._events.wake()
                self._reader.stored(batch)
                if not batch.more:
                    break
        except (sqlite3.Error, OSError) as error:
            if not self._failing:
                log.error("the inbox cannot be imported; it is tried again", extra={"reason": error})
            self._failing = True
        else:
            self._failing = False

    def close(self) -> None:
        """It goes on, until the web process has ended and all that it stored is imported."""

    def rest(self) -> bool:
        """Whether everything is imported. To be asked when no process writes the inbox any more."""
        self.wake()
        return self._reader.is_empty()


def import_all(events: SqliteQueue, directory: Path) -> None:
    """Import all that waits while no process writes the inbox. Raises QueueError."""
    try:
        reader = InboxReader(directory, events.database.read, events.add)
        while batch := reader.read():
            events.database.write(partial(reader.store, batch=batch), durable=batch.durable)
            reader.stored(batch)
    except (sqlite3.Error, OSError) as error:
        raise QueueError(f"the inbox cannot be imported: {error}") from error
