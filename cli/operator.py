"""Names the user who runs a command, for the audit log."""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import Mapping
from typing import Any

from scheduler.by_hand import Person
from shared.hosting.runtime import Runtime
from shared.storage import audit


def operator(runtime: Runtime) -> str:
    """The user of the operating system, and the IAM identity if the command works on AWS."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # containers often have a user id without a name
        user = f"user {os.getuid()}"
    behind = os.environ.get("SUDO_USER", "")
    if behind and behind != user:
        user = f"{user} (sudo by {behind})"
    return ", ".join(filter(None, (user, runtime.identity())))


def here(what: str = "the command line") -> str:
    return f"{what} on {socket.gethostname()}"


def person_here(runtime: Runtime) -> Person:
    """The operator, for what is done with hunts."""
    return Person(operator(runtime), here())


def audited(
    runtime: Runtime,
    action: str,
    about: str,
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """Record in the audit log what this command did. Raises StoreError."""
    now = runtime.now()
    entry = audit.Entry(now, action, operator(runtime), here(), about, before or {}, after or {})
    audit.record(runtime.store, entry, f"{action} {about}")
