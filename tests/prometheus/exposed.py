"""What `/metrics` of a `serve` really shows, by name: the labels of its series and their values."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from prometheus_client.parser import text_string_to_metric_families
from werkzeug.test import Client

from cli import serve_metrics
from shared.config.config import Config
from shared.hosting.runtime import Runtime, local
from shared.local.server import Server
from shared.metrics.instruments import recorded_by
from shared.metrics.memory import Memory
from shared.models.alarms import Alarm
from shared.models.cases import Case
from shared.models.coverage import Listing
from shared.models.events import Event
from shared.models.severity import Severity

TOKEN = "a-token-of-the-metrics"
# What Prometheus adds to each series of a target.
OF_THE_TARGET = {"instance", "job"}
CONFIG: dict[str, Any] = {
    "platform": {"url": "https://cado.example", "api_key": "env:KEY"},
    "metrics": {"token": "env:METRICS_TOKEN"},
    "destinations": {"soc": {"type": "slack", "webhook_url": "env:SLACK"}},
    "default": ["soc"],
}


@dataclass
class Series:
    """The series of one name."""

    labels: set[str] = field(default_factory=lambda: set(OF_THE_TARGET))
    values: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))


def exposed(folder: Path) -> dict[str, Series]:
    """The page of a `serve` in which something waits and a case is open, so that every metric is there."""
    environ = {"KEY": "k", "METRICS_TOKEN": TOKEN, "SLACK": "https://hooks.slack.example/x"}
    runtime = local(Config.model_validate(CONFIG), folder, environ)
    _fill(runtime)
    with recorded_by(Memory()):  # what was installed before comes back
        memory = serve_metrics.begin(runtime.config, started_at=1.0)
        page = serve_metrics.metrics_page(memory, runtime, cast(Server, _NoProblems()))
        assert page
        answer = Client(page).get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 200
    found: dict[str, Series] = defaultdict(Series)
    for family in text_string_to_metric_families(answer.get_data(as_text=True)):
        for sample in family.samples:
            series = found[sample.name]
            series.labels |= sample.labels.keys()
            for label, value in sample.labels.items():
                series.values[label].add(value)
    return dict(found)


def _fill(runtime: Runtime) -> None:
    now = runtime.now()
    for queue in (runtime.captures, runtime.events, runtime.deliveries):
        queue.put(b"it waits")
    alarm = Alarm(Event("e1", "processing_with_alarms", now, project_id=3), Severity.MALICIOUS, malicious=1)
    runtime.ledger.cases.change("project/3/x", lambda _: Case(alarm, ("soc",), opened_at=now, alarms=1))
    runtime.ledger.listings.save(Listing(now, listed=1))


class _NoProblems:
    """A server of which every thread works."""

    def problems(self) -> list[str]:
        return []
