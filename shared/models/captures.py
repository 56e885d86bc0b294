"""A capture: one system in one hunt."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from shared.models.systems import System


class CaptureState(StrEnum):
    PLANNED = "planned"
    REQUESTED = "requested"
    RUNNING = "running"
    PROCESSED = "processed"
    FAILED = "failed"
    UNKNOWN = "unknown"  # the platform's answer was ambiguous; settled by looking at its pipelines


@dataclass(frozen=True)
class Preserved:
    """One disk or collection that the platform keeps, as it described it when the capture had ended."""

    evidence_id: int
    resource: str = ""  # such as vol-080c44054f2073a7f
    size_mb: int | None = None
    disk_hash: str = ""
    path: str = ""  # where the raw image is, such as s3://…


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
    released_at: datetime | None = None  # when it was its turn to be asked for; None: not yet
    attempt: int = 1  # one more each time that it is asked for again after the platform failed it
    earlier_pipeline_ids: tuple[int, ...] = ()  # of the attempts before
    processing_ids: tuple[int, ...] = ()  # the pipelines that its own ones started
    progress: str = ""  # how far its pipelines were when they were last seen to move
    progress_at: datetime | None = None
    stalled: bool = False  # and that was told
    preserved: tuple[Preserved, ...] = ()  # what the platform keeps of it
