"""The JSON of what the platform says about itself.

As in `wire.py`, a field of a wrong type counts as missing.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import AliasPath, Field

from shared.platform.readiness_answers import (
    AccountChecked,
    AccountIssue,
    License,
    PlatformFacts,
    PlatformSettings,
    Worker,
)
from shared.platform.wire import Count, Flag, Id, JsonObject, Number, Part, Text, moment
from shared.text import one_line

_MOST = 100  # of the features, warnings and issues of one answer


class LicenseJson(JsonObject):
    level: Text = Field(None, validation_alias=AliasPath("license", "level"))
    expiry_date: Text = Field(None, validation_alias=AliasPath("license", "expiry_date"))


class WorkersJson(JsonObject):
    local: Flag = None
    max: Count = None
    instance: Text = None
    shutdown_wait: Count = None


class EnableJson(JsonObject):
    custom_yara: Flag = None
    default_yara: Flag = None
    custom_iocs: Flag = None


class FeatureJson(JsonObject):
    name: Text = None
    enabled: Flag = None


class TagJson(JsonObject):
    key: Text = None
    value: Text = None


class SettingsJson(JsonObject):
    worker: Annotated[WorkersJson, Part] = WorkersJson()
    enable: Annotated[EnableJson, Part] = EnableJson()
    features: Annotated[list[Annotated[FeatureJson, Part]], Part] = Field(default_factory=list)
    tag: Annotated[TagJson, Part] = TagJson()
    bucket: Text = None


class WarningJson(JsonObject):
    message: Text = None


class DeploymentJson(JsonObject):
    cloud: Text = None
    account_id: Text = None
    supports_aws: Flag = None
    supports_azure: Flag = None
    local_workers: Flag = None
    saas: Flag = None


class FactsJson(JsonObject):
    deployment_details: Annotated[DeploymentJson, Part] = DeploymentJson()
    warnings: Annotated[list[Annotated[WarningJson, Part]], Part] = Field(default_factory=list)


class WorkerJson(JsonObject):
    id: Text = None
    status: Text = None
    instance_type: Text = None
    launch_time: Number = None  # milliseconds
    project_id: Id = None
    evidence_id: Id = None


class IssueJson(JsonObject):
    service: Text = None
    issue: Text = None
    issue_type: Text = None


class AccountJson(JsonObject):
    account_name: Text = None
    type: Text = None
    public_identifier: Text = None
    account_issues: Annotated[list[Annotated[IssueJson, Part]], Part] = Field(default_factory=list)


def license_from(json: LicenseJson) -> License:
    return License(one_line(json.level or "", 40).upper(), _day(json.expiry_date))


def settings_from(json: SettingsJson) -> PlatformSettings:
    worker, enable, tag = json.worker, json.enable, json.tag
    return PlatformSettings(
        local_workers=worker.local,
        most_workers=worker.max,
        worker_type=one_line(worker.instance or "", 60),
        idle_wait=worker.shutdown_wait,
        custom_yara=enable.custom_yara,
        default_yara=enable.default_yara,
        custom_iocs=enable.custom_iocs,
        features={
            one_line(feature.name, 100): feature.enabled
            for feature in json.features[:_MOST]
            if feature.name and feature.enabled is not None
        },
        tag=(one_line(tag.key), one_line(tag.value or "")) if tag.key else None,
        bucket=one_line(json.bucket or ""),
    )


def facts_from(json: FactsJson) -> PlatformFacts:
    about = json.deployment_details
    return PlatformFacts(
        cloud=one_line(about.cloud or "", 40).lower(),
        account_id=one_line(about.account_id or "", 60),
        supports_aws=about.supports_aws,
        supports_azure=about.supports_azure,
        local_workers=about.local_workers,
        saas=about.saas,
        warnings=tuple(
            one_line(warning.message, 300) for warning in json.warnings[:_MOST] if warning.message
        ),
    )


def worker_from(json: WorkerJson) -> Worker | None:
    if not json.id:
        return None
    return Worker(
        one_line(json.id, 100),
        one_line(json.status or "", 40).lower(),
        one_line(json.instance_type or "", 60),
        moment(json.launch_time),
        json.project_id,
        json.evidence_id,
    )


def account_from(json: AccountJson) -> AccountChecked | None:
    if not json.account_name:
        return None
    issues = (
        AccountIssue(
            one_line(issue.service or "", 100),
            one_line(issue.issue or "", 300),
            one_line(issue.issue_type or "", 60),
        )
        for issue in json.account_issues[:_MOST]
    )
    return AccountChecked(
        one_line(json.account_name),
        one_line(json.type or "", 40),
        one_line(json.public_identifier or "", 300),
        tuple(issues),
    )


def _day(text: str | None) -> date | None:
    """The day of an ISO date or time; how the platform writes it is not public."""
    try:
        return date.fromisoformat((text or "")[:10])
    except ValueError:
        return None
