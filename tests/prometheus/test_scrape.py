"""A real Prometheus scrapes a running `serve`: every panel of the dashboard and every rule finds its figures.

It takes a minute, since rates need several scrapes. `make test-metrics` runs it.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from demo.serving import serving
from demo.slack.simulation import Slack
from tests.prometheus.rules import RULE_FILES, binary, panel_queries, rules
from tests.served import served_platform

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
TOKEN, METRICS_TOKEN = "a-token-of-the-webhook", "a-token-of-the-metrics"
# What is not there in a stack where nothing is wrong, open or hunted. Every other query gives a series.
EMPTY_WITHOUT = {
    "huntbridge_queue_oldest_item_timestamp_seconds": "an item that waits",
    "huntbridge_cases_oldest_timestamp_seconds": "an open case",
    "huntbridge_coverage_listed_systems": "a list of EC2",
    "huntbridge_coverage_unselected_systems": "a list of EC2",
    "huntbridge_destination_failing_since_timestamp_seconds": "a destination that fails",
    "instance:huntbridge_coverage:ratio": "a known system",
    "huntbridge_coverage_captured_systems": "a known system",
}
CONFIG = """
platform: {{url: "{platform}", api_key: env:API_KEY}}
webhook: {{tokens: env:WEBHOOK_TOKEN}}
metrics: {{listen: "127.0.0.1:{port}", token: env:METRICS_TOKEN}}
destinations:
  soc: {{type: slack, webhook_url: env:SLACK_WEBHOOK_URL}}
default: [soc]
follow: {{interval: 1}}
"""


_projects = itertools.count(7)


@dataclass(frozen=True)
class Served:
    metrics: int  # the port
    webhook: str  # the URL


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def process(arguments: list[str], log: Path, **options: Any) -> Iterator[subprocess.Popen[str]]:
    with log.open("a") as file:
        running = subprocess.Popen(arguments, stderr=file, stdout=subprocess.PIPE, text=True, **options)
    try:
        yield running
    finally:
        running.kill()
        running.wait()
        assert running.stdout
        running.stdout.close()


def eventually(condition: Any, within: float = 120.0) -> Any:
    deadline = time.monotonic() + within
    while not (value := condition()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.5)
    return value


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A `serve` that has delivered one alarm and refused one webhook."""
    folder, port = tmp_path_factory.mktemp("serve"), free_port()
    slack = Slack(path="T/B/X", rate=None)
    with served_platform((), {"k": "Lead Analyst"}) as platform, serving(slack.app) as slack_url:
        (folder / "huntbridge.yaml").write_text(CONFIG.format(platform=platform.url, port=port))
        environ = {
            **{name: os.environ[name] for name in ("PATH", "LANG", "PYTHONPATH") if name in os.environ},
            "HOME": str(folder),
            "HUNTBRIDGE_DATA": str(folder / "data"),
            "AWS_EC2_METADATA_DISABLED": "true",
            "API_KEY": "k",
            "WEBHOOK_TOKEN": TOKEN,
            "METRICS_TOKEN": METRICS_TOKEN,
            "SLACK_WEBHOOK_URL": slack_url + slack.path,
        }
        command = [sys.executable, "-m", "cli.main", "serve", "--port", "0"]
        command += ["--config", str(folder / "huntbridge.yaml")]
        with process(command, folder / "serve.log", env=environ) as running:
            assert running.stdout
            line = running.stdout.readline()
            assert "webhooks go to " in line, (folder / "serve.log").read_text()
            webhook = line.rsplit("webhooks go to ", 1)[1].strip()
            serving_now = Served(port, webhook)
            assert send(serving_now) == 202
            assert send(serving_now, token="wrong") == 401
            assert requests.get(webhook.replace("/webhooks/cado", "/metrics"), timeout=10).status_code == 404
            eventually(lambda: 'outcome="delivered"} 1.0' in scrape(port))
            yield serving_now


def send(served: Served, token: str = TOKEN) -> int:
    text = f"2 malicious alarms in project {next(_projects)}"
    body = {"event": "processing_with_alarms", "message": text, "token": token}
    return requests.post(served.webhook, json=body, timeout=10).status_code


def scrape(port: int, accept: str = "") -> str:
    headers = {"Authorization": f"Bearer {METRICS_TOKEN}", "Accept": accept}
    answer = requests.get(f"http://127.0.0.1:{port}/metrics", headers=headers, timeout=10)
    assert answer.status_code == 200
    return answer.text


