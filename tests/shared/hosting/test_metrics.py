"""The lines from which CloudWatch reads metrics: their form and their limits."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from shared.hosting.metrics import Emf, cloudwatch_name
from shared.metrics import definitions as metrics
from shared.metrics.definitions import ALL
from shared.metrics.instruments import recorded_by

AT = datetime(2026, 11, 29, 10, 0, tzinfo=UTC)


@pytest.fixture
def emf():
    emf = Emf()
    with recorded_by(emf):
        yield emf


def written(emf: Emf, capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    emf.flush("the-function", AT)
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_counter(emf, capsys):
    metrics.DELIVERY_ATTEMPTS.add(destination="soc", outcome="delivered")
    metrics.DELIVERY_ATTEMPTS.add(2, destination="soc", outcome="delivered")
    (line,) = written(emf, capsys)

    assert line == {
        "_aws": {
            "Timestamp": int(AT.timestamp() * 1000),
            "CloudWatchMetrics": [
                {
                    "Namespace": "huntbridge",
                    "Dimensions": [["Function", "Destination", "Outcome"]],
                    "Metrics": [{"Name": "DeliveryAttempts", "Unit": "Count"}],
                }
            ],
        },
        "Function": "the-function",
        "Destination": "soc",
        "Outcome": "delivered",
        "DeliveryAttempts": 3,
    }
    assert written(emf, capsys) == []  # nothing is counted twice


def test_metrics_with_the_same_labels_share_a_line(emf, capsys):
    metrics.RATE_LIMIT_WAITS.add(destination="soc")
    metrics.RATE_LIMIT_WAIT_SECONDS.add(3.5, destination="soc")
    metrics.EVENT_TO_MESSAGE.observe(0.25, destination="soc")
    (line,) = written(emf, capsys)

    assert (line["RateLimitWaits"], line["RateLimitWaitSeconds"]) == (1, 3.5)
    assert line["EventToMessageSeconds"] == [0.25]


def test_no_line_has_more_than_100_values_of_a_metric(emf, capsys):
    for number in range(250):
        metrics.ENRICHMENT_SECONDS.observe(number, source="platform")
    lines = written(emf, capsys)

    assert [len(line["EnrichmentQuerySeconds"]) for line in lines] == [100, 100, 50]
    assert sum(sum(line["EnrichmentQuerySeconds"]) for line in lines) == sum(range(250))


def test_a_moment_becomes_an_age(emf, capsys):
    emf.read(
        [
            metrics.LAST_DELIVERED.read(AT.timestamp() - 90, destination="soc"),
            metrics.LAST_DELIVERED.read(0, destination="never"),
            metrics.STORE_UP.read(1),
        ]
    )
    lines = written(emf, capsys)

    ages = [line for line in lines if "DestinationLastDeliveredAgeSeconds" in line]
    assert [(line["Destination"], line["DestinationLastDeliveredAgeSeconds"]) for line in ages] == [
        ("soc", 90)
    ]
    assert [line["StoreUp"] for line in lines if "StoreUp" in line] == [1]


def test_a_name_that_cloudwatch_does_not_take(emf, capsys):
    metrics.RATE_LIMIT_WAITS.add(destination="é" * 2_000)
    metrics.RATE_LIMIT_WAITS.add(destination="")
    values = {line["Destination"] for line in written(emf, capsys)}

    assert values == {"?" * 1_024, "-"}


@pytest.mark.parametrize("metric", ALL, ids=lambda metric: metric.name)
def test_the_names_and_dimensions_are_within_the_limits(metric):
    assert len(cloudwatch_name(metric)) <= 255
    assert cloudwatch_name(metric).isalnum()
    assert len(metric.labels) + 1 <= 30
    assert len({cloudwatch_name(one) for one in ALL}) == len(ALL)


def test_what_is_written_when_the_invocation_fails(capsys):
    from shared.hosting import metrics as hosting

    with (
        recorded_by(hosting._emf),
        pytest.raises(ZeroDivisionError),
        hosting.flushed("the-function"),
    ):
        metrics.WEBHOOKS.add(outcome="accepted")
        raise ZeroDivisionError
    assert '"Webhooks": 1' in capsys.readouterr().out
