"""Starts a hunt of one system for a finding of GuardDuty, in the finding's own account and region.

EventBridge sends the finding. The hunt is handled like every other hunt. GuardDuty repeats a finding while it
lasts, so one instance is hunted at most once in `quiet_period`. Sample findings are never hunted. All fields
of a finding are validated before they are used.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from scheduler.own_events import raise_event
from scheduler.plan import Plan
from scheduler.start import start
from shared.config.hunts import GuardDutyConfig
from shared.config.patterns import fits
from shared.hosting.runtime import Runtime
from shared.models.captures import Capture
from shared.models.event_kinds import HUNT_MISSED
from shared.models.events import Event
from shared.models.hunts import Hunt
from shared.models.systems import System
from shared.text import one_line

log = logging.getLogger(__name__)

SOURCE = "aws.guardduty"
# The instance that every sample finding is about (GuardDuty user guide, "Sample findings").
SAMPLE_INSTANCE = "i-99999999"


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore")


class _Instance(_Part):
    instanceId: str = Field("", pattern=r"^(i-[0-9a-f]{8}([0-9a-f]{9})?)?$")


class _Resource(_Part):
    instanceDetails: _Instance | None = None


class _Service(_Part):
    additionalInfo: Any = None


class _Detail(_Part):
    id: str
    type: str
    severity: float
    accountId: str = Field(pattern=r"^[0-9]{12}$")
    region: str = Field(pattern=r"^[a-z]{2}(-[a-z]+)+-[0-9]{1,2}$")
    title: str = ""
    resource: _Resource = _Resource()
    service: _Service = _Service()

    @property
    def instance(self) -> str:
        return self.resource.instanceDetails.instanceId if self.resource.instanceDetails else ""

    @property
    def sample(self) -> bool:
        info = self.service.additionalInfo
        value = info.get("value") if isinstance(info, dict) else None
        if isinstance(value, str):  # the newer form: JSON as text
            try:
                value = json.loads(value)
            except ValueError:
                value = None
        marked = any(isinstance(part, dict) and part.get("sample") is True for part in (info, value))
        return marked or self.title.startswith("[SAMPLE]") or self.instance == SAMPLE_INSTANCE


class _Finding(_Part):
    time: datetime
    detail: _Detail


def on_finding(runtime: Runtime, event: Mapping[str, Any]) -> dict[str, str]:
    """Start a hunt, or return the reason why none is started. Raises ValueError if the event is not a finding
    of GuardDuty."""
    try:
        finding = _Finding.model_validate(event)
    except ValidationError as error:
        errors = error.errors(include_input=False)
        fields = ", ".join(".".join(map(str, details["loc"])) for details in errors)
        raise ValueError(f"not a finding of GuardDuty: {fields}") from None
    config, detail = runtime.config.guardduty, finding.detail
    why = "the configuration has no guardduty section" if config is None else _unwanted(config, detail)
    if config is None or why:
        return _ignored(detail, why)
    hunt = _hunt(config, finding)
    account = runtime.config.account_name(detail.accountId)
    if runtime.config.account(account) is None:
        why = f"no entry of accounts has the id {detail.accountId}, so the platform cannot be asked for it"
        raise_event(
            runtime.events,
            Event(
                id=f"{HUNT_MISSED}:{hunt.name}",  # so one event, however often the finding is sent
                kind=HUNT_MISSED,
                received_at=runtime.now(),
                text=f"{hunt.trigger}, about {detail.instance}: {why}.",
                hunt_id=hunt.id,
            ),
        )
        return _ignored(detail, why)
    system = System(detail.instance, detail.region, account)
    before = runtime.ledger.hunts.begin_quiet_period("guardduty", system.key, hunt.id, config.quiet_period)
    if before:
        return _ignored(detail, f"{before} is not longer ago than quiet_period")
    planned = Plan(hunt, (Capture(hunt.id, system, mode=config.capture),))
    started = start(runtime, planned, retry_for=runtime.config.platform.retry_for)
    log.info("finding starts a hunt", extra={"finding": one_line(detail.id, 60), "hunt": started.id})
    return {"hunt": started.id, "state": started.state.value}


def _unwanted(config: GuardDutyConfig, detail: _Detail) -> str:
    """Why the finding starts no hunt; empty if it starts one."""
    if detail.sample:
        return "it is a sample"
    if not detail.instance:
        return "it is about no EC2 instance"
    if detail.severity < config.min_severity:
        return f"its severity {detail.severity:g} is below {config.min_severity:g}"
    if not fits(detail.type, config.types):
        return "its type is none of guardduty.types"
    return ""


def _hunt(config: GuardDutyConfig, finding: _Finding) -> Hunt:
    detail = finding.detail
    at = finding.time.replace(tzinfo=UTC) if finding.time.tzinfo is None else finding.time.astimezone(UTC)
    what = f"{one_line(detail.type, 100)}, severity {detail.severity:g}"
    return Hunt(
        f"guardduty-{detail.instance}",
        at.replace(microsecond=0),
        mode=config.capture,
        systems=1,
        trigger=f"GuardDuty finding {one_line(detail.id, 60)}: {what}",
        config_hash=hashlib.sha256(config.model_dump_json().encode()).hexdigest(),
    )


def _ignored(detail: _Detail, why: str) -> dict[str, str]:
    log.info("finding is not hunted", extra={"finding": re.sub(r"\W", "", detail.id)[:60], "reason": why})
    return {"state": "ignored", "reason": why}
