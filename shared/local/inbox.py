"""The inbox of one machine: what the web process accepted and the database does not hold yet.

It is a folder of segment files. One process appends to the newest segment, and `inbox_reader` imports what
stands there into the database. `append` returns when its records are on the disk. If a write or a sync fails,
the segment is never written again: nobody knows which part of it is on the disk. The next record begins
another one.

A process holds a lock on the segment that it writes, from before the segment has its name. The kernel
removes the lock when the process ends, however it ends. So a segment without a lock is complete, and its
reader may delete it.
"""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import struct
import time
import zlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from shared.queues.ports import QueueError

FOLDER = "inbox"  # in the data directory
MOST = 64 * 1024 * 1024  # bytes of all segments; an importer that stalls that long stops the web process
SEGMENT = 4 * 1024 * 1024  # bytes after which a segment is complete
IDLE = 5.0  # seconds without a record after which a segment is complete, so that it can be deleted
_ENDING, _UNNAMED = ".segment", "next"

MAGIC = b"\xffHB1"  # no text in UTF-8 has the first byte
_START = struct.Struct(">4sI")  # MAGIC, and the CRC of all that follows
_FIELDS = struct.Struct(">dBBI")  # epoch seconds, whether it is urgent, and the lengths of id and body


@dataclass(frozen=True)
class Record:
    """An item that was accepted. `at`: when, in epoch seconds. `id`: at most 255 bytes."""

    id: str
    at: float
    body: bytes
    urgent: bool = False


def encode(record: Record) -> bytes:
    id = record.id.encode()
    rest = _FIELDS.pack(record.at, record.urgent, len(id), len(record.body)) + id + record.body
    return _START.pack(MAGIC, zlib.crc32(rest)) + rest


def decode(data: bytes, at: int) -> tuple[Record, int] | None:
    """The record that begins at this place, and where it ends. None if no whole record is there."""
    fields = at + _START.size
    if len(data) < fields + _FIELDS.size:
        return None
    magic, crc = _START.unpack_from(data, at)
    moment, urgent, of_id, of_body = _FIELDS.unpack_from(data, fields)
    body = fields + _FIELDS.size + of_id
    end = body + of_body
    if magic != MAGIC or len(data) < end or zlib.crc32(memoryview(data)[fields:end]) != crc:
        return None
    return Record(data[body - of_id : body].decode(), moment, data[body:end], bool(urgent)), end


def segments(directory: Path) -> list[Path]:
    """The segments, the oldest first. Raises OSError."""
    return sorted(directory.glob(f"*{_ENDING}"))


class Inbox:
    """The writing side. Only one process at a time may have one, and only one thread may use it."""

    def __init__(self, directory: Path, *, most: int = MOST) -> None:
        """Make the folder if it is missing. Raises OSError."""
        directory.mkdir(mode=0o700, exist_ok=True)
        sync_directory(directory.parent)
        self._directory, self._most = directory, most
        self._file: int | None = None  # the descriptor of the segment that is written
        self._size = 0  # bytes of that segment
        self._others = self._size_of_others()
        self._written = time.monotonic()

    def full(self) -> str:
        """The reason for accepting nothing, since the import does not keep up; empty if there is room. Raises
        OSError."""
        if self._size + self._others >= self._most:
            self._others = self._size_of_others()
        if self._size + self._others < self._most:
            return ""
        return (
            f"The database has not taken the last {self._most // 1024**2} MB that were accepted; "
            "send it again later."
        )

    def append(self, records: Sequence[Record]) -> None:
        """Store all of these records. Raises QueueError if that is not possible; then none of them counts as
        stored."""
        data = b"".join(map(encode, records))
        try:
            if self._file is None:
                self._file = self._new_segment()
            self._write(self._file, data)
        except OSError as error:
            self.abandon()
            raise QueueError(f"the inbox cannot be written: {error.strerror}") from error
        self._written = time.monotonic()
        if self._size >= SEGMENT:
            self.close()

    def _write(self, file: int, data: bytes) -> None:
        if os.write(file, data) < len(data):
            raise OSError(errno.ENOSPC, "only a part could be written")
        os.fdatasync(file)
        self._size += len(data)

    def abandon(self) -> None:
        """Give the segment up after a failure. What may have been written of the last records goes away, so
        that few of them are imported although their senders were told that they are not stored."""
        if self._file is not None:
            with suppress(OSError):
                os.ftruncate(self._file, self._size)
        self.close()

    def close(self) -> None:
        """Complete the segment, if one is being written. The next record begins another one."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
        self._others, self._size = self._others + self._size, 0

    def close_if_idle(self) -> bool:
        """Complete the segment if no record came for IDLE seconds. Returns whether it did so."""
        idle = self._file is not None and time.monotonic() - self._written > IDLE
        if idle:
            self.close()
        return idle

    def _new_segment(self) -> int:
        """Make a segment, lock it, and sync its name. Raises OSError."""
        self._others = self._size_of_others()
        last = max((int(path.name.partition("-")[0]) for path in segments(self._directory)), default=0)
        # The random part keeps a name from being used twice: the database knows by the name how much of a
        # segment it has imported.
        name = f"{last + 1:012d}-{secrets.token_hex(8)}{_ENDING}"
        unnamed = self._directory / _UNNAMED
        file = os.open(unnamed, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            unnamed.rename(self._directory / name)
            sync_directory(self._directory)
        except OSError:
            os.close(file)
            raise
        return file

    def _size_of_others(self) -> int:
        own = os.fstat(self._file).st_ino if self._file is not None else None
        size = 0
        for path in segments(self._directory):
            with suppress(FileNotFoundError):  # the reader has just deleted it
                status = path.stat()
                size += status.st_size if status.st_ino != own else 0
        return size


def sync_directory(directory: Path) -> None:
    """Put the names in a directory on the disk. Raises OSError."""
    file = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
