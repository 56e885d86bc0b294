"""Sessions: a signed cookie says who has signed in, and until when.

The key is kept beside the ledger, so that a restart signs nobody out. A new sign-in always gets a new id, and
an id that was signed out is never accepted again.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from itsdangerous import BadSignature, URLSafeSerializer

from console.identity import Role, User
from shared.local.private import make_private

_KEY, _ENDED = "console.key", "console.ended"
_MAX_COOKIE = 2_000  # characters

log = logging.getLogger(__name__)


class Sessions:
    def __init__(self, folder: Path, length: timedelta, now: Callable[[], datetime]) -> None:
        """`folder` keeps the key and the ids that were signed out. Raises OSError."""
        self._length, self._now = length, now
        self.key = _key(folder / _KEY)
        self._ended = _Ended(folder / _ENDED, now)
        self._signer = URLSafeSerializer(
            self.key,
            salt="session of the console",
            signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha256},
        )

    @property
    def seconds(self) -> int:
        return int(self._length.total_seconds())

    def start(self, user: User, password: str = "") -> str:
        """The cookie of a new session. `password` is the digest of the user's password hash: a session ends
        when it changes."""
        content = {
            "id": secrets.token_urlsafe(16),
            "name": user.name,
            "role": user.role,
            "how": user.how,
            "until": int((self._now() + self._length).timestamp()),
            "password": password,
        }
        return str(self._signer.dumps(content))

    def read(self, cookie: str) -> Mapping[str, Any] | None:
        """The content of a cookie; None if it is forged, too old, or signed out."""
        if not cookie or len(cookie) > _MAX_COOKIE:
            return None
        try:
            content = self._signer.loads(cookie)
        except BadSignature:
            return None
        if not isinstance(content, dict) or content["until"] <= self._now().timestamp():
            return None
        return None if content["id"] in self._ended else content

    def end(self, cookie: str) -> None:
        if content := self.read(cookie):
            self._ended.add(content["id"], content["until"])


def user_of(content: Mapping[str, Any]) -> User:
    return User(content["name"], Role(content["role"]), content["how"])


class _Ended:
    """The ids of sessions that were signed out before their time."""

    def __init__(self, path: Path, now: Callable[[], datetime]) -> None:
        self._path, self._lock, self._until = path, threading.Lock(), dict[str, int]()
        if path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                id, _, until = line.partition(" ")
                if until.isdecimal() and int(until) > now().timestamp():
                    self._until[id] = int(until)
        self._now = now

    def __contains__(self, id: str) -> bool:
        return id in self._until

    def add(self, id: str, until: int) -> None:
        with self._lock:
            now = self._now().timestamp()
            self._until = {key: end for key, end in self._until.items() if end > now} | {id: until}
            try:
                make_private(self._path)
                lines = (f"{key} {end}\n" for key, end in self._until.items())
                self._path.write_text("".join(lines), encoding="utf-8")
            except OSError as error:  # until the next start, this process remembers it
                keys = {"path": str(self._path), "error": error.strerror}
                log.warning("a sign-out cannot be kept for the next start", extra=keys)


def _key(path: Path) -> str:
    make_private(path)
    key = path.read_text(encoding="ascii").strip()
    if len(key) < 43:
        key = secrets.token_urlsafe(32)
        path.write_text(key, encoding="ascii")
    return key
