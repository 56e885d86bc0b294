"""Each fault of the chaos test at a real destination counts as the error that its alert watches."""

from __future__ import annotations

import random
import re

import pytest

from demo.serving import serving
from demo.slack.simulation import Slack
from receiver.assemble import destinations
from receiver.destinations.contract import NEW_CASE, Retry
from receiver.messages.message import Message
from shared.config.config import Config
from shared.hosting.runtime import local
from shared.http.deadlines import DeadlineExceeded, within
from shared.metrics.definitions import DELIVERY_RETRIES, TIMEOUT
from shared.models.severity import Severity
from tests.chaos.faults import Fault, Faulty
from tests.prometheus.rules import alerts
from tests.prometheus.test_outages import ALERT_OF_FAULT

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
