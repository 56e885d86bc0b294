"""Rules about hunts that do not start by a schedule: they begin after another hunt, or for an event."""

from __future__ import annotations

from collections.abc import Iterator

from shared.config.config import Config
from shared.config.suggestions import advice, quoted
from shared.config.yaml import Problem


def wrong_starts(config: Config) -> Iterator[Problem]:
    """Reports hunts that begin after a hunt that does not exist, after themselves, or at two times, and
    triggers of hunts that do not exist."""
    circles: set[str] = set()
    for name, hunt in config.hunts.items():
        if hunt.after is None:
            continue
        where = ("hunts", name, "after")
        if hunt.schedule:
            yield where, "a hunt with a schedule cannot begin after another one: remove one of the two"
        if hunt.after.hunt not in config.hunts:
            yield where, _no_hunt(hunt.after.hunt, config)
        elif name not in circles and (circle := _circle(config, name)):
            circles.update(circle)
            yield where, f"goes in a circle, so none of them begins: {' after '.join((*circle, name))}"
    for name, trigger in config.triggers.items():
        if trigger.hunt and trigger.hunt not in config.hunts:
            yield ("triggers", name, "hunt"), _no_hunt(trigger.hunt, config)


def _no_hunt(name: str, config: Config) -> str:
    return f"there is no hunt {quoted(name)}{advice(name, config.hunts)}"


def _circle(config: Config, first: str) -> list[str]:
    """The hunts between `first` and itself; empty if it does not begin after itself."""
    seen, name = [first], first
    while (hunt := config.hunts.get(name)) and hunt.after and hunt.after.hunt not in seen[1:]:
        name = hunt.after.hunt
        if name == first:
            return seen
        seen.append(name)
    return []
