"""One-time links: a token that signs in one browser, once, within an hour.

The file holds only the digests of tokens that are not used yet. `huntbridge serve` and `huntbridge console
link` both write it, so whoever may write the data directory may sign in.
"""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO

from shared.local.private import make_private

VALID_FOR = timedelta(hours=1)
_FILE = "console.links"
_MOST = 20  # links that are valid at the same time


class OneTimeLinks:
    def __init__(self, folder: Path, now: Callable[[], datetime]) -> None:
        self._path, self._now = folder / _FILE, now

    def new(self) -> str:
        """The token of a new link. Raises OSError."""
        token = secrets.token_urlsafe(24)
        until = int((self._now() + VALID_FOR).timestamp())
        with self._file() as file:
            _write(file, [*self._valid(file), f"{_digest(token)} {until}"][-_MOST:])
        return token

    def use(self, token: str) -> bool:
        """Whether the token is valid. It is not valid again. Raises OSError."""
        digest, found = _digest(token), False
        with self._file() as file:
            rest = []
            for line in self._valid(file):
                if hmac.compare_digest(line.partition(" ")[0], digest):
                    found = True
                else:
                    rest.append(line)
            if found:
                _write(file, rest)
        return found

    def _valid(self, file: IO[str]) -> list[str]:
        file.seek(0)
        now = self._now().timestamp()
        lines = (line.strip() for line in file)
        return [line for line in lines if (until := line.partition(" ")[2]).isdecimal() and int(until) > now]

    @contextmanager
    def _file(self) -> Iterator[IO[str]]:
        make_private(self._path)
        with self._path.open("r+", encoding="ascii") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield file


def _write(file: IO[str], lines: list[str]) -> None:
    file.seek(0)
    file.truncate()
    file.write("".join(f"{line}\n" for line in lines))


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
