"""The paths of the console's pages that messages link to too. A key or an id may hold slashes and hostile
text, so it is quoted."""

from __future__ import annotations

from urllib.parse import quote


def case(key: str) -> str:
    return f"/cases/{quote(key, safe='/@:', errors='replace')}"


def mutes() -> str:
    """The mutes on the page about rules."""
    return "/rules#mutes"


def hunt(hunt_id: str) -> str:
    return f"/hunts/{quote(hunt_id, safe='@:')}"
