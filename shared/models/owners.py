"""The people that a message about a system may mention."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TeamsUser:
    """A user in Microsoft Teams: the id says who is called, the name what stands in the message."""

    id: str  # Entra object id, or user principal name
    name: str


@dataclass(frozen=True)
class Owner:
    """Whom a destination may call about a system: who the configuration says, and never who a text says."""

    slack: str = ""  # id of a user (U…, W…) or of a user group (S…)
    teams: TeamsUser | None = None
    jira: str = ""  # account id at Jira Cloud, user name at Jira Data Center
