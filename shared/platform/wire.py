"""The JSON of the platform's answers, as pydantic models, and how they become huntbridge's own models.

Every field is optional. A field of a wrong type counts as missing, so that an odd field costs no alarm.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

from pydantic import (
    AliasPath,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from shared.models.evidence import Evidence, Finding, Project
from shared.models.severity import Severity
from shared.platform.answers import Pipeline, Webhook
from shared.platform.errors import Unavailable
from shared.text import one_line


def _or_none(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    try:
        return handler(value)
    except ValidationError:
        return None


# A larger number is no count and no id. A sum of a few of these fits into every store and JSON reader.
_LARGEST = 2**48
_LATEST = datetime(2200, 1, 1, tzinfo=UTC)

_Text = Annotated[str | None, WrapValidator(_or_none)]
_Count = Annotated[Annotated[int, Field(ge=0, le=_LARGEST)] | None, WrapValidator(_or_none)]
_Id = _Count
_Number = Annotated[Annotated[float, Field(allow_inf_nan=False)] | None, WrapValidator(_or_none)]


def _or_empty(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    """For a part that is an object, a list or a table: an empty one where it is not."""
    candidates: tuple[Any, ...] = (value, {}, [])
    for candidate in candidates:
        try:
            return handler(candidate)
        except ValidationError:
            continue
    raise AssertionError("one of these is empty and of the right kind")


_Part = WrapValidator(_or_empty)


class _Json(BaseModel):
    model_config = ConfigDict(extra="ignore")


class ProblemJson(_Json):
    message: _Text = None
    msg: _Text = None
    detail: _Text = None
    code: _Text = None


class PagedJson(_Json):
    total_pages: _Count = Field(None, validation_alias=AliasPath("pagination", "total_pages"))
    next_token: _Text = Field(None, validation_alias=AliasPath("pagination", "next_token"))


class ImportableJson(_Json):
    instance_id: _Text = None
    importable: Annotated[bool | None, WrapValidator(_or_none)] = None


class UserJson(_Json):
    rbac_role: _Text = None
    permissions: Annotated[dict[str, Annotated[bool | None, WrapValidator(_or_none)]], _Part] = {}


class UpdateJson(_Json):
    version: _Text = Field(None, validation_alias=AliasPath("version_info", "backend_version"))


class MadeJson(_Json):
    id: _Id = None


class WebhookJson(_Json):
    id: _Id = None
    name: _Text = None
    event_type: _Text = None
    url: _Text = None
    payload: Annotated[dict[str, Any] | None, WrapValidator(_or_none)] = None
    payload_type: _Text = None
    enabled: Annotated[bool | None, WrapValidator(_or_none)] = None
    times_sent: _Count = None
    last_sent: _Number = None


class MadeWebhookJson(_Json):
    id: _Id = None
    webhook: Annotated[WebhookJson, _Part] = WebhookJson()


class StartedJson(_Json):
    pipeline_ids: Annotated[list[MadeJson], _Part] = []
    pipeline_id: _Id = None  # v2

    @property
    def ids(self) -> tuple[int, ...]:
        given = [*(made.id for made in self.pipeline_ids), self.pipeline_id]
        return tuple(one for one in given if one is not None)


class AlarmsJson(_Json):
    malicious: _Count = None
    suspicious: _Count = None


class DetailsJson(_Json):
    name: _Text = None
    os: _Text = None
    hostname: _Text = None
    disk_size: _Count = None
    disk_hash: _Text = None


class ProjectJson(_Json):
    id: _Id = None
    alarms: Annotated[AlarmsJson, _Part] = AlarmsJson()
    details: Annotated[DetailsJson, _Part] = DetailsJson()
    last_update: _Number = None
    caseName: _Text = None  # v2

    @property
    def title(self) -> str | None:
        return self.details.name or self.caseName


class NamedJson(_Json):
    id: _Id = None
    type: _Text = None


class StepsJson(_Json):
    total: _Count = None
    success: _Count = None
    failure: _Count = None
    cancelled: _Count = None
    running: _Count = None

    @property
    def all_ended(self) -> bool:
        ended = (self.success or 0) + (self.failure or 0) + (self.cancelled or 0)
        return ended > 0 and ended == self.total


class StepJson(_Json):
    name: _Text = None
    state: _Text = None
    progress_text: Annotated[list[_Text], _Part] = []


class PipelineJson(_Json):
    name: _Text = None
    pipeline: Annotated[NamedJson, _Part] = NamedJson()
    project: Annotated[NamedJson, _Part] = NamedJson()
    evidence: Annotated[NamedJson, _Part] = NamedJson()
    summary: Annotated[StepsJson, _Part] = StepsJson()
    status: _Text = None  # since 2.269
    terminated: Annotated[bool | None, WrapValidator(_or_none)] = None
    aborted: Annotated[bool | None, WrapValidator(_or_none)] = None
    triggering_pipeline_id: _Id = None
    created: Annotated[float | str | None, WrapValidator(_or_none)] = None  # ms; v2: naive ISO time
    subtasks: Annotated[list[StepJson], _Part] = []
    pipeline_id: _Id = None  # v2, and the next four
    pipeline_type: _Text = None
    project_id: _Id = None
    evidence_id: _Id = None
    evidence_name: _Text = None


class PipelinesStatusJson(_Json):
    queued: _Count = None
    in_progress: _Count = None
    limit: _Count = None


class ResourceJson(_Json):
    id: _Text = None
    type: _Text = None
    account_id: _Text = None
    parent_id: _Text = None


class PreservationJson(_Json):
    raw: _Text = None
    encase: _Text = None


class EvidenceJson(_Json):
    id: _Id = None
    project_id: _Id = None
    display_name: _Text = None
    alarms: Annotated[AlarmsJson, _Part] = AlarmsJson()
    details: Annotated[DetailsJson, _Part] = DetailsJson()
    resource: Annotated[ResourceJson, _Part] = ResourceJson()
    last_processed: _Number = None
    preservation: Annotated[PreservationJson, _Part] = PreservationJson()


class AlarmJson(_Json):
    description: _Text = None
    severity: _Count = None
    total_count: _Count = None  # of a summary's row
    attack: Annotated[list[_Text], _Part] = []
    full_path: _Text = None  # of a single alarm


class SummaryJson(_Json):
    breakdown: Annotated[list[AlarmJson], _Part] = []


M = TypeVar("M", bound=_Json)


def parse(kind: type[M], data: Any) -> M:
    return kind.model_validate(data if isinstance(data, dict) else {})


def unwrap(answer: Any, *, ambiguous: bool = False) -> Any:
    """What is inside v3's envelope."""
    if not isinstance(answer, dict) or "data" not in answer:
        raise Unavailable(
            "The platform's answer is not one of API v3; for an old platform write platform.api_version: v2.",
            ambiguous=ambiguous,
            passing=False,
        )
    return answer["data"]


