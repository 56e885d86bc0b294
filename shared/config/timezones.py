"""The name of a time zone in the configuration."""

from __future__ import annotations

from zoneinfo import ZoneInfo, available_timezones

from shared.config.suggestions import advice, quoted


def check_timezone(text: str) -> str:
    """Raises ValueError with a sentence that says what to write."""
    try:
        ZoneInfo(text)
    except (KeyError, ValueError, OSError):  # not found, not a name at all, a folder of the tz database
        names = available_timezones()
        if not names:
            raise ValueError("this machine has no time zones; install the package tzdata") from None
        hint = advice(text, names) or "; write one such as Europe/Berlin or Etc/UTC"
        raise ValueError(f"{quoted(text)} is not a time zone{hint}") from None
    return text
