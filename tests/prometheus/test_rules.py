"""The rules for Prometheus and the dashboard for Grafana fit the metrics; each alert rings when it should."""

from __future__ import annotations

import re
import subprocess

import click
import pytest
import yaml

from cli.main import main
from shared.metrics.definitions import ALL
from shared.metrics.instruments import Histogram
from tests.cli_commands import below
from tests.prometheus.rules import (
    DASHBOARD,
    RULE_FILES,
    RULE_TESTS,
    alerts,
    binary,
    metric_names,
    panel_queries,
    rules,
)

FAMILIES = {metric.full_name for metric in ALL}


def promtool(*arguments: str) -> None:
    done = subprocess.run([binary("promtool"), *arguments], capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_rules_are_valid():
    promtool("check", "rules", *map(str, RULE_FILES))


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_each_alert_rings_and_stays_quiet_when_it_should():
    promtool("test", "rules", *map(str, RULE_TESTS))


def test_each_alert_has_a_test_where_it_rings_and_one_where_it_is_quiet():
    documents = [yaml.safe_load(path.read_text()) for path in RULE_TESTS]
    tests = [rule for one in documents for test in one["tests"] for rule in test.get("alert_rule_test", ())]
    rings = {test["alertname"] for test in tests if test["exp_alerts"]}
    quiet = {test["alertname"] for test in tests if not test["exp_alerts"]}

    assert rings == quiet == set(alerts())


def test_each_alert_says_what_is_wrong_and_what_to_do():
    for name, alert in alerts().items():
        assert name.startswith("Huntbridge")
        assert alert["labels"]["severity"] in ("critical", "warning")
        assert len(alert["annotations"]["summary"]) < 120
        assert alert["annotations"]["description"].endswith(".")


@pytest.mark.parametrize("name", sorted(alerts()))
def test_the_commands_that_an_alert_names_exist(name):
    for command in re.findall(r"`huntbridge ([a-z -]+)`", alerts()[name]["annotations"]["description"]):
        found: click.Command = main
        for word in command.split():
            assert isinstance(found, click.Group), command
            commands = below(found)
            assert word in commands, f"there is no `huntbridge {command}`"
            found = commands[word]


def test_the_queries_name_metrics_that_exist():
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    for query in [*(rule["expr"] for rule in rules()), *(query for _, query in panel_queries())]:
        assert metric_names(query) <= FAMILIES, query
        assert set(re.findall(r"\w+:huntbridge_\w+:\w+", query)) <= recorded, query


def test_the_dashboard_shows_every_metric():
    shown = {name for _, query in panel_queries() for name in metric_names(query)}
    assert shown == FAMILIES


def test_histograms_are_asked_by_their_buckets():
    histograms = {metric.full_name for metric in ALL if isinstance(metric, Histogram)}
    for _, query in panel_queries():
        for name in histograms & metric_names(query):
            assert re.search(rf"{name}_(bucket|sum|count)\b", query), query


def test_the_dashboard_can_be_imported():
    assert DASHBOARD["id"] is None
    assert DASHBOARD["uid"] == "huntbridge"
    names = [variable["name"] for variable in DASHBOARD["templating"]["list"]]
    assert names == ["datasource", "instance"]
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids))
    places: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        assert panel["type"] == "row" or panel["datasource"]["uid"] == "${datasource}"
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & places, panel["title"]
        places |= cells
