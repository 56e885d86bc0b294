"""The data directory of one machine: who serves it, and at which address that process answers."""

from __future__ import annotations

import fcntl
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from shared.local.private import make_private
from shared.storage.ports import StoreError

log = logging.getLogger(__name__)

_LOCK, _ADDRESS = "serve.lock", "serve.url"


class AlreadyServed(Exception):
    """Another process serves this data directory."""


# Seconds. After a kill of `serve`, its web process may need a moment to notice that and to end.
_ENDS_WITHIN = 3.0


@contextmanager
def sole_server(data: Path) -> Iterator[int]:
    """Lock the data directory, so that no second `serve` uses it. Yields the descriptor of the lock: the lock
    lasts until all processes that inherited it have ended. Raises AlreadyServed or StoreError."""
    path = data / _LOCK
    try:
        make_private(path)
        lock = path.open("r+")
    except OSError as error:
        raise StoreError(f"the data directory {data} cannot be written: {error.strerror}") from error
    with lock:
        try:
            _take(lock)
        except BlockingIOError:
            raise AlreadyServed(
                f"another huntbridge serves {data.resolve()}; stop it, or give this one its own --data"
            ) from None
        except OSError as error:
            raise StoreError(
                f"{path} cannot be locked ({error.strerror}), so a second serve could not be kept away; "
                "put the data directory on a local disk"
            ) from error
        yield lock.fileno()


def _take(lock: TextIO) -> None:
    """Raises BlockingIOError if another process keeps the lock, and OSError."""
    until = time.monotonic() + _ENDS_WITHIN
    while True:
        try:
            return fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                raise
            time.sleep(0.02)


def is_served(data: Path) -> bool:
    """Whether a `serve` holds the lock of the data directory. Changes nothing there."""
    try:
        lock = (data / _LOCK).open("r")
    except OSError:
        return False
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:  # a file system without locks
            return False
    return False


def announce(data: Path, url: str) -> None:
    """Write down where this process answers. The file counts only while this process holds the lock."""
    path = data / _ADDRESS
    try:
        make_private(path)
        path.write_text(url, encoding="utf-8")
    except OSError as error:  # only `check` reads the file
        keys = {"path": str(path), "error": error.strerror}
        log.warning("the file with the server's address cannot be written", extra=keys)


def address(data: Path) -> str | None:
    """Where the `serve` on this data directory answers, as a URL for this machine; None if that is not
    known."""
    with suppress(OSError, UnicodeDecodeError):
        url = (data / _ADDRESS).read_text(encoding="utf-8").strip()
        for all_addresses, loopback in (
            ("//0.0.0.0:", "//127.0.0.1:"),
            ("//*:", "//127.0.0.1:"),
            ("//[::]:", "//[::1]:"),
        ):
            url = url.replace(all_addresses, loopback)
        return url
    return None
