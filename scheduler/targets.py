"""Chooses the systems of a hunt: those that its definition names, and those that its selectors find.

`scheduler/discovery.py` asks AWS and the platform for EC2 instances. `scheduler/platform_discovery.py` asks
the platform for all other kinds of systems. This module puts both together and applies `max_systems` and
`order` to all of them. Nothing is recorded.
"""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime

from scheduler.chosen_systems import NAMED, Choice, Selection
from scheduler.discovery import Discovery
from scheduler.narrow import WHOLE, Narrow
from scheduler.parallel_calls import ParallelCalls
from scheduler.platform_discovery import PlatformDiscovery
from shared.config.hunts import HuntConfig
from shared.hosting.runtime import Runtime
from shared.platform.client import Cado
from shared.storage.ledger.ledger import Ledger

# Seconds for all queries to AWS and the platform. On AWS the whole start of a hunt has 300.
BUDGET = 180.0
_NEVER = datetime.min.replace(tzinfo=UTC)
_LATEST = datetime.max.replace(tzinfo=UTC)


def choose(
    runtime: Runtime,
    definition: HuntConfig,
    *,
    identity: str,
    look: bool = False,
    budget: float = BUDGET,
    narrow: Narrow = WHOLE,
) -> Selection:
    """The systems of a hunt as they are now. If the definition only names EC2 instances, AWS and the platform
    are not asked, unless `look` is set. `identity`: the hunt's id, so that `random` gives one hunt the same
    order each time. `budget`: seconds. `narrow`: what a person limits the run to."""

    def make_cado() -> Cado:
        return runtime.make_cado(tries=1)

    modes = definition.modes
    named = [Choice(system, NAMED, mode=modes.get(system, "")) for system in definition.systems]
    selection = Selection(tuple(named))
    with ParallelCalls(runtime.now, budget) as calls:
        if definition.selects or ((look or narrow.needs_facts) and named):
            selection = Discovery(runtime.config, definition, runtime.make_fleet(), make_cado, calls).select(
                named
            )
        if definition.cloud_targets:
            selection = selection.joined(
                PlatformDiscovery(runtime.config, definition, runtime.make_fleet, make_cado, calls).select()
            )
    choices = narrow.applied(selection.choices)
    chosen = [choice for choice in choices if not choice.why_not]
    left_out = [choice for choice in choices if choice.why_not]
    limits = {"max_systems": definition.max_systems, "the limit of this run": narrow.limit}
    most, limit = min(((most, limit) for limit, most in limits.items() if most), default=(None, ""))
    if most is not None and len(chosen) > most:
        ordered = _in_order(runtime.ledger, definition, identity, chosen)
        reason = f"{limit} is {most}: in the order {definition.order} others come first"
        chosen = ordered[:most]
        left_out = [*(replace(choice, why_not=reason) for choice in ordered[most:]), *left_out]
    return replace(selection, choices=(*chosen, *left_out))


def _in_order(ledger: Ledger, definition: HuntConfig, identity: str, chosen: list[Choice]) -> list[Choice]:
    if definition.order == "random":
        return random.Random(identity).sample(chosen, len(chosen))
    hunted = ledger.captures.last_requested() if definition.order == "least_recently_hunted" else {}
    return sorted(
        chosen,
        key=lambda choice: (
            hunted.get(choice.system.lasting_key, _NEVER),
            _launched(choice) or _LATEST,
            choice.system.key,
        ),
    )


def _launched(choice: Choice) -> datetime | None:
    """None for all kinds but EC2: the platform does not say when they were launched."""
    return choice.instance.launched_at if choice.instance else None
