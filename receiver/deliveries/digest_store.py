"""Stores digests. A digest is one message about many alarms, for a destination that gets more than it
accepts.

An alarm is written into the open digest of its destination. When the digest's turn has come, it is closed and
then sealed: the list of its alarms is stored and never changes again. The message contains only the alarms in
this list. An alarm that comes too late goes into the next digest. So a crash at any point neither loses an
alarm nor puts it into two digests.

Alarms that a route holds go into a digest of their own, whose id follows from what they wait for. The timer
queues it when it is due (scheduler/due_digests.py).
"""

from __future__ import annotations

import secrets
import threading

from receiver.messages.digest import DIGEST, DigestEntry
from shared.models.codec import dump, load
from shared.queues import items
from shared.queues.ports import Queue
from shared.storage import kinds
from shared.storage.ports import Body, Store

_OPEN, _CLOSED, _SEALED = "open", "closed", "sealed"


class Digests:
    def __init__(self, store: Store, deliveries: Queue) -> None:
        self._store, self._deliveries = store, deliveries
        self._lock = threading.Lock()  # otherwise all workers here would open digests at once

    def open(self, destination: str) -> str:
        """The id of the destination's open digest. A new digest is put into the queue before anything is
        written to it."""
        with self._lock:
            while True:
                current = self._store.get(kinds.DIGEST_NOW, "", destination)
                if current and self._state(destination, current.body["id"]) == _OPEN:
                    return str(current.body["id"])
                id = f"{DIGEST}-{secrets.token_hex(6)}"
                item = items.DeliverDigest(destination, id)
                self._deliveries.put(items.encode(item), id=f"{id}:{destination}", lane=destination)
                if not self._store.put(kinds.DIGEST, destination, id, {"state": _OPEN}, expect=0):
                    continue  # another worker handled the item before the digest was stored as open
                opened = self._use(destination, id)
                if opened != id:  # another worker opened a digest at the same time, so this one stays empty
                    empty = {"state": _SEALED, "events": []}
                    self._store.put(kinds.DIGEST, destination, id, empty, expect=1)
                return opened

    def open_as(self, destination: str, id: str) -> None:
        """Open the digest with this id, unless it was open before. It is not put into the queue."""
        self._store.put(kinds.DIGEST, destination, id, {"state": _OPEN}, expect=0)

    def _use(self, destination: str, id: str) -> str:
        """Make this digest the destination's current one, unless another is open. Returns the current one."""

        def change(body: Body | None) -> tuple[Body | None, str]:
            if body and self._state(destination, body["id"]) == _OPEN:
                return None, str(body["id"])
            return {"id": id}, id

        return self._store.update(kinds.DIGEST_NOW, "", destination, change)

    def add(self, destination: str, id: str, entry: DigestEntry) -> bool | None:
        """Whether the alarm is in this digest. None while the digest is being closed: ask again soon."""
        if self._state(destination, id) == _OPEN:
            self._store.put(kinds.DIGEST_ENTRY, f"{destination}/{id}", entry.event_id, dump(entry))
        record = self._store.get(kinds.DIGEST, destination, id)
        body = record.body if record else {"state": _SEALED, "events": []}
        if body["state"] == _OPEN:
            return True  # the digest was still open after the write, so whoever closes it will read the entry
        return entry.event_id in body["events"] if body["state"] == _SEALED else None

    def is_open(self, destination: str, id: str) -> bool:
        return self._state(destination, id) == _OPEN

    def is_empty(self, destination: str, id: str) -> bool:
        """Whether the digest is known to hold nothing, so that it needs no turn."""
        record = self._store.get(kinds.DIGEST, destination, id)
        return bool(record and record.body["state"] == _SEALED and not record.body["events"])

    def seal(self, destination: str, id: str) -> list[DigestEntry]:
        """Close a digest for good. Returns its alarms, which are the same at each call."""
        while True:
            self._close(destination, id)
            entries = self._entries(destination, id)
            sealed = self._seal(destination, id, list(entries))
            if sealed is None:
                continue
            if not entries.keys() >= set(sealed):  # another worker sealed it and had read more entries
                entries = self._entries(destination, id)
            return [entries[event_id] for event_id in sealed]

    def _close(self, destination: str, id: str) -> None:
        def close(body: Body | None) -> tuple[Body | None, None]:
            return ({"state": _CLOSED} if body and body["state"] == _OPEN else None), None

        self._store.update(kinds.DIGEST, destination, id, close)

    def _seal(self, destination: str, id: str, event_ids: list[str]) -> list[str] | None:
        """Store the list of a closed digest. Returns the valid list, which another worker may have stored
        earlier. None if the digest is open, since it was opened after `_close` read it."""

        def seal(body: Body | None) -> tuple[Body | None, list[str] | None]:
            if body and body["state"] == _OPEN:
                return None, None
            if body and body["state"] == _SEALED:
                return None, list(body["events"])
            return {"state": _SEALED, "events": event_ids}, event_ids

        return self._store.update(kinds.DIGEST, destination, id, seal)

    def _entries(self, destination: str, id: str) -> dict[str, DigestEntry]:
        """By event id."""
        records = self._store.scan(kinds.DIGEST_ENTRY, f"{destination}/{id}")
        entries = (load(DigestEntry, record.body) for record in records)
        return {entry.event_id: entry for entry in entries}

    def _state(self, destination: str, id: str) -> str:
        record = self._store.get(kinds.DIGEST, destination, id)
        return str(record.body["state"]) if record else ""
