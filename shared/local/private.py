"""Makes files that only their owner can read, whatever the permissions of their directory are."""

from __future__ import annotations

import logging
import os
from contextlib import suppress
from pathlib import Path

log = logging.getLogger(__name__)


def make_private(path: Path) -> None:
    """Create the file if it does not exist, and remove the permissions of other users. Raises OSError.

    An existing file is not opened, since closing it would drop the locks that SQLite holds on it.
    """
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    close_to_others(path)


def close_to_others(path: Path) -> None:
    """Remove the permissions of other users, if the file exists. Logs a warning for another user's file."""
    try:
        if path.stat().st_mode & 0o077:
            path.chmod(0o600)
    except FileNotFoundError:
        return
    except PermissionError:
        log.warning(
            "a file of another user can be read by others: chmod it to 600", extra={"path": str(path)}
        )
