"""The parts of a hunt that say which systems it captures: `targets` and `exclude`."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    Discriminator,
    Field,
    Tag,
    ValidationInfo,
)

from shared.config.types import OneOrMany, Section, Texts, check_account, check_region, of_form

ALL_REGIONS = "all"
_INSTANCE = r"^i-[0-9a-f]{8}([0-9a-f]{9})?$"


_UNIT = r"^(ou-[0-9a-z]{4,32}-[0-9a-z]{8,32}|r-[0-9a-z]{4,32})$"


def _region_or_all(text: str, info: ValidationInfo) -> str:
    return text if text == ALL_REGIONS else check_region(text, info)


def _regions(names: tuple[str, ...]) -> tuple[str, ...]:
    if not names:
        raise ValueError(f"names no region; write {ALL_REGIONS} for every region that is enabled")
    return names


def _regex(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"is not a regular expression: {error.msg} at character {error.pos}") from None
    return text


_InstanceId = Annotated[
    str,
    AfterValidator(of_form(_INSTANCE, "must be an instance id: i- and 8 or 17 hex digits in lower case")),
    Field(json_schema_extra={"pattern": _INSTANCE}),
]


_InstanceIds = Annotated[tuple[_InstanceId, ...], OneOrMany()]


_Unit = Annotated[
    str,
    AfterValidator(of_form(_UNIT, "must be a unit's id, such as ou-ab12-34cd56ef, or the root's, r-ab12")),
    Field(json_schema_extra={"pattern": _UNIT}),
]


_Accounts = Annotated[tuple[Annotated[str, AfterValidator(check_account)], ...], OneOrMany()]


_State = Literal["pending", "running", "stopping", "stopped", "shutting-down", "terminated"]


_Platforms = Annotated[tuple[Literal["windows", "linux"], ...], OneOrMany()]


CaptureMode = Literal["full", "triage", "scan"]


_OwnMode = Annotated[
    CaptureMode | None,
    Field(description="how much of these systems is captured; by default what the hunt says"),
]


class TargetConfig(Section):
    """One system to capture."""

    instance: _InstanceId = Field(description="EC2 instance id")
    region: Annotated[str, AfterValidator(check_region)] = Field(description="AWS region, such as us-east-1")
    account: Annotated[str, AfterValidator(check_account)] = Field(
        "", description="a key of accounts; empty for the platform's own account"
    )
    capture: _OwnMode = None


class AutoScalingConfig(Section):
    """Auto Scaling groups, of which a sample is taken."""

    names: Texts = Field(("*",), description="names of groups; by default every group")
    sample: int | None = Field(
        1, gt=0, strict=True, description="how many of each group, the longest running first; null for all"
    )


class WhichConfig(Section):
    """What must be true of a system. All that are given must fit; a list fits when one of it does."""

    tags: dict[str, Texts] = Field({}, description="EC2 tags: key and values, with * and ?")
    names: Texts = Field((), description="the tag Name, with * and ?")
    vpcs: Texts = Field((), description="ids of VPCs, with * and ?")
    platforms: _Platforms = Field((), description="windows, linux")
    states: Annotated[tuple[_State, ...], OneOrMany()] = Field((), description="states of EC2")
    instance_regex: Annotated[str, AfterValidator(_regex)] | None = Field(
        None, description="regular expression that the whole instance id fits"
    )


class SelectorConfig(WhichConfig):
    """All systems of some accounts and regions that fit, looked up anew for each hunt."""

    states: Annotated[tuple[_State, ...], OneOrMany()] = Field(
        ("running", "stopped"), description="states of EC2"
    )
    regions: Annotated[
        tuple[Annotated[str, AfterValidator(_region_or_all)], ...], AfterValidator(_regions), OneOrMany()
    ] = Field(description="AWS regions, or all: every region that the account has enabled")
    accounts: _Accounts = Field(
        (), description="keys of accounts; by default, without organizational_units, this machine's own"
    )
    organizational_units: Annotated[tuple[_Unit, ...], OneOrMany()] = Field(
        (), description="units of AWS Organizations, with all accounts in and below them"
    )
    auto_scaling_groups: AutoScalingConfig | None = Field(
        None, description="only systems of these Auto Scaling groups"
    )
    capture: _OwnMode = None


class ExcludeConfig(WhichConfig):
    """Systems that are left out although a target takes them."""

    instance: _InstanceIds = Field((), description="EC2 instance ids")
    regions: Annotated[tuple[Annotated[str, AfterValidator(check_region)], ...], OneOrMany()] = Field(
        (), description="AWS regions"
    )
    accounts: _Accounts = Field((), description="keys of accounts")


def _kind_of_target(target: Any) -> str:
    """A selector is known by the keys that only a selector has."""
    keys = set(target) if isinstance(target, dict) else set()
    looks = isinstance(target, SelectorConfig) or (
        "instance" not in keys
        and keys & (SelectorConfig.model_fields.keys() - TargetConfig.model_fields.keys())
    )
    return (SelectorConfig if looks else TargetConfig).__name__


Target = Annotated[
    Annotated[TargetConfig, Tag(TargetConfig.__name__)]
    | Annotated[SelectorConfig, Tag(SelectorConfig.__name__)],
    Discriminator(_kind_of_target),
]
