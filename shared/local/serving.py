"""Whether a `serve` runs on a data directory, and where it answers."""

from __future__ import annotations

import fcntl
import logging
from contextlib import suppress
from pathlib import Path

from shared.local.private import make_private

log = logging.getLogger(__name__)

_LOCK, _ADDRESS = "serve.lock", "serve.url"


def announce(data: Path, url: str) -> None:
    """Write down where this process answers. It counts only while this process holds the lock."""
    path = data / _ADDRESS
    try:
        make_private(path)
        path.write_text(url, encoding="utf-8")
    except OSError as error:  # nothing but `check` reads it
        log.warning("%s cannot be written: %s", path, error.strerror)


def is_served(data: Path) -> bool:
    """Whether a `serve` holds the data directory. Takes nothing and makes nothing."""
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


def address(data: Path) -> str | None:
    """Where the `serve` on this data directory answers, as seen from here; None where that is not known."""
    with suppress(OSError, UnicodeDecodeError):
        url = (data / _ADDRESS).read_text(encoding="utf-8").strip()
        for every, loopback in (
            ("//0.0.0.0:", "//127.0.0.1:"),
            ("//*:", "//127.0.0.1:"),
            ("//[::]:", "//[::1]:"),
        ):
            url = url.replace(every, loopback)
        return url
    return None
