"""Many alarms in one message, for a destination that is given more than it takes.

An alarm is written into the open digest of its destination; when the digest's turn has come it is closed, and
what it holds is written down once for all. An alarm is told in a digest only if it stands in that list:
whoever comes too late looks for the next one. So a crash at any point loses none and tells none twice.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from receiver.messages.message import MAX_LINES, Message
from shared.models.codec import dump, load
from shared.models.severity import Severity
from shared.queues import items
from shared.queues.ports import Queue
from shared.storage.ledger import Record, Store

DIGEST = "digest"
_OPEN, _CLOSED, _SEALED = "open", "closed", "sealed"


@dataclass(frozen=True)
class Entry:
    """What a digest says of one alarm."""

    event_id: str
    case_key: str
    title: str
    severity: Severity
    malicious: int = 0
    suspicious: int = 0


class Digests:
    def __init__(self, store: Store, deliveries: Queue) -> None:
        self._store, self._deliveries = store, deliveries
        self._lock = threading.Lock()  # or every worker of this process would open one at once

    def open(self, destination: str) -> str:
        """The destination's open digest; a new one is put into the queue before anything is written to it."""
        with self._lock:
            while True:
                now = self._store.get("digest-now", "", destination)
                if now and self._state(destination, now.body["id"]) == _OPEN:
                    return str(now.body["id"])
                id = f"{DIGEST}-{secrets.token_hex(6)}"
                self._deliveries.put(items.digest(destination, id), id=f"{id}:{destination}")
                if not self._store.put(DIGEST, destination, id, {"state": _OPEN}, expect=0):
                    continue  # it was worked before it was open
                expect = now.version if now else 0
                if self._store.put("digest-now", "", destination, {"id": id}, expect=expect):
                    return id
                self._store.put(DIGEST, destination, id, {"state": _SEALED, "events": []}, expect=1)

    def add(self, destination: str, id: str, entry: Entry) -> bool | None:
        """Whether the alarm is told in this digest. None: it is being closed, and soon it is known."""
        if self._state(destination, id) == _OPEN:
            self._store.put("digest-entry", f"{destination}/{id}", entry.event_id, dump(entry))
        record = self._store.get(DIGEST, destination, id)
        body = record.body if record else {"state": _SEALED, "events": []}
        if body["state"] == _OPEN:
            return True  # it is closed after this, and what it holds is read after that
        return entry.event_id in body["events"] if body["state"] == _SEALED else None

    def is_empty(self, destination: str, id: str) -> bool:
        """Whether it is known to hold nothing, and so needs no turn."""
        record = self._store.get(DIGEST, destination, id)
        return bool(record and record.body["state"] == _SEALED and not record.body["events"])

    def seal(self, destination: str, id: str) -> list[Entry]:
        """Close a digest, for good, and return what it holds: always the same."""
        while True:
            record = self._store.get(DIGEST, destination, id)
            version, state = (record.version, record.body["state"]) if record else (0, _CLOSED)
            if state == _OPEN:
                self._store.put(DIGEST, destination, id, {"state": _CLOSED}, expect=version)
                continue
            found = {entry.event_id: entry for entry in map(_entry, self._entries(destination, id))}
            if record and state == _SEALED:
                return [found[event_id] for event_id in record.body["events"]]
            body = {"state": _SEALED, "events": list(found)}
            if self._store.put(DIGEST, destination, id, body, expect=version):
                return list(found.values())

    def _entries(self, destination: str, id: str) -> Iterable[Record]:
        return self._store.scan("digest-entry", f"{destination}/{id}")

    def _state(self, destination: str, id: str) -> str:
        record = self._store.get(DIGEST, destination, id)
        return str(record.body["state"]) if record else ""


def message(id: str, destination: str, entries: list[Entry], *, maybe_repeat: bool) -> Message:
    """`entries` is not empty."""
    cases: dict[str, list[Entry]] = {}
    for entry in sorted(entries, key=_badness):
        cases.setdefault(entry.case_key, []).append(entry)
    lines = tuple(_line(case) for case in cases.values())
    worst = min(entries, key=_badness).severity
    title = f"{_n(len(entries), 'more alarm')} in {_n(len(cases), 'system')}, the worst first"
    return Message(
        id=id,
        kind=DIGEST,
        severity=worst,
        title=title,
        summary=f"They came faster than {destination} takes messages, so they share this one.",
        lines=lines[:MAX_LINES],
        lines_total=len(lines),
        values={"title": title, "severity": worst.value, "kind": DIGEST, "event_id": id},
        labels=("huntbridge", worst.value, DIGEST),
        case_key=f"{DIGEST}/{id}",
        maybe_repeat=maybe_repeat,
    )


def _line(case: list[Entry]) -> str:
    more = len(case) - 1
    return f"{case[0].title} (event {case[0].event_id})" + (f", and {_n(more, 'more alarm')}" if more else "")


def _badness(entry: Entry) -> tuple[Any, ...]:
    return (-entry.severity.rank, -entry.malicious, -entry.suspicious)


def _entry(record: Record) -> Entry:
    return load(Entry, record.body)


def _n(count: int, noun: str) -> str:
    return f"{count:,} {noun}" + ("" if count == 1 else "s")