@pytest.fixture(scope="module")
def prometheus(served: Served, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Prometheus that has scraped the server for half a minute."""
    folder, port = tmp_path_factory.mktemp("prometheus"), free_port()
    # JSON is YAML.
    (folder / "prometheus.yml").write_text(
        json.dumps(
            {
                "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
                "rule_files": [str(path) for path in RULE_FILES],
                "scrape_configs": [
                    {
                        "job_name": "huntbridge",
                        "authorization": {"credentials": METRICS_TOKEN},
                        "static_configs": [{"targets": [f"127.0.0.1:{served.metrics}"]}],
                    }
                ],
            }
        )
    )
    command = [
        binary("prometheus"),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with process(command, folder / "prometheus.log"):
        url = f"http://127.0.0.1:{port}"

        def ready() -> bool:
            try:
                return bool(query(url, 'count_over_time(up{job="huntbridge"}[1m]) > 20'))
            except requests.RequestException:
                return False

        eventually(ready)

        def asked() -> bool:
            send(served)  # a rate needs an increase while Prometheus looks
            return bool(query(url, "source:huntbridge_enrichment_failures:ratio_rate15m"))

        eventually(asked)  # the recording rules are evaluated every 30 s
        yield url


def query(url: str, expression: str) -> list[dict[str, Any]]:
    answer = requests.get(f"{url}/api/v1/query", params={"query": expression}, timeout=10).json()
    assert answer["status"] == "success", (expression, answer)
    result: list[dict[str, Any]] = answer["data"]["result"]
    return result


def test_the_metrics_are_well_named(served: Served) -> None:
    done = subprocess.run(
        [binary("promtool"), "check", "metrics"],
        input=scrape(served.metrics),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_prometheus_takes_every_sample(prometheus: str) -> None:
    (target,) = requests.get(f"{prometheus}/api/v1/targets", timeout=10).json()["data"]["activeTargets"]
    assert (target["health"], target["lastError"]) == ("up", "")
    (scraped,) = query(prometheus, "scrape_samples_scraped")
    assert float(scraped["value"][1]) > 290
    (webhooks,) = query(prometheus, 'huntbridge_webhooks_total{outcome="unauthorized"}')
    assert webhooks["value"][1] == "1"


def test_an_alarm_is_counted_in_every_room(served: Served) -> None:
    families = {family.name: family for family in text_string_to_metric_families(scrape(served.metrics))}

    def total(family: str, ending: str, **labels: str) -> float:
        return sum(
            sample.value
            for sample in families[family].samples
            if sample.name.endswith(ending) and labels.items() <= sample.labels.items()
        )

    sent = total("huntbridge_webhooks", "_total", outcome="accepted")
    assert sent >= 1
    assert total("huntbridge_events", "_total", kind="processing_with_alarms") >= 1
    assert total("huntbridge_enrichment_queries", "_total", source="platform") >= 1
    assert total("huntbridge_enrichment_query_seconds", "_count", source="platform") >= 1
    assert total("huntbridge_platform_requests", "_total") >= 1
    assert total("huntbridge_delivery_attempts", "_total", destination="soc", outcome="delivered") >= 1
    assert total("huntbridge_event_to_message_seconds", "_count", destination="soc") >= 1
    assert total("huntbridge_timer_job_last_success_timestamp_seconds", "", timer_job="clock") > 0


def without_reason(expression: str) -> bool:
    return not any(name in expression for name in EMPTY_WITHOUT)


@pytest.mark.parametrize(("title", "expression"), list(panel_queries()))
def test_every_panel_has_figures(prometheus: str, title: str, expression: str) -> None:
    found = query(prometheus, expression)
    assert found or not without_reason(expression), title


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.get("alert") or rule["record"])
def test_every_rule_reads_figures(prometheus: str, rule: dict[str, Any]) -> None:
    """Every selector of its expression finds series, also while an alert does not ring."""
    selectors = re.findall(r"(?:\w+:)?huntbridge_\w+(?::\w+)?(?:\{[^}]*\})?", rule["expr"])
    assert selectors or "up{" in rule["expr"]
    for selector in selectors:
        assert query(prometheus, selector) or not without_reason(selector), selector


def test_every_rule_is_healthy(prometheus: str) -> None:
    groups = requests.get(f"{prometheus}/api/v1/rules", timeout=10).json()["data"]["groups"]
    found = [rule for group in groups for rule in group["rules"]]
    assert len(found) == len(rules())
    assert {rule["health"] for rule in found} <= {"ok", "unknown"}
    assert not [rule for rule in found if rule.get("lastError")]
