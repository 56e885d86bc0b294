"""Runs the real huntbridge in the simulated world, and counts what arrived.

huntbridge runs in processes of its own, `huntbridge serve` and `huntbridge hunt run`, with a configuration
file and with secrets in the environment. The results are read from its ledger and from the simulations.
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
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote, urljoin, urlsplit

import requests

from console.one_time_links import OneTimeLinks
from demo.serving import serving
from demo.slack.dialogs import Dialog
from demo.slack.records import Request
from demo.web.app import create_app
from demo.world import ENVIRONMENT, HUNT, WEBHOOKS, World, register_webhooks, world, write_config
from shared.hosting import runtime
from shared.hosting.configuration import load
from shared.models.captures import CaptureState
from shared.models.event_kinds import HUNT_FINISHED, RECOVERED
from shared.models.hunts import Hunt

# Seconds for which a click waits for the dialog or the text that answers it: the page then has it at once.
_ANSWER_WITHIN = 2.0
TOOLS = {"soc": "slack", "office": "teams", "tickets": "jira"}
PAGERS = ("pager", "on-call")  # they get no alarm of a hunt, only what nobody takes


class DemoError(Exception):
    """The demo cannot go on; the text says why."""


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


def _huntbridge(
    environ: Mapping[str, str], *args: str, stderr: IO[str], stdout: int = subprocess.PIPE
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 (this very program, no shell)
        [sys.executable, "-m", "cli.main", *args],
        env={**os.environ, **environ},
        stdout=stdout,
        stderr=stderr,
    )


class Demo:
    """One hunt in one world, and its present state."""

    def __init__(self, world: World, config_path: Path, environ: Mapping[str, str], webhook_url: str) -> None:
        self.world = world
        self._actions_url = urljoin(webhook_url, "/slack/actions")
        self._console_url = urljoin(webhook_url, "/")
        self._environ = environ
        self._folder = Path(environ["HUNTBRIDGE_DATA"]).parent
        self._another: subprocess.Popen[bytes] | None = None
        config = load(str(config_path), {**os.environ, **environ})
        self._runtime = runtime.local(config, Path(environ["HUNTBRIDGE_DATA"]), environ)
        self._began = time.monotonic()
        self._summary: dict[str, Any] | None = None
        self._names = {machine.instance_id: machine.name for machine in world.fleet}

    @property
    def environment(self) -> Path:
        """A file for a shell, in which commands of huntbridge then work on this demo."""
        return self._folder / ENVIRONMENT

    def run(self, going_on: Callable[[], bool], tell: Callable[[str], None]) -> dict[str, Any]:
        """Run the hunt, wait until everything is delivered or `going_on` is false, and return the summary."""
        log = self._folder / "hunt.log"
        with log.open("w") as log_file:
            process = _huntbridge(self._environ, "hunt", "run", HUNT, "--json", stderr=log_file)
            code, hunt = process.wait(timeout=60), self._hunt()
            # One capture fails on the platform. On a busy machine it has failed before the command ends, and
            # the exit code is 1.
            if code not in (0, 1) or hunt is None or hunt.project_id is None:
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

        huntbridge recovers a lost webhook some time later, so each sent webhook must have an event.
        """
        hunt = self._hunt()
        if hunt is None or not hunt.over or self.world.platform.busy:
            return False
        events = self._runtime.ledger.events.of_project(hunt.project_id)
        sent = sum(sent.event_type in WEBHOOKS for sent in self.world.platform.sent)
        return (
            sum(event.kind in (*WEBHOOKS, RECOVERED) for event in events) >= sent
            and any(event.kind == HUNT_FINISHED for event in events)
            and not self._runtime.events.depth().living
            and not self._runtime.deliveries.depth().living
        )

    def click(self, ts: str, action: str, choice: str = "") -> str:
        """Click a button of a message in the simulated Slack, or choose an option of its menu. Slack sends
        the click to huntbridge. Returns what huntbridge answered, in words.

        Raises LookupError if there is no such message, button or option.
        """
        slack = self.world.slack
        with slack.lock:
            post = next((post for post in slack.posts if post.ts == ts), None)
        if post is None:
            raise LookupError(f"no message {ts}")
        request = slack.click(post, action, choice, on=self.world.chat_url)
        answers = slack.answers
        if problem := self._send(request):
            return problem
        until = time.monotonic() + _ANSWER_WITHIN
        while choice and slack.answers == answers and time.monotonic() < until:
            time.sleep(0.05)
        return "Slack has sent the click to huntbridge. The messages change in a moment."

    def submit(self, dialog: Dialog, chosen: Mapping[str, Any]) -> str:
        """Submit a dialog in the simulated Slack. It stays open if huntbridge does not take it. Returns what
        huntbridge answered, in words. Raises LookupError."""
        if problem := self._send(self.world.slack.submit(dialog, **chosen)):
            return f"{problem} Try again."
        dialog.is_open = False
        return "Slack has sent the dialog to huntbridge. The messages change in a moment."

    def _send(self, request: Request) -> str:
        """Send what Slack sends. Returns what went wrong, in words."""
        try:
            answer = requests.post(self._actions_url, data=request.body, headers=request.headers, timeout=10)
        except requests.RequestException as error:
            return f"huntbridge could not be reached ({type(error).__name__})."
        return "" if answer.ok else f"huntbridge refused this with {answer.status_code}."

    def run_another(self) -> str:
        """Start one more hunt with the command, and do not wait for its end. Returns what happens, in
        words."""
        if self._another and self._another.poll() is None:
            return "A hunt is being started already."
        with (self._folder / "hunts.log").open("a") as log_file:
            self._another = _huntbridge(
                self._environ, "hunt", "run", HUNT, stderr=log_file, stdout=subprocess.DEVNULL
            )
        return "Another hunt starts. It appears here and in the console in a moment."

    def console(self, cookies: Mapping[str, str], page: str = "") -> str:
        """The address that opens this page of the console. A browser without a session gets a one-time link,
        which signs it in and opens the page."""
        name = f"huntbridge-{urlsplit(self._console_url).port}"
        if name in cookies:
            session = {name: cookies[name]}
            known = requests.get(self._console_url, cookies=session, allow_redirects=False, timeout=10)
            if known.status_code == 200:
                return urljoin(self._console_url, page)
        links = OneTimeLinks(Path(self._environ["HUNTBRIDGE_DATA"]), self._runtime.now)
        return f"{self._console_url}sign-in/link?token={links.new()}&next={quote(f'/{page}', safe='')}"

    def close(self) -> None:
        """End the command that starts another hunt, if it still runs. huntbridge goes on with the hunt."""
        if self._another:
            self._another.terminate()
            self._another.wait(timeout=30)

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
            for destination in event.to:
                if destination in PAGERS:
                    continue
                seen = sum(event.id in text for text in received[TOOLS[destination]])
                lost += seen == 0
                repeated += max(0, seen - 1)
        webhooks = sum(sent.event_type in WEBHOOKS for sent in self.world.platform.sent)
        lost += max(0, webhooks - sum(event.kind in WEBHOOKS for event in events))
        lost += not any(event.kind == HUNT_FINISHED for event in events)
        captures = Counter(capture.state.value for capture in ledger.captures.of_hunt(hunt.id))
        return {
            "captures": dict(captures),
            "events": len(events),
            "alarms": sum(event.kind == "processing_with_alarms" for event in events),
            "deliveries": {tool: len(texts) for tool, texts in received.items()},
            "lost": lost,
            "repeated": repeated,
            "seconds": round(time.monotonic() - self._began, 1),
        }

    def state(self) -> dict[str, Any]:
        """The present state of the newest hunt and of the tools, for the first page."""
        hunt = self._hunt()
        captures = self._runtime.ledger.captures.of_hunt(hunt.id) if hunt else []
        order = {machine.instance_id: number for number, machine in enumerate(self.world.fleet)}
        captures.sort(key=lambda capture: order.get(capture.system.instance, len(order)))
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
                    "name": self._names.get(capture.system.instance) or capture.system.title,
                    "place": capture.system.place,
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
            "pagerduty": self.world.pagerduty.shown(),
            "jsm": self.world.jsm.shown(),
            "summary": self._summary,
            "environment": str(self.environment),
        }


