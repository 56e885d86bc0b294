"""Emits metrics without a call: CloudWatch reads them from lines on stdout.

The lines are in the embedded metric format (docs.aws.amazon.com/AmazonCloudWatch, "Embedded metric format").
A line has at most 100 metrics and 100 values of each, and all its metrics have the same dimensions. This
module imports little, because the web function starts with it.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

from shared.metrics.instruments import Counter, Gauge, Histogram, Metric, Reading, install

NAMESPACE = "huntbridge"
MOST_VALUES = MOST_METRICS = 100
_LONGEST_VALUE = 1_024  # characters of a dimension's value
_MOMENT = "_timestamp_seconds"

_Value = tuple[str, float | list[float]]  # the unit and the value, or all values of one metric


def emit(function: str, at: datetime, **values: float) -> None:
    """Emit each value as a metric of its name, with the dimension Function that template.yaml's alarms
    use."""
    _write(at, {"Function": function}, {name: ("None", value) for name, value in values.items()})


def cloudwatch_name(metric: Metric) -> str:
    """The metric's name in CloudWatch, such as DeliveryAttempts. A moment becomes an age, because CloudWatch
    cannot compare a value with the present time."""
    name = metric.name.removesuffix("_total")
    if name.endswith(_MOMENT):
        name = name.removesuffix(_MOMENT) + "_age_seconds"
    return _camel(name)


class Emf:
    """A recorder that holds the measurements of one invocation until they are written."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[tuple[Metric, tuple[str, ...]], float] = {}
        self._gauges: dict[tuple[Metric, tuple[str, ...]], float] = {}
        self._observed: dict[tuple[Metric, tuple[str, ...]], list[float]] = {}

    def add(self, metric: Counter, by: float, labels: tuple[str, ...]) -> None:
        with self._lock:
            self._counts[metric, labels] = self._counts.get((metric, labels), 0.0) + by

    def set(self, metric: Gauge, value: float, labels: tuple[str, ...]) -> None:
        """Nothing is written. What a function sets is about its own process, which CloudWatch knows."""

    def observe(self, metric: Histogram, seconds: float, labels: tuple[str, ...]) -> None:
        with self._lock:
            self._observed.setdefault((metric, labels), []).append(round(seconds, 4))

    def read(self, readings: Sequence[Reading]) -> None:
        """Write these values of gauges at the next flush."""
        with self._lock:
            self._gauges |= {(reading.gauge, reading.labels): reading.value for reading in readings}

    def flush(self, function: str, at: datetime) -> None:
        """Write everything that was recorded since the last flush. A counter that did not grow is left
        out."""
        with self._lock:
            counts, self._counts = self._counts, {}
            gauges, self._gauges = self._gauges, {}
            observed, self._observed = self._observed, {}
        by_labels: dict[tuple[tuple[str, str], ...], dict[str, _Value]] = {}

        def put(metric: Metric, labels: tuple[str, ...], value: float | list[float]) -> None:
            unit = "Seconds" if metric.unit else "Count"
            by_labels.setdefault(_dimensions(metric, labels), {})[cloudwatch_name(metric)] = unit, value

        for (metric, labels), count in counts.items():
            put(metric, labels, count)
        for (metric, labels), value in gauges.items():
            if not metric.name.endswith(_MOMENT):
                put(metric, labels, value)
            elif value:  # 0 means never, which has no age
                put(metric, labels, max(0.0, round(at.timestamp() - value, 1)))
        for (metric, labels), values in observed.items():
            put(metric, labels, values)
        for dimensions, named in by_labels.items():
            for part in _parts(named):
                _write(at, {"Function": function, **dict(dimensions)}, part)


_emf = Emf()  # one per process, as stdout is


def record() -> None:
    """Record the measurements of this process from now on, to be written at the end of each invocation."""
    install(_emf)


def read(readings: Sequence[Reading]) -> None:
    """Write these values of gauges at the end of the invocation."""
    _emf.read(readings)


@contextmanager
def flushed(function: str) -> Iterator[None]:
    """Write what was recorded when the block ends, whether it failed or not."""
    try:
        yield
    finally:
        _emf.flush(function, datetime.now(UTC))


def _dimensions(metric: Metric, labels: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """CloudWatch takes ASCII only, and no empty value."""
    return tuple(
        (_camel(label.name), value.encode("ascii", "replace").decode()[:_LONGEST_VALUE] or "-")
        for label, value in zip(metric.labels, labels, strict=True)
    )


def _parts(named: Mapping[str, _Value]) -> Iterator[dict[str, _Value]]:
    """The same metrics in parts of which each fits into one line."""
    rest = dict(named)
    while rest:
        part: dict[str, _Value] = {}
        later: dict[str, _Value] = {}
        for name, (unit, value) in rest.items():
            if len(part) == MOST_METRICS:
                later[name] = unit, value
            elif isinstance(value, list) and len(value) > MOST_VALUES:
                part[name], later[name] = (unit, value[:MOST_VALUES]), (unit, value[MOST_VALUES:])
            else:
                part[name] = unit, value
        yield part
        rest = later


def _write(at: datetime, dimensions: dict[str, str], values: Mapping[str, _Value]) -> None:
    line = {
        "_aws": {
            "Timestamp": int(at.timestamp() * 1000),
            "CloudWatchMetrics": [
                {
                    "Namespace": NAMESPACE,
                    "Dimensions": [list(dimensions)],
                    "Metrics": [{"Name": name, "Unit": unit} for name, (unit, _) in values.items()],
                }
            ],
        },
        **dimensions,
        **{name: value for name, (_, value) in values.items()},
    }
    sys.stdout.write(f"{json.dumps(line)}\n")
    sys.stdout.flush()


def _camel(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("_"))
