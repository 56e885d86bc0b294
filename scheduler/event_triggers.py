"""Starts a hunt for an event of EventBridge, as a trigger of the configuration says: of the EC2 instances
that the event names, or a hunt of the configuration.

EventBridge may deliver an event twice, and many services repeat their events. So one instance is captured,
and one hunt is started, at most once in the trigger's `quiet_period`. What comes out of an event is validated
before it is used.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from scheduler.guardduty import SAMPLE_INSTANCE
from scheduler.own_events import raise_event
from scheduler.plan import Plan, prepare
from scheduler.start import start
from scheduler.wording import some_of
from shared.config.patterns import fits
from shared.config.triggers import EventSystemConfig, TriggerConfig
from shared.config.unnamed_hunts import TRIGGER_CHARACTERS
from shared.hosting.runtime import Runtime
from shared.models.captures import Capture
from shared.models.event_kinds import HUNT_MISSED
from shared.models.event_paths import (
    ANYWHERE,
    EventPath,
    Found,
    Place,
    TooManyPlaces,
    belongs_to,
    joined,
)
from shared.models.events import Event
from shared.models.hunts import Hunt
from shared.models.systems import System
from shared.text import one_line

log = logging.getLogger(__name__)

MOST_SYSTEMS = 5  # that one event may name
_INSTANCE = re.compile(r"i-[0-9a-f]{8}([0-9a-f]{9})?", re.ASCII)
_ARN = re.compile(r"arn:aws[a-z-]*:ec2:([a-z0-9-]+):([0-9]{12}):instance/(i-[0-9a-f]{8,17})", re.ASCII)
_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-[0-9]{1,2}", re.ASCII)
_ACCOUNT = re.compile(r"[0-9]{12}", re.ASCII)


class _Envelope(BaseModel):
    """What EventBridge says of every event ("Events" in its user guide)."""

    model_config = ConfigDict(extra="ignore")

    source: str
    detail_type: str = Field(alias="detail-type")
    time: datetime
    account: str = ""
    region: str = ""

    @property
    def at(self) -> datetime:
        at = self.time.replace(tzinfo=UTC) if self.time.tzinfo is None else self.time.astimezone(UTC)
        return at.replace(microsecond=0)


@dataclass(frozen=True)
class _Arrived:
    """An event that a trigger takes."""

    name: str  # of the trigger
    trigger: TriggerConfig
    envelope: _Envelope
    event: Mapping[str, Any]

    @property
    def in_words(self) -> str:
        kind, source = one_line(self.envelope.detail_type, 80), one_line(self.envelope.source, 60)
        return f"event “{kind}” of {source}, trigger {self.name}"


class NotTaken(Exception):
    """A trigger takes the event, and no hunt can be started for it. The text says why."""


class _Sample(Exception):
    """The event is about the instance of sample findings."""


def on_trigger(runtime: Runtime, event: Mapping[str, Any]) -> dict[str, str]:
    """Start what the first trigger that takes the event asks for, or return the reason why nothing is
    started. Raises ValueError if this is no event of EventBridge."""
    try:
        envelope = _Envelope.model_validate(event)
    except ValidationError as error:
        fields = ", ".join(".".join(map(str, wrong["loc"])) for wrong in error.errors(include_input=False))
        raise ValueError(f"not an event of EventBridge: {fields}") from None
    for name, trigger in runtime.config.triggers.items():
        if trigger.source != envelope.source or envelope.detail_type not in trigger.detail_type:
            continue
        arrived = _Arrived(name, trigger, envelope, event)
        try:
            places = _places(arrived)
            if not places:
                continue
            return _started(runtime, arrived, places)
        except _Sample:
            return _ignored(envelope, "it is a sample")
        except (NotTaken, TooManyPlaces) as error:
            return _missed(runtime, arrived, str(error))
    return _ignored(envelope, "no trigger of the configuration takes it")


def _places(arrived: _Arrived) -> list[Place]:
    """Where in the event all conditions of the trigger hold. Empty: they do not hold."""
    places: list[Place] = [ANYWHERE]
    for path, patterns in arrived.trigger.when.items():
        found = EventPath.parse(path).find(arrived.event)
        places = joined(places, [each.place for each in found if fits(each.text, patterns)])
    return places


def _started(runtime: Runtime, arrived: _Arrived, places: list[Place]) -> dict[str, str]:
    if arrived.trigger.system is None:
        return _start_hunt(runtime, arrived)
    systems = list(dict.fromkeys(_systems(runtime, arrived, arrived.trigger.system, places)))
    if not systems:
        raise NotTaken(
            f"it names no EC2 instance at {arrived.trigger.system.instance}; if such events are usual, write "
            "under `when` which ones are about an instance"
        )
    if len(systems) > MOST_SYSTEMS:
        names = some_of([system.instance for system in systems])
        raise NotTaken(f"it names {len(systems)} instances, and at most {MOST_SYSTEMS} are captured: {names}")
    results = [_capture(runtime, arrived, system) for system in systems]
    return {"state": ", ".join(results)}


def _start_hunt(runtime: Runtime, arrived: _Arrived) -> dict[str, str]:
    """Start the hunt of the configuration that the trigger names, at the time of the event."""
    trigger, name = arrived.trigger, arrived.trigger.hunt
    identity = Hunt(name, arrived.envelope.at).id
    quiet = runtime.ledger.hunts.begin_quiet_period(
        f"trigger {arrived.name}", name, identity, trigger.quiet_period
    )
    if quiet:
        return _ignored(arrived.envelope, f"{quiet} is not longer ago than quiet_period")
    planned = prepare(runtime, name, arrived.envelope.at)
    hunt = start(
        runtime, planned, retry_for=runtime.config.platform.retry_for, trigger=f"an {arrived.in_words}"
    )
    log.info("event starts a hunt", extra={"trigger": arrived.name, "hunt": hunt.id})
    return {"hunt": hunt.id, "state": hunt.state.value}


def _capture(runtime: Runtime, arrived: _Arrived, system: System) -> str:
    """Capture one instance. Returns in words what was done."""
    trigger = arrived.trigger
    hunt = Hunt(
        f"{arrived.name[:TRIGGER_CHARACTERS]}-{system.instance}",
        arrived.envelope.at,
        mode=trigger.capture or "full",
        systems=1,
        trigger=f"an {arrived.in_words}",
        config_hash=hashlib.sha256(trigger.model_dump_json().encode()).hexdigest(),
    )
    about = f"trigger {arrived.name}"
    if before := runtime.ledger.hunts.begin_quiet_period(about, system.key, hunt.id, trigger.quiet_period):
        reason = f"{before} is not longer ago than quiet_period"
        log.info("event is not hunted", extra={"trigger": arrived.name, "reason": reason})
        return f"ignored: {reason}"
    planned = Plan(hunt, (Capture(hunt.id, system, mode=hunt.mode),))
    started = start(runtime, planned, retry_for=runtime.config.platform.retry_for)
    log.info("event starts a hunt", extra={"trigger": arrived.name, "hunt": started.id})
    return f"{started.id} {started.state.value}"


def _systems(
    runtime: Runtime, arrived: _Arrived, wanted: EventSystemConfig, places: list[Place]
) -> Iterator[System]:
    """The instances in those places. Raises NotTaken if one of them cannot be captured."""
    envelope = arrived.envelope
    regions = EventPath.parse(wanted.region).find(arrived.event) if wanted.region else []
    accounts = EventPath.parse(wanted.account).find(arrived.event) if wanted.account else []
    for found in EventPath.parse(wanted.instance).find(arrived.event):
        here = joined(places, [found.place])
        arn = _ARN.fullmatch(found.text)
        instance = arn[3] if arn else found.text
        if not here or not _INSTANCE.fullmatch(instance):
            continue  # the event names other things too, such as a security group
        if instance == SAMPLE_INSTANCE:
            raise _Sample
        region = _only(regions, here) if wanted.region else arn[1] if arn else envelope.region
        account_id = _only(accounts, here) if wanted.account else arn[2] if arn else envelope.account
        if not _REGION.fullmatch(region):
            raise NotTaken(f"it does not say the region of {instance} where the trigger looks for it")
        if not _ACCOUNT.fullmatch(account_id):
            raise NotTaken(f"it does not say the account of {instance} where the trigger looks for it")
        account = runtime.config.account_name(account_id)
        if runtime.config.account(account) is None:
            raise NotTaken(f"it is about {instance}, and no entry of accounts has the id {account_id}")
        yield System(instance, region, account)


def _only(values: list[Found], here: list[Place]) -> str:
    """The value that belongs to these places; empty if there is none, or more than one."""
    texts = {value.text for value in values if any(belongs_to(value.place, place) for place in here)}
    return texts.pop() if len(texts) == 1 else ""


def _missed(runtime: Runtime, arrived: _Arrived, why: str) -> dict[str, str]:
    """Raise one event a day for each reason, however many events have it."""
    hunt = Hunt(arrived.name, arrived.envelope.at)
    digest = hashlib.sha256(why.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    event = Event(
        id=f"{HUNT_MISSED}:trigger:{arrived.name}:{arrived.envelope.at:%Y-%m-%d}:{digest}",
        kind=HUNT_MISSED,
        received_at=runtime.now(),
        text=f"An {arrived.in_words}: {why}.",
        hunt_id=hunt.id,
    )
    raise_event(runtime.events, event)
    return _ignored(arrived.envelope, why)


def _ignored(envelope: _Envelope, why: str) -> dict[str, str]:
    kind = one_line(f"{envelope.source}: {envelope.detail_type}", 120)
    log.info("event starts no hunt", extra={"event": kind, "reason": why})
    return {"state": "ignored", "reason": why}
