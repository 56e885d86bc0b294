from __future__ import annotations

import threading

import pytest

from shared.metrics import definitions as metrics
from shared.metrics.definitions import ALL, kind_label
from shared.metrics.instruments import BUCKETS, OTHER, Counter, Histogram, recorded_by
from shared.metrics.memory import Memory
from shared.models.event_kinds import PLATFORM_KINDS


@pytest.fixture
def memory():
    memory = Memory({"destination": ["soc", "tickets"]})
    with recorded_by(memory):
        yield memory


def test_every_known_series_is_there_from_the_start(memory):
    assert memory.values(metrics.DELIVERY_ATTEMPTS) == {
        (name, outcome): 0.0
        for name in ("soc", "tickets")
        for outcome in ("delivered", "retried", "rejected", "given_up")
    }
    assert set(memory.distributions(metrics.EVENT_TO_MESSAGE)) == {("soc",), ("tickets",)}
    assert memory.values(metrics.WEBHOOKS)["unauthorized",] == 0.0


def test_counters_add_up_and_nothing_is_recorded_outside(memory):
    metrics.WEBHOOKS.add(outcome="accepted")
    metrics.WEBHOOKS.add(2, outcome="accepted")
    with recorded_by(Memory()):
        metrics.WEBHOOKS.add(outcome="accepted")

    assert memory.value(metrics.WEBHOOKS, outcome="accepted") == 3


def test_a_value_that_is_not_known_is_counted_as_other(memory):
    metrics.EVENTS_HANDLED.add(kind=kind_label("a kind\nthat a webhook made up"), severity="malicious")
    metrics.DELIVERY_ATTEMPTS.add(destination="gone", outcome="delivered")

    assert memory.value(metrics.EVENTS_HANDLED, kind=OTHER, severity="malicious") == 1
    assert memory.values(metrics.DELIVERY_ATTEMPTS)[OTHER, "delivered"] == 1
    assert ("gone", "delivered") not in memory.values(metrics.DELIVERY_ATTEMPTS)


def test_names_that_are_not_known_beforehand_are_bounded():
    memory = Memory()
    with recorded_by(memory):
        for number in range(1_000):
            metrics.RATE_LIMIT_WAITS.add(destination=f"destination-{number}")

    values = memory.values(metrics.RATE_LIMIT_WAITS)
    assert len(values) == 101
    assert values[OTHER,] == 900


def test_a_histogram_counts_by_bucket(memory):
    for seconds in (0.05, 0.051, 3_600, 3_601, -1):  # a clock that was set back counts as no time
        metrics.EVENT_TO_MESSAGE.observe(seconds, destination="soc")

    found = memory.distributions(metrics.EVENT_TO_MESSAGE)["soc",]
    cumulative = dict(zip((*BUCKETS, float("inf")), found.cumulative(), strict=True))
    assert (cumulative[0.05], cumulative[0.1], cumulative[3_600], cumulative[float("inf")]) == (2, 3, 4, 5)
    assert found.sum == pytest.approx(7_201.101)


def test_counting_from_many_threads_loses_nothing(memory):
    def count():
        for _ in range(1_000):
            metrics.WEBHOOKS.add(outcome="accepted")

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert memory.value(metrics.WEBHOOKS, outcome="accepted") == 8_000


@pytest.mark.parametrize("kind", PLATFORM_KINDS)
def test_every_kind_of_the_platform_has_a_label(kind):
    kinds = metrics.EVENTS_HANDLED.labels[0]
    assert kinds.known(kind_label(kind)) != OTHER


@pytest.mark.parametrize("metric", ALL, ids=lambda metric: metric.name)
def test_the_names_follow_the_conventions(metric):
    assert metric.name.endswith("_total") == isinstance(metric, Counter)
    assert not isinstance(metric, Histogram) or metric.name.endswith("_seconds")
    assert metric.help.endswith(".")
    assert not {"job", "instance", "le"} & {label.name for label in metric.labels}  # Prometheus' own
    assert len(ALL) == len({one.full_name for one in ALL})


def test_the_number_of_series_is_bounded():
    """With ten destinations and fifteen timer jobs, before anything was counted."""
    names = {
        "destination": [f"destination-{number}" for number in range(10)],
        "timer_job": [f"job-{number}" for number in range(15)],
    }
    memory = Memory(names)
    series = sum(len(memory.values(metric)) for metric in ALL)
    series += sum(len(memory.distributions(metric)) * (len(BUCKETS) + 3) for metric in ALL)

    assert series < 600
