"""Files that only their owner may read, whatever the directory allows."""

from __future__ import annotations

import logging
import os
from contextlib import suppress
from pathlib import Path

log = logging.getLogger(__name__)


def make_private(path: Path) -> None:
    """Make the file where there is none, and close it to other users. Raises OSError.

    A file that is there is not opened: to close it again would drop the locks that SQLite has on it.
    """
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    close_to_others(path)


def close_to_others(path: Path) -> None:
    """Take the rights of other users away, where there is such a file and it is ours."""
    try:
        if path.stat().st_mode & 0o077:
            path.chmod(0o600)
    except FileNotFoundError:
        return
    except PermissionError:
        log.warning("%s can be read by other users and belongs to another one: chmod 600 it", path)
