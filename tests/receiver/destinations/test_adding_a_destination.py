"""A new type of destination takes a folder, the section of its configuration, and its line in two registries.

The test adds one to a copy of the product, in this way and no other. An alarm then goes from the
configuration to a request at a real server.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.emulated import clean

ROOT = Path(__file__).resolve().parents[3]

SECTION = '''
from typing import Literal

from shared.config.destinations.section import DestinationSection, Pace
from shared.config.types import FilePath
from shared.secrets import SecretRef


class PagerConfig(DestinationSection):
    """A pager."""

    type: Literal["pager"]
    url: SecretRef
    ca_bundle: FilePath | None = None
    pace: Pace = None
'''
TRAITS = """
from receiver.destinations.contract import Traits
from shared.config.destinations.pager import PagerConfig


def traits(config: PagerConfig) -> Traits:
    return Traits(rate_limit=((5, 1.0),), concurrency=1)
"""
DESTINATION = """
import json
import time

from receiver.destinations.classify import classify, classify_network_error
from receiver.destinations.contract import Check, Preview
from receiver.destinations.mask import Mask
from receiver.destinations.pager.traits import traits
from shared.http.errors import NetworkError


def page(message):
    return {"page": message.title, "severity": message.severity.value}


class PagerDestination:
    def __init__(self, name, config, url, http):
        self.name, self.traits = name, traits(config)
        self._url, self._http = url, http

    def deliver(self, message, case):
        try:
            answer = self._http.request("POST", self._url.reveal(), data=json.dumps(page(message)).encode())
        except NetworkError as error:
            return classify_network_error(error)
        return classify(answer, now=time.time(), mask=Mask(self._url.reveal()), advice={})

    def check(self):
        return Check(True, "")


def build(name, config, secret, http):
    return PagerDestination(name, config, secret(config.url), http)


def preview(message, config):
    return Preview(page(message), "Look at your pager.")
"""
# Each registry, a line of it, and the line that stands before it in the copy.
REGISTRIES = (
    (
        "shared/config/destinations/registry.py",
        "from shared.config.destinations.slack import SlackConfig\n",
        "from shared.config.destinations.pager import PagerConfig\n",
    ),
    ("shared/config/destinations/registry.py", "    SlackConfig | ", "    PagerConfig | "),
    (
        "receiver/destinations/registry.py",
        '    "slack": "receiver.destinations.slack",\n',
        '    "pager": "receiver.destinations.pager",\n',
    ),
)
CONFIG = """
platform: {url: https://127.0.0.1:9, api_key: env:API_KEY}
webhook: {tokens: env:TOKEN}
destinations:
  pager: {type: pager, url: env:PAGER_URL}
default: pager
"""
DELIVER = """
import os, sys
from pathlib import Path
from cli.assemble import load_config
from receiver import assemble
from shared.hosting import runtime
from shared.queues import items
from shared.queues.worker import work

bridge = runtime.local(load_config("huntbridge.yaml"), Path("data"), os.environ)
handlers = assemble.work(bridge)
body = b'{"event": "processing_with_alarms", "message": "5 alarms in project id 3"}'
bridge.events.put(items.encode(items.Webhook(body, bridge.now())))
assert work(bridge.events, handlers.event, lease=60) == 1
assert work(bridge.deliveries, handlers.delivery, lease=60) == 1
"""


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    copy = tmp_path_factory.mktemp("with a pager")
    for room in ("cli", "demo", "receiver", "scheduler", "shared"):
        shutil.copytree(ROOT / room, copy / room, ignore=shutil.ignore_patterns("__pycache__"))
    folder = copy / "receiver/destinations/pager"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "traits.py").write_text(TRAITS, encoding="utf-8")
    (folder / "destination.py").write_text(DESTINATION, encoding="utf-8")
    (copy / "shared/config/destinations/pager.py").write_text(SECTION, encoding="utf-8")
    for name, line, added in REGISTRIES:
        registry = (copy / name).read_text(encoding="utf-8")
        assert registry.count(line) == 1
        (copy / name).write_text(registry.replace(line, added + line), encoding="utf-8")
    (copy / "huntbridge.yaml").write_text(CONFIG, encoding="utf-8")
    return copy


def run(copy: Path, *arguments: str, origin: str = "https://pager.example") -> str:
    environ = {
        **clean(os.environ),
        "PYTHONPATH": str(copy),
        "API_KEY": "key",
        "TOKEN": "token",
        "PAGER_URL": f"{origin}/pages",
    }
    # -P: the folder of the product itself is not on the path.
    done = subprocess.run(
        [sys.executable, "-P", *arguments],
        cwd=copy,
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_an_alarm_reaches_the_new_destination(copy: Path, peer: Any, reply: Any) -> None:
    peer.answers(reply(202))
    run(copy, "-c", DELIVER, origin=peer.origin)
    (request,) = peer.requests
    assert (request.method, request.path) == ("POST", "/pages")
    assert request.json == {"page": "5 alarms in project 3", "severity": "unknown"}


def test_the_command_line_knows_the_new_destination(copy: Path) -> None:
    (copy / "event.json").write_text('{"message": "5 alarms in project id 3"}', encoding="utf-8")
    main = "import sys; from cli.main import main; main(sys.argv[1:])"
    page = json.loads(run(copy, "-c", main, "render", "event.json", "--to", "pager"))
    assert page == {"page": "5 alarms in project 3", "severity": "unknown"}
