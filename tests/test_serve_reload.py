"""`serve` goes by a changed configuration without a stop: SIGHUP, `config diff` and `config reload`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from demo.serving import serving
from demo.slack.simulation import Slack
from shared.hosting import runtime
from shared.hosting.configuration import load
from shared.local.data_directory import address
from shared.storage import audit
from tests.durability.world import eventually
from tests.served import served_platform

pytestmark = pytest.mark.timeout(180)
TOKEN, NEW_TOKEN = "a-token-of-serve-1", "another-token-of-serve-2"
ENVIRON = {"API_KEY": "k", "OLD": TOKEN, "NEW": NEW_TOKEN, "AWS_EC2_METADATA_DISABLED": "true"}


class ServedSlack(Slack):
    url = ""


class Machine:
    """A folder with a configuration, and the `serve` that goes by it."""

    def __init__(self, folder: Path, one: str, two: str) -> None:
        self.folder, self.data, self.file = folder, folder / "data", folder / "huntbridge.yaml"
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "PYTHONPATH") if name in os.environ}
        self.environ = kept | ENVIRON | {"HOME": str(folder), "ONE": one, "TWO": two}
        self.environ |= {"HUNTBRIDGE_DATA": str(self.data), "HUNTBRIDGE_CONFIG": str(self.file)}
        self.config: dict[str, Any] = {
            "platform": {"url": "http://127.0.0.1:9", "api_key": "env:API_KEY"},
            "webhook": {"tokens": ["env:OLD"]},
            "delivery": {"group_wait": "0s"},
            "destinations": {"one": {"type": "slack", "webhook_url": "env:ONE"}},
            "default": ["one"],
        }
        self.write()
        self.process: subprocess.Popen[str]

    def write(self) -> None:
        self.file.write_text(yaml.safe_dump(self.config))

    def start(self) -> None:
        with self.log.open("a") as log:
            command = [sys.executable, "-m", "cli.main", "serve", "--port", "0"]
            self.process = subprocess.Popen(
                command, env=self.environ, stdout=subprocess.PIPE, stderr=log, text=True
            )
        assert self.process.stdout
        assert "webhooks go to" in self.process.stdout.readline(), self.log.read_text()

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(timeout=60) == 0

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout
        self.process.stdout.close()

    @property
    def log(self) -> Path:
        return self.folder / "serve.log"

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "cli.main", *arguments]
        return subprocess.run(command, env=self.environ, capture_output=True, text=True, check=False)

    def post(self, number: int, token: str = TOKEN) -> requests.Response:
        body = {"token": token, "message": f"{number} alarms in project id 12 evidence id {number}."}
        return requests.post(f"{address(self.data)}/webhooks/cado", json=body, timeout=60)


@pytest.fixture
def slacks():
    one, two = ServedSlack(path="T/B/1", rate=None), ServedSlack(path="T/B/2", rate=None)
    with serving(one.app) as first, serving(two.app) as second:
        one.url, two.url = first + one.path, second + two.path
        yield one, two


@pytest.fixture
def machine(tmp_path, slacks):
    made = Machine(tmp_path, *(slack.url for slack in slacks))
    made.start()
    yield made
    made.end()


@pytest.mark.slow
def test_diff_and_reload_change_destination_and_token_and_keep_what_cannot_be_used_away(machine, slacks):
    one, two = slacks
    assert machine.run("config", "diff").returncode == 0

    machine.file.write_text("# a comment\n" + machine.file.read_text() + "follow: {interval: 60}\n")
    same = machine.run("config", "diff")
    assert (same.returncode, same.stdout[:16]) == (0, "nothing differs ")

    machine.config["destinations"]["two"] = {"type": "webhook", "url": two.url + "?key=very-secret"}
    machine.config["default"] = ["tow"]
    machine.write()
    refused = machine.run("config", "reload")
    assert refused.returncode == 2
    assert "tow" in refused.stderr
    machine.process.send_signal(signal.SIGHUP)
    eventually(lambda: "the configuration was not loaded" in machine.log.read_text())
    assert machine.post(1).status_code == 202
    eventually(lambda: len(one.messages) == 1)

    machine.config["destinations"]["two"] = {"type": "slack", "webhook_url": "env:TWO"}
    machine.config["default"] = ["two"]
    machine.config["webhook"]["tokens"] = ["env:NEW"]
    machine.write()
    assert machine.post(2, NEW_TOKEN).status_code == 401
    differs = machine.run("config", "diff", "--json")
    assert differs.returncode == 1
    assert {
        row["setting"]: (row["before"], row["after"]) for row in json.loads(differs.stdout)["changes"]
    } == {
        "default": (["one"], ["two"]),
        "destinations.two": (None, {"type": "slack", "webhook_url": "env:TWO"}),
        "webhook.tokens": (["env:OLD"], ["env:NEW"]),
    }
    done = machine.run("config", "reload")
    assert (done.returncode, done.stderr) == (0, "")
    assert '~ default: ["one"] -> ["two"]' in done.stdout
    assert machine.run("config", "diff").returncode == 0
    assert machine.post(3).status_code == 401
    assert machine.post(4, NEW_TOKEN).status_code == 202
    eventually(lambda: len(two.messages) == 1)
    assert len(one.messages) == 1

    made = runtime.local(load(None, machine.environ), machine.data, machine.environ)
    assert [
        (entry.origin.split(" on ")[0], entry.action) for entry in audit.newest(made.store, made.now())
    ] == [
        ("reload of serve", audit.CONFIGURATION),
        ("serve", audit.CONFIGURATION),
    ]
    everything = machine.log.read_text() + differs.stdout + done.stdout + refused.stderr
    assert not any(secret in everything for secret in (TOKEN, NEW_TOKEN, "very-secret", two.path))
    machine.stop()
    assert machine.run("config", "reload").returncode == 4


@pytest.mark.slow
def test_an_address_of_its_own_cannot_change_and_nothing_else_of_the_file_is_taken_over(machine):
    machine.config["metrics"] = {"listen": "127.0.0.1:0"}
    machine.config["webhook"]["tokens"] = ["env:NEW"]
    machine.write()
    refused = machine.run("config", "reload")
    assert refused.returncode == 2
    assert "metrics.listen cannot change while serve runs" in refused.stderr
    assert machine.post(1, NEW_TOKEN).status_code == 401
    assert machine.post(1).status_code == 202


@pytest.mark.slow
def test_what_a_destination_is_told_ends_as_it_began_while_others_go_on(machine, slacks):
    one, two = slacks
    one.hang(60, after=True, status=200, body="ok")
    machine.post(1)
    eventually(lambda: one.messages)  # the call to Slack has begun, and does not end before `release`
    machine.config["destinations"]["two"] = {"type": "slack", "webhook_url": "env:TWO"}
    machine.config["default"] = ["two"]
    machine.write()
    assert machine.run("config", "reload").returncode == 0
    machine.post(2)
    eventually(lambda: two.messages)
    one.release()
    made = runtime.local(load(None, machine.environ), machine.data, machine.environ)
    eventually(lambda: made.deliveries.depth().living == 0)
    assert len(one.messages) == 1  # handed back, it would be sent again
    machine.stop()


@pytest.mark.slow
def test_a_token_is_rotated_while_serve_runs(machine):
    with served_platform((), {"administrator": "Platform Administrator"}) as platform:
        machine.environ["API_KEY"] = "administrator"
        machine.config["platform"] |= {"url": platform.url, "admin_key": "env:API_KEY"}
        machine.write()
        url = f"{address(machine.data)}/webhooks/cado"
        assert machine.run("webhook", "register", "--url", url).returncode == 0

        machine.config["webhook"]["tokens"] = ["env:NEW", "env:OLD"]
        machine.write()
        early = machine.run("webhook", "rotate")
        assert (early.returncode, "serve does not accept env:NEW yet" in early.stderr) == (1, True)
        assert machine.run("config", "reload").returncode == 0
        assert [machine.post(1).status_code, machine.post(2, NEW_TOKEN).status_code] == [202, 202]
        done = machine.run("webhook", "rotate")
        assert (done.returncode, done.stdout.count("the new token, which was seen working")) == (0, 2)

        machine.config["webhook"]["tokens"] = ["env:NEW"]
        machine.write()
        assert machine.run("config", "reload").returncode == 0
        assert [machine.post(3).status_code, machine.post(4, NEW_TOKEN).status_code] == [401, 202]
        assert machine.run("webhook", "test").returncode == 0
    everything = machine.log.read_text() + early.stderr + done.stdout
    assert TOKEN not in everything
    assert NEW_TOKEN not in everything
