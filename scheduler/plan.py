"""A hunt definition and a time → a project on the platform and one item in [captures] per system.

Both steps may be repeated at any moment: the hunt's identity names the ledger's record and the project,
so a second trigger finds what the first one made.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime

from scheduler.ending import end_hunt
from shared import items
from shared.cado import CadoError, Unavailable
from shared.config import HuntConfig
from shared.models import Capture, CaptureState, Hunt, HuntState, dump
from shared.queues import Again, Dead, Done, Verdict, backoff
from shared.runtime import Runtime
from shared.secrets import SecretError

log = logging.getLogger(__name__)

# The platform takes names of 1 to 80 characters (OpenAPI 2.324.0); a hunt's own name has at most 40.
PROJECT_NAME_LIMIT = 80


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


def plan(name: str, definition: HuntConfig, scheduled_at: datetime) -> Plan:
    hunt = Hunt(
        name,
        scheduled_at.replace(microsecond=0),
        mode=definition.capture,
        systems=len(definition.systems),
        problems=definition.problems,
    )
    captures = (Capture(hunt.id, system, mode=hunt.mode) for system in definition.systems)
    return Plan(hunt, tuple(captures))


def start(runtime: Runtime, planned: Plan, *, retry_for: float) -> Hunt:
    """Record the hunt and queue its opening; `retry_for` seconds is how long an absent platform is tried.

    Returns the hunt as recorded: one that was started before goes on where it stopped, and one that failed
    before anything was asked for starts again.
    """
    ledger = runtime.ledger
    hunt = ledger.open_hunt(planned.hunt)
    for problem in hunt.problems:
        log.warning("hunt %s: %s", hunt.id, problem)
    if hunt.state is HuntState.FAILED and hunt.project_id is None:
        hunt = ledger.reopen_hunt(hunt)
    if hunt.state in (HuntState.FINISHED, HuntState.FAILED):
        return hunt
    for capture in planned.captures:
        ledger.plan_capture(capture)
    until = runtime.now().timestamp() + retry_for
    runtime.captures.put(items.open_hunt(hunt.id, until), id=f"open:{hunt.id}")
    return hunt


def open_project(runtime: Runtime, hunt_id: str, *, until: float, attempts: int) -> Verdict:
    """The first item of a hunt: its project, then one item per system that was not asked for yet."""
    ledger = runtime.ledger
    hunt = ledger.hunt(hunt_id)
    if hunt is None:
        return Dead(f"hunt {hunt_id} is not in the ledger")
    if hunt.state in (HuntState.FINISHED, HuntState.FAILED):
        return Done()
    captures = ledger.captures(hunt_id)
    if hunt.project_id is None:
        if not captures:
            end_hunt(runtime, hunt, HuntState.FAILED, "the hunt names no system that could be used")
            return Done()
        try:
            project_id = runtime.cado.open_project(project_name(hunt), f"huntbridge hunt {hunt.id}")
        except Unavailable as error:
            # A certificate that does not verify, for example, is not mended by waiting: better told at once.
            if error.passing and runtime.now().timestamp() < until:
                return Again(error.after or backoff(attempts), str(error))
            end_hunt(runtime, hunt, HuntState.FAILED, f"the platform was not available: {error}")
            return Done()
        except (CadoError, SecretError) as error:
            end_hunt(runtime, hunt, HuntState.FAILED, str(error))
            return Done()
        hunt = ledger.start_hunt(hunt_id, project_id)
        log.info("hunt %s has project %d", hunt.id, project_id)
    for capture in captures:
        if capture.state in (CaptureState.PLANNED, CaptureState.UNKNOWN):
            runtime.captures.put(
                items.capture(hunt_id, dump(capture.system), until),
                id=f"capture:{hunt_id}:{capture.system.key}",
            )
    return Done()
