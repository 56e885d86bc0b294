"""Imports the records of the inbox into the items of a queue.

How far each segment is imported stands in the database and changes in the same transaction as the items, so
each record is imported once. A segment is deleted when it is complete and a synced transaction says that all
of it is imported. `read` and `delete` touch only files, so a caller can use `store` within a transaction of
its own.
"""

from __future__ import annotations

import fcntl
import logging
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from shared.local.inbox import MAGIC, Record, decode, segments, sync_directory
from shared.storage import kinds

log = logging.getLogger(__name__)

MOST_AT_ONCE = 1024 * 1024  # bytes of a segment that one transaction imports; a record may make it longer

_OFFSETS = "SELECT name, body FROM documents WHERE kind=? AND \"group\"=''"
_SAVE = (
    'INSERT OR REPLACE INTO documents (kind, "group", name, version, body) '
    "VALUES (:kind, '', :name, 1, :offset)"
)
_FORGET = "DELETE FROM documents WHERE kind=? AND \"group\"='' AND name=?"

Add = Callable[[sqlite3.Connection, list[Record]], None]


@dataclass
class Batch:
    """What waits in the segments, and what the import of it means for them."""

    records: list[Record] = field(default_factory=list)
    offsets: dict[str, int] = field(default_factory=dict)  # how far each segment is imported then
    ended: list[Path] = field(default_factory=list)  # complete, and imported as a whole
    forgotten: list[str] = field(default_factory=list)  # the names of segments that were deleted
    more: bool = False  # whether further records wait

    @property
    def durable(self) -> bool:
        """Whether the transaction must be synced, because segments are deleted after it."""
        return bool(self.ended)

    def __bool__(self) -> bool:
        return bool(self.records or self.ended or self.forgotten)


class InboxReader:
    """The reading side. Only one thread may use it."""

    def __init__(
        self, directory: Path, read: Callable[[str, tuple[str, ...]], list[tuple[str, str]]], add: Add
    ) -> None:
        """`read` queries the database, and `add` inserts records as items in the transaction of the given
        connection; a record whose id is already there is ignored. Raises sqlite3.Error."""
        self._directory, self._add = directory, add
        self._offsets = {name: int(offset) for name, offset in read(_OFFSETS, (kinds.INBOX,))}

    def read(self) -> Batch:
        """What waits for its import. Raises OSError."""
        paths = segments(self._directory)
        # Not before the segment is gone for good: without its offset it would be imported again.
        batch = Batch(forgotten=sorted(self._offsets.keys() - {path.name for path in paths}))
        size = 0
        for path in paths:
            if size >= MOST_AT_ONCE:
                batch.more = True
                break
            size += self._read(path, batch)
        return batch

    def _read(self, path: Path, batch: Batch) -> int:
        """Add what waits in one segment to the batch. Returns the number of bytes that were read."""
        start = self._offsets.get(path.name, 0)
        with path.open("rb") as file:
            complete = _is_complete(file.fileno())  # before reading, since more may be written until then
            file.seek(start)
            data = file.read(MOST_AT_ONCE)
            whole = len(data) < MOST_AT_ONCE
            if not whole and decode(data, 0) is None:  # perhaps a record that is longer than this part
                data += file.read()
                whole = True
        at = 0
        while at < len(data):
            if found := decode(data, at):
                record, at = found
                batch.records.append(record)
            elif not complete or not whole:  # it is being written, or its end was not read
                break
            else:
                at = self._after_damage(path, data, at, start)
        if at:
            batch.offsets[path.name] = start + at
        batch.more |= not whole
        if complete and whole:
            batch.ended.append(path)
        return len(data)

    def _after_damage(self, path: Path, data: bytes, at: int, start: int) -> int:
        """Where the next record may begin, after bytes that are no record: the end of a write that was
        interrupted, or damage. What was answered with 202 is whole unless the disk lost it."""
        following = data.find(MAGIC, at + 1)
        end = following if following >= 0 else len(data)
        log.warning(
            "a part of the inbox is no record",
            extra={"segment": path.name, "offset": start + at, "bytes": end - at},
        )
        return end

    def store(self, db: sqlite3.Connection, batch: Batch) -> None:
        """Import the batch in the transaction of the connection. Raises sqlite3.Error."""
        if batch.records:
            self._add(db, batch.records)
        rows = [{"kind": kinds.INBOX, "name": name, "offset": str(at)} for name, at in batch.offsets.items()]
        db.executemany(_SAVE, rows)
        db.executemany(_FORGET, [(kinds.INBOX, name) for name in batch.forgotten])

    def stored(self, batch: Batch) -> None:
        """To be called after the commit, which was synced if `batch.durable`: delete what is not needed.
        Raises OSError."""
        self._offsets |= batch.offsets
        for name in batch.forgotten:
            self._offsets.pop(name, None)
        for path in batch.ended:
            path.unlink(missing_ok=True)
        if batch.ended:
            sync_directory(self._directory)

    def is_empty(self) -> bool:
        """Whether there is no segment left. Raises OSError."""
        return not segments(self._directory)


def _is_complete(file: int) -> bool:
    """Whether no process writes the segment."""
    with suppress(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False
