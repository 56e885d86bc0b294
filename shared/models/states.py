"""The states of a hunt and of a capture. A module of their own, since the web function starts with it: it
counts both and needs nothing else of them."""

from __future__ import annotations

from enum import StrEnum


class HuntState(StrEnum):
    PLANNED = "planned"  # recorded; the platform has no project for it yet
    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"  # no capture could be requested: the key was refused, or the platform stayed down
    SKIPPED = "skipped"  # not started, since the previous hunt of its name was still running
    EMPTY = "nothing captured"  # all captures have ended, and none succeeded
    STOPPED = "stopped"  # a person stopped it


class CaptureState(StrEnum):
    PLANNED = "planned"
    REQUESTED = "requested"
    RUNNING = "running"
    PROCESSED = "processed"
    FAILED = "failed"
    UNKNOWN = "unknown"  # whether the platform accepted it is unclear; its list of pipelines will show it
