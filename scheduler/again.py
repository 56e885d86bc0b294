"""Starts the hunt of one system that a person asked for from its case.

`receiver/cases/capturing_again.py` has checked the request and counted it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from scheduler.plan import Plan
from scheduler.start import BY_HAND, start
from shared.hosting.runtime import Runtime
from shared.models.captures import Capture
from shared.models.captures_again import CaptureAgain
from shared.models.codec import load
from shared.models.hunts import Hunt


def on_again(runtime: Runtime, event: Mapping[str, Any]) -> Hunt:
    """Start the hunt. Safe to repeat. Raises ValueError if the event is not what the receiver writes."""
    try:
        asked = load(CaptureAgain, event["again"])
    except ValidationError:
        raise ValueError("not a request to capture a system again") from None
    trigger = f"{BY_HAND}{asked.by}: the system of case {asked.case_key} again"
    hunt = replace(asked.hunt, trigger=trigger)
    capture = Capture(hunt.id, asked.system, mode=asked.mode, facts=asked.facts)
    return start(runtime, Plan(hunt, (capture,)), retry_for=runtime.config.platform.retry_for)
