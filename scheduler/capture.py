"""One item of [captures]: ask the platform for one capture, and write down its pipelines.

The request is not idempotent. So the ledger says `unknown` before it is sent; whoever finds `unknown`,
after a crash or an answer that left it open, looks at the project's pipelines before asking again.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

from scheduler.clock_errors import corrected_captures
from scheduler.ending import end_stopped, fail_capture
from scheduler.release import may_start
from shared.hosting.runtime import Runtime
from shared.models.captures import Capture, CaptureState
from shared.models.hunts import hunt_name
from shared.models.systems import System
from shared.platform.client import Cado
from shared.platform.errors import CadoError, Unauthorized, Unavailable
from shared.queues.ports import Again, Dead, Done, Verdict
from shared.queues.worker import backoff
from shared.secrets import SecretError

log = logging.getLogger(__name__)

# Seconds between two looks at the project while it is open whether a capture was started.
LOOK_EVERY = 10.0
_KEY = "the key"  # a cause that all captures of a hunt share


def capture(runtime: Runtime, hunt_id: str, system: System, *, until: float, attempts: int) -> Verdict:
    """`until` (epoch seconds): from then on an absent platform, or a key that cannot be read, means that the
    capture failed."""
    hunt = runtime.ledger.hunts.get(hunt_id)
    found = runtime.ledger.captures.get(hunt_id, system)
    if hunt is None or hunt.project_id is None or found is None:
        return Dead(f"hunt {hunt_id} has no open project in the ledger")
    (found,) = corrected_captures(runtime.ledger, [found], runtime.now())
    if found.state not in (CaptureState.PLANNED, CaptureState.UNKNOWN):
        return Done()
    try:
        cado = runtime.cado  # its key is read before the ledger says that the platform was asked
        if found.state is CaptureState.UNKNOWN:
            looked = _look(runtime, cado, found, hunt.project_id)
            if isinstance(looked, Again):
                return looked
            found = looked
        if found.state is CaptureState.PLANNED and hunt.stopped_by:
            end_stopped(runtime, hunt, found)
            return Done()
        if found.state is CaptureState.PLANNED and not may_start(runtime, hunt):
            runtime.ledger.captures.update(found, released_at=None)  # it has its turn in the next window
            return Done()
        if found.state is CaptureState.PLANNED and not _ask(runtime, cado, found, hunt.project_id):
            return Again(LOOK_EVERY, "another worker is asking for it")
        return Done()
    except (Unavailable, SecretError) as error:
        if runtime.now().timestamp() < until:
            after = error.after if isinstance(error, Unavailable) else None
            return Again(after or backoff(attempts), str(error))
        if isinstance(error, SecretError):
            fail_capture(runtime, found, str(error), same=_KEY)
        else:
            fail_capture(runtime, found, f"the platform was not available: {error}")
        return Done()
    except Unauthorized as error:
        fail_capture(runtime, found, str(error), same=_KEY)
        return Done()
    except CadoError as error:
        fail_capture(runtime, found, str(error))
        return Done()


def _ask(runtime: Runtime, cado: Cado, planned: Capture, project_id: int) -> bool:
    """False where another worker, with the same item or its twin, was faster: nothing was asked here."""
    system = planned.system
    account = runtime.config.account(system.account)
    options = _options(runtime, planned)
    asked_at = runtime.now()
    if not runtime.ledger.captures.claim(
        planned,
        state=CaptureState.UNKNOWN,
        reason="the platform was asked and has not answered",
        project_id=project_id,
        requested_at=asked_at,
    ):
        return False
    try:
        pipelines = cado.capture_ec2(
            project_id,
            system.instance,
            system.region,
            cloud_id=account.cado_account if account else "",
            mode=planned.mode,
            **options,
        )
    except Unavailable as error:
        if not error.ambiguous:  # it was certainly not carried out, so it may simply be asked again
            runtime.ledger.captures.update(planned, state=CaptureState.PLANNED, reason=str(error))
        raise
    runtime.ledger.captures.update(planned, state=CaptureState.REQUESTED, reason="", pipeline_ids=pipelines)
    log.info("capture of %s in project %d: pipelines %s", system.key, project_id, pipelines)
    return True


def _options(runtime: Runtime, capture: Capture) -> dict[str, Any]:
    definition = runtime.config.hunts.get(hunt_name(capture.hunt_id))
    if definition is None:
        return {}
    options: dict[str, Any] = {}
    if definition.skip_processing and capture.mode != "scan":
        options["skip_processing"] = True
    if definition.host_options and capture.mode == "triage":
        options["host_options"] = definition.host_options.model_dump(mode="json", exclude_unset=True)
    return options


def _look(runtime: Runtime, cado: Cado, unknown: Capture, project_id: int) -> Capture | Again:
    """Settle an unknown capture: its pipelines if the platform has any, or planned again once the platform
    has had time enough to show them."""
    instance = unknown.system.instance
    pipelines = tuple(
        pipeline.id
        for pipeline in cado.pipelines(project_id)
        if pipeline.triggered_by is None
        and instance in pipeline.name
        and pipeline.id not in unknown.earlier_pipeline_ids
    )
    if pipelines:
        log.info("capture of %s was started after all: pipelines %s", unknown.system.key, pipelines)
        return runtime.ledger.captures.update(
            unknown, state=CaptureState.REQUESTED, reason="", pipeline_ids=pipelines
        )
    asked_at = unknown.requested_at or runtime.now()
    wait = timedelta(seconds=runtime.config.platform.settle_after) - (runtime.now() - asked_at)
    if wait > timedelta(0):
        return Again(min(LOOK_EVERY, wait.total_seconds()), "looking whether the capture was started")
    log.info("capture of %s was not started; asking again", unknown.system.key)
    return runtime.ledger.captures.update(unknown, state=CaptureState.PLANNED, reason="")
