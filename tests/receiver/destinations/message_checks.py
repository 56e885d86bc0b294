"""What the checks of all destinations share: configured wordings, permitted links, vendors' contracts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from receiver.intake.slack_request import (
    ACKNOWLEDGE,
    CAPTURE_AGAIN,
    CLOSE,
    CREATE_ISSUE,
    MUTE,
    UNTIL_NEXT_HUNT,
)
from receiver.messages.compose import compose
from receiver.messages.message import Message
from shared.config.config import Config
from shared.models.alarms import Alarm
from shared.models.owners import TeamsUser

CONTRACTS = Path(__file__).resolve().parents[4] / "shared" / "contracts"
NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
ISSUE = ("SEC-7", "https://jira.example/browse/SEC-7")
LINK_HOSTS = {
    "cado.example",
    "attack.mitre.org",
    "us-east-1.console.aws.amazon.com",
    "portal.azure.com",
    "jira.example",
}


LIVE = re.compile(
    r"(?<=\w)(?<!hxxp)(?<!hxxps)://", re.IGNORECASE | re.ASCII
)  # a link that was not made inert
JANE = TeamsUser("jane@acme.example", "Jane Doe")
CALL = "<at>Jane Doe</at>"


# A configuration whose templates put several texts side by side.
WORDED = Config.model_validate(
    {
        "platform": {"url": "https://cado.example", "api_key": "env:KEY"},
        "owner_tag": "B",
        "message": {
            "title": "{{ tags.A }}{{ tags.B }}{{ title | lower }}",
            "facts": [
                {"label": "Team", "value": "{{ tags.A }}:{{ tags.B }}//{{ host }}{{ owner | upper }}"},
                {"tag": "A"},
                {"tag": "B_*"},
                "others",
                {"label": "All", "value": "{{ tags }}{{ worst | replace('[.]', '.') }}"},
            ],
            "footer": "{{ tags.B }}{{ tags.A }} {{ project }}{{ summary | replace('hxxp', 'http') }}",
        },
    }
)


SHOP = Config.model_validate(
    {
        "platform": {"url": "https://cado.example", "api_key": "env:KEY"},
        "message": {
            "title": "[{{ tags.Env | default('no env') | upper }}] {{ title }}",
            "facts": [
                "history",
                "host",
                {"tag": "Env", "label": "Environment"},
                {"tag": "Cost_Center"},
                {"label": "Team", "value": "{{ tags.Team | default(owner) }} in {{ account }}"},
                "instance",
                "private_address",
                "evidence",
            ],
            "links": [{"text": "Runbook", "url": "https://wiki.acme.example/runbooks?id=12&a=b#top"}],
            "footer": "Runbook SEC-12.{% if tags.Env == 'prod' %} Call the officer on duty before you "
            "isolate it.{% endif %}",
        },
    }
)


def told(alarm: Alarm) -> Message:
    """The message of an alarm; every other alarm uses the configured wording."""
    return compose(alarm, WORDED if len(alarm.event.id) % 2 else None)


def packaged(package: str, path: str) -> Any:
    spec = find_spec(package)
    assert spec is not None
    assert spec.submodule_search_locations
    return json.loads((Path(spec.submodule_search_locations[0]) / path).read_text(encoding="utf-8"))


def contract(name: str) -> Any:
    path = CONTRACTS / name
    if not path.exists():
        pytest.skip(f"{name} does not lie beside the project in shared/contracts")
    return json.loads(path.read_text(encoding="utf-8"))


OFFERS = (ACKNOWLEDGE, CREATE_ISSUE, CAPTURE_AGAIN, CLOSE, MUTE, UNTIL_NEXT_HUNT)


def walk(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
    for item in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from walk(item)
