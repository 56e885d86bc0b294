"""What a view needs of its user. Write the decorator below the route:

@pages.post("/cases/<key>/take")
@needs(Role.RESPONDER)
def take(key: str) -> Response: ...
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from flask import g
from werkzeug.exceptions import Forbidden

from console.identity import Role, User

View = TypeVar("View", bound=Callable[..., Any])


def current_user() -> User | None:
    user: User | None = g.get("user")
    return user


def may(role: str) -> bool:
    """Whether the current user may do what this role may do. Templates call it to leave out buttons."""
    user = current_user()
    if user is None or (g.get("readonly") and role != Role.VIEWER):
        return False
    return user.role.may(Role(role))


def needs(role: Role) -> Callable[[View], View]:
    """Refuses the request with 403 unless the user has this role or a higher one."""

    def decorate(view: View) -> View:
        @functools.wraps(view)
        def checked(*args: Any, **kwargs: Any) -> Any:
            if not may(role):
                if g.get("readonly"):
                    raise Forbidden(g.readonly)
                user = current_user()
                yours = f"; yours is {user.role}" if user else ""
                raise Forbidden(f"This needs the role {role}{yours}. Ask an administrator of huntbridge.")
            return view(*args, **kwargs)

        checked.needed_role = role  # type: ignore[attr-defined]  # a test reads it
        return checked  # type: ignore[return-value]

    return decorate
