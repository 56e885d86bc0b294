"""The people that a message about a system may mention or name."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class TeamsUser:
    """A user in Microsoft Teams. The id decides who is notified; the name is what the message shows."""

    id: str  # Entra object id, or user principal name
    name: str


@dataclass(frozen=True)
class Owner:
    """Whom a destination may mention about a system. Only the configuration decides this, never a text of the
    platform."""

    slack: str = ""  # id of a user (U…, W…) or of a user group (S…)
    teams: TeamsUser | None = None
    jira: str = ""  # account id at Jira Cloud, user name at Jira Data Center


@dataclass(frozen=True)
class Duty:
    """Who is on duty."""

    people: tuple[str, ...]  # names, which may be hostile text
    until: datetime | None = None  # when the first of them ends; None if that is not known
