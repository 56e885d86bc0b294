"""Opens the project of a hunt on the platform: the first item of [captures] of each hunt.

Safe to repeat at any time: the project's name is derived from the hunt, so a repetition finds the project.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial

from scheduler.ending import end_hunt
from scheduler.intelligence.at_hunt import put_in_force, why_not_without
from scheduler.max_in_flight import max_in_flight
from scheduler.parallel_calls import ahead
from scheduler.plan import project_name
from scheduler.release_captures import enqueue, release, waits
from shared.config.hunts import ProjectConfig
from shared.hosting.runtime import Runtime
from shared.models.captures import CaptureState
from shared.models.hunts import Hunt, HuntState
from shared.platform.errors import CadoError, Unavailable
from shared.queues import items
from shared.queues.ports import Again, Dead, Done, Verdict
from shared.queues.worker import backoff
from shared.secrets import SecretError

log = logging.getLogger(__name__)


def queue_opening(runtime: Runtime, hunt: Hunt, *, retry_for: float) -> None:
    """Queue the first item of a hunt. While the platform is not available, the item is retried for
    `retry_for` seconds."""
    until = runtime.now().timestamp() + retry_for
    runtime.captures.put(items.encode(items.OpenProject(hunt.id, until)), id=f"open:{hunt.id}")


def open_project(runtime: Runtime, hunt_id: str, *, until: float, claims: int) -> Verdict:
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
    definition = runtime.config.hunts.get(hunt.name)
    limit: Callable[[], int | None] = partial(max_in_flight, runtime, definition)
    if hunt.project_id is None:
        if not captures:
            end_hunt(runtime, hunt, HuntState.FAILED, "the hunt names no system that could be used")
            return Done()
        try:
            limit = ahead(limit)  # needed for the release; it does not depend on the project
            ahead(runtime.cado.version)  # a new project needs it; the client keeps the answer
            project = definition.project if definition else ProjectConfig()
            project_id = runtime.cado.open_project(
                project_name(hunt), f"huntbridge hunt {hunt.id}", users=project.users, groups=project.groups
            )
            in_force = put_in_force(runtime, hunt, project_id, claims=claims)
        except (Unavailable, SecretError) as error:
            if runtime.now().timestamp() < until and (again := _worth_waiting(error, claims)):
                return again
            absent = "" if isinstance(error, SecretError) else "the platform was not available: "
            end_hunt(runtime, hunt, HuntState.FAILED, f"{absent}{error}")
            return Done()
        except CadoError as error:
            end_hunt(runtime, hunt, HuntState.FAILED, str(error))
            return Done()
        if why := why_not_without(runtime, hunt, in_force):
            end_hunt(runtime, hunt, HuntState.FAILED, why)
            return Done()
        hunt = ledger.hunts.start(hunt_id, project_id, in_force)
        log.info("project opened", extra={"hunt": hunt.id, "project": project_id})
    for capture in captures:
        if capture.state in (CaptureState.PLANNED, CaptureState.UNKNOWN) and not waits(capture):
            enqueue(runtime, capture)  # released earlier, but a crash may have lost its item
    try:
        more = release(runtime, hunt, captures, limit)
    except (Unavailable, SecretError) as error:
        if runtime.now().timestamp() >= until:
            return Done()  # `follow` releases the rest
        return _worth_waiting(error, claims) or Done()
    return Again(0, "there are more systems") if more else Done()


def _worth_waiting(error: Unavailable | SecretError, claims: int) -> Again | None:
    """When to try again. None if waiting does not help, for example if a certificate cannot be verified. A
    secret that cannot be read counts as an outage."""
    if isinstance(error, SecretError):
        return Again(backoff(claims), str(error))
    return Again(error.after or backoff(claims), str(error)) if error.retryable else None
