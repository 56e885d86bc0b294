"""The instruments that code measures with, and where their measurements go.

Code counts and observes; it does not know who reads the figures. A process that shows them installs a
recorder at its start. `serve` keeps them in memory for Prometheus (memory.py). A Lambda function writes them
to its log for CloudWatch (shared/hosting/metrics.py). In every other process, such as a command, nothing
is recorded.

No label takes values from outside as they are: each has a fixed set of values or holds names from the
configuration. So the number of series is bounded. This module imports little, because the web room uses it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

PREFIX = "huntbridge_"
OTHER = "other"  # replaces a label's value that is not known
# The boundaries of a histogram's buckets in seconds. A message may take a moment, or an hour after an outage.
BUCKETS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0)


@dataclass(frozen=True)
class Label:
    """A label of a metric. `values` are all that it can have; without them its values are names from the
    configuration."""

    name: str
    values: tuple[str, ...] = ()

    def known(self, value: str) -> str:
        """The value, or OTHER in its place."""
        return value if not self.values or value in self.values else OTHER


@dataclass(frozen=True)
class Metric:
    """What all instruments have. `name` is without PREFIX, and ends with the unit. `help` is one sentence for
    the people who read the figures."""

    name: str
    help: str
    labels: tuple[Label, ...] = ()

    @property
    def full_name(self) -> str:
        return f"{PREFIX}{self.name}"

    @property
    def unit(self) -> str:
        """The base unit in the name; empty for a plain number."""
        return "seconds" if self.name.removesuffix("_total").endswith("_seconds") else ""

    def values_of(self, labels: dict[str, str]) -> tuple[str, ...]:
        """The values of the labels in the order of `self.labels`. Raises KeyError if one is missing."""
        return tuple(label.known(labels[label.name]) for label in self.labels)


class Counter(Metric):
    """A number that only grows, until the process ends."""

    def add(self, by: float = 1.0, **labels: str) -> None:
        _current.add(self, by, self.values_of(labels))


class Gauge(Metric):
    """A number that goes up and down, or a moment in epoch seconds."""

    def set(self, value: float, **labels: str) -> None:
        _current.set(self, value, self.values_of(labels))

    def read(self, value: float, **labels: str) -> Reading:
        """A value of this gauge that is read when somebody asks for it, and not recorded."""
        return Reading(self, value, self.values_of(labels))


class Histogram(Metric):
    """How often a duration fell between the boundaries of BUCKETS."""

    def observe(self, seconds: float, **labels: str) -> None:
        _current.observe(self, max(0.0, seconds), self.values_of(labels))


@dataclass(frozen=True)
class Reading:
    """One value of a gauge."""

    gauge: Gauge
    value: float
    labels: tuple[str, ...]  # in the order of `gauge.labels`


class Recorder(Protocol):
    """Where measurements go. Safe to use from several threads; raises nothing. `labels` are in the order of
    the metric's labels."""

    def add(self, metric: Counter, by: float, labels: tuple[str, ...]) -> None: ...

    def set(self, metric: Gauge, value: float, labels: tuple[str, ...]) -> None: ...

    def observe(self, metric: Histogram, seconds: float, labels: tuple[str, ...]) -> None: ...


class _Nothing:
    """Records nothing."""

    def add(self, metric: Counter, by: float, labels: tuple[str, ...]) -> None:
        pass

    def set(self, metric: Gauge, value: float, labels: tuple[str, ...]) -> None:
        pass

    def observe(self, metric: Histogram, seconds: float, labels: tuple[str, ...]) -> None:
        pass


_current: Recorder = _Nothing()  # one per process, as in logging


def install(recorder: Recorder) -> None:
    """Send the measurements of this process to `recorder` from now on."""
    global _current
    _current = recorder


@contextmanager
def recorded_by(recorder: Recorder) -> Iterator[None]:
    """Send the measurements of this process to `recorder` while the block runs."""
    before = _current
    install(recorder)
    try:
        yield
    finally:
        install(before)
