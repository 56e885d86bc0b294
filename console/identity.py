"""The users of the console and their roles."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """Each role may do what the roles before it may do."""

    VIEWER = "viewer"  # sees everything and changes nothing
    RESPONDER = "responder"  # works on cases and deliveries, starts and stops hunts
    ADMINISTRATOR = "administrator"  # also discards dead letters

    def may(self, role: Role) -> bool:
        """Whether this role may do what `role` may do."""
        order = list(Role)
        return order.index(self) >= order.index(role)


@dataclass(frozen=True)
class User:
    """Somebody who has signed in."""

    name: str
    role: Role
    how: str  # how they signed in, for the audit log: "the one-time link", "a password", "the proxy"
