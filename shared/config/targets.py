"""The parts of a hunt that say which systems it captures: `targets` and `exclude`."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Discriminator, Field, Tag, ValidationInfo, model_validator

from shared.config.types import Context, OneOrMany, Section, Texts, check_account, check_region, matching

ALL_REGIONS = "all"  # in `regions`: every region that the account has enabled
_INSTANCE_ID = r"^i-[0-9a-f]{8}([0-9a-f]{9})?$"
_UNIT_ID = r"^(ou-[0-9a-z]{4,32}-[0-9a-z]{8,32}|r-[0-9a-z]{4,32})$"


def _check_region_or_all(text: str, info: ValidationInfo) -> str:
    return text if text == ALL_REGIONS else check_region(text, info)


def _check_not_empty(regions: tuple[str, ...]) -> tuple[str, ...]:
    if not regions:
        raise ValueError(f"names no region; write {ALL_REGIONS} for every region that is enabled")
    return regions


def _check_regex(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"is not a regular expression: {error.msg} at character {error.pos}") from None
    return text


def _check_organization(units: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
    context: Context | None = info.context
    if units and context is not None and not context.has_organization:
        raise ValueError(
            "needs a role for the accounts of the unit; write at the top of the file, for example, "
            'organization: {role: "arn:aws:iam::{account_id}:role/huntbridge-read"}'
        )
    return units


_InstanceId = Annotated[
    str,
    AfterValidator(matching(_INSTANCE_ID, "must be an instance id: i- and 8 or 17 hex digits in lower case")),
    Field(json_schema_extra={"pattern": _INSTANCE_ID}),
]
_Region = Annotated[str, AfterValidator(check_region)]
_RegionOrAll = Annotated[str, AfterValidator(_check_region_or_all)]
_Account = Annotated[str, AfterValidator(check_account)]
_Accounts = Annotated[tuple[_Account, ...], OneOrMany()]
_Unit = Annotated[
    str,
    AfterValidator(
        matching(_UNIT_ID, "must be a unit's id, such as ou-ab12-34cd56ef, or the root's, r-ab12")
    ),
    Field(json_schema_extra={"pattern": _UNIT_ID}),
]
_Regions = Annotated[tuple[_RegionOrAll, ...], AfterValidator(_check_not_empty), OneOrMany()]
_Units = Annotated[tuple[_Unit, ...], AfterValidator(_check_organization), OneOrMany()]
_State = Literal["pending", "running", "stopping", "stopped", "shutting-down", "terminated"]
_Platforms = Annotated[tuple[Literal["windows", "linux"], ...], OneOrMany()]
CaptureMode = Literal["full", "triage", "scan"]
_OwnMode = Annotated[
    CaptureMode | None,
    Field(description="how much of these systems is captured; by default as the hunt's own capture says"),
]


class TargetConfig(Section):
    """One system to capture."""

    instance: _InstanceId = Field(description="EC2 instance id")
    region: _Region = Field(description="AWS region, such as us-east-1")
    account: _Account = Field("", description="a key of accounts; empty for the platform's own account")
    capture: _OwnMode = None


class AutoScalingConfig(Section):
    """Auto Scaling groups, of which a sample is taken."""

    names: Texts = Field(("*",), description="names of groups; by default every group")
    sample: int | None = Field(
        1, gt=0, strict=True, description="how many of each group, the longest running first; null for all"
    )


class SystemConditions(Section):
    """Conditions for a system. All given conditions must be met; a list is met if one of its values is."""

    tags: dict[str, Texts] = Field({}, description="EC2 tags: key and values, with * and ?")
    names: Texts = Field((), description="the tag Name, with * and ?")
    vpcs: Texts = Field((), description="ids of VPCs, with * and ?")
    platforms: _Platforms = Field((), description="windows, linux")
    states: Annotated[tuple[_State, ...], OneOrMany()] = Field((), description="states of EC2")
    instance_regex: Annotated[str, AfterValidator(_check_regex)] | None = Field(
        None, description="regular expression that must match the whole instance id"
    )


class SelectorConfig(SystemConditions):
    """All matching systems of some accounts and regions, looked up for each hunt."""

    states: Annotated[tuple[_State, ...], OneOrMany()] = Field(
        ("running", "stopped"), description="states of EC2"
    )
    regions: _Regions = Field(description="AWS regions, or all: every region that the account has enabled")
    accounts: _Accounts = Field(
        (), description="keys of accounts; by default, without organizational_units, this machine's own"
    )
    organizational_units: _Units = Field(
        (), description="units of AWS Organizations, with all accounts in and below them"
    )
    auto_scaling_groups: AutoScalingConfig | None = Field(
        None, description="only systems of these Auto Scaling groups"
    )
    capture: _OwnMode = None


class ExcludeConfig(SystemConditions):
    """Systems that are left out although a target includes them."""

    instance: Annotated[tuple[_InstanceId, ...], OneOrMany()] = Field((), description="EC2 instance ids")
    regions: Annotated[tuple[_Region, ...], OneOrMany()] = Field((), description="AWS regions")
    accounts: _Accounts = Field((), description="keys of accounts")

    @model_validator(mode="after")
    def _check_not_empty(self, info: ValidationInfo) -> Self:
        values = (getattr(self, key) for key in type(self).model_fields)
        if info.context is not None and all(value in ((), {}, None) for value in values):
            raise ValueError("is empty: it would leave out every system")
        return self


def _kind_of_target(target: Any) -> str:
    """A target without `instance` and with a key that only a selector has is a selector."""
    keys = set(target) if isinstance(target, dict) else set()
    only_of_selectors = SelectorConfig.model_fields.keys() - TargetConfig.model_fields.keys()
    is_selector = isinstance(target, SelectorConfig) or ("instance" not in keys and keys & only_of_selectors)
    return (SelectorConfig if is_selector else TargetConfig).__name__


Target = Annotated[
    Annotated[TargetConfig, Tag(TargetConfig.__name__)]
    | Annotated[SelectorConfig, Tag(SelectorConfig.__name__)],
    Discriminator(_kind_of_target),
]
