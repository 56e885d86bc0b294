"""Calls with the credentials of a role, by a client that other accounts share.

To make a client takes a tenth of a second and more than a megabyte, and an organization has hundreds of
accounts with some twenty regions each. So there is one client for each service and region, and each request
is signed with the credentials of its account.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from botocore.credentials import Credentials
from botocore.session import Session

# The credentials of the call that this thread makes; None: those of the session.
_of_this_call: ContextVar[Credentials | None] = ContextVar("credentials", default=None)


def prepare(session: Session) -> None:
    """Let the clients of this session be used by `AsRole`."""
    session.register("before-sign", _use_the_role)


class AsRole:
    """A client whose calls are signed with these credentials."""

    def __init__(self, client: Any, credentials: Credentials) -> None:
        self._client, self._credentials = client, credentials

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._client, name)
        return self._as_role(value) if callable(value) else value

    def _as_role(self, operation: Callable[..., Any]) -> Callable[..., Any]:
        def call(**request: Any) -> Any:
            before = _of_this_call.set(self._credentials)
            try:
                return operation(**request)
            finally:
                _of_this_call.reset(before)

        return call


def _use_the_role(request: Any, **_: Any) -> None:
    if credentials := _of_this_call.get():
        request.context.setdefault("signing", {})["request_credentials"] = credentials
