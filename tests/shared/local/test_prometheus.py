"""The page /metrics as Prometheus asks for it: whole requests in, whole pages out."""

from __future__ import annotations

from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text
from werkzeug.test import Client

from shared.local.prometheus import MetricsPage, beside
from shared.metrics import definitions as metrics
from shared.metrics.instruments import recorded_by
from shared.metrics.memory import Memory
from shared.secrets import Secret

TOKENS = [Secret("the-current-token"), Secret("the-previous-token")]
OPENMETRICS = {"Accept": "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"}


@pytest.fixture
def memory():
    memory = Memory({"destination": ["soc"], "timer_job": ["follow"]})
    with recorded_by(memory):
        yield memory


def page(memory: Memory, **options: Any) -> Client:
    return Client(MetricsPage(memory, lambda: [metrics.STORE_UP.read(1)], options.get("tokens")))


def test_the_text_format(memory):
    metrics.WEBHOOKS.add(outcome="accepted")
    metrics.EVENT_TO_MESSAGE.observe(0.2, destination="soc")
    answer = page(memory).get("/metrics")

    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    text = answer.get_data(as_text=True)
    assert 'huntbridge_webhooks_total{outcome="accepted"} 1.0\n' in text
    assert "# TYPE huntbridge_webhooks_total counter\n" in text
    assert 'huntbridge_event_to_message_seconds_bucket{destination="soc",le="0.1"} 0.0\n' in text
    assert 'huntbridge_event_to_message_seconds_bucket{destination="soc",le="0.25"} 1.0\n' in text
    assert 'huntbridge_event_to_message_seconds_bucket{destination="soc",le="+Inf"} 1.0\n' in text
    assert "huntbridge_store_up 1.0\n" in text
    families = {family.name for family in read_text(text)}
    assert "huntbridge_timer_job_failures" in families


def test_openmetrics_for_who_asks_for_it(memory):
    answer = page(memory).get("/metrics", headers=OPENMETRICS)

    assert answer.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
    text = answer.get_data(as_text=True)
    assert text.endswith("# EOF\n")
    assert "# UNIT huntbridge_rate_limit_wait_seconds seconds\n" in text
    families = {family.name: family for family in read_openmetrics(text)}
    assert families["huntbridge_webhooks"].type == "counter"


def test_a_hostile_name_cannot_break_the_format(memory):
    broken = Memory({"destination": ['a"} 1\nhuntbridge_store_up 0\n# \\']})
    text = page(broken).get("/metrics").get_data(as_text=True)

    assert "\nhuntbridge_store_up 0" not in text
    list(read_text(text))


@pytest.mark.parametrize("token", ["the-current-token", "the-previous-token"])
def test_a_valid_token_is_let_in(memory, token):
    headers = {"Authorization": f"Bearer {token}"}
    assert page(memory, tokens=lambda: TOKENS).get("/metrics", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "authorization",
    ["", "Bearer", "Bearer wrong", "Bearer the-current-tokenx", "Basic the-current-token", "Bearer é"],
)
def test_a_wrong_or_missing_token_gets_no_figure(memory, authorization):
    answer = page(memory, tokens=lambda: TOKENS).get("/metrics", headers={"Authorization": authorization})

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert "huntbridge_" not in answer.get_data(as_text=True)


def test_a_token_that_cannot_be_read_lets_nobody_in(memory):
    answer = page(memory, tokens=list).get("/metrics", headers={"Authorization": "Bearer "})
    assert answer.status_code == 503


def test_other_requests(memory):
    client = page(memory)
    assert client.get("/").status_code == 404
    assert client.get("/metrics/").status_code == 404
    post = client.post("/metrics")
    assert (post.status_code, post.headers["Allow"]) == (405, "GET, HEAD")
    head = client.head("/metrics")
    assert (head.status_code, head.get_data()) == (200, b"")
    assert int(head.headers["Content-Length"]) > 1_000


def test_beside_another_application(memory):
    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"the application"]

    client = Client(beside(app, MetricsPage(memory, list, lambda: TOKENS)))
    assert client.get("/metrics").status_code == 401
    assert client.get("/metricsx").get_data() == b"the application"
    assert client.get("/").get_data() == b"the application"
