"""The hunts of one system that no section of the configuration names: an event or a person starts them, and
their names are made then."""

from __future__ import annotations

from collections.abc import Iterator

from shared.config.config import Config
from shared.config.patterns import fits

# Of a trigger's name in that of a hunt. The name of the hunt's project has at most 80 characters; the
# instance and the time need the others.
TRIGGER_CHARACTERS = 39
_INSTANCE = "i-0123456789abcdef0"
_DIGEST = "0123456789ab"


def is_name_of_one(config: Config, name: str) -> bool:
    """Whether such a hunt may have this name."""
    return any(name.startswith(f"{beginning}-") for beginning, _ in _names(config))


def may_match_one(config: Config, pattern: str) -> bool:
    """Whether a pattern fits the name of such a hunt."""
    return any(fits(f"{beginning}-{rest}", [pattern]) for beginning, rest in _names(config))


def _names(config: Config) -> Iterator[tuple[str, str]]:
    """The beginning of each such name, and an example of the rest."""
    if config.guardduty is not None:
        yield "guardduty", _INSTANCE
    for name, trigger in config.triggers.items():
        if trigger.system is not None:
            yield name[:TRIGGER_CHARACTERS], _INSTANCE
    if config.capture_again.enabled:
        yield "again", _DIGEST
