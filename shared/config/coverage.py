"""The section `coverage`: which systems must have been captured, and how recently."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, ValidationInfo

from shared.config.target_parts import Regions, Units
from shared.config.types import OneOrMany, Section, check_account

ALL_ACCOUNTS = "all"


def _check_account_or_all(text: str, info: ValidationInfo) -> str:
    return text if text == ALL_ACCOUNTS else check_account(text, info)


_AccountOrAll = Annotated[str, AfterValidator(_check_account_or_all)]


class CoverageConfig(Section):
    """The accounts whose running systems are compared with what was captured."""

    accounts: Annotated[tuple[_AccountOrAll, ...], OneOrMany()] = Field(
        ("all",), description="keys of accounts, or all of them"
    )
    organizational_units: Units = Field(
        (), description="units of AWS Organizations, with all accounts in and below them"
    )
    regions: Regions = Field(("all",), description="AWS regions, or all: every region that is enabled")
    max_age_days: int = Field(
        35, gt=0, strict=True, description="days after which the last capture of a system is too old"
    )
    tell: bool = Field(
        default=True, strict=True, description="send a message when the last capture of systems gets too old"
    )
