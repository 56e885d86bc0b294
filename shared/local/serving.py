"""Whether a `serve` runs on a data directory, and where it answers."""

from __future__ import annotations

import fcntl
from contextlib import suppress
from pathlib import Path

_LOCK, _ADDRESS = "serve.lock", "serve.url"


def announce(data: Path, url: str) -> None:
    """Write down where this process answers. It counts only while this process holds the lock."""
    (data / _ADDRESS).write_text(url, encoding="ascii")


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
        url = (data / _ADDRESS).read_text(encoding="ascii").strip()
        return url.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")
    return None
