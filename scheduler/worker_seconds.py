"""Computes how long the platform's workers were busy with a capture, from its pipelines."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from shared.platform.answers import Pipeline


def worker_seconds(own: Sequence[Pipeline], processing: Sequence[Pipeline], now: datetime) -> float | None:
    """The seconds of all workers together. `own`: the pipelines of the capture itself. `processing`: those
    that they started, which is when they ended. All have ended by `now`; the platform does not list when.
    None if the platform does not say when they began."""
    total, now_ms = 0.0, now.timestamp() * 1_000
    for pipeline in (*own, *processing):
        began = pipeline.started_ms or pipeline.created_ms
        if began is None:
            return None
        followed = [each.created_ms for each in processing if each.triggered_by == pipeline.id]
        ended = min((moment for moment in followed if moment), default=now_ms)
        total += max(0.0, ended - began) / 1_000
    return total if own else None
