"""Starts a hunt: records it with its captures, and queues the opening of its project.

Safe to repeat at any time: a second trigger of the same hunt finds the record of the first one.
"""

from __future__ import annotations

import logging
from dataclasses import replace

from scheduler.ending import skip_hunt
from scheduler.expected import too_expensive, with_cost
from scheduler.opening import queue_opening
from scheduler.plan import Plan
from shared.hosting.runtime import Runtime
from shared.models.hunts import Hunt, HuntState
from shared.storage.ledger.ledger import Ledger

log = logging.getLogger(__name__)

# If somebody starts a hunt at the command line, its `trigger` begins with these words.
BY_HAND = "hunt run by "


def start(runtime: Runtime, planned: Plan, *, retry_for: float, trigger: str = "") -> Hunt:
    """Record the hunt and queue the opening of its project. While the platform is not available, that is
    retried for `retry_for` seconds. `trigger` says in words who started the hunt.

    Returns the hunt as recorded. A hunt that was started before continues where it stopped. A hunt that
    failed or was skipped before its project was opened starts again. While another hunt of its name is under
    way, the hunt is skipped or waits, depending on its `overlap`. `follow` later opens a hunt that waits.
    """
    ledger = runtime.ledger
    if trigger:
        planned = replace(planned, hunt=replace(planned.hunt, trigger=trigger))
    if ledger.hunts.get(planned.hunt.id) is None:
        planned = with_cost(runtime, planned)
    hunt = _record(ledger, planned)
    for problem in hunt.problems:
        log.warning("hunt has a problem", extra={"hunt": hunt.id, "reason": problem})
    for reason in hunt.left_out:
        log.info("hunt leaves systems out", extra={"hunt": hunt.id, "reason": reason})
    if hunt.state in (HuntState.FAILED, HuntState.SKIPPED) and hunt.project_id is None:
        hunt = ledger.hunts.reopen(hunt)
    if hunt.over:
        return hunt
    definition = runtime.config.hunts.get(hunt.name)
    if reason := too_expensive(definition, hunt):
        return skip_hunt(runtime, hunt, reason, tell=not hunt.trigger.startswith(BY_HAND))
    turn = take_turn(runtime, hunt)
    if turn is None and definition and definition.overlap == "skip":
        before = ledger.hunts.last_turn(hunt.name)
        reason = f"the hunt before it, {before}, was still under way"
        return skip_hunt(runtime, hunt, reason, tell=not _is_repeat(hunt, ledger.hunts.get(before)))
    if turn is None:
        before = ledger.hunts.last_turn(hunt.name)
        log.info("hunt waits for another hunt to end", extra={"hunt": hunt.id, "other": before})
        return hunt
    queue_opening(runtime, hunt, retry_for=retry_for)
    return turn


def _is_repeat(hunt: Hunt, before: Hunt | None) -> bool:
    """Whether a skipped start needs no event. That is so if it is for the same minute as the hunt that is
    under way, or if somebody started it at the command line, which shows the refusal."""
    same_minute = before is not None and f"{before.scheduled_at:%F %R}" == f"{hunt.scheduled_at:%F %R}"
    return same_minute or hunt.trigger.startswith(BY_HAND)


def _record(ledger: Ledger, planned: Plan) -> Hunt:
    """Record the captures first and then the hunt. So a recorded hunt has all its captures, even after a
    crash. If a crash left captures of an earlier plan, those that are not in this plan are dropped."""
    stored = ledger.hunts.get(planned.hunt.id)
    if stored is None or not stored.systems:
        keep = {capture.system.key for capture in planned.captures}
        for capture in ledger.captures.of_hunt(planned.hunt.id):
            if capture.system.key not in keep:
                ledger.captures.drop(capture)
        for capture in planned.captures:
            ledger.captures.plan(capture)
    hunt = ledger.hunts.open(planned.hunt)
    if not hunt.systems and planned.captures:
        hunt = ledger.hunts.replan(hunt.id, planned.hunt)
    return hunt


def take_turn(runtime: Runtime, hunt: Hunt) -> Hunt | None:
    """Let the hunt begin if it may. None while another hunt of its name is under way."""
    return runtime.ledger.hunts.take_turn(hunt) if hunt.name in runtime.config.hunts else hunt
