"""Runs schemathesis against the JSON API of a running `huntbridge serve` whose ledger holds data.

python -m tests.api.run               # a minute, for CI
python -m tests.api.run --minutes 10  # other arguments are passed to schemathesis
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import requests

from receiver.destinations.contract import Rejected, Retry
from shared.hosting import runtime
from shared.hosting.configuration import load
from shared.hosting.runtime import Runtime
from shared.models.captures import Capture, CaptureState
from shared.models.mutes import Mute, MuteMatch
from shared.models.systems import System
from tests.console.filled import HOSTILE, SETTINGS, House

TEAMS = "https://prod-01.westeurope.logic.azure.com/workflows/1/triggers/manual/paths/invoke?sig=made-up"
ENVIRON = {"KEY": "key", "T": "xoxb-made-up", "B": TEAMS}
_LINK = re.compile(r"http://[^\s]+/sign-in/link\?token=[^\s]+")
START_WITHIN = 60.0  # seconds


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0, help="how long schemathesis may take")
    options, more = parser.parse_known_args()
    with tempfile.TemporaryDirectory() as folder, serve(Path(folder)) as link:
        url, cookie, session = sign_in(link)
        settings, description = Path(folder) / "schemathesis.toml", Path(folder) / "openapi.json"
        settings.write_text(f'[auth.openapi.session]\napi_key = "{session}"\n')
        document = requests.get(f"{url}/api/v1/openapi.json", cookies={cookie: session}, timeout=10)
        document.raise_for_status()
        description.write_text(document.text)
        command = [
            *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(settings)),
            *("run", str(description), "--url", url),
            *("--max-time", str(round(options.minutes * 60))),
            *("--checks", "all"),
            *("--request-timeout", "10", "--warnings", "off"),
            *more,
        ]
        return subprocess.run(command, check=False, cwd=folder).returncode


@contextmanager
def serve(folder: Path) -> Iterator[str]:
    """A running `serve` with data in its ledger. Returns the link that opens its console."""
    config = folder / "huntbridge.json"
    platform = {"url": "https://127.0.0.1:1", "api_key": "env:KEY"}
    config.write_text(json.dumps({"platform": platform, **SETTINGS}))
    fill(runtime.local(load(str(config), ENVIRON), folder / "data", ENVIRON))
    command = [sys.executable, "-m", "cli.main", "serve", "--config", str(config), "--port", "0"]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [*command, "--data", str(folder / "data")],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env=os.environ | ENVIRON,
        )
        try:
            yield find_link(process) or sys.exit((folder / "log").read_text())
        finally:
            process.terminate()
            process.wait(30)


def find_link(process: subprocess.Popen[str]) -> str:
    """The link that `serve` prints; empty if it ends without one."""
    until = time.monotonic() + START_WITHIN
    assert process.stdout
    for line in process.stdout:
        if match := _LINK.search(line):
            return match[0]
        if time.monotonic() > until:
            break
    return ""


def sign_in(link: str) -> tuple[str, str, str]:
    """The address of the console, and name and value of the cookie of a session in it."""
    url, _, token = link.partition("/sign-in/link?token=")
    answer = requests.post(
        f"{url}/sign-in/link",
        data={"token": token},
        headers={"Sec-Fetch-Site": "same-origin"},
        allow_redirects=False,
        timeout=10,
    )
    answer.raise_for_status()
    name, value = next(iter(answer.cookies.items()))
    return url, name, value


def fill(made: Runtime) -> None:
    """Alarms with hostile texts, deliveries in each state, a hunt with captures, a mute."""
    house = House(_Clock(made), HOSTILE)  # type: ignore[arg-type]
    said = HOSTILE.replace("\ud83d", "")
    house.tools["soc"].outcomes = [Rejected(said), Retry(said, after=3_600)]
    for number in range(4, 30):
        house.alarm(number, malicious=number % 3)
    hunt = house.hunt("weekly", reason=HOSTILE)
    for number in range(30):
        system = System(f"i-0aaaaaaaaaaaaaa{number:02}", "us-east-1", "prod")
        made.ledger.captures.plan(Capture(hunt.id, system, CaptureState.FAILED, reason=HOSTILE))
    match, now = MuteMatch(path=(said,), tags={said: (said,)}), made.now()
    made.ledger.mutes.add(Mute("7c0d", match, now + timedelta(days=7), said, said, now, said))


class _Clock:
    """What `House` needs of a console: the runtime, and a clock that goes on by itself."""

    def __init__(self, made: Runtime) -> None:
        self.runtime, self.moment = made, datetime.now()

    def forward(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)


if __name__ == "__main__":
    sys.exit(main())
