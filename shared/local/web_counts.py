"""What the web process counted, on its way to the process that shows it: its metrics, and the refusals."""

from __future__ import annotations

import json
from collections import Counter as Counts
from collections.abc import Callable

from shared.metrics.definitions import ALL
from shared.metrics.instruments import Counter, Gauge, Histogram, Recorder

# Anybody may send from many addresses. The refusals of further ones are counted without an address.
MOST_REFUSED = 200

# Called with status, reason, sender and number.
OnRefused = Callable[[int, str, str, int], None]


class WebCounts:
    """Collects in the web process. Not safe to use from several threads."""

    def __init__(self) -> None:
        self._added: Counts[tuple[str, tuple[str, ...]]] = Counts()
        self._refused: Counts[tuple[int, str, str]] = Counts()

    def add(self, metric: Counter, by: float, labels: tuple[str, ...]) -> None:
        self._added[metric.name, labels] += int(by)

    def set(self, metric: Gauge, value: float, labels: tuple[str, ...]) -> None:
        raise NotImplementedError(f"the web process has no gauge {metric.name}")

    def observe(self, metric: Histogram, seconds: float, labels: tuple[str, ...]) -> None:
        raise NotImplementedError(f"the web process has no histogram {metric.name}")

    def refused(self, status: int, reason: str, sender: str) -> None:
        key = status, reason, sender
        full = len(self._refused) >= MOST_REFUSED and key not in self._refused
        self._refused[(status, reason, "") if full else key] += 1

    def __bool__(self) -> bool:
        return bool(self._added or self._refused)

    def encode(self) -> bytes:
        counts = {"added": list(self._added.items()), "refused": list(self._refused.items())}
        return json.dumps(counts).encode()

    def clear(self) -> None:
        self._added.clear()
        self._refused.clear()


def count(content: bytes, recorder: Recorder, refused: OnRefused) -> None:
    """Add what another process collected."""
    metrics = {metric.name: metric for metric in ALL if isinstance(metric, Counter)}
    counts = json.loads(content)
    for (name, labels), by in counts["added"]:
        recorder.add(metrics[name], by, tuple(labels))
    for (status, reason, sender), number in counts["refused"]:
        refused(status, reason, sender, number)
