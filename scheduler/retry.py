"""Requests the failed captures of a hunt again, and no others.

This only changes the ledger and the queue. So it may run while `serve` or the functions on AWS run.
"""

from __future__ import annotations

from dataclasses import dataclass

from scheduler.opening import queue_opening
from scheduler.release_captures import plan_again, release
from scheduler.start import take_turn
from scheduler.stop import NotPossible
from shared.hosting.runtime import Runtime
from shared.models.captures import CaptureState
from shared.models.hunts import Hunt
from shared.platform.errors import NotFound


@dataclass(frozen=True)
class Retried:
    """The result of `retry_failed`."""

    hunt: Hunt
    again: int  # captures that are requested again; 0 if none had failed
    same_project: bool = True  # False if the project is gone from the platform, and a new one is opened


def retry_failed(runtime: Runtime, hunt_id: str, *, by: str, retry_for: float) -> Retried:
    """Plan the failed captures of this hunt again, in its project if that still exists. `by` names who asks
    for it. While the platform is not available, opening a new project is retried for `retry_for` seconds.

    Raises KeyError if there is no such hunt, NotPossible if another hunt of its name is under way, CadoError
    and SecretError if the platform cannot be asked for the project.
    """
    ledger, hunt = runtime.ledger, runtime.ledger.hunts.get(hunt_id)
    if hunt is None:
        raise KeyError(hunt_id)
    # If a hunt that is over has planned captures, an earlier call of this function crashed after planning
    # them.
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
            plan_again(ledger, capture, f"attempt {capture.attempt} failed: {capture.reason}")
    hunt = ledger.hunts.retry(hunt, by=by, same_project=same)
    hunt = take_turn(runtime, hunt) or hunt  # if another hunt was faster, `follow` continues later
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
