"""A capture: one system in one hunt."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from shared.models.states import CaptureState as CaptureState
from shared.models.systems import Instance, System


@dataclass(frozen=True)
class Preserved:
    """One disk image or collection that the platform keeps, as the platform described it when the capture
    ended."""

    evidence_id: int
    resource: str = ""  # such as vol-080c44054f2073a7f
    size_mb: int | None = None
    disk_hash: str = ""
    path: str = ""  # of the raw image, such as s3://…


@dataclass(frozen=True)
class Capture:
    """One system in one hunt."""

    hunt_id: str
    system: System
    state: CaptureState = CaptureState.PLANNED
    mode: str = "full"
    project_id: int | None = None
    pipeline_ids: tuple[int, ...] = ()
    evidence_ids: tuple[int, ...] = ()
    malicious: int = 0
    suspicious: int = 0
    reason: str = ""  # why it failed, or why it is unknown
    requested_at: datetime | None = None
    ended_at: datetime | None = None
    released_at: datetime | None = None  # when it was queued for its request; None: not yet
    attempt: int = 1  # one more for each new request after a failure
    earlier_pipeline_ids: tuple[int, ...] = ()  # those of earlier attempts
    processing_ids: tuple[int, ...] = ()  # the pipelines that its own pipelines started
    progress: str = ""  # how far its pipelines have come
    progress_at: datetime | None = None  # when `progress` last changed
    stalled: bool = False  # an event about its lack of progress was raised
    worker_seconds: float | None = None  # that the platform's workers took, when it ended
    preserved: tuple[Preserved, ...] = ()  # what the platform keeps of the system
    facts: Instance | None = None  # what the platform said when the hunt was planned; None for EC2
