"""How much each process loads before it does anything, and what it must not load.

A function on AWS starts for the first webhook of the night, and everything that it imports delays that one.
No clock is needed to notice an import too many: the modules of the project are counted, with the size of
their code.

If a budget is exceeded: see which module is new (`python -X importtime -c "import receiver.edge"`). If only
some work needs it, import it where that work begins; on AWS the function must then still load it before its
first event (tests/receiver/test_handler.py). If all work needs it, raise the budget in the same commit.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SCRIPT = """
import importlib, json, os, sys
importlib.import_module(sys.argv[1])
ours = {
    name: os.path.getsize(module.__file__)
    for name, module in sys.modules.items()
    if name.partition(".")[0] in sys.argv[2:] and getattr(module, "__file__", None)
}
print(json.dumps([ours, sorted(sys.modules)]))
"""
ROOMS = ("receiver", "scheduler", "shared", "console", "cli", "demo")
WEB_SERVER = {"flask", "werkzeug", "jinja2", "apig_wsgi", "receiver.web"}
ONE_MACHINE = {"sqlite3", "shared.local", "waitress", "console", "cli", "demo"}
AWS = {"boto3", "botocore"}


@dataclass(frozen=True)
class Budget:
    modules: int  # of the project
    kilobytes: int  # of their source
    forbidden: set[str]


BUDGETS = {
    "receiver.edge": Budget(
        70, 225,
        {"pydantic", "requests", "slack_sdk", "yaml", "shared.models.alarms", "shared.models.hunts"}
        | {"shared.config.config", "shared.platform", "shared.storage.ledger", "receiver.messages"}
        | ONE_MACHINE,
    ),
    "receiver.handler": Budget(
        325, 1_330,
        {"slack_sdk", "shared.platform.browse", "shared.platform.readiness", "shared.platform.webhooks"}
        | {"shared.aws.fleet", "shared.aws.inspection", "scheduler"} | WEB_SERVER | ONE_MACHINE,
    ),
    "scheduler.handler": Budget(357, 1_430, {"slack_sdk", "receiver"} | WEB_SERVER | ONE_MACHINE),
    "cli.main": Budget(9, 20, {"pydantic", "requests", "rich", "receiver", "scheduler", "console"} | AWS),
    "cli.hunt_run": Budget(322, 1_285, {"slack_sdk", "receiver.assemble", "console"} | WEB_SERVER | AWS),
}  # fmt: skip


@pytest.mark.parametrize("module", BUDGETS)
def test_what_a_process_loads_before_its_work(module: str) -> None:
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "COV_"))}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, module, *ROOMS],
        cwd=ROOT, env=environ, capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    ours, loaded = json.loads(done.stdout)
    budget = BUDGETS[module]

    assert budget.forbidden & set(loaded) == set()
    what_to_do = "the top of this file says what to do"
    assert len(ours) <= budget.modules, f"more modules than allowed: {what_to_do}"
    assert sum(ours.values()) / 1000 <= budget.kilobytes, f"more code than allowed: {what_to_do}"
    # Otherwise the next import too many would not be noticed.
    assert len(ours) >= 0.9 * budget.modules, "lower the budget: less is loaded than it allows"
