"""Writes a configuration as commented YAML."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from shared.config.yaml import Path

_SCHEMA = "https://github.com/huntbridge/huntbridge/releases/latest/download/huntbridge.schema.json"
_HEAD = f"""\
# yaml-language-server: $schema={_SCHEMA}
#
# The configuration of huntbridge. docs/reference/configuration.md describes every key.
# After a change run `huntbridge check`.
# It holds no secret: env:NAME is a variable of the environment or of the file {{env}}, file:/path is a file.
"""
_SECTIONS = {
    "platform": "The Cado platform. `huntbridge webhook` needs a Platform Administrator's key as admin_key.",
    "webhook": "What the platform's webhook must carry. Add a second token to change it without a gap.",
    "accounts": "The accounts that hold systems.",
    "hunts": "What is captured, and when. `huntbridge hunt plan NAME` shows what a hunt would do and cost.",
    "destinations": "Where alarms go. `huntbridge send-test NAME` sends a message that is marked TEST.",
    "default": "Alarms that no route takes go here.",
    "extra_regions": "Names of regions that huntbridge does not know.",
}
_KEYS = {
    ("platform", "api_key"): "of a user with the role Lead Analyst",
    ("platform", "fingerprint"): "no other certificate is trusted",
}
_NO_HUNT = """
# There is no hunt yet. This one would capture the instances with a tag, every Sunday at 02:00:
# hunts:
#   weekly:
#     schedule: cron(0 2 ? * SUN *)
#     targets:
#       - {tags: {Criticality: high}, regions: [us-east-1]}
"""
_ROUTES = """
# Routes send some alarms elsewhere. The first match wins. `huntbridge route` shows where an alarm would go.
# routes:
#   - {{match: {{severity: malicious}}, to: [{to}]}}
"""
_BLOCK = re.compile(r"[A-Za-z][A-Za-z0-9_./@+:()?* -]*")
_FLOW = re.compile(r"[A-Za-z][A-Za-z0-9_./@+-]*(:[A-Za-z0-9_./@+-]+)*")
_NOT_TEXT = {"true", "false", "yes", "no", "on", "off", "null", "y", "n"}


def document(data: Mapping[str, Any], env_file: str, notes: Mapping[Path, str]) -> str:
    """`data`: the sections in their order. `env_file`: the name of the file of variables. `notes`: more
    comments, by the path of the value."""
    comments = _KEYS | dict(notes)
    parts = [_HEAD.format(env=env_file)]
    for name, value in data.items():
        comment = f"# {_SECTIONS[name]}\n" if name in _SECTIONS else ""
        parts.append(f"\n{comment}" + "".join(f"{line}\n" for line in _entry(name, value, (name,), comments)))
    if not data.get("hunts"):
        parts.append(_NO_HUNT)
    if destinations := data.get("destinations"):
        parts.append(_ROUTES.format(to=next(iter(destinations))))
    return "".join(parts)


def _entry(name: str, value: Any, path: Path, comments: Mapping[Path, str]) -> Iterator[str]:
    """The lines of one key and its value."""
    key, comment = _scalar(name, _FLOW), f" # {comments[path]}" if path in comments else ""
    if isinstance(value, Mapping) and value:
        yield f"{key}:{comment}"
        for inner, content in value.items():
            for line in _entry(str(inner), content, (*path, inner), comments):
                yield f"  {line}"
    elif isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
        yield f"{key}:{comment}"
        yield from (f"  - {_flow(item)}" for item in value)
    else:
        text = _scalar(value, _BLOCK) if isinstance(value, str) else _flow(value)
        yield f"{key}: {text}{comment}"


def _flow(value: Any) -> str:
    match value:
        case Mapping():
            return "{" + ", ".join(f"{_scalar(str(k), _FLOW)}: {_flow(v)}" for k, v in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(_flow, value)) + "]"
        case str():
            return _scalar(value, _FLOW)
    return json.dumps(value)


def _scalar(text: str, plain: re.Pattern[str]) -> str:
    """The text without quotation marks if it is read as text without them."""
    is_plain = plain.fullmatch(text) and text.lower() not in _NOT_TEXT
    if is_plain and ": " not in text and not text.endswith((":", " ")):
        return text
    return json.dumps(text, ensure_ascii=not text.isprintable())
