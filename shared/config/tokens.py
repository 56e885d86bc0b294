"""Whether a webhook token can be used, and whether it is any good. No text here repeats the token."""

from __future__ import annotations

SHORTEST, SHORT = 8, 16  # characters: fewer than the first are refused, fewer than the second warned of
_QUOTES = "\"'"
IN_QUOTES = (
    "is in quotation marks, which belong to the value here: "
    "take them away (env files of Docker and systemd keep them)"
)
_MAKE_ONE = "make one with `openssl rand -hex 32`"


def refusal(token: str) -> str | None:
    """Why no webhook may be let in by this token; None where nothing speaks against it."""
    if len(token) < SHORTEST:
        return f"has fewer than {SHORTEST} characters, so it can be guessed: {_MAKE_ONE}"
    return None


def warning(token: str) -> str | None:
    """A warning about a token that can be used; None if there is none."""
    if len(token) < SHORT:
        return f"has fewer than {SHORT} characters: {_MAKE_ONE}"
    return odd(token)


def odd(secret: str) -> str | None:
    """Why a secret is probably not the intended one; None if there is no sign of it."""
    if in_quotes(secret):
        return IN_QUOTES
    if any(character.isspace() for character in secret):
        return "holds a space: was more copied than the secret?"
    if not secret.isprintable():
        return "holds a character that cannot be seen: was more copied than the secret?"
    return None


def in_quotes(text: str) -> bool:
    """Whether the whole text stands in quotation marks."""
    return len(text) > 1 and text[0] in _QUOTES and text[0] == text[-1]
