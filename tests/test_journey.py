"""The whole way, once: a real `serve` and a real `hunt run` in the simulated world of the demo."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from urllib.parse import parse_qs, urlsplit

import pytest

from demo import run

SECRETS = (run.RUN_KEY, run.ADMIN_KEY, run.TOKEN, "demodemodemodemodemodemo", "demo-token")


@pytest.mark.timeout(120)
def test_a_hunt_of_twelve_systems_from_the_request_to_the_last_message(tmp_path):
    until = time.monotonic() + 90
    with run.stage(tmp_path, pace=0.3) as demo:
        summary = demo.run(lambda: time.monotonic() < until, lambda _: None)
        world, state = demo.world, demo.state()
        sig = parse_qs(urlsplit(world.teams.path).query)["sig"][0]

    assert summary.pop("seconds") < 90
    assert summary == {
        "captures": {"processed": 11, "failed": 1},
        "events": 8,  # six evidences with alarms, one capture that failed, the hunt's end
        "alarms": 6,
        "deliveries": {"slack": 8, "teams": 8, "jira": 6},
        "lost": 0,
        "repeated": 0,
    }
    # Every message kept to the tools' rules, and none pinged anybody.
    assert (world.slack.mentions, world.teams.mentions, world.teams.failed_runs) == ([], [], [])
    refused = [*world.slack.refused, *world.teams.refused, *world.jira.refused]
    assert {refusal.status for refusal in refused} <= {429}
    # EC2 was asked and answered: the message names the machine, and not only its id.
    texts = " ".join(json.dumps(message.body) for message in world.slack.messages)
    for name in ("web-01", "batch-07", "bastion", "ci-runner-3", "ad-01"):
        assert name in texts
    assert len(state["captures"]) == 12

    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {"huntbridge.db", "serve.log", "hunt.log"} <= {path.name for path in written}
    for path in written:
        content = path.read_bytes()
        assert [secret for secret in (*SECRETS, sig) if secret.encode() in content] == [], path.name


@pytest.mark.timeout(90)
def test_the_command_prints_the_summary_and_nothing_else():
    result = subprocess.run(
        [sys.executable, "-m", "cli.main", "demo", "--once", "--json"],
        capture_output=True,
        text=True,
        timeout=80,
        env={**os.environ},
        check=False,
    )
    assert (result.returncode, result.stderr) == (0, "")
    summary = json.loads(result.stdout)
    assert (summary["lost"], summary["repeated"], summary["seconds"] < 60) == (0, 0, True)
