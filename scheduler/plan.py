"""Plans and starts a hunt: its systems, its record in the ledger, its project on the platform.

Each step may be repeated at any moment. The hunt's id names the record in the ledger and the project, so a
second trigger finds what the first one made.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass, replace
from datetime import datetime

from scheduler.ending import end_hunt, skip_hunt
from scheduler.release import enqueue, release, waits
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
# The first words of the trigger of a hunt that somebody started at the command line.
BY_HAND = "hunt run by "


@dataclass(frozen=True)
class Plan:
    """A hunt and its captures, before anything is recorded or requested."""

    hunt: Hunt
    captures: tuple[Capture, ...]

    @property
    def project_name(self) -> str:
        return project_name(self.hunt)


def project_name(hunt: Hunt) -> str:
    """The project's name depends on the hunt's id only. The platform refuses a second project of the same
    name, so a hunt cannot get two projects."""
    at = f"{hunt.scheduled_at:%Y-%m-%d %H:%M}" + (
        f":{hunt.scheduled_at:%S}" if hunt.scheduled_at.second else ""
    )
    return f"{hunt.name} {at}Z"[:PROJECT_NAME_LIMIT]


def plan(
    name: str, definition: HuntConfig, scheduled_at: datetime, selection: Selection | None = None
) -> Plan:
    """Without a selection, the hunt has the systems that the definition names."""
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
    """The plan of a hunt with the systems that its targets find now. If the hunt is recorded already, the
    plan has the recorded systems. Raises KeyError if the configuration has no such hunt."""
    definition = runtime.config.hunts[name]
    hunt = plan(name, definition, scheduled_at).hunt
    return recorded(runtime, hunt) or plan(
        name, definition, scheduled_at, choose(runtime, definition, identity=hunt.id)
    )


def recorded(runtime: Runtime, hunt: Hunt) -> Plan | None:
    """The plan that the ledger has of this hunt; None if the hunt is not recorded or has no systems."""
    stored = runtime.ledger.hunts.get(hunt.id)
    if stored is None or not stored.systems:
        return None
    return Plan(stored, tuple(runtime.ledger.captures.of_hunt(hunt.id)))


def start(runtime: Runtime, planned: Plan, *, retry_for: float, trigger: str = "") -> Hunt:
    """Record the hunt and queue the opening of its project. For `retry_for` seconds a platform that is not
    available is tried again. `trigger` says in words who started the hunt.

    Returns the hunt as recorded. A hunt that was started before goes on where it stopped, and a hunt that
    failed before any capture was requested starts again. While another hunt of its name is under way, the
    hunt is skipped or waits, as its definition says. `follow` opens a hunt that waits.
    """
    ledger = runtime.ledger
    if trigger:
        planned = replace(planned, hunt=replace(planned.hunt, trigger=trigger))
    hunt = _record(ledger, planned)
    for problem in hunt.problems:
        log.warning("hunt has a problem", extra={"hunt": hunt.id, "reason": problem})
    for reason in hunt.left_out:
        log.info("hunt leaves systems out", extra={"hunt": hunt.id, "reason": reason})
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
        before = ledger.hunts.last_turn(hunt.name)
        log.info("hunt waits for another hunt to end", extra={"hunt": hunt.id, "other": before})
        return hunt
    queue_opening(runtime, hunt, retry_for=retry_for)
    return turn


def _is_repeat(hunt: Hunt, before: Hunt | None) -> bool:
    """Whether a skipped start needs no event: it is for the same minute as the hunt that is under way, or
    somebody gave it at the command line and reads the refusal there."""
    same_minute = before is not None and f"{before.scheduled_at:%F %R}" == f"{hunt.scheduled_at:%F %R}"
    return same_minute or hunt.trigger.startswith(BY_HAND)


def _record(ledger: Ledger, planned: Plan) -> Hunt:
    """Record the captures first and then the hunt. So a recorded hunt has all its captures, even after a
    crash. Captures that a crash left of another plan are dropped, since the fleet may have changed."""
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
    """The hunt, if it may begin; None while another hunt of its name is under way."""
    return runtime.ledger.hunts.take_turn(hunt) if hunt.name in runtime.config.hunts else hunt


def queue_opening(runtime: Runtime, hunt: Hunt, *, retry_for: float) -> None:
    until = runtime.now().timestamp() + retry_for
    runtime.captures.put(items.encode(items.OpenProject(hunt.id, until)), id=f"open:{hunt.id}")


def open_project(runtime: Runtime, hunt_id: str, *, until: float, attempts: int) -> Verdict:
    """Work on the first item of a hunt: open its project, then release the captures that may start now."""
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
        log.info("project opened", extra={"hunt": hunt.id, "project": project_id})
    for capture in captures:
        if capture.state in (CaptureState.PLANNED, CaptureState.UNKNOWN) and not waits(capture):
            enqueue(runtime, capture)  # released before; its item may be lost
    try:
        more = release(runtime, hunt, captures)
    except (Unavailable, SecretError) as error:
        if runtime.now().timestamp() >= until:
            return Done()  # `follow` releases the rest
        return _worth_waiting(error, attempts) or Done()
    return Again(0, "there are more systems") if more else Done()


def _worth_waiting(error: Unavailable | SecretError, attempts: int) -> Again | None:
    """When to try again; None if waiting does not help, such as for a certificate that does not verify: the
    hunt then fails at once. A secret that cannot be read counts as an outage."""
    if isinstance(error, SecretError):
        return Again(backoff(attempts), str(error))
    return Again(error.after or backoff(attempts), str(error)) if error.retryable else None
