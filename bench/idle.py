"""What a `serve` uses that has nothing to do."""

from __future__ import annotations

import time

from bench.figures import Figures
from bench.serve import serving

_SETTLE = 8.0  # seconds after the start, in which every timer has run once


def measure(quick: bool) -> Figures:
    seconds = 6 if quick else 20
    with serving(["http://127.0.0.1:9/services/T/B/one"]) as serve:
        time.sleep(_SETTLE / 2 if quick else _SETTLE)
        before = serve.used()
        time.sleep(seconds)
        used = serve.used().since(before)
        return {
            "idle_cpu": used.cpu / seconds * 100,
            "idle_wake_ups": used.wake_ups / seconds,
            "idle_memory": used.resident / 1e6,
        }
