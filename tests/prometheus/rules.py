"""The files in deploy/prometheus and deploy/grafana, as tests read them."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PROMETHEUS = ROOT / "deploy/prometheus"
RULE_FILES = [PROMETHEUS / "recording.rules.yml", PROMETHEUS / "alerts.rules.yml"]
RULE_TESTS = sorted((PROMETHEUS / "tests").glob("*.test.yml"))
DASHBOARD = json.loads((ROOT / "deploy/grafana/huntbridge.json").read_text())


def rules() -> list[dict[str, Any]]:
    documents = [yaml.safe_load(path.read_text()) for path in RULE_FILES]
    return [rule for document in documents for group in document["groups"] for rule in group["rules"]]


def alerts() -> dict[str, dict[str, Any]]:
    return {rule["alert"]: rule for rule in rules() if "alert" in rule}


def panel_queries() -> Iterator[tuple[str, str]]:
    """The title and each query of each panel, with Grafana's variables filled in."""
    for panel in DASHBOARD["panels"]:
        for target in panel.get("targets", ()):
            query = target["expr"].replace("$instance", ".*").replace("$__rate_interval", "1m")
            assert "$" not in query
            yield panel["title"], query


def metric_names(query: str) -> set[str]:
    """The names of huntbridge's own metrics in a query, without a histogram's endings."""
    names = set(re.findall(r"(?<![:\w])huntbridge_\w+", query))
    return {re.sub(r"_seconds_(bucket|sum|count)$", "_seconds", name) for name in names}


def binary(name: str) -> str:
    """The path of promtool or prometheus. Skips the test if the machine has none."""
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed (Debian: apt-get install prometheus)")
    return path
