"""The table of destinations, which the overview and the page about deliveries show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from shared.config.config import Config
from shared.storage.queries.overview import DestinationState


@dataclass(frozen=True)
class Destination:
    """One destination: what it is, and how it is."""

    name: str
    type: str  # for people
    place: str  # where its messages go, such as a channel or a project
    pace: str  # how much it takes, in words; empty if nothing limits it
    health: DestinationState


def destinations(
    states: Mapping[str, DestinationState], config: Config, types: Mapping[str, str]
) -> tuple[Destination, ...]:
    return tuple(
        Destination(name, types.get(name, ""), _place(config, name), _pace(config, name), health)
        for name, health in states.items()
    )


def _place(config: Config, name: str) -> str:
    section = config.destinations[name]
    return str(getattr(section, "channel", "") or getattr(section, "project", "") or "")


def _pace(config: Config, name: str) -> str:
    pace = getattr(config.destinations[name], "pace", None)
    return f"{pace:,} a minute" if isinstance(pace, int) else ""
