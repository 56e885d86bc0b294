"""Each fault of the chaos test at a real destination or at the platform counts as what its alert watches."""

from __future__ import annotations

import random
import re
from datetime import UTC, datetime

import pytest

from demo.serving import serving
from demo.slack.simulation import Slack
from receiver.assemble import destinations, enricher
from receiver.destinations.contract import NEW_CASE, Retry
from receiver.messages.message import Message
from shared.config.config import Config
from shared.hosting.runtime import local
from shared.http.deadlines import DeadlineExceeded, within
from shared.metrics.definitions import (
    DELIVERY_RETRIES,
    ENRICHMENT_QUERIES,
    ENRICHMENT_SECONDS,
    PLATFORM_REQUESTS,
    TIMEOUT,
)
from shared.metrics.instruments import BUCKETS, recorded_by
from shared.metrics.memory import Memory
from shared.models.events import Event
from shared.models.severity import Severity
from tests.chaos.faults import Fault, Faulty
from tests.prometheus.rules import alerts
from tests.prometheus.test_outages import ALERT_OF_FAULT
from tests.served import served_platform

MESSAGE = Message("e", "test", Severity.INFO, "t", "s")
AT_DESTINATIONS = sorted(set(ALERT_OF_FAULT) - {"slow"})  # a slow answer is no error of a destination


@pytest.mark.parametrize("kind", AT_DESTINATIONS)
def test_a_fault_counts_as_the_error_that_its_alert_watches(kind, tmp_path):
    slack = Slack(path="T/B/X", rate=None)
    app = slack.app
    faulty = Faulty(app.wsgi_app, lambda path: "slack", random.Random(1))
    app.wsgi_app = faulty  # type: ignore[method-assign]
    faulty.set("slack", Fault(kind, seconds=5.0 if kind == "hang" else 0.0))
    with serving(app) as url:
        config = Config.model_validate(
            {
                "platform": {"url": "https://cado.example", "api_key": "env:API_KEY"},
                "destinations": {"soc": {"type": "slack", "webhook_url": "env:SLACK"}},
            }
        )
        runtime = local(config, tmp_path, {"API_KEY": "k", "SLACK": url + slack.path})
        try:
            with within(2.0):
                outcome = destinations(runtime)["soc"].deliver(MESSAGE, NEW_CASE)
            assert isinstance(outcome, Retry)
            error_type = outcome.error_type
        except DeadlineExceeded:  # as receiver/deliveries/send.py records it
            error_type = TIMEOUT
        finally:
            faulty.release()

    assert error_type in DELIVERY_RETRIES.labels[1].values
    watched = re.search(r'error_type="(\w+)"', alerts()[ALERT_OF_FAULT[kind]]["expr"])
    assert watched
    assert error_type == watched[1]


def test_a_platform_that_is_down_or_slow_counts_as_what_its_alert_watches(tmp_path):
    memory = Memory()
    with served_platform((), {"k": "Lead Analyst"}) as platform, recorded_by(memory):
        faulty = Faulty(platform.app.wsgi_app, lambda path: "platform", random.Random(1))
        platform.app.wsgi_app = faulty  # type: ignore[method-assign]
        config = Config.model_validate({"platform": {"url": platform.url, "api_key": "env:API_KEY"}})
        about = enricher(local(config, tmp_path, {"API_KEY": "k"}))
        event = Event("e", "processing_with_alarms", datetime.now(UTC), project_id=7)
        faulty.set("platform", Fault("reset"))
        about.enrich(event)
        down = memory.value(PLATFORM_REQUESTS, outcome="unavailable")
        failed = memory.value(ENRICHMENT_QUERIES, source="platform", outcome="failed")
        faulty.set("platform", Fault("slow", seconds=1.0))
        about.enrich(event)

    assert down > 0
    assert failed > 0
    slow = memory.distributions(ENRICHMENT_SECONDS)["platform",]
    assert sum(slow.counts[BUCKETS.index(1.0) + 1 :]) > 0
