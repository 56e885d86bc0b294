"""The section `report`: which destinations get the monthly report."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from shared.config.types import DestinationName, OneOrMany, Section


def _check_not_empty(names: tuple[str, ...]) -> tuple[str, ...]:
    if not names:
        raise ValueError("names no destination: nobody would get the report")
    return names


class ReportConfig(Section):
    """A report once a month."""

    to: Annotated[
        tuple[DestinationName, ...],
        AfterValidator(_check_not_empty),
        Field(json_schema_extra={"minItems": 1}),
        OneOrMany(),
    ] = Field(description="names of the destinations that get the report")
