"""What every way to run huntbridge must do: check a configuration, serve, take a webhook, send a message."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from demo.platform.simulation import Platform
from demo.serving import serving
from demo.slack.simulation import Slack

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "deploy/huntbridge.example.yaml"
TOKEN, KEY = "a-token-of-the-smoke-test", "a-lead-analyst-key"
WITHIN = 60.0  # seconds, for the start and for the message


class Sandbox:
    """The simulated platform and Slack, and the secrets and the configuration that lead to them."""

    def __init__(self, platform_url: str, slack: Slack, slack_url: str) -> None:
        self.slack = slack
        self.secrets = {"CADO_API_KEY": KEY, "WEBHOOK_TOKEN": TOKEN, "SLACK_WEBHOOK_URL": slack_url}
        self.config = EXAMPLE.read_text().replace("https://cado.corp.example", platform_url)
        assert platform_url in self.config


@contextmanager
def sandbox() -> Iterator[Sandbox]:
    slack, platform = Slack(path="services/T0/B0/x", rate=None), Platform((), {KEY: "Lead Analyst"})
    with serving(platform.app) as platform_url, serving(slack.app) as slack_url:
        yield Sandbox(platform_url, slack, slack_url + slack.path)


def ended(
    command: Sequence[str | Path], *, code: int = 0, **options: Any
) -> subprocess.CompletedProcess[str]:
    """Run a command, which must end with the exit code."""
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=300, **options)
    assert done.returncode == code, f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def check(run: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    """`huntbridge check` reaches the platform and Slack. It cannot find systems, because AWS is not there."""
    found = json.loads(run("check", "--json", code=1).stdout)
    wrong = [one for one in found if not one["ok"]]
    assert wrong, found
    assert all("AWS" in one["detail"] or "credentials" in one["detail"] for one in wrong), wrong
    assert any("platform" in one["what"] for one in found if one["ok"]), found


@contextmanager
def started(command: Sequence[str | Path], log: Path, **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server while the block lasts. At its end SIGTERM must stop it with success."""
    with log.open("wb") as file:
        process = subprocess.Popen(list(map(str, command)), stdout=file, stderr=file, **options)
    try:
        yield process
        process.terminate()
        assert process.wait(60) == 0, log.read_text()
    finally:
        process.kill()
        process.wait()


def eventually(condition: Callable[[], object], log: Path) -> None:
    deadline = time.monotonic() + WITHIN
    while not condition():
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.1)


def healthy(url: str) -> bool:
    try:
        return requests.get(f"{url}/health", timeout=5).status_code == 200
    except requests.ConnectionError:
        return False


def webhook_in_and_out(url: str, slack: Slack, log: Path) -> None:
    """A webhook without the token is refused. One with it becomes a message in Slack."""
    body = {"event": "processing_with_alarms", "title": "ALARMS", "message": "3 alarms in project id 12."}
    assert requests.post(f"{url}/webhooks/cado", json=body, timeout=10).status_code == 401
    answer = requests.post(f"{url}/webhooks/cado", json={**body, "token": TOKEN}, timeout=10)
    assert answer.status_code == 202
    eventually(lambda: any(answer.json()["id"] in json.dumps(one.body) for one in slack.messages), log)


def clean(environ: Mapping[str, str]) -> dict[str, str]:
    """An environment of nothing but the way to programs, and what is given."""
    return {"PATH": "/usr/local/bin:/usr/bin:/bin", "AWS_EC2_METADATA_DISABLED": "true", **environ}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def found(program: str) -> str | None:
    return shutil.which(program) or shutil.which(program, path="/usr/sbin:/sbin")
