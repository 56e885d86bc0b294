"""The errors of the platform's client, one class for each kind of failure that callers distinguish.

Only `Unavailable` may go away by itself; its fields say whether and when a call may be repeated.
"""

from __future__ import annotations


class CadoError(Exception):
    """The platform did not do what was asked. The text is one plain sentence for a person.

    `status` is the HTTP status; None if there was no answer or nothing was sent.
    """

    def __init__(self, text: str, *, status: int | None = None) -> None:
        super().__init__(text)
        self.status = status


class Unauthorized(CadoError):
    """The API key is wrong or revoked, or its role may not do this (401, 403)."""


class NotFound(CadoError):
    """The platform does not have this thing (404), or its API version has no such call."""


class Conflict(CadoError):
    """A thing of this name exists already (409)."""


class Refused(CadoError):
    """The request itself is wrong (any other 4xx). Repeating it does not help."""


class Unavailable(CadoError):
    """No usable answer: a network error, a 5xx, a 429, or a body that is not from the platform's API.

    `ambiguous`: the platform may have carried out the request nevertheless. `after`: seconds to wait, if the
    platform named them. `retryable`: whether repeating the call soon may help. `unreachable`: no connection
    could be made.
    """

    def __init__(
        self,
        text: str,
        *,
        ambiguous: bool = False,
        after: float | None = None,
        status: int | None = None,
        retryable: bool = True,
        unreachable: bool = False,
    ) -> None:
        super().__init__(text, status=status)
        self.ambiguous, self.after, self.retryable = ambiguous, after, retryable
        self.unreachable = unreachable
