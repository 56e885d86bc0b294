"""The section `vulnerabilities`: which vulnerabilities of captured systems people are told of."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from shared.config.types import OneOrMany, Section


class VulnerabilitiesConfig(Section):
    """One message for each hunt that finds new ones."""

    tell: Annotated[tuple[Literal["critical", "high"], ...], OneOrMany()] = Field(
        ("critical",), description="severities of vulnerabilities that are told"
    )
    in_use: bool = Field(default=False, strict=True, description="tell only those whose package is in use")
