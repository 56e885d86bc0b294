"""The people that a message about a system may mention."""

from __future__ import annotations

from dataclasses import dataclass


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
