"""The files of one machine, of which an image can be cut: what is left of them after a crash or a power cut.

SQLite's write-ahead log is synced by a commit at the level FULL, and not by one at a lower level. A segment
of the inbox is synced by `fdatasync`. The bytes after the last sync are what a power cut may take: from any
byte on, or a page in between.
"""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

_WAL_HEADER, _FRAME_HEADER = 32, 24  # bytes; sqlite.org/fileformat2.html
_SYNCED = ("FULL", "EXTRA", "2", "3")

_current: Disk | None = None


class Disk:
    def __init__(self, folder: Path, rng: random.Random) -> None:
        self._folder, self._rng, self.generation = folder, rng, 0
        self.before_commit: Callable[[], None] = lambda: None
        self.after_commit: Callable[[], None] = lambda: None
        self.before_begin: Callable[[], None] = lambda: None  # of a transaction; may raise sqlite3.Error
        # Before a statement that writes. May raise sqlite3.Error, and undo the transaction.
        self.before_change: Callable[[Connection], None] = lambda connection: None
        self.before_write: Callable[[int], int] = lambda size: size  # how much of it a segment takes
        self.after_write: Callable[[], None] = lambda: None  # before the sync of a segment; may raise OSError
        self._synced = (b"", 0)  # the log's salt and its frames at the last sync
        self._segments: dict[str, int] = {}  # the bytes of each segment of the inbox that are synced
        self._page = 0  # bytes of a page, as soon as it is known
        self._committed_from = 0  # where the bytes of the last commit begin
        self._path().parent.mkdir()

    @property
    def path(self) -> Path:
        return self._path()

    def _path(self) -> Path:
        return self._folder / str(self.generation) / "huntbridge.db"

    @property
    def inbox(self) -> Path:
        return self.path.with_name("inbox")

    def write(self, file: int, data: bytes, run: Callable[[bytes], int]) -> int:
        """A segment of the inbox is written."""
        return run(data[: self.before_write(len(data))])

    def sync(self, file: int, run: Callable[[], Any]) -> None:
        """A segment of the inbox was written and is synced."""
        self._committed_from = self._end()  # a crash here tears no earlier commit
        self.after_write()
        run()
        name = Path(f"/proc/self/fd/{file}").readlink().name
        self._segments[name] = os.fstat(file).st_size
        self.after_commit()

    def commit(self, connection: Connection, run: Callable[[], Any]) -> Any:
        self.before_commit()
        self._committed_from, before = self._end(), self._position()
        answer = run()
        if connection.level in _SYNCED and self._position() != before:  # SQLite syncs no empty commit
            self._synced = self._position()
        self.after_commit()
        return answer

    def crash(self, *, power: bool = False, torn: bool = False) -> str:
        """From now on the file is what a crash left of it. `power`: what was not synced is lost from some
        byte on. `torn`: of the last commit only some bytes were written. Returns what was lost, in words."""
        before = self._path()
        self.generation += 1
        after = self._path()
        after.parent.mkdir()
        shutil.copyfile(before, after)
        log = before.with_name("huntbridge.db-wal").read_bytes()[: self._end_of(before)]
        salt, frames = self._position_of(before)
        safe = self._offset(min(frames, self._synced[1]) if salt == self._synced[0] else 0, before)
        cut = len(log)
        if torn:
            cut = self._rng.randint(min(self._committed_from, cut), cut)
        if power and cut > safe:
            cut = self._rng.choice([safe, self._rng.randint(safe, cut)])
        kept = bytearray(log[:cut])
        if power and len(kept) - safe > 64 and self._rng.random() < 0.3:
            hole = self._rng.randrange(safe, len(kept) - 32)
            kept[hole : hole + 32] = bytes(32)  # written later than the bytes behind it
        after.with_name("huntbridge.db-wal").write_bytes(kept)
        self._copy_inbox(before.with_name("inbox"), whole=not (power or torn))
        if power:  # what is left lies on the disk
            self._synced = (salt, self._frames(len(kept), before))
        return f"{len(log) - cut} of {len(log) - safe} bytes that were not synced are lost"

    def _copy_inbox(self, before: Path, *, whole: bool) -> None:
        for segment in sorted(before.glob("*.segment")):
            data = segment.read_bytes()
            if not whole:
                data = data[
                    : self._rng.randint(min(self._segments.get(segment.name, 0), len(data)), len(data))
                ]
            self.inbox.mkdir(exist_ok=True)
            (self.inbox / segment.name).write_bytes(data)
            if not whole:
                self._segments[segment.name] = len(data)

    def drop_old(self) -> None:
        for number in range(self.generation):
            shutil.rmtree(self._folder / str(number), ignore_errors=True)

    def _position(self) -> tuple[bytes, int]:
        return self._position_of(self._path())

    def _position_of(self, path: Path) -> tuple[bytes, int]:
        """The salt and the number of frames of the log, from the header of its index."""
        try:
            with path.with_name("huntbridge.db-shm").open("rb") as index:
                header = index.read(48)
        except OSError:
            return b"", 0
        return header[32:40], struct.unpack_from("=I", header, 16)[0]

    def _end(self) -> int:
        return self._end_of(self._path())

    def _end_of(self, path: Path) -> int:
        return self._offset(self._position_of(path)[1], path)

    def _offset(self, frames: int, path: Path) -> int:
        """Where the bytes of so many frames end."""
        return _WAL_HEADER + frames * self._frame_size(path) if frames else 0

    def _frames(self, length: int, path: Path) -> int:
        return max(0, length - _WAL_HEADER) // self._frame_size(path)

    def _frame_size(self, path: Path) -> int:
        if not self._page:
            with path.open("rb") as file:
                (self._page,) = struct.unpack_from(">H", file.read(18), 16)
        return _FRAME_HEADER + self._page


class Connection(sqlite3.Connection):
    """Tells the disk of each transaction, unless a crash has ended its process."""

    level = "FULL"  # what SQLite's own default is
    generation = 0

    def execute(self, sql: str, *args: Any) -> sqlite3.Cursor:
        run = partial(super().execute, sql, *args)
        if not _current or _current.generation != self.generation:
            return run()
        match sql.partition(" ")[0]:
            case "PRAGMA" if sql.startswith("PRAGMA synchronous="):
                self.level = sql.partition("=")[2]
            case "BEGIN":
                _current.before_begin()
            case "INSERT" | "UPDATE" | "DELETE":
                _current.before_change(self)
            case "COMMIT":
                answer: sqlite3.Cursor = _current.commit(self, run)
                return answer
        return run()

    def executemany(self, sql: str, *args: Any) -> sqlite3.Cursor:
        if _current and _current.generation == self.generation:
            _current.before_change(self)
        return super().executemany(sql, *args)


@contextmanager
def watched(disk: Disk) -> Iterator[None]:
    """In this block the disk is told of each commit of SQLite, and of each sync of the inbox."""
    global _current
    connect: Any = sqlite3.connect

    def watching(*args: Any, **options: Any) -> Any:
        connection = connect(*args, **options, factory=Connection)
        connection.generation = disk.generation
        return connection

    def syncing(file: int) -> None:
        disk.sync(file, lambda: sync(file))

    def writing(file: int, data: bytes) -> int:
        return disk.write(file, data, lambda part: write(file, part))

    sync, write = os.fdatasync, os.write
    before, _current = _current, disk
    try:
        with (
            patch.object(sqlite3, "connect", watching),
            patch.object(os, "fdatasync", syncing),
            patch.object(os, "write", writing),
        ):
            yield
    finally:
        _current = before
