"""Looks for what will keep a hunt's captures from working, before the hunt begins. Only reads.

The facts come from the platform and from AWS (`read_platform`, `read_facts`); the rules are pure functions of
them. What cannot be read is a notice of its own, and never counts as a fault of a system.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from scheduler.chosen_systems import Choice
from scheduler.parallel_calls import ParallelCalls
from scheduler.preflight import codes
from scheduler.preflight.codes import Found
from scheduler.preflight.facts import Facts, Target
from scheduler.preflight.key_rules import key_rules
from scheduler.preflight.place_rules import place_rules
from scheduler.preflight.platform_rules import platform_rules
from scheduler.preflight.read_facts import read_aws
from scheduler.preflight.read_platform import read_platform
from scheduler.preflight.system_rules import system_rules
from scheduler.preflight.triage_rules import triage_rules
from scheduler.preflight.volume_rules import volume_rules
from shared.hosting.runtime import Runtime
from shared.models.kinds_of_system import ABILITIES
from shared.models.preflight import Notice

BUDGET = 60.0  # seconds for all questions about a hunt
_RULES = (platform_rules, system_rules, volume_rules, key_rules, triage_rules, place_rules)


def preflight(
    runtime: Runtime,
    choices: Iterable[Choice],
    mode: str,
    *,
    run_at: datetime | None = None,
    budget: float = BUDGET,
) -> list[Notice]:
    """The notices about the systems that a hunt captures. `mode`: of the hunt. `run_at`: when it begins."""
    targets = tuple(
        Target(choice.system, ABILITIES[choice.system.kind].mode(choice.mode or mode), choice.instance)
        for choice in choices
        if not choice.why_not
    )
    if not targets:
        return []
    with ParallelCalls(runtime.now, budget) as calls:
        facts = read_platform(Facts(targets, runtime.now(), run_at), runtime, calls)
        facts = read_aws(facts, runtime.config, runtime.make_inspection(), calls)
    return codes.notices(found(facts))


def found(facts: Facts) -> Iterator[Found]:
    for rule in _RULES:
        yield from rule(facts)
