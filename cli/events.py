"""From a file to an alarm, for the commands that show what would become of it. Nothing is sent, and unless it
is asked for, nobody is asked."""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import click
from pydantic import ValidationError

from cli.alarm_options import Said, alarm_options, applied, nothing_known
from cli.assemble import load_config, reading_runtime
from cli.exit_codes import Misused
from receiver import assemble
from receiver.events.enrich import Enricher
from receiver.events.parse.webhook import parse
from shared.config.config import Config
from shared.config.load import DEFAULT_FILE
from shared.models.alarms import Alarm
from shared.models.codec import load
from shared.models.event_notes import NOT_UNDERSTOOD_NOTE
from shared.models.events import Event
from shared.models.hunts import Hunt

MAX_BYTES = 1024 * 1024  # an alarm as a queue holds it, or a webhook's body, is a quarter of that at most
_TAKES = (
    "write the body of a webhook of the platform, an event or an alarm as huntbridge writes it down, or what "
    "`huntbridge render --to webhook` or `huntbridge route --json` prints"
)
# By a key that `render` prints and no webhook of the platform has, for whom it is.
_PRINTED = {b'"unfurl_media"': "Slack", b'"fallbackText"': "Teams", b'"issuetype"': "Jira"}
T = TypeVar("T")
_ANY = {"platform": {"url": "https://platform.example", "api_key": "env:API_KEY"}}


def from_file(command: Callable[..., Any]) -> Callable[..., Any]:
    """The argument EVENT.json, the option --enrich, and the options that describe an alarm."""

    @click.argument("file", metavar="[EVENT.json]", type=click.File("rb"), required=False)
    @click.option(
        "--enrich", is_flag=True, help="Look up what a real alarm would say: ledger, platform, EC2."
    )
    @alarm_options
    @functools.wraps(command)
    def with_file(*args: Any, **kwargs: Any) -> Any:
        return command(*args, **kwargs)

    return with_file


def config_or_any(path: str | None) -> Config:
    """The configuration; without any, one that knows no hunts and no destinations."""
    if path or Path(DEFAULT_FILE).exists() or os.environ.get("PLATFORM_IP"):
        return load_config(path)
    click.echo(f"There is no configuration; the platform is shown as {_ANY['platform']['url']}.", err=True)
    return Config.model_validate(_ANY)


def read_alarm(file: BinaryIO | None, said: Said, config: Config, data: Path, *, enrich: bool) -> Alarm:
    """The alarm that is in the file, or that its event becomes, with what the options say. Raises Misused."""
    if file is None and not said:
        raise Misused(
            "say what it is about: EVENT.json, - for stdin, or options such as --event and --severity"
        )
    alarm = _from(file, config, data, enrich=enrich) if file else nothing_known()
    return applied(said, alarm, config)


def _from(file: BinaryIO, config: Config, data: Path, *, enrich: bool) -> Alarm:
    body = file.read(MAX_BYTES + 1)
    if len(body) > MAX_BYTES:
        raise Misused("the file is larger than 1 MiB: this is no event")
    if not body.strip():
        raise Misused("the file is empty")
    found = _in(body)
    if isinstance(found, Alarm) and not enrich:
        return found
    event = found.event if isinstance(found, Alarm) else found
    if enrich:
        return assemble.enricher(reading_runtime(config, data)).enrich(event)
    # What was not looked up is no gap: nobody asked.
    return replace(Enricher(None, None, None, config).enrich(event), gaps=())


def _in(body: bytes) -> Alarm | Event:
    """An alarm or an event as huntbridge writes them down, or the document of a webhook destination; anything
    else is the body of a webhook. Raises Misused where nothing in it says what happened."""
    content = None
    with suppress(ValueError, RecursionError):
        content = json.loads(body)
    if isinstance(content, dict):
        if isinstance(content.get("alarm"), dict) and "destinations" in content:
            return _loaded(Alarm, content["alarm"])  # what `route --json` prints
        if "specversion" in content and isinstance(content.get("data"), dict):
            return _from_envelope(content["data"])
        if isinstance(content.get("event"), dict):
            return _loaded(Alarm, content)
        if {"id", "kind", "received_at"} <= content.keys():
            return _loaded(Event, content)
        for mark, kind in _PRINTED.items():
            if mark in body:
                raise Misused(f"this is a message for {kind}, which does not hold the alarm: {_TAKES}")
    event = parse(body, id="rendered", received_at=datetime.now(UTC))
    if NOT_UNDERSTOOD_NOTE in event.note and not (event.instance or event.detection):
        raise Misused(f"nothing in this says what happened or where: {_TAKES}")
    return event


def _loaded(kind: type[T], content: Mapping[str, Any]) -> T:
    try:
        return load(kind, content)
    except ValidationError as error:
        wrong = ".".join(map(str, error.errors(include_url=False, include_input=False)[0]["loc"]))
        what = "alarm" if kind is Alarm else "event"
        raise Misused(f"this looks like an {what} of huntbridge, and {wrong} is missing or wrong") from None


def _from_envelope(data: Mapping[str, Any]) -> Alarm:
    """The alarm in the document that a webhook destination gets, as far as the document holds it."""
    found = data.get("alarm")
    if not isinstance(found, dict):
        raise Misused("this is a digest, which tells of many alarms and holds none of them")
    alarm = {**found, "link": data.get("link") or "", "capture": None}
    if isinstance(found.get("evidence"), dict):
        project = found.get("project") or {"id": (found.get("event") or {}).get("project_id")}
        alarm["evidence"] = {**found["evidence"], "project_id": project["id"]}
    if isinstance(found.get("taken"), dict):
        alarm["taken"] = {**found["taken"], "id": "rendered"}
    if found.get("capture") and found.get("hunt") and found.get("system"):
        hunt = _loaded(Hunt, found["hunt"])
        alarm["capture"] = {"hunt_id": hunt.id, "system": found["system"], "state": found["capture"]}
    return _loaded(Alarm, alarm)
