"""What `serve` writes down about the configuration in force, for commands in other processes.

The file is in the data directory, and only its owner can read it. It counts only while `serve` runs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from shared.local.private import make_private
from shared.storage.ports import StoreError

_FILE = "serve.configuration.json"


@dataclass(frozen=True)
class Loaded:
    """The configuration in force, and how often `serve` was asked to load it."""

    pid: int  # of `serve`
    file: str  # absolute, or a name in AWS; empty: the environment alone
    settings: Mapping[str, Any]  # every setting that is not the default, without secrets
    at: str  # when it was loaded, in ISO 8601
    asked: int = 0
    refused: str = ""  # why the configuration was not loaded when `serve` was asked the last time

    def is_refused(self, reason: str) -> Loaded:
        return replace(self, asked=self.asked + 1, refused=reason)


def write(data: Path, loaded: Loaded) -> None:
    """Raises StoreError."""
    path, fresh = data / _FILE, data / f"{_FILE}.new"
    try:
        make_private(fresh)
        fresh.write_text(json.dumps(asdict(loaded)), encoding="utf-8")
        fresh.replace(path)
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror}") from error


def forget(data: Path) -> None:
    """Remove what an earlier `serve` wrote. Raises StoreError."""
    try:
        (data / _FILE).unlink(missing_ok=True)
    except OSError as error:
        raise StoreError(f"{data / _FILE} cannot be removed: {error.strerror}") from error


def read(data: Path) -> Loaded | None:
    """None if no `serve` of this version ever ran here, or if the file cannot be read."""
    with suppress(OSError, ValueError, TypeError):
        return Loaded(**json.loads((data / _FILE).read_text(encoding="utf-8")))
    return None
