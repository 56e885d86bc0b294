"""Types of single values that targets of several kinds share."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationInfo

from shared.config.types import Context, OneOrMany, check_account, check_region, matching

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


InstanceId = Annotated[
    str,
    AfterValidator(matching(_INSTANCE_ID, "must be an instance id: i- and 8 or 17 hex digits in lower case")),
    Field(json_schema_extra={"pattern": _INSTANCE_ID}),
]
Region = Annotated[str, AfterValidator(check_region)]
_RegionOrAll = Annotated[str, AfterValidator(_check_region_or_all)]
Account = Annotated[str, AfterValidator(check_account)]
Accounts = Annotated[tuple[Account, ...], OneOrMany()]
_Unit = Annotated[
    str,
    AfterValidator(
        matching(_UNIT_ID, "must be a unit's id, such as ou-ab12-34cd56ef, or the root's, r-ab12")
    ),
    Field(json_schema_extra={"pattern": _UNIT_ID}),
]
Regions = Annotated[tuple[_RegionOrAll, ...], AfterValidator(_check_not_empty), OneOrMany()]
Units = Annotated[tuple[_Unit, ...], AfterValidator(_check_organization), OneOrMany()]
State = Literal["pending", "running", "stopping", "stopped", "shutting-down", "terminated"]
Platforms = Annotated[tuple[Literal["windows", "linux"], ...], OneOrMany()]
CaptureMode = Literal["full", "triage", "scan"]
OwnMode = Annotated[
    CaptureMode | None,
    Field(description="how much of these systems is captured; by default as the hunt's own capture says"),
]
Regex = Annotated[str, AfterValidator(_check_regex)]
