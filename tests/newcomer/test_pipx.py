"""docs/first-alarm.md and docs/try-it.md, from an empty home to messages in Slack, by their own commands."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import requests

from tests.newcomer.account import account
from tests.newcomer.blocks import block, commands
from tests.newcomer.world import ADMIN_KEY, Attempt, World, eventually, world
from tests.package import smoke

PAGE = "first-alarm.md"
pytestmark = pytest.mark.timeout(900)


def register_by_hand(around: World, url: str, payload: str, token: str) -> None:
    """What the page has a person enter on the platform."""
    answer = requests.post(
        f"{around.platform_url}/api/v3/webhooks",
        json={
            "name": "huntbridge",
            "event_type": json.loads(payload)["event"],
            "payload_type": "custom",
            "url": url,
            "payload": json.loads(payload.replace("the value of WEBHOOK_TOKEN", token)),
        },
        headers={"Authorization": f"Bearer {ADMIN_KEY}"},
        timeout=10,
    )
    assert answer.status_code == 201, answer.text


def test_first_alarm_with_pipx(tmp_path: Path) -> None:
    with world() as around, account(tmp_path / "machine", around.aws) as newcomer:
        attempt, port = Attempt(), smoke.free_port()

        def adapted(command: str) -> str:
            for of_the_page, here in (
                ("CADO_API_KEY=…", f"CADO_API_KEY={smoke.KEY}"),
                ("SLACK_WEBHOOK_URL=…", f"SLACK_WEBHOOK_URL={around.slack_url}"),
                ("https://cado.corp.example", around.platform_url),
                ("huntbridge serve", f"huntbridge serve --port {port}"),
            ):
                command = command.replace(of_the_page, here)
            return command

        install = commands(PAGE, "1. Install")
        configure = commands(PAGE, "2. Configure", number=1)
        for command in (*install, *configure, *commands(PAGE, "3. Send a test message")):
            newcomer.run(adapted(attempt.typed(command)))
        (test,) = around.slack.messages
        assert "TEST" in json.dumps(test.body)
        attempt.arrived()

        # And on to the alarm of a captured machine.
        (serve,) = commands(PAGE, "4. Start")
        log = tmp_path / "serve.log"
        with smoke.started(newcomer.shell(adapted(attempt.typed(serve))), log):
            url = f"http://127.0.0.1:{port}"
            eventually(lambda: smoke.healthy(url), log.read_text)
            (token,) = re.findall(r"^WEBHOOK_TOKEN=(.+)$", newcomer.file("huntbridge.env"), re.M)
            payload = block(PAGE, "5. Register the webhook", "json")
            register_by_hand(around, f"{url}/webhooks/cado", payload, token)
            for number in (0, 1):
                for command in commands(PAGE, "6. Run the first hunt", number=number):
                    newcomer.run(attempt.typed(command))
            eventually(lambda: "web-01" in json.dumps([m.body for m in around.slack.messages]), log.read_text)
        assert around.slack.refused == []


def test_try_it_with_uvx(tmp_path: Path) -> None:
    attempt = Attempt()
    with account(tmp_path / "machine", {}) as newcomer:
        (command,) = commands("try-it.md", "Try it")
        port, log = smoke.free_port(), tmp_path / "demo.log"
        with smoke.started(newcomer.shell(f"{attempt.typed(command)} --port {port}"), log):
            url = f"http://127.0.0.1:{port}"
            eventually(lambda: f"The demo is at {url}" in log.read_text(), log.read_text, within=600)
            eventually(
                lambda: re.search(r"Slack <span>[1-9]\d* message", requests.get(url, timeout=10).text),
                log.read_text,
            )
            attempt.arrived()