def as_list(data: Any, name: str = "") -> list[Any]:
    """A list, however it is wrapped: v2 answers with an object, a list, or a list under `name`."""
    if name and isinstance(data, dict):
        data = data.get(name, [data])
    if not isinstance(data, list):
        raise Unavailable("The platform's answer holds no list where there should be one.", passing=False)
    return data


def version_numbers(version: str) -> tuple[int, ...] | None:
    found = re.match(r"(\d{1,6})\.(\d{1,6})", version)
    return (int(found[1]), int(found[2])) if found else None


def webhook_from(found: WebhookJson, number: int) -> Webhook:
    return Webhook(
        id=number,
        name=one_line(found.name or ""),
        event_type=one_line(found.event_type or "", 60),
        url=one_line(found.url or "", 2_000),
        payload=found.payload,
        payload_type=one_line(found.payload_type or "", 40),
        enabled=bool(found.enabled),
        times_sent=found.times_sent,
        last_sent=_moment(found.last_sent),
    )


def instance_in(*candidates: str | None) -> str:
    """The first EC2 instance id that one of these texts holds."""
    for text in candidates:
        found = re.search(r"(?<![0-9a-z])i-[0-9a-f]{8,17}(?![0-9a-z])", text or "")
        if found:
            return found[0]
    return ""


def _first(*candidates: int | None) -> int | None:
    return next((one for one in candidates if one is not None), None)


