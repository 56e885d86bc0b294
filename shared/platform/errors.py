"""The errors of the platform's client, and which of them may pass if the call is repeated."""

from __future__ import annotations


class CadoError(Exception):
    """The platform did not do what was asked; the text is one plain sentence for a person.

    `status` is the HTTP status, None where there was no answer or it was never asked.
    """

    def __init__(self, text: str, *, status: int | None = None) -> None:
        super().__init__(text)
        self.status = status


class Unauthorized(CadoError):
    """The API key is wrong, revoked, or its role may not do this (401, 403)."""


class NotFound(CadoError): ...


class Conflict(CadoError):
    """There is one already (409)."""


class Refused(CadoError):
    """The request itself is wrong (any other 4xx); to repeat it would not help."""


class Unavailable(CadoError):
    """No answer, a 5xx or a 429. `ambiguous`: it may have been carried out. `after`: seconds to wait."""

    def __init__(
        self,
        text: str,
        *,
        ambiguous: bool = False,
        after: float | None = None,
        status: int | None = None,
        passing: bool = True,
    ) -> None:
        super().__init__(text, status=status)
        self.ambiguous, self.after = ambiguous, after
        self.passing = passing  # whether to ask again at once may help
