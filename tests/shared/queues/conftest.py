"""Dead letters and heartbeats are seen at the destinations, so their tests use the receiver's stage."""

from __future__ import annotations

from tests.receiver.conftest import make_stage, stage

__all__ = ["make_stage", "stage"]
