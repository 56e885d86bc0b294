"""A hunt definition and a time → a project on the platform and one item in [captures] per system.

Both steps may be repeated at any moment: the hunt's identity names the ledger's record and the project,
so a second trigger finds what the first one made.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass, replace
from datetime import datetime

from scheduler.ending import end_hunt, skip_hunt
from scheduler.release import put, release, waits
from scheduler.selection import Selection
from scheduler.targets import choose
from shared.config.hunts import HuntConfig, ProjectConfig
from shared.hosting.runtime import Runtime
from shared.models.captures import Capture, CaptureState
from shared.models.hunts import Hunt, HuntState
from shared.platform.errors import CadoError, Unavailable
from shared.queues import items
from shared.queues.ports import Again, Dead, Done, Verdict
from shared.queues.worker import backoff
from shared.secrets import SecretError
from shared.storage.ledger.ledger import Ledger

log = logging.getLogger(__name__)

# The platform takes names of 1 to 80 characters (OpenAPI 2.324.0); a hunt's own name has at most 40.
PROJECT_NAME_LIMIT = 80
# How the trigger of a run begins that somebody started at the command line.
BY_HAND = "hunt run by "


@dataclass(frozen=True)
class Plan:
    """What a run would do, before anything is recorded or asked."""

    hunt: Hunt
    captures: tuple[Capture, ...]

    @property
    def project_name(self) -> str:
        return project_name(self.hunt)


def project_name(hunt: Hunt) -> str:
    """Derived from the hunt's identity alone: the platform refuses a second project of one name, which
    makes the name the lock against opening two."""
    at = f"{hunt.scheduled_at:%Y-%m-%d %H:%M}" + (
        f":{hunt.scheduled_at:%S}" if hunt.scheduled_at.second else ""
    )
    return f"{hunt.name} {at}Z"[:PROJECT_NAME_LIMIT]


def plan(
    name: str, definition: HuntConfig, scheduled_at: datetime, selection: Selection | None = None
) -> Plan:
    """Without a selection, the systems that the definition names."""
    systems = definition.systems if selection is None else selection.systems
    hunt = Hunt(
        name,
        scheduled_at.replace(microsecond=0),
        mode=definition.capture,
        systems=len(systems),
        config_hash=hashlib.sha256(definition.model_dump_json().encode()).hexdigest(),
        problems=definition.problems + (selection.problems if selection else ()),
        left_out=selection.left_out if selection else (),
    )
    modes = definition.modes | (selection.modes if selection else {})
    captures = (Capture(hunt.id, system, mode=modes.get(system, hunt.mode)) for system in systems)
    return Plan(hunt, tuple(captures))


def prepare(runtime: Runtime, name: str, scheduled_at: datetime) -> Plan:
    """The plan of a run, by what its targets find now. Of a hunt that is recorded it is what was recorded, so
    that the same time again is about the same systems. Raises KeyError where there is no such hunt."""
    definition = runtime.config.hunts[name]
    hunt = plan(name, definition, scheduled_at).hunt
    return recorded(runtime, hunt) or plan(
        name, definition, scheduled_at, choose(runtime, definition, identity=hunt.id)
    )


def recorded(runtime: Runtime, hunt: Hunt) -> Plan | None:
    """What the ledger has of it; None where it is not there, or when it was recorded there was no system."""
    found = runtime.ledger.hunts.get(hunt.id)
    return Plan(found, tuple(runtime.ledger.captures.of_hunt(hunt.id))) if found and found.systems else None


def start(runtime: Runtime, planned: Plan, *, retry_for: float, trigger: str = "") -> Hunt:
    """Record the hunt and queue its opening; `retry_for` seconds is how long an absent platform is tried.
    `trigger` says who asked for it, in words.

    Returns the hunt as recorded: one that was started before goes on where it stopped, and one that failed
    before anything was asked for starts again. While another hunt of its name is under way, it is skipped or
    waits, as the definition says; `follow` opens one that waits.
    """
    ledger = runtime.ledger
    if trigger:
        planned = replace(planned, hunt=replace(planned.hunt, trigger=trigger))
    hunt = _record(ledger, planned)
    for problem in hunt.problems:
        log.warning("hunt %s: %s", hunt.id, problem)
    for reason in hunt.left_out:
        log.info("hunt %s: %s", hunt.id, reason)
    if hunt.state in (HuntState.FAILED, HuntState.SKIPPED) and hunt.project_id is None:
        hunt = ledger.hunts.reopen(hunt)
    if hunt.over:
        return hunt
    turn = take_turn(runtime, hunt)
    definition = runtime.config.hunts.get(hunt.name)
    if turn is None and definition and definition.overlap == "skip":
        before = ledger.hunts.last_turn(hunt.name)
        reason = f"the hunt before it, {before}, was still under way"
        return skip_hunt(runtime, hunt, reason, tell=not _is_repeat(hunt, ledger.hunts.get(before)))
    if turn is None:
        log.info("hunt %s waits for %s to end", hunt.id, ledger.hunts.last_turn(hunt.name))
        return hunt
    queue_opening(runtime, hunt, retry_for=retry_for)
    return turn


def _is_repeat(hunt: Hunt, before: Hunt | None) -> bool:
    """Whether a start only repeats a run that is under way, so that its systems are captured all the same: by
    somebody at the command line, who reads the refusal there, or for the same minute."""
    same_minute = before is not None and f"{before.scheduled_at:%F %R}" == f"{hunt.scheduled_at:%F %R}"
    return same_minute or hunt.trigger.startswith(BY_HAND)


def _record(ledger: Ledger, planned: Plan) -> Hunt:
    """The hunt after its systems: one that is in the ledger has all of them, wherever a crash was. What a
    crash left of another plan for it is taken away, since the fleet may have changed."""
    found = ledger.hunts.get(planned.hunt.id)
    if found is None or not found.systems:
        keep = {capture.system.key for capture in planned.captures}
        for left in ledger.captures.of_hunt(planned.hunt.id):
            if left.system.key not in keep:
                ledger.captures.drop(left)
        for capture in planned.captures:
            ledger.captures.plan(capture)
    hunt = ledger.hunts.open(planned.hunt)
    if not hunt.systems and planned.captures:
        hunt = ledger.hunts.replan(hunt.id, planned.hunt)
    return hunt


def take_turn(runtime: Runtime, hunt: Hunt) -> Hunt | None:
    """The hunt, if it may begin; None while another of its name is under way."""
    return runtime.ledger.hunts.take_turn(hunt) if hunt.name in runtime.config.hunts else hunt


def queue_opening(runtime: Runtime, hunt: Hunt, *, retry_for: float) -> None:
    until = runtime.now().timestamp() + retry_for
    runtime.captures.put(items.open_hunt(hunt.id, until), id=f"open:{hunt.id}")


def open_project(runtime: Runtime, hunt_id: str, *, until: float, attempts: int) -> Verdict:
    """The first item of a hunt: its project, then one item per system that may be asked for now."""
    ledger = runtime.ledger
    hunt = ledger.hunts.get(hunt_id)
    if hunt is None:
        return Dead(f"hunt {hunt_id} is not in the ledger")
    if hunt.over:
        return Done()
    if hunt.stopped_by and hunt.project_id is None:
        end_hunt(runtime, hunt, HuntState.STOPPED, hunt.why_stopped)
        return Done()
    captures = ledger.captures.of_hunt(hunt_id)
    if hunt.project_id is None:
        if not captures:
            end_hunt(runtime, hunt, HuntState.FAILED, "the hunt names no system that could be used")
            return Done()
        try:
            definition = runtime.config.hunts.get(hunt.name)
            project = definition.project if definition else ProjectConfig()
            project_id = runtime.cado.open_project(
                project_name(hunt), f"huntbridge hunt {hunt.id}", users=project.users, groups=project.groups
            )
        except (Unavailable, SecretError) as error:
            if runtime.now().timestamp() < until and (again := _worth_waiting(error, attempts)):
                return again
            absent = "" if isinstance(error, SecretError) else "the platform was not available: "
            end_hunt(runtime, hunt, HuntState.FAILED, f"{absent}{error}")
            return Done()
        except CadoError as error:
            end_hunt(runtime, hunt, HuntState.FAILED, str(error))
            return Done()
        hunt = ledger.hunts.start(hunt_id, project_id)
        log.info("hunt %s has project %d", hunt.id, project_id)
    for capture in captures:
        if capture.state in (CaptureState.PLANNED, CaptureState.UNKNOWN) and not waits(capture):
            put(runtime, capture)  # started before; its item may be gone
    try:
        more = release(runtime, hunt, captures)
    except (Unavailable, SecretError) as error:
        if runtime.now().timestamp() >= until:
            return Done()  # `follow` goes on with it
        return _worth_waiting(error, attempts) or Done()
    return Again(0, "there are more systems") if more else Done()


def _worth_waiting(error: Unavailable | SecretError, attempts: int) -> Again | None:
    """A secret that cannot be read is an outage. A certificate that does not verify, for example, is not
    mended by waiting: better told at once."""
    if isinstance(error, SecretError):
        return Again(backoff(attempts), str(error))
    return Again(error.after or backoff(attempts), str(error)) if error.retryable else None
