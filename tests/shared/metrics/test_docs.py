"""docs/operate/metrics.md describes the metrics that there are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from shared.hosting.metrics import cloudwatch_name
from shared.metrics.definitions import ALL

PAGE = (Path(__file__).resolve().parents[3] / "docs/operate/metrics.md").read_text()
ROWS = {
    row[1]: row
    for row in re.finditer(r"^\| `(huntbridge_\w+)` \| (\w+) \| (.*?) \| (.*?) \| (.*?) ?\|$", PAGE, re.M)
}


def test_the_page_has_every_metric_and_no_other():
    assert set(ROWS) == {metric.full_name for metric in ALL}


@pytest.mark.parametrize("metric", ALL, ids=lambda metric: metric.name)
def test_a_metric_is_described_as_it_is(metric):
    _, kind, labels, help, cloudwatch = ROWS[metric.full_name].groups()
    assert kind == type(metric).__name__.lower()
    assert re.findall(r"`(\w+)`", labels) == [label.name for label in metric.labels]
    assert help == metric.help
    assert cloudwatch in ("", f"`{cloudwatch_name(metric)}`")
