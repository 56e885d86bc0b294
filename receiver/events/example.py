"""Makes an example of an alarm, for the commands and the page that show what would happen to it.

The example is made from a few words, from pasted text or from a file. Nothing is looked up.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, TypeVar

from pydantic import ValidationError

from receiver.events.enrich import Enricher
from receiver.events.parse.webhook import parse
from shared.aws.regions import known_regions
from shared.config.config import Config
from shared.config.suggestions import advice, quoted
from shared.config.unnamed_hunts import is_name_of_one
from shared.models.alarms import Alarm
from shared.models.codec import load
from shared.models.event_kinds import OWN_KINDS, PLATFORM_KINDS, RECOVERED, UNKNOWN_EVENT
from shared.models.event_notes import NOT_UNDERSTOOD_NOTE
from shared.models.events import Event
from shared.models.evidence import Project
from shared.models.hunts import Hunt
from shared.models.kinds_of_system import ABILITIES, Provider
from shared.models.severity import Severity
from shared.models.systems import OF_THE_SYSTEM, PARTS, WITHOUT_REGION, Instance, Kind, System

KINDS = (*PLATFORM_KINDS, *sorted(OWN_KINDS), RECOVERED, UNKNOWN_EVENT)
# An alarm in a queue, or the body of a webhook, has at most a quarter of this.
MAX_BYTES = 1024 * 1024
_ANY = "example"  # a name that the example does not say
_ACCEPTED = (
    "write the body of a webhook of the platform, an event or an alarm as huntbridge writes it down, or what "
    "`huntbridge render --to webhook` or `huntbridge route --json` prints"
)
# Keys that `render` prints for a destination, and that no webhook of the platform has.
_RENDERED_FOR = {
    b'"unfurl_media"': "Slack",
    b'"fallbackText"': "Teams",
    b'"issuetype"': "Jira",
    b'"class_uid"': "a receiver of OCSF",
}
T = TypeVar("T")


class NotUsable(ValueError):
    """The description or the text is no alarm. The sentence says why and what to write instead. `part` is the
    part of a description whose value the sentence begins with."""

    def __init__(self, text: str, part: str = "") -> None:
        super().__init__(text)
        self.part = part


@dataclass(frozen=True)
class Description:
    """What an alarm is about; None or empty for what is not said."""

    event: str | None = None
    severity: str | None = None
    hunt: str | None = None
    project: str | None = None
    account: str | None = None
    region: str | None = None
    kind: str | None = None
    instance: str | None = None
    tag: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return self != Description()


def minimal_alarm() -> Alarm:
    """The alarm that a description alone makes, before it is applied."""
    event = Event("rendered", "processing_with_alarms", datetime.now(UTC))
    return Alarm(event, Severity.UNKNOWN)


def apply(said: Description, alarm: Alarm, config: Config) -> Alarm:
    """The alarm with what the description says in place of its own values. Raises NotUsable."""
    if said.event is not None:
        kind = _one_of(said.event.lower(), KINDS, "event")
        alarm = replace(alarm, event=replace(alarm.event, kind=kind))
    if said.severity is not None:
        severity = _one_of(said.severity.lower(), list(Severity), "severity")
        alarm = replace(alarm, severity=Severity(severity))
    if said.hunt is not None:
        if not is_name_of_one(config, said.hunt):
            _one_of(said.hunt, config.hunts, "hunt")
        at = alarm.hunt.scheduled_at if alarm.hunt else alarm.event.received_at
        alarm = replace(alarm, hunt=Hunt(said.hunt, at))
    if said.project is not None:
        alarm = _with_project(said.project, alarm)
    if said.kind is not None:
        _one_of(said.kind, list(Kind), "kind of system")
    if said.account or said.region or said.kind or said.instance or said.tag:
        alarm = _with_system(said, alarm, config)
    return alarm


def _one_of(word: str, choices: Any, what: str) -> str:
    if word not in choices:
        raise NotUsable(f"there is no {what} {quoted(word)}{advice(word, choices)}")
    return word


def _with_project(project: str, alarm: Alarm) -> Alarm:
    if not project.isdecimal():
        return replace(alarm, project=Project(alarm.event.project_id or 0, project))
    event = replace(alarm.event, project_id=int(project[:10]))
    return replace(alarm, event=event, project=None)


def _with_system(said: Description, alarm: Alarm, config: Config) -> Alarm:
    instance = alarm.instance or Instance("", "")
    account = alarm.system.account if alarm.system else ""
    kind = Kind(said.kind) if said.kind else alarm.system.kind if alarm.system else Kind.EC2
    if said.region is not None:
        regions = known_regions() | set(config.extra_regions)
        of_aws = ABILITIES[kind].provider is Provider.AWS
        region = _one_of(said.region, regions, "region") if of_aws else said.region
        instance = replace(instance, region=region)
    if said.account is not None:
        if re.fullmatch(r"[0-9]{12}", said.account):
            instance = replace(instance, account_id=said.account)
            account = config.account_name(said.account)
        else:
            account = _one_of(said.account, config.accounts, "account")
            instance = replace(instance, account_id=config.accounts[account].id or "")
    if said.instance is not None:
        is_id = re.fullmatch(r"i-[0-9a-f]+", said.instance)
        instance = replace(instance, id=said.instance) if is_id else replace(instance, name=said.instance)
    tags = dict(instance.tags) | dict(map(_tag, said.tag))
    instance = replace(instance, tags=tags)
    if kind is not Kind.EC2:
        return replace(alarm, instance=instance, system=_example_of(kind, instance, account))
    return replace(alarm, instance=instance, system=System(instance.id, instance.region, account))


def _example_of(kind: Kind, instance: Instance, account: str) -> System:
    """A system of another kind than EC2. Nobody says of an example in which cluster or group it is."""
    own = [part for part in PARTS[kind] if part not in OF_THE_SYSTEM]
    parts = dict.fromkeys(own, _ANY) | {own[-1]: instance.name or _ANY}
    region = "" if kind in WITHOUT_REGION else instance.region or _ANY
    system = System.of(kind, account=account or _ANY, region=region, **parts)
    return replace(system, region=region.replace(_ANY, ""), account=account)


def _tag(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise NotUsable(f"{quoted(text)} is no tag; write it as KEY=VALUE", "tag")
    return key, value


def without_facts(event: Event, config: Config) -> Alarm:
    """The alarm of an event about which nothing is looked up. So missing facts are not gaps."""
    return replace(Enricher(None, None, None, config).enrich(event), gaps=())


def recognise(body: bytes) -> Alarm | Event:
    """An alarm or event as huntbridge stores them, or the document that a webhook destination gets. Anything
    else is parsed as the body of a webhook. Raises NotUsable if nothing in it says what happened."""
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
                raise NotUsable(f"this is a message for {kind}, which does not hold the alarm: {_ACCEPTED}")
    event = parse(body, id="rendered", received_at=datetime.now(UTC))
    if NOT_UNDERSTOOD_NOTE in event.note and not (event.instance or event.detection):
        raise NotUsable(f"nothing in this says what happened or where: {_ACCEPTED}")
    return event


def _load(kind: type[T], content: Mapping[str, Any]) -> T:
    try:
        return load(kind, content)
    except ValidationError as error:
        wrong = ".".join(map(str, error.errors(include_url=False, include_input=False)[0]["loc"]))
        what = "alarm" if kind is Alarm else "event"
        raise NotUsable(f"this looks like an {what} of huntbridge, and {wrong} is missing or wrong") from None


def _from_document(data: Mapping[str, Any]) -> Alarm:
    """The alarm in the document that a webhook destination gets. The document has no ids of a capture and
    of an acknowledgement, so these are made up."""
    sent = data.get("alarm")
    if not isinstance(sent, dict):
        raise NotUsable("this is a digest: it lists many alarms, but does not contain them")
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
