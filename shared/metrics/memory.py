"""Keeps the measurements of one process in memory, until somebody reads them."""

from __future__ import annotations

import itertools
import threading
from bisect import bisect_left
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from shared.metrics.definitions import ALL
from shared.metrics.instruments import BUCKETS, OTHER, Counter, Gauge, Histogram, Label, Metric, Reading

# Values of a label whose names are not known beforehand. All further ones are counted together.
_MOST_NAMES = 100


@dataclass
class Distribution:
    """The observations of a histogram. `counts` has one number for each bucket, and one for longer ones."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS) + 1))
    sum: float = 0.0

    def add(self, seconds: float) -> None:
        self.counts[bisect_left(BUCKETS, seconds)] += 1
        self.sum += seconds

    def cumulative(self) -> list[int]:
        return list(itertools.accumulate(self.counts))


Labels = tuple[str, ...]


class Memory:
    """A recorder. Counters and histograms with known labels are there from the start, at 0, so that a first
    failure is seen as a change."""

    def __init__(self, names: Mapping[str, Collection[str]] | None = None) -> None:
        """`names`: the values of labels that hold names from the configuration, by label. A label that is not
        in it may have any values, up to a limit."""
        self._names = {label: frozenset(known) for label, known in (names or {}).items()}
        self._seen: dict[str, set[str]] = {}
        self._lock = threading.Lock()
        self._values: dict[Metric, dict[Labels, float]] = {}
        self._distributions: dict[Metric, dict[Labels, Distribution]] = {}
        for metric in ALL:
            self._begin(metric)

    def _begin(self, metric: Metric) -> None:
        choices = [label.values or tuple(sorted(self._names.get(label.name, ()))) for label in metric.labels]
        every = list(itertools.product(*choices))
        if isinstance(metric, Counter):
            self._values[metric] = dict.fromkeys(every, 0.0) | self._values.get(metric, {})
        elif isinstance(metric, Histogram):
            known = self._distributions.get(metric, {})
            self._distributions[metric] = {labels: Distribution() for labels in every} | known

    def know(self, label: str, names: Collection[str]) -> None:
        """Count under these values of the label too, from now on."""
        with self._lock:
            self._names[label] = self._names.get(label, frozenset()) | frozenset(names)
            for metric in ALL:
                self._begin(metric)

    def add(self, metric: Counter, by: float, labels: Labels) -> None:
        with self._lock:
            values, labels = self._values.setdefault(metric, {}), self._bounded(metric, labels)
            values[labels] = values.get(labels, 0.0) + by

    def set(self, metric: Gauge, value: float, labels: Labels) -> None:
        with self._lock:
            self._values.setdefault(metric, {})[self._bounded(metric, labels)] = value

    def observe(self, metric: Histogram, seconds: float, labels: Labels) -> None:
        with self._lock:
            of_metric = self._distributions.setdefault(metric, {})
            of_metric.setdefault(self._bounded(metric, labels), Distribution()).add(seconds)

    def _bounded(self, metric: Metric, labels: Labels) -> Labels:
        return tuple(self._name(label, value) for label, value in zip(metric.labels, labels, strict=True))

    def _name(self, label: Label, value: str) -> str:
        if label.values:
            return value
        if label.name in self._names:
            return value if value in self._names[label.name] else OTHER
        seen = self._seen.setdefault(label.name, set())
        if len(seen) < _MOST_NAMES:
            seen.add(value)
        return value if value in seen else OTHER

    def values(self, metric: Metric) -> dict[Labels, float]:
        """The values of a counter or gauge now."""
        with self._lock:
            return dict(self._values.get(metric, {}))

    def distributions(self, metric: Metric) -> dict[Labels, Distribution]:
        """The observations of a histogram up to now."""
        with self._lock:
            found = self._distributions.get(metric, {})
            return {labels: Distribution(list(one.counts), one.sum) for labels, one in found.items()}

    def with_readings(self, readings: Iterable[Reading]) -> dict[Metric, dict[Labels, float]]:
        """The values of all counters and gauges, with those that were read just now."""
        with self._lock:
            values = {metric: dict(of_metric) for metric, of_metric in self._values.items()}
        for reading in readings:
            values.setdefault(reading.gauge, {})[reading.labels] = reading.value
        return values

    def value(self, metric: Metric, **labels: str) -> float:
        """The value of a counter or gauge with these labels; 0 if there is none. For a histogram, the number
        of its observations."""
        key = metric.values_of(labels)
        if isinstance(metric, Histogram):
            one = self.distributions(metric).get(key)
            return float(sum(one.counts)) if one else 0.0
        return self.values(metric).get(key, 0.0)
