"""Names and passwords of the configuration, checked in a time that does not tell whether a name exists."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping

from werkzeug.security import check_password_hash, generate_password_hash

from shared.config.console import ConsoleUserConfig

MAX_PASSWORD = 1_000  # characters
SHORTEST = 12  # characters of a new password
_METHOD = "scrypt:32768:8:1"


class Passwords:
    def __init__(self, users: Mapping[str, ConsoleUserConfig]) -> None:
        self._users = users
        # Each check takes 32 MiB, so they follow one another.
        self._one = threading.Lock()
        method = next((user.password_hash.partition("$")[0] for user in users.values()), "")
        # For unknown names, so that they take as long as known ones.
        self._nobody = generate_password_hash("nobody has this password", method) if method else ""

    @property
    def any(self) -> bool:
        return bool(self._users)

    def user(self, name: str) -> ConsoleUserConfig | None:
        return self._users.get(name)

    def check(self, name: str, password: str) -> ConsoleUserConfig | None:
        """The user, if the password is theirs."""
        user = self._users.get(name)
        if len(password) > MAX_PASSWORD or "\0" in password:  # scrypt ignores zeros at the end
            return None
        with self._one:
            fits = check_password_hash(user.password_hash if user else self._nobody, password)
        return user if user and fits else None


def hashed(password: str) -> str:
    return generate_password_hash(password, _METHOD)


def digest(password_hash: str) -> str:
    """What a session keeps of a password hash, to notice that it was changed."""
    return hashlib.sha256(password_hash.encode()).hexdigest()[:16]
