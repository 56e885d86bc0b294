"""Handles one item of [captures]: requests one capture from the platform, and stores its pipelines.

The request is not idempotent. So the capture is stored as `unknown` before the request is sent. If a capture
is still `unknown` after a crash or an ambiguous answer, huntbridge looks for it among the project's pipelines
before it requests the capture again.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import replace
from datetime import timedelta
from typing import Any

from scheduler.capture_slots import CaptureSlots, NoSlot
from scheduler.clock_errors import corrected_captures
from scheduler.ending import end_stopped, fail_capture
from scheduler.recognise import NOT_AVAILABLE, PERHAPS_BEGUN, recognise
from scheduler.release_captures import may_start
from shared.config.accounts import AccountConfig
from shared.hosting.runtime import Runtime
from shared.models.captures import Capture, CaptureState
from shared.models.hunts import hunt_name
from shared.models.kinds_of_system import CONTAINERS
from shared.models.systems import Kind, System
from shared.platform.client import Cado
from shared.platform.errors import CadoError, NotFound, Unauthorized, Unavailable
from shared.platform.imports import CaptureOptions, Export
from shared.queues.ports import Again, Dead, Done, Verdict
from shared.queues.worker import backoff
from shared.secrets import SecretError

log = logging.getLogger(__name__)

# Seconds between two checks of the project while it is not known whether a capture was started.
LOOK_EVERY = 10.0
OTHERS_SETTLE = timedelta(seconds=60)
SLOT_WITHIN = 10.0  # seconds to wait until fewer requests are under way
_BUSY = (429, 503)
_KEY, _GONE = "the key", "gone"  # causes of failure that captures of a hunt share
GONE = "it is gone since the hunt was planned"  # a pod or a task, which live shortly


def capture(
    runtime: Runtime,
    hunt_id: str,
    system: System,
    *,
    slots: CaptureSlots,
    until: float,
    claims: int,
) -> Verdict:
    """Work on one item. If the platform is not available or its key cannot be read, the capture is tried
    again until `until` (epoch seconds), and fails after that. A request holds one of the `slots` until it is
    answered."""
    hunt = runtime.ledger.hunts.get(hunt_id)
    stored = runtime.ledger.captures.get(hunt_id, system)
    if hunt is None or hunt.project_id is None or stored is None:
        return Dead(f"hunt {hunt_id} has no open project in the ledger")
    (current,) = corrected_captures(runtime.ledger, [stored], runtime.now())
    if current.state not in (CaptureState.PLANNED, CaptureState.UNKNOWN):
        return Done()
    try:
        cado = runtime.cado  # reads the key first: the ledger must not yet say that a request was sent
        if current.state is CaptureState.UNKNOWN:
            looked = _look(runtime, cado, current, hunt.project_id)
            if isinstance(looked, Again):
                return looked
            current = looked
        if current.state is CaptureState.PLANNED and hunt.stopped_by:
            end_stopped(runtime, hunt, current)
            return Done()
        if current.state is CaptureState.PLANNED and not may_start(runtime, hunt):
            runtime.ledger.captures.update(current, released_at=None)  # released again in the next window
            return Done()
        if current.state is not CaptureState.PLANNED:
            return Done()
        # The slot comes first: the ledger says that a request was sent only while one is under way.
        with slots.slot(SLOT_WITHIN):
            asked = _ask(runtime, cado, current, hunt.project_id)
        return Done() if asked else Again(LOOK_EVERY, "another worker is asking for it")
    except NoSlot as wait:
        return Again(wait.after, str(wait), expected=True)
    except (Unavailable, SecretError) as error:
        if runtime.now().timestamp() < until:
            after = (error.after if isinstance(error, Unavailable) else None) or backoff(claims)
            if isinstance(error, Unavailable) and error.status in _BUSY:
                slots.pause(after)
            return Again(after, str(error))
        if isinstance(error, SecretError):
            fail_capture(runtime, current, str(error), same=_KEY)
        else:
            fail_capture(runtime, current, f"{NOT_AVAILABLE}: {error}")
        return Done()
    except Unauthorized as error:
        fail_capture(runtime, current, str(error), same=_KEY)
        return Done()
    except CadoError as error:
        fail_capture(runtime, current, str(error))
        return Done()


def _ask(runtime: Runtime, cado: Cado, planned: Capture, project_id: int) -> bool:
    """Request the capture. False if another worker has claimed the capture; then this call sent nothing."""
    system = planned.system
    account = runtime.config.account(system.account)
    if account is None and system.account and system.kind is not Kind.EC2:
        fail_capture(runtime, planned, f"the configuration has no account {system.account} any more")
        return True
    options = _options(runtime, planned, account)
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
        pipelines = cado.capture(
            project_id,
            system,
            account.cado_account if account else "",
            planned.mode,
            facts=planned.facts,
            options=options,
        )
    except Unavailable as error:
        if not error.ambiguous:  # the request was certainly not carried out, so it may be repeated
            runtime.ledger.captures.update(planned, state=CaptureState.PLANNED, reason=str(error))
        raise
    except NotFound:
        if system.kind not in CONTAINERS:
            raise
        fail_capture(runtime, planned, GONE, same=_GONE)
        return True
    runtime.ledger.captures.update(planned, state=CaptureState.REQUESTED, reason="", pipeline_ids=pipelines)
    log.info(
        "capture requested",
        extra=_keys(planned) | {"project": project_id, "pipelines": pipelines},
    )
    return True


def _options(runtime: Runtime, capture: Capture, account: AccountConfig | None) -> CaptureOptions:
    """What the definition and the account say about this capture. Each kind of system takes what it has."""
    definition = runtime.config.hunts.get(hunt_name(capture.hunt_id))
    options = CaptureOptions(file_name=_file_name(capture))
    if definition and definition.skip_processing and capture.mode != "scan":
        options = replace(options, skip_processing=True)
    if definition and definition.host_options and capture.mode == "triage":
        host_options = definition.host_options.model_dump(mode="json", exclude_unset=True)
        options = replace(options, host_options=host_options)
    if account and account.acquisition_resource_group:
        options = replace(options, acquisition_resource_group=account.acquisition_resource_group)
    if account and account.export:
        export = account.export
        options = replace(
            options,
            export=Export(
                export.project, export.bucket, export.subnet or "", export.acquisition_service_account
            ),
        )
    return options


def _file_name(capture: Capture) -> str:
    """The name of the archive of a container on ECS: no two captures have the same."""
    text = f"{capture.hunt_id} {capture.system.key} {capture.attempt}"
    return f"hb-{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def _look(runtime: Runtime, cado: Cado, unknown: Capture, project_id: int) -> Capture | Again:
    """Find out whether an unknown capture was started: then the platform has pipelines for it. If there are
    still none when `settle_after` is over, the capture is planned again. If there are some that may be its
    own, it is never requested again."""
    settle_after = runtime.config.platform.settle_after
    found = recognise(
        unknown,
        list(cado.pipelines(project_id)),
        lambda: runtime.ledger.captures.of_hunt(unknown.hunt_id),
        settle_after,
    )
    if found.own:
        log.info("capture was started after all", extra=_keys(unknown) | {"pipelines": found.own})
        return runtime.ledger.captures.update(
            unknown, state=CaptureState.REQUESTED, reason="", pipeline_ids=found.own
        )
    asked_at = unknown.requested_at or runtime.now()
    # Requests of other workers that are under way need a moment until their pipelines are known as theirs.
    wait = timedelta(seconds=settle_after) - (runtime.now() - asked_at)
    wait += OTHERS_SETTLE if found.perhaps else timedelta(0)
    if wait > timedelta(0):
        return Again(min(LOOK_EVERY, wait.total_seconds()), "looking whether the capture was started")
    if found.perhaps:
        return fail_capture(
            runtime, unknown, f"{PERHAPS_BEGUN}: look at its pipelines in project {project_id}"
        )
    log.info("capture was not started and is requested again", extra=_keys(unknown))
    return runtime.ledger.captures.update(unknown, state=CaptureState.PLANNED, reason="")


def _keys(capture: Capture) -> dict[str, Any]:
    return {"hunt": capture.hunt_id, "system": capture.system.key}
