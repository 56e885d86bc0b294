"""A hunt whose failed captures are asked for again, and no others."""

from __future__ import annotations

from dataclasses import dataclass

from scheduler.plan import queue_opening, take_turn
from scheduler.release import plan_again, release
from scheduler.stop import NotPossible
from shared.hosting.runtime import Runtime
from shared.models.captures import CaptureState
from shared.models.hunts import Hunt
from shared.platform.errors import NotFound


@dataclass(frozen=True)
class Retried:
    hunt: Hunt
    again: int  # captures that are asked for again; 0 where none had failed
    same_project: bool = True  # False where the project is gone from the platform, and one is opened anew


def retry_failed(runtime: Runtime, hunt_id: str, *, by: str, retry_for: float) -> Retried:
    """Ask again for what failed in this hunt, and for nothing else, in the same project where that is there.
    `by` says in words who wants that; `retry_for` seconds is how long an absent platform is tried.

    Raises KeyError where there is no such hunt, NotPossible where another hunt of its name is under way,
    CadoError and SecretError where the platform cannot be asked for the project.
    """
    ledger, hunt = runtime.ledger, runtime.ledger.hunts.get(hunt_id)
    if hunt is None:
        raise KeyError(hunt_id)
    # A planned capture of a hunt that is over was left behind by a crash in this function.
    wanted = [CaptureState.FAILED, *([CaptureState.PLANNED] if hunt.over else [])]
    failed = [capture for capture in ledger.captures.of_hunt(hunt.id) if capture.state in wanted]
    if not failed:
        return Retried(hunt, 0)
    if hunt.over and hunt.name in runtime.config.hunts:
        other = ledger.hunts.get(ledger.hunts.last_turn(hunt.name))
        if other and not other.over and other.id != hunt.id:
            raise NotPossible(f"hunt {other.id} is under way; stop it, or wait until it has ended")
    same = hunt.project_id is not None and _is_there(runtime, hunt.project_id)
    for capture in failed:
        if capture.state is CaptureState.FAILED:
            plan_again(runtime, capture, f"attempt {capture.attempt} failed: {capture.reason}")
    hunt = ledger.hunts.retry(hunt, by=by, same_project=same)
    hunt = take_turn(runtime, hunt) or hunt  # where another one was faster, `follow` goes on with this one
    if same:
        release(runtime, hunt, ledger.captures.of_hunt(hunt.id))
    else:
        queue_opening(runtime, hunt, retry_for=retry_for)
    return Retried(hunt, len(failed), same)


def _is_there(runtime: Runtime, project_id: int) -> bool:
    try:
        runtime.cado.project(project_id)
    except NotFound:
        return False
    return True