def once(folder: Path, tell: Callable[[str], None], *, within: float = 120) -> dict[str, Any]:
    """Run one hunt of sixteen systems, and return its summary. Raises DemoError."""
    with stage(folder, pace=0.5) as demo:
        return demo.run(_for_seconds(within), tell)


def show(folder: Path, port: int, tell: Callable[[str], None], stopped: threading.Event) -> None:
    """Run one hunt slowly, and serve the demo's pages until `stopped` is set. Raises DemoError, OSError."""
    with stage(folder, pace=2.0, console_url=f"http://127.0.0.1:{port}/console" if port else "") as demo:
        app = create_app(demo.world, demo.state, demo.click, demo.submit, demo.run_another, demo.console)
        with serving(app, port) as url:
            demo.world.home.url = url
            tell(f"The demo is at {url} — Ctrl-C ends it")
            tell(f"Commands work on it too, in another shell: . {demo.environment}")
            summary = demo.run(lambda: not stopped.is_set(), lambda _: None)
            if not stopped.is_set():
                tell(f"The first hunt has ended: {json.dumps(summary)}")
            stopped.wait()


def _for_seconds(within: float) -> Callable[[], bool]:
    until = time.monotonic() + within
    return lambda: time.monotonic() < until


@contextmanager
def stage(folder: Path, pace: float, console_url: str = "") -> Iterator[Demo]:
    with world(pace) as staged:
        config_path, environ = write_config(staged, folder, console_url)
        with served(environ) as webhook_url:
            register_webhooks(staged, webhook_url)
            demo = Demo(staged, config_path, environ, webhook_url)
            try:
                yield demo
            finally:
                demo.close()