def pipeline_from(found: PipelineJson) -> Pipeline | None:
    number = _first(found.pipeline.id, found.pipeline_id)
    if number is None:
        return None
    state = _state(found)
    return Pipeline(
        id=number,
        type=one_line(found.pipeline.type or found.pipeline_type or "", 40),
        name=one_line(found.name or ""),
        state=state,
        project_id=_first(found.project.id, found.project_id),
        evidence_id=_first(found.evidence.id, found.evidence_id or None),  # v2 writes 0 for none
        triggered_by=found.triggering_pipeline_id,
        created_ms=_milliseconds(found.created),
        reason=_reason(found) if state == "failed" else "",
        steps_ended=(found.summary.success or 0) + (found.summary.failure or 0),
    )


_STATES = {
    "success": "complete",  # the platform's words before 2.269
    "failure": "failed",
    "canceled": "cancelled",
    "running": "in_progress",
    **{state: state for state in ("queued", "in_progress", "complete", "failed", "cancelled")},
}


def _state(found: PipelineJson) -> str:
    """The platform says it since 2.269; before that, and for "pending", its steps tell."""
    steps = found.summary
    if said := _STATES.get((found.status or "").lower()):
        return said
    if found.terminated or found.aborted or steps.all_ended:
        if steps.failure:
            return "failed"
        return "cancelled" if found.aborted or steps.cancelled else "complete"
    return "in_progress" if steps.running or steps.success or steps.failure else "queued"


def _reason(found: PipelineJson) -> str:
    failed = [step for step in found.subtasks if (step.state or "").upper() == "FAILURE"]
    said = [text for step in failed for text in step.progress_text if text] or [
        f"{step.name} failed" for step in failed if step.name
    ]
    return one_line("; ".join(dict.fromkeys(said)), 300)


def _milliseconds(created: float | str | None) -> int | None:
    try:
        if isinstance(created, str):
            created = datetime.fromisoformat(created).replace(tzinfo=UTC).timestamp() * 1_000
        found = int(created or 0)
    except (ValueError, OverflowError):
        return None
    return found if 0 < found <= _LATEST.timestamp() * 1_000 else None


def _moment(seconds: float | None) -> datetime | None:
    """The spec says seconds; later figures than the year 5138 are taken as milliseconds. What lies before
    1970 or after 2199 is not known."""
    if not seconds:
        return None
    seconds = seconds / 1_000 if seconds > 1e11 else seconds
    return datetime.fromtimestamp(seconds, UTC) if 0 < seconds < _LATEST.timestamp() else None


def project_from(found: ProjectJson, number: int) -> Project:
    return Project(
        id=number,
        name=one_line(found.title or ""),
        malicious=found.alarms.malicious,
        suspicious=found.alarms.suspicious,
        updated_at=_moment(found.last_update),
    )


def evidence_from(found: EvidenceJson, number: int) -> Evidence:
    details, resource = found.details, found.resource
    return Evidence(
        id=number,
        project_id=found.project_id,
        name=one_line(found.display_name or ""),
        hostname=one_line(details.hostname or ""),
        os=one_line(details.os or "", 100),
        size_mb=details.disk_size,
        resource=one_line(resource.id or ""),
        resource_type=one_line(resource.type or "", 40),
        instance=instance_in(resource.parent_id, resource.id, found.display_name),
        account_id=one_line(resource.account_id or "", 40),
        malicious=found.alarms.malicious,
        suspicious=found.alarms.suspicious,
        processed_at=_moment(found.last_processed),
        disk_hash=one_line(details.disk_hash or "", 200),
        preserved=one_line(found.preservation.raw or found.preservation.encase or "", 1_000),
    )


_SEVERITIES = {1: Severity.MALICIOUS, 3: Severity.SUSPICIOUS}  # docs.cadosecurity.com, SIEM export
_ORDER = (Severity.MALICIOUS, Severity.SUSPICIOUS, Severity.INFO)


def finding_from(found: AlarmJson) -> Finding:
    return Finding(
        description=one_line(found.description or "", 300),
        count=found.total_count or 0,
        severity=_SEVERITIES.get(found.severity or 0, Severity.INFO),
        attack=tuple(one_line(technique, 20) for technique in found.attack if technique),
        path=one_line(found.full_path or "", 500),
    )


def worst_first(found: Iterator[Finding]) -> tuple[Finding, ...]:
    return tuple(sorted(found, key=lambda one: (_ORDER.index(one.severity), -one.count, one.description)))
