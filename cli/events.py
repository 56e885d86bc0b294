"""Reads an alarm from a file, for the commands that show what would be sent. They send nothing, and ask the
platform and EC2 only with the option --enrich."""

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

from cli.alarm_options import AlarmOptions, alarm_options, apply, minimal_alarm
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

# An alarm in a queue, or the body of a webhook, has at most a quarter of this.
MAX_BYTES = 1024 * 1024
_ACCEPTED = (
    "write the body of a webhook of the platform, an event or an alarm as huntbridge writes it down, or what "
    "`huntbridge render --to webhook` or `huntbridge route --json` prints"
)
# Keys that `render` prints for a destination, and that no webhook of the platform has.
_RENDERED_FOR = {b'"unfurl_media"': "Slack", b'"fallbackText"': "Teams", b'"issuetype"': "Jira"}
T = TypeVar("T")
_PLACEHOLDER = {"platform": {"url": "https://platform.example", "api_key": "env:API_KEY"}}


def from_file(command: Callable[..., Any]) -> Callable[..., Any]:
    """The argument EVENT.json, the option --enrich, and the options that describe an alarm."""

    @click.argument("file", metavar="[EVENT.json]", type=click.File("rb"), required=False)
    @click.option(
        "--enrich",
        is_flag=True,
        help="Ask the ledger, the platform and EC2, as for a real alarm.",
    )
    @alarm_options
    @functools.wraps(command)
    def with_file(*args: Any, **kwargs: Any) -> Any:
        return command(*args, **kwargs)

    return with_file


def config_or_placeholder(path: str | None) -> Config:
    """The configuration; if there is none, a placeholder without hunts and destinations."""
    if path or Path(DEFAULT_FILE).exists() or os.environ.get("PLATFORM_IP"):
        return load_config(path)
    click.echo(
        f"There is no configuration; the platform is shown as {_PLACEHOLDER['platform']['url']}.", err=True
    )
    return Config.model_validate(_PLACEHOLDER)


def read_alarm(
    file: BinaryIO | None, options: AlarmOptions, config: Config, data: Path, *, enrich: bool
) -> Alarm:
    """The alarm in the file, or the alarm of the event in the file, with the options applied. Raises
    Misused."""
    if file is None and not options:
        raise Misused(
            "say what it is about: EVENT.json, - for stdin, or options such as --event and --severity"
        )
    alarm = _from_file(file, config, data, enrich=enrich) if file else minimal_alarm()
    return apply(options, alarm, config)


def _from_file(file: BinaryIO, config: Config, data: Path, *, enrich: bool) -> Alarm:
    body = file.read(MAX_BYTES + 1)
    if len(body) > MAX_BYTES:
        raise Misused("the file is larger than 1 MiB: this is no event")
    if not body.strip():
        raise Misused("the file is empty")
    content = _recognise(body)
    if isinstance(content, Alarm) and not enrich:
        return content
    event = content.event if isinstance(content, Alarm) else content
    if enrich:
        return assemble.enricher(reading_runtime(config, data)).enrich(event)
    # Nothing was looked up, so missing facts are not gaps.
    return replace(Enricher(None, None, None, config).enrich(event), gaps=())


def _recognise(body: bytes) -> Alarm | Event:
    """An alarm or event as huntbridge stores them, or the document that a webhook destination gets. Anything
    else is parsed as the body of a webhook. Raises Misused if nothing in it says what happened."""
    content = None
    with suppress(ValueError, RecursionError):
        content = json.loads(body)
    if isinstance(content, dict):
        if isinstance(content.get("alarm"), dict) and "destinations" in content:
            return _load(Alarm, content["alarm"])  # printed by `route --json`
        if "specversion" in content and isinstance(content.get("data"), dict):
            return _from_document(content["data"])
        if isinstance(content.get("event"), dict):
            return _load(Alarm, content)
        if {"id", "kind", "received_at"} <= content.keys():
            return _load(Event, content)
        for mark, kind in _RENDERED_FOR.items():
            if mark in body:
                raise Misused(f"this is a message for {kind}, which does not hold the alarm: {_ACCEPTED}")
    event = parse(body, id="rendered", received_at=datetime.now(UTC))
    if NOT_UNDERSTOOD_NOTE in event.note and not (event.instance or event.detection):
        raise Misused(f"nothing in this says what happened or where: {_ACCEPTED}")
    return event


def _load(kind: type[T], content: Mapping[str, Any]) -> T:
    try:
        return load(kind, content)
    except ValidationError as error:
        wrong = ".".join(map(str, error.errors(include_url=False, include_input=False)[0]["loc"]))
        what = "alarm" if kind is Alarm else "event"
        raise Misused(f"this looks like an {what} of huntbridge, and {wrong} is missing or wrong") from None


def _from_document(data: Mapping[str, Any]) -> Alarm:
    """The alarm in the document that a webhook destination gets. The document has no ids of a capture and
    of an acknowledgement, so these are made up."""
    sent = data.get("alarm")
    if not isinstance(sent, dict):
        raise Misused("this is a digest: it lists many alarms, but does not contain them")
    alarm = {**sent, "link": data.get("link") or "", "capture": None}
    if isinstance(sent.get("evidence"), dict):
        project = sent.get("project") or {"id": (sent.get("event") or {}).get("project_id")}
        alarm["evidence"] = {**sent["evidence"], "project_id": project["id"]}
    if isinstance(sent.get("taken"), dict):
        alarm["taken"] = {**sent["taken"], "id": "rendered"}
    if sent.get("capture") and sent.get("hunt") and sent.get("system"):
        hunt = _load(Hunt, sent["hunt"])
        alarm["capture"] = {"hunt_id": hunt.id, "system": sent["system"], "state": sent["capture"]}
    return _load(Alarm, alarm)
