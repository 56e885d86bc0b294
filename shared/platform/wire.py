"""The JSON of the platform's answers, as pydantic models, and how they become huntbridge's own models.

Every field is optional. A field of a wrong type counts as missing, so that an odd field costs no alarm.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
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
from shared.platform.answers import Webhook
from shared.platform.errors import Unavailable
from shared.text import one_line


def or_none(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    """The value, or None if it has another type than its field."""
    try:
        return handler(value)
    except ValidationError:
        return None


# A larger number is neither a count nor an id. A sum of a few numbers of this size fits into every store.
_LARGEST = 2**48
LATEST = datetime(2200, 1, 1, tzinfo=UTC)  # a later time is a mistake of the platform

Text = Annotated[str | None, WrapValidator(or_none)]
Count = Annotated[Annotated[int, Field(ge=0, le=_LARGEST)] | None, WrapValidator(or_none)]
Id = Count
Number = Annotated[Annotated[float, Field(allow_inf_nan=False)] | None, WrapValidator(or_none)]
Flag = Annotated[bool | None, WrapValidator(or_none)]


def _or_empty(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    """The value of an object, list or table; an empty one if the value has another type."""
    candidates: tuple[Any, ...] = (value, {}, [])
    for candidate in candidates:
        try:
            return handler(candidate)
        except ValidationError:
            continue
    raise AssertionError("an empty object or an empty list fits every part")


Part = WrapValidator(_or_empty)


class JsonObject(BaseModel):
    model_config = ConfigDict(extra="ignore", defer_build=True)


class ProblemJson(JsonObject):
    message: Text = None
    msg: Text = None
    detail: Text = None
    code: Text = None


class PagedJson(JsonObject):
    total_pages: Count = Field(None, validation_alias=AliasPath("pagination", "total_pages"))
    total_records: Count = Field(None, validation_alias=AliasPath("pagination", "total_records"))
    per_page: Count = Field(None, validation_alias=AliasPath("pagination", "per_page"))
    next_token: Text = Field(None, validation_alias=AliasPath("pagination", "next_token"))


class ImportableJson(JsonObject):
    instance_id: Text = None
    importable: Flag = None


class UserJson(JsonObject):
    rbac_role: Text = None
    permissions: Annotated[dict[str, Flag], Part] = {}


class UpdateJson(JsonObject):
    version: Text = Field(None, validation_alias=AliasPath("version_info", "backend_version"))


class MadeJson(JsonObject):
    id: Id = None


class WebhookJson(JsonObject):
    id: Id = None
    name: Text = None
    event_type: Text = None
    url: Text = None
    payload: Annotated[dict[str, Any] | None, WrapValidator(or_none)] = None
    payload_type: Text = None
    enabled: Flag = None
    times_sent: Count = None
    last_sent: Number = None


class MadeWebhookJson(JsonObject):
    id: Id = None
    webhook: Annotated[WebhookJson, Part] = WebhookJson()


class StartedJson(JsonObject):
    pipeline_ids: Annotated[list[MadeJson], Part] = []
    pipeline_id: Id = None  # v2

    @property
    def ids(self) -> tuple[int, ...]:
        ids = [*(pipeline.id for pipeline in self.pipeline_ids), self.pipeline_id]
        return tuple(id for id in ids if id is not None)


class AlarmsJson(JsonObject):
    malicious: Count = None
    suspicious: Count = None


class DetailsJson(JsonObject):
    name: Text = None
    os: Text = None
    hostname: Text = None
    disk_size: Count = None
    disk_hash: Text = None


class ProjectJson(JsonObject):
    id: Id = None
    alarms: Annotated[AlarmsJson, Part] = AlarmsJson()
    details: Annotated[DetailsJson, Part] = DetailsJson()
    last_update: Number = None
    caseName: Text = None  # v2

    @property
    def title(self) -> str | None:
        return self.details.name or self.caseName


class NamedJson(JsonObject):
    id: Id = None
    type: Text = None


class PipelinesStatusJson(JsonObject):
    queued: Count = None
    in_progress: Count = None
    limit: Count = None


class ResourceJson(JsonObject):
    id: Text = None
    type: Text = None
    account_id: Text = None
    account_type: Text = None
    parent_id: Text = None

    @property
    def may_be_of_ec2(self) -> bool:
        """Whether it may be an EC2 instance or its volume. A name of other kinds may look like an id of EC2,
        and the host of a container is not the container."""
        is_on_aws = (self.account_type or "").lower() in ("", "aws")
        return is_on_aws and (self.type or "").lower() not in ("ecs", "lambda", "kubernetes")


class PreservationJson(JsonObject):
    raw: Text = None
    encase: Text = None


class EvidenceJson(JsonObject):
    id: Id = None
    project_id: Id = None
    display_name: Text = None
    alarms: Annotated[AlarmsJson, Part] = AlarmsJson()
    details: Annotated[DetailsJson, Part] = DetailsJson()
    resource: Annotated[ResourceJson, Part] = ResourceJson()
    last_processed: Number = None
    preservation: Annotated[PreservationJson, Part] = PreservationJson()


class AlarmJson(JsonObject):
    description: Text = None
    severity: Count = None
    attack: Annotated[list[Text], Part] = []
    # Only in the summary.
    total_count: Count = None
    content_alarm_count: Count = None
    event_alarm_count: Count = None
    # Only in a single alarm.
    type: Text = None  # content (of a file) | event (of a log)
    full_path: Text = None
    item_id: Text = None  # the SHA-256 of the file, or the id of the event


class SummaryJson(JsonObject):
    breakdown: Annotated[list[AlarmJson], Part] = []


M = TypeVar("M", bound=JsonObject)


def parse(kind: type[M], data: Any) -> M:
    """The data as a model. Anything but an object gives a model without values; nothing is raised."""
    return kind.model_validate(data if isinstance(data, dict) else {})


def unwrap(answer: Any, *, ambiguous: bool = False) -> Any:
    """The `data` of an answer of v3. Raises Unavailable if the answer has another form."""
    if not isinstance(answer, dict) or "data" not in answer:
        raise Unavailable(
            "The platform's answer is not one of API v3; for an old platform write platform.api_version: v2.",
            ambiguous=ambiguous,
            retryable=False,
        )
    return answer["data"]


def as_list(data: Any, name: str = "") -> list[Any]:
    """The items of a list. v2 answers with an object, a list, or a list under `name`. Raises Unavailable if
    there is no list."""
    if name and isinstance(data, dict):
        data = data.get(name, [data])
    if not isinstance(data, list):
        raise Unavailable("The platform's answer holds no list where there should be one.", retryable=False)
    return data


def version_numbers(version: str) -> tuple[int, int] | None:
    """Major and minor number; None if the text is not a version."""
    match = re.match(r"(\d{1,6})\.(\d{1,6})", version)
    return (int(match[1]), int(match[2])) if match else None


def webhook_from(webhook: WebhookJson, number: int) -> Webhook:
    return Webhook(
        id=number,
        name=one_line(webhook.name or ""),
        event_type=one_line(webhook.event_type or "", 60),
        url=one_line(webhook.url or "", 2_000),
        payload=webhook.payload,
        payload_type=one_line(webhook.payload_type or "", 40),
        enabled=bool(webhook.enabled),
        times_sent=webhook.times_sent,
        last_sent=moment(webhook.last_sent),
    )


def instance_in(*candidates: str | None) -> str:
    """The first EC2 instance id in these texts; empty if there is none."""
    for text in candidates:
        match = re.search(r"(?<![0-9a-z])i-[0-9a-f]{8,17}(?![0-9a-z])", text or "")
        if match:
            return match[0]
    return ""


def moment(seconds: float | None) -> datetime | None:
    """The specification says seconds. A number that would be later than the year 5138 is read as
    milliseconds. None for a time before 1970 or after 2199."""
    if not seconds:
        return None
    seconds = seconds / 1_000 if seconds > 1e11 else seconds
    return datetime.fromtimestamp(seconds, UTC) if 0 < seconds < LATEST.timestamp() else None


def project_from(project: ProjectJson, number: int) -> Project:
    return Project(
        id=number,
        name=one_line(project.title or ""),
        malicious=project.alarms.malicious,
        suspicious=project.alarms.suspicious,
        updated_at=moment(project.last_update),
    )


def evidence_from(evidence: EvidenceJson, number: int) -> Evidence:
    details, resource = evidence.details, evidence.resource
    return Evidence(
        id=number,
        project_id=evidence.project_id,
        name=one_line(evidence.display_name or ""),
        hostname=one_line(details.hostname or ""),
        os=one_line(details.os or "", 100),
        size_mb=details.disk_size,
        resource=one_line(resource.id or ""),
        resource_type=one_line(resource.type or "", 40),
        instance=instance_in(resource.parent_id, resource.id, evidence.display_name)
        if resource.may_be_of_ec2
        else "",
        account_id=one_line(resource.account_id or "", 40),
        malicious=evidence.alarms.malicious,
        suspicious=evidence.alarms.suspicious,
        processed_at=moment(evidence.last_processed),
        disk_hash=one_line(details.disk_hash or "", 200),
        preserved=one_line(evidence.preservation.raw or evidence.preservation.encase or "", 1_000),
    )


_SEVERITIES = {1: Severity.MALICIOUS, 3: Severity.SUSPICIOUS}  # docs.cadosecurity.com, SIEM export
_ORDER = (Severity.MALICIOUS, Severity.SUSPICIOUS, Severity.INFO)


def finding_from(alarm: AlarmJson) -> Finding:
    return Finding(
        description=one_line(alarm.description or "", 300),
        count=alarm.total_count or 0,
        severity=_SEVERITIES.get(alarm.severity or 0, Severity.INFO),
        attack=tuple(one_line(technique, 20) for technique in alarm.attack if technique),
        path=one_line(alarm.full_path or "", 500),
    )


def worst_first(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The most severe findings first, and among these the most frequent."""
    return tuple(
        sorted(
            findings,
            key=lambda finding: (_ORDER.index(finding.severity), -finding.count, finding.description),
        )
    )
