"""The demo: the real huntbridge in a simulated world.

The platform, Slack, Teams and Jira are simulations in this process; EC2 is moto's server. huntbridge runs in
processes of its own, `huntbridge serve` and `huntbridge hunt run`, with a configuration file and with secrets
in the environment. The results are read from its ledger and from the simulations.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from urllib.parse import urljoin, urlsplit

import requests
import yaml
from moto.server import ThreadedMotoServer

from demo import page
from demo.base import app_of
from demo.fleet import launch
from demo.jira.simulation import Jira
from demo.platform.records import SimInstance
from demo.platform.simulation import Platform
from demo.serving import serving
from demo.sites import jira_pages, platform_pages
from demo.slack.simulation import Slack
from demo.teams.simulation import Teams
from shared.hosting import runtime
from shared.hosting.configuration import load
from shared.models.captures import CaptureState
from shared.models.event_kinds import HUNT_FINISHED, RECOVERED
from shared.models.hunts import Hunt

HUNT = "weekly-crown-jewels"
ACCOUNT_ID = "123456789012"  # moto's own
TOOLS = {"soc": "slack", "office": "teams", "tickets": "jira"}
# The demo's own secrets. They protect only the simulations.
RUN_KEY, ADMIN_KEY, TOKEN = "demo-lead-analyst-key", "demo-platform-admin-key", "demo-webhook-token"
# The events for which webhooks are registered.
WEBHOOKS = ("processing_with_alarms", "processing_failed")


class DemoError(Exception):
    """The demo cannot go on; the text says why."""


@dataclass(frozen=True)
class World:
    fleet: list[SimInstance]
    platform: Platform
    platform_url: str
    slack: Slack
    teams: Teams
    jira: Jira
    chat_url: str
    ec2_url: str

    def received(self) -> dict[str, list[str]]:
        """The messages that each tool received, as JSON text in the form in which they were first posted.

        Slack has the first alarm of a case twice, as the message of the case and as its first reply. It
        counts once.
        """
        posts = list(self.slack.posts)
        first = {post.ts: (post.edits or [post.body])[0] for post in posts}
        return {
            "slack": [
                json.dumps(first[post.ts])
                for post in posts
                if not post.thread_ts or post.body["text"] != first[post.thread_ts]["text"]
            ],
            "teams": [json.dumps(message.body) for message in self.teams.messages],
            "jira": [json.dumps(message.body) for message in self.jira.messages],
        }


@contextmanager
def world(pace: float) -> Iterator[World]:
    slack, teams, jira = Slack(rate=2, burst=4), Teams(), Jira()
    with ExitStack() as stack:
        ec2 = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        ec2.start()
        stack.callback(ec2.stop)
        host, port = ec2.get_host_and_port()
        ec2_url = f"http://{host}:{port}"
        fleet = launch(ec2_url)
        platform = Platform(
            fleet, {RUN_KEY: "Lead Analyst", ADMIN_KEY: "Platform Administrator"}, pace=pace, latency=0.02
        )
        platform.app.register_blueprint(platform_pages(platform))
        platform_url = stack.enter_context(serving(platform.app))
        tools = app_of(slack, teams, jira)
        tools.register_blueprint(jira_pages(jira))
        chat_url = stack.enter_context(serving(tools))
        platform.start()
        stack.callback(platform.stop)
        yield World(fleet, platform, platform_url, slack, teams, jira, chat_url, ec2_url)


def write_config(world: World, folder: Path) -> tuple[Path, dict[str, str]]:
    """Write the configuration for a huntbridge in this world. Returns its path and the environment."""
    path = folder / "huntbridge.yaml"
    path.write_text(
        yaml.safe_dump(
            {
                "platform": {
                    "url": world.platform_url,
                    "api_key": "env:CADO_API_KEY",
                    "link": "{url}/projects/{project_id}",
                },
                "webhook": {"tokens": ["env:WEBHOOK_TOKEN"]},
                "accounts": {"prod": {"id": ACCOUNT_ID}},
                "hunts": {
                    HUNT: {
                        "schedule": "cron(0 2 ? * SUN *)",
                        "timezone": "Etc/UTC",
                        "capture": "full",
                        "max_in_flight": len(world.fleet),  # all at once, so that the hunt ends soon
                        "targets": [
                            {"instance": machine.instance_id, "region": machine.region, "account": "prod"}
                            for machine in world.fleet
                        ],
                    }
                },
                "destinations": {
                    "soc": {
                        "type": "slack",
                        "token": "env:SLACK_BOT_TOKEN",
                        "channel": world.slack.channels[0].id,
                        "host": urlsplit(world.chat_url).netloc,
                        "signing_secret": "env:SLACK_SIGNING_SECRET",
                    },
                    "office": {"type": "teams", "webhook_url": "env:TEAMS_WEBHOOK_URL"},
                    "tickets": {
                        "type": "jira",
                        "url": world.chat_url,
                        "email": "hunt@acme.example",
                        "api_token": "env:JIRA_API_TOKEN",
                        "project": "SEC",
                        "issue_type": "Incident",
                    },
                },
                "routes": [
                    {"match": {"event": ["hunt_finished", "capture_failed"]}, "to": ["soc", "office"]},
                    {"match": {"severity": ["malicious", "suspicious"]}, "to": ["soc", "office", "tickets"]},
                ],
                "default": ["soc"],
                # On a busy machine a webhook may be late. It must not be taken for lost.
                "follow": {"interval": 0.5, "recover_after": 20.0},
            },
            sort_keys=False,
        ),
        encoding="utf-8",
    )
    environ = {
        "CADO_API_KEY": RUN_KEY,
        "WEBHOOK_TOKEN": TOKEN,
        "SLACK_BOT_TOKEN": world.slack.token,
        "SLACK_SIGNING_SECRET": world.slack.signing_secret,
        "TEAMS_WEBHOOK_URL": world.chat_url + world.teams.path,
        "JIRA_API_TOKEN": "demo-token",
        "AWS_ENDPOINT_URL": world.ec2_url,
        "AWS_ACCESS_KEY_ID": "demo",
        "AWS_SECRET_ACCESS_KEY": "demo",
        "HUNTBRIDGE_CONFIG": str(path),
        "HUNTBRIDGE_DATA": str(folder / "data"),
    }
    return path, environ


@contextmanager
def served(environ: Mapping[str, str]) -> Iterator[str]:
    """Run `huntbridge serve` while the block lasts; yields the URL of its webhook."""
    log = Path(environ["HUNTBRIDGE_DATA"]).parent / "serve.log"
    with log.open("w") as log_file, _huntbridge(environ, "serve", "--port", "0", stderr=log_file) as process:
        assert process.stdout is not None
        line = process.stdout.readline().decode()
        if "webhooks go to " not in line:
            raise DemoError(f"huntbridge serve did not start:\n{log.read_text()}")
        try:
            yield line.rsplit("webhooks go to ", 1)[1].strip()
        finally:
            process.terminate()
            process.wait(timeout=30)


def _huntbridge(environ: Mapping[str, str], *args: str, stderr: IO[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 (this very program, no shell)
        [sys.executable, "-m", "cli.main", *args],
        env={**os.environ, **environ},
        stdout=subprocess.PIPE,
        stderr=stderr,
    )


def register_webhooks(world: World, webhook_url: str) -> None:
    """Register a webhook with the token for each kind of event, as an administrator of the platform does."""
    for event in WEBHOOKS:
        answer = requests.post(
            f"{world.platform_url}/api/v3/webhooks",
            json={
                "name": f"huntbridge {event}",
                "event_type": event,
                "payload_type": "custom",
                "url": webhook_url,
                "payload": {"token": TOKEN, "event": event, "title": "$Title", "message": "$Event"},
            },
            headers={"Authorization": f"Bearer {ADMIN_KEY}"},
            timeout=10,
        )
        answer.raise_for_status()


class Demo:
    """One hunt in one world, and its present state."""

    def __init__(self, world: World, config_path: Path, environ: Mapping[str, str], webhook_url: str) -> None:
        self.world = world
        self._actions_url = urljoin(webhook_url, "/slack/actions")
        self._environ = environ
        config = load(str(config_path), {**os.environ, **environ})
        self._runtime = runtime.local(config, Path(environ["HUNTBRIDGE_DATA"]), environ)
        self._began = time.monotonic()
        self._summary: dict[str, Any] | None = None
        self._names = {machine.instance_id: machine.name for machine in world.fleet}

    def run(self, going_on: Callable[[], bool], tell: Callable[[str], None]) -> dict[str, Any]:
        """Run the hunt, wait until everything is delivered or `going_on` is false, and return the summary."""
        log = Path(self._environ["HUNTBRIDGE_DATA"]).parent / "hunt.log"
        with log.open("w") as log_file:
            process = _huntbridge(self._environ, "hunt", "run", HUNT, "--json", stderr=log_file)
            # The capture that fails on the platform does so later, so the command succeeds.
            if process.wait(timeout=60) != 0:
                raise DemoError(f"huntbridge hunt run failed:\n{log.read_text()}")
        told = ""
        while not self._settled() and going_on():
            if (line := self._progress()) != told:
                tell(line)
                told = line
            time.sleep(0.1)
        self._summary = self.summary()
        return self._summary

    def _hunt(self) -> Hunt | None:
        hunts = self._runtime.ledger.hunts.of_name(HUNT)
        return hunts[0] if hunts else None

    def _settled(self) -> bool:
        """Whether everything that the hunt caused is delivered.

        A lost webhook is recovered some time later, so there must be an event for each sent webhook.
        """
        hunt = self._hunt()
        if hunt is None or not hunt.over or self.world.platform.busy:
            return False
        events = self._runtime.ledger.events.of_project(hunt.project_id)
        sent = sum(sent.event_type in WEBHOOKS for sent in self.world.platform.sent)
        return (
            sum(event["kind"] in (*WEBHOOKS, RECOVERED) for event in events) >= sent
            and any(event["kind"] == HUNT_FINISHED for event in events)
            and not self._runtime.events.depth().living
            and not self._runtime.deliveries.depth().living
        )

    def click(self, ts: str, action: str) -> None:
        """Click a button of a message in the simulated Slack, which sends the click to huntbridge.

        Raises LookupError if there is no such message or button, DemoError if huntbridge refuses the click.
        """
        slack = self.world.slack
        post = next((post for post in slack.posts if post.ts == ts), None)
        if post is None:
            raise LookupError(f"no message {ts}")
        request = slack.click(post, action, on=self.world.chat_url)
        answer = requests.post(self._actions_url, data=request.body, headers=request.headers, timeout=10)
        if not answer.ok:
            raise DemoError(f"huntbridge refused the click with {answer.status_code}")

    def _progress(self) -> str:
        hunt = self._hunt()
        states = (
            Counter(capture.state for capture in self._runtime.ledger.captures.of_hunt(hunt.id))
            if hunt
            else {}
        )
        captures = ", ".join(f"{states[state]} {state}" for state in CaptureState if state in states)
        received = ", ".join(f"{tool} {len(texts)}" for tool, texts in self.world.received().items())
        return f"captures: {captures}; messages: {received}"

    def summary(self) -> dict[str, Any]:
        """The counts of captures, events and deliveries.

        `lost`: webhooks without an event, and events that a tool of their route did not receive. `repeated`:
        messages that a tool received more than once.
        """
        hunt = self._hunt()
        assert hunt is not None
        ledger = self._runtime.ledger
        events = ledger.events.of_project(hunt.project_id)
        received = self.world.received()
        lost = repeated = 0
        for event in events:
            for destination in event["to"]:
                seen = sum(event["id"] in text for text in received[TOOLS[destination]])
                lost += seen == 0
                repeated += max(0, seen - 1)
        webhooks = sum(sent.event_type in WEBHOOKS for sent in self.world.platform.sent)
        lost += max(0, webhooks - sum(event["kind"] in WEBHOOKS for event in events))
        lost += not any(event["kind"] == HUNT_FINISHED for event in events)
        captures = Counter(capture.state.value for capture in ledger.captures.of_hunt(hunt.id))
        return {
            "captures": dict(captures),
            "events": len(events),
            "alarms": sum(event["kind"] == "processing_with_alarms" for event in events),
            "deliveries": {tool: len(texts) for tool, texts in received.items()},
            "lost": lost,
            "repeated": repeated,
            "seconds": round(time.monotonic() - self._began, 1),
        }

    def state(self) -> dict[str, Any]:
        """The present state for the page; see page.create_app."""
        hunt = self._hunt()
        captures = self._runtime.ledger.captures.of_hunt(hunt.id) if hunt else []
        order = {machine.instance_id: number for number, machine in enumerate(self.world.fleet)}
        captures.sort(key=lambda capture: order.get(capture.system.instance, 0))
        return {
            "hunt": hunt
            and {
                "name": hunt.name,
                "project_id": hunt.project_id,
                "scheduled_at": hunt.scheduled_at.isoformat(),
                "state": hunt.state,
            },
            "captures": [
                {
                    "instance": capture.system.instance,
                    "name": self._names.get(capture.system.instance, ""),
                    "region": capture.system.region,
                    "state": capture.state,
                    "malicious": capture.malicious,
                    "suspicious": capture.suspicious,
                    "reason": capture.reason,
                }
                for capture in captures
            ],
            "slack": self.world.slack.shown(),
            "teams": self.world.teams.shown(),
            "jira": self.world.jira.shown(),
            "summary": self._summary,
        }


def once(folder: Path, tell: Callable[[str], None], *, within: float = 120) -> dict[str, Any]:
    """Run one hunt of twelve systems, and return its summary. Raises DemoError."""
    with stage(folder, pace=0.5) as demo:
        return demo.run(_for_seconds(within), tell)


def show(folder: Path, port: int, tell: Callable[[str], None], stopped: threading.Event) -> None:
    """Run one hunt slowly and show it on a page until `stopped` is set. Raises DemoError, OSError."""
    with stage(folder, pace=2.0) as demo, serving(page.create_app(demo.state, demo.click), port) as url:
        tell(f"The demo is at {url} — Ctrl-C ends it")
        summary = demo.run(lambda: not stopped.is_set(), lambda _: None)
        if not stopped.is_set():
            tell(f"The hunt has finished: {json.dumps(summary)}")
        stopped.wait()


def _for_seconds(within: float) -> Callable[[], bool]:
    until = time.monotonic() + within
    return lambda: time.monotonic() < until


@contextmanager
def stage(folder: Path, pace: float) -> Iterator[Demo]:
    with world(pace) as staged:
        config_path, environ = write_config(staged, folder)
        with served(environ) as webhook_url:
            register_webhooks(staged, webhook_url)
            yield Demo(staged, config_path, environ, webhook_url)
