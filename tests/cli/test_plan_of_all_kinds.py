"""`huntbridge hunt plan` shows systems of every kind, as the simulated platform lists them."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from cli.main import main
from demo.platform.records import SimSystem
from tests.scheduler.mixed import ACCOUNTS, azure, function, google, pod, targets, task
from tests.served import served_platform

KEY = "lead-analyst-key"
FLEET: tuple[SimSystem, ...] = (
    azure("web-1", tags={"Env": "prod"}),
    google("shop-1", state="STAGING"),
    task("t-1"),
    task("t-2", importable=False),
    pod("web-7d4b9c6f5d-x2x4q"),
    function("billing"),
)


@pytest.fixture
def huntbridge(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("HUNTBRIDGE_CONFIG", "HUNTBRIDGE_DATA"):
        monkeypatch.delenv(name, raising=False)
    with served_platform(FLEET, {KEY: "Lead Analyst"}) as platform:

        def run(*args: str) -> Any:
            config = {
                "platform": {"url": platform.url, "api_key": "env:API_KEY"},
                "accounts": ACCOUNTS,
                "hunts": {"weekly": {"targets": targets(FLEET), "capture": "scan"}},
            }
            (tmp_path / "huntbridge.yaml").write_text(yaml.safe_dump(config))
            return CliRunner().invoke(main, ["hunt", *args], env={"API_KEY": KEY}, catch_exceptions=False)

        yield run


def test_the_plan_for_a_script(huntbridge):
    result = huntbridge("plan", "--json")
    assert result.exit_code == 0, result.output
    plan = json.loads(result.stdout)
    shown = {system["kind"]: (system["name"], system["capture"]) for system in plan["systems"]}
    assert shown == {
        "azure_vm": ("web-1", "scan"),
        "ecs": ("app", "triage"),
        "eks": ("app", "triage"),
        "lambda": ("billing", "full"),
    }
    assert [(system["name"], system["why_not"]) for system in plan["left_out"]] == [
        ("shop-1", "it is STAGING, and the target wants RUNNING or TERMINATED"),
        ("*", "its task was started without enableExecuteCommand"),
    ]
    assert (plan["load"]["volumes"], plan["load"]["gib"]) == (2, 16)


def test_the_plan_for_a_person(huntbridge):
    result = huntbridge("plan")
    assert result.exit_code == 0, result.output
    for said in (
        "Azure machine web-1", "group rg-web", "container app in pod web-7d4b9c6f5d-x2x4q of shop",
        "container app in task t-1", "function billing", "triage", "Left out:", "Google machine shop-1",
    ):  # fmt: skip
        assert said in result.stdout


def test_the_list_counts_named_systems_of_every_kind(huntbridge):
    (row,) = json.loads(huntbridge("list", "--json").stdout)
    assert row["systems"] is None, "how many containers there are is not known before the look-up"
