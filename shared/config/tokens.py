"""Judges webhook tokens and other secrets: whether a token is refused, and whether a secret looks wrong.

No sentence repeats the secret.
"""

from __future__ import annotations

SHORTEST = 8  # characters: a shorter token is refused
SHORT = 16  # characters: a shorter token causes a warning
_QUOTES = "\"'"
IN_QUOTES = (
    "is in quotation marks, which are part of the value here: "
    "remove them (env files of Docker and systemd keep them)"
)
_MAKE_ONE = "make one with `openssl rand -hex 32`"


def refusal(token: str) -> str | None:
    """Why this token is refused for every webhook; None if it is accepted."""
    if len(token) < SHORTEST:
        return f"has fewer than {SHORTEST} characters, so it can be guessed: {_MAKE_ONE}"
    return None


def warning(token: str) -> str | None:
    """A warning about a token that is accepted; None if there is none."""
    if len(token) < SHORT:
        return f"has fewer than {SHORT} characters: {_MAKE_ONE}"
    return odd(token)


def odd(secret: str) -> str | None:
    """A sign that a secret is not the intended one; None if there is none."""
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
