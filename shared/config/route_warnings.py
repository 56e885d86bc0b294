"""Warnings about routes: conditions that no alarm meets, and routes that no alarm reaches."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator

from shared.config.config import Config
from shared.config.hours_warnings import hours_warnings
from shared.config.patterns import fits
from shared.config.routes import MatchConfig, takes_all_of
from shared.config.suggestions import advice, quoted
from shared.config.unnamed_hunts import may_match_one
from shared.models.event_kinds import (
    ACKNOWLEDGED,
    DECISION_KINDS,
    HEARTBEAT,
    OWN_KINDS,
    PLATFORM_KINDS,
    RECOVERED,
    REPORT,
    STILL_THERE,
    TEST,
    UNACKNOWLEDGED,
    UNDELIVERED,
    UNKNOWN_EVENT,
)

# No route applies to these events. Their messages go where the alarms went, or where a key of their own says.
NOT_ROUTED = (ACKNOWLEDGED, UNACKNOWLEDGED, STILL_THERE, UNDELIVERED, HEARTBEAT, REPORT)
_ROUTED = sorted({*PLATFORM_KINDS, *OWN_KINDS, RECOVERED, TEST, UNKNOWN_EVENT} - set(NOT_ROUTED))
# Every route that names one of these is looked at, whichever route above it matches.
_BY_NAME = DECISION_KINDS - set(NOT_ROUTED)
_LONGEST_TAG_KEY = 128  # characters


def route_warnings(config: Config, known_regions: Collection[str]) -> Iterator[tuple[str, str]]:
    """Yields the place in the configuration and the warning."""
    regions = {*known_regions, *config.extra_regions}
    for number, route in enumerate(config.routes):
        yield from _unknown_names(config, route.match, f"routes[{number}].match", regions)
        yield from _empty_values(route.match, f"routes[{number}].match")
    unreachable = unreachable_routes(config)
    yield from hours_warnings(config, unreachable)
    for number, above in unreachable.items():
        yield (
            f"routes[{number}]",
            f"no alarm reaches this route: routes[{above}] above it takes all alarms that it matches; "
            "move it above that one, or write continue: true there",
        )


def unreachable_routes(config: Config) -> dict[int, int]:
    """The number of each route that no alarm reaches, and of a route above it that takes all its alarms."""
    unreachable: dict[int, int] = {}
    for number, route in enumerate(config.routes):
        if _BY_NAME & set(map(str.lower, route.match.event)):
            continue
        for above, other in enumerate(config.routes[:number]):
            if not other.go_on and takes_all_of(other.match, route.match):
                unreachable[number] = above
                break
    return unreachable


def _unknown_names(
    config: Config, match: MatchConfig, where: str, regions: Collection[str]
) -> Iterator[tuple[str, str]]:
    for pattern in match.event:
        yield from ((f"{where}.event", text) for text in _event(pattern))
    for pattern in match.hunt:
        if not _fits_any(config.hunts, pattern) and not may_match_one(config, pattern):
            yield f"{where}.hunt", f"there is no hunt {quoted(pattern)}{advice(pattern, config.hunts)}"
    ids = [account.id for account in config.accounts.values() if account.id]
    for pattern in match.account:
        # An alarm may be about any account. If the account is not configured, only its id is known.
        if not _fits_any([*config.accounts, *ids], pattern) and not _fits_an_account_id(pattern):
            hint = advice(pattern, [*config.accounts, *ids])
            yield f"{where}.account", f"there is no account {quoted(pattern)}{hint}"
    has_other_places = any(account.provider != "aws" for account in config.accounts.values())
    for pattern in match.region:  # also zones of Google and locations of Azure, of which there is no list
        if not has_other_places and not _fits_any(regions, pattern):
            yield f"{where}.region", f"{quoted(pattern)} is not a region{advice(pattern, regions)}"


def _event(pattern: str) -> Iterator[str]:
    lower = pattern.lower()
    if lower in _BY_NAME or _fits_any(set(_ROUTED) - _BY_NAME, lower):
        return
    if _fits_any(_BY_NAME, lower):
        kinds = " or ".join(kind for kind in sorted(_BY_NAME) if fits(kind, [lower]))
        yield f"{quoted(pattern)} matches no decision about a case: write {kinds} in full"
    elif _fits_any(NOT_ROUTED, lower):
        yield f"{quoted(pattern)} is never routed: it goes where the alarms went, or where its own key says"
    else:
        yield f"there is no event {quoted(pattern)}{advice(lower, _ROUTED)}"


def _fits_any(texts: Iterable[str], pattern: str) -> bool:
    return any(fits(text, [pattern]) for text in texts)


def _fits_an_account_id(pattern: str) -> bool:
    """Whether a text of twelve digits can fit."""
    length = len(pattern.replace("*", ""))
    return bool(re.fullmatch(r"[0-9*?]+", pattern)) and (length == 12 or (length < 12 and "*" in pattern))


def _empty_values(match: MatchConfig, where: str) -> Iterator[tuple[str, str]]:
    """Values that are not a condition, and conditions that no alarm meets."""
    for key in ("event", "severity", "hunt", "project", "account", "region", "kind", "instance"):
        if key in match.model_fields_set and not getattr(match, key):
            yield f"{where}.{key}", "is empty, so it is no condition: remove it, or write what must match"
    for key in ("project", "instance"):
        if "" in getattr(match, key):
            yield f"{where}.{key}", "'' matches nothing; write '*' for any"
    for name, values in match.tags.items():
        if not 1 <= len(name) <= _LONGEST_TAG_KEY:
            text = f"no tag has the key {quoted(name)}: EC2 takes 1 to {_LONGEST_TAG_KEY} characters"
            yield f"{where}.tags", text
        elif not values:
            yield f"{where}.tags.{name}", "is empty, so nothing matches; write '*' for any value"
