"""Digests: alarms for a destination that is sent more than it accepts are collected and told in one message.

An alarm is written into the open digest of its destination. When the digest's turn has come the digest is
closed, and then sealed: the list of its alarms is stored and never changes again. An alarm is told in a digest
only if it is in that list; an alarm that comes too late looks for the next digest. So a crash at any point
neither loses an alarm nor tells it twice.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator

from receiver.messages.digest import DIGEST, DigestEntry
from shared.models.codec import dump, load
from shared.queues import items
from shared.queues.ports import Queue
from shared.storage.ports import Store

_OPEN, _CLOSED, _SEALED = "open", "closed", "sealed"


class Digests:
    def __init__(self, store: Store, deliveries: Queue) -> None:
        self._store, self._deliveries = store, deliveries
        self._lock = threading.Lock()  # or all workers of this process would open a digest at once

    def open(self, destination: str) -> str:
        """The id of the destination's open digest. A new digest is put into the queue before anything is
        written to it."""
        with self._lock:
            while True:
                current = self._store.get("digest-now", "", destination)
                if current and self._state(destination, current.body["id"]) == _OPEN:
                    return str(current.body["id"])
                id = f"{DIGEST}-{secrets.token_hex(6)}"
                self._deliveries.put(items.digest(destination, id), id=f"{id}:{destination}")
                if not self._store.put(DIGEST, destination, id, {"state": _OPEN}, expect=0):
                    continue  # another worker handled its item before it was open
                expect = current.version if current else 0
                if self._store.put("digest-now", "", destination, {"id": id}, expect=expect):
                    return id
                # Another worker opened one at the same time: this one stays empty.
                self._store.put(DIGEST, destination, id, {"state": _SEALED, "events": []}, expect=1)

    def add(self, destination: str, id: str, entry: DigestEntry) -> bool | None:
        """Whether the alarm is told in this digest. None while the digest is being closed: ask again soon."""
        if self._state(destination, id) == _OPEN:
            self._store.put("digest-entry", f"{destination}/{id}", entry.event_id, dump(entry))
        record = self._store.get(DIGEST, destination, id)
        body = record.body if record else {"state": _SEALED, "events": []}
        if body["state"] == _OPEN:
            return True  # it will be closed after this write, and its entries are read after that
        return entry.event_id in body["events"] if body["state"] == _SEALED else None

    def is_empty(self, destination: str, id: str) -> bool:
        """Whether the digest is known to hold nothing, so that it needs no turn."""
        record = self._store.get(DIGEST, destination, id)
        return bool(record and record.body["state"] == _SEALED and not record.body["events"])

    def seal(self, destination: str, id: str) -> list[DigestEntry]:
        """Close a digest for good. Returns what it holds: the same each time."""
        while True:
            record = self._store.get(DIGEST, destination, id)
            version, state = (record.version, record.body["state"]) if record else (0, _CLOSED)
            if state == _OPEN:
                self._store.put(DIGEST, destination, id, {"state": _CLOSED}, expect=version)
                continue
            entries = {entry.event_id: entry for entry in self._entries(destination, id)}
            if record and state == _SEALED:
                return [entries[event_id] for event_id in record.body["events"]]
            body = {"state": _SEALED, "events": list(entries)}
            if self._store.put(DIGEST, destination, id, body, expect=version):
                return list(entries.values())

    def _entries(self, destination: str, id: str) -> Iterator[DigestEntry]:
        records = self._store.scan("digest-entry", f"{destination}/{id}")
        return (load(DigestEntry, record.body) for record in records)

    def _state(self, destination: str, id: str) -> str:
        record = self._store.get(DIGEST, destination, id)
        return str(record.body["state"]) if record else ""
