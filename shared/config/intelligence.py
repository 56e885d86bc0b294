"""The section `intelligence`: your own indicators and YARA rules, for all hunts or for one."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, WithJsonSchema
from pydantic.json_schema import SkipJsonSchema
from pydantic_core import PydanticKnownError

from shared.config.types import Context, Name, OneOrMany, Section, Text

_TEXTS = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}


def _check_not_in_document(value: bool, info: ValidationInfo) -> bool:
    if info.context is not None:
        raise PydanticKnownError("extra_forbidden")
    return value


def _in_folder(paths: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
    """Relative to the configuration's folder. Whether there are such files is not looked at: on AWS the
    functions read the configuration and have no files."""
    context: Context | None = info.context
    return paths if context is None else tuple(str(context.folder / path) for path in paths)


Paths = Annotated[tuple[Text, ...], OneOrMany(), AfterValidator(_in_folder)]


class IntelligenceConfig(Section):
    """Indicators and rules of all hunts."""

    indicators: Paths = Field((), description="files of indicators, one a line; paths with * and ?")
    yara: Paths = Field((), description="files of YARA rules; paths with * and ?")
    required: bool = Field(default=False, strict=True, description="do not hunt without them")
    name: Name = Field("huntbridge", description="marks huntbridge's own part of the platform's rules")


class HuntIntelligenceConfig(Section):
    """Indicators and rules of one hunt, beside those of all hunts."""

    indicators: Paths = Field((), description="files of indicators, one a line; paths with * and ?")
    yara: Paths = Field((), description="files of YARA rules; paths with * and ?")
    required: bool | None = Field(
        None, strict=True, description="do not hunt without them; by default as for all hunts"
    )
    none: SkipJsonSchema[Annotated[bool, AfterValidator(_check_not_in_document)]] = Field(
        default=False, exclude=True
    )  # neither these nor those of all hunts


def _false(value: Any) -> Any:
    return HuntIntelligenceConfig(none=True) if value is False else value


HuntIntelligence = Annotated[
    HuntIntelligenceConfig | None,
    BeforeValidator(_false, json_schema_input_type=HuntIntelligenceConfig),
    WithJsonSchema(
        {
            "anyOf": [
                {"const": False},
                {
                    "type": "object",
                    "additionalProperties": False,
                    "properties": {
                        "indicators": {**_TEXTS, "description": "files of indicators"},
                        "yara": {**_TEXTS, "description": "files of YARA rules"},
                        "required": {"type": "boolean", "description": "do not hunt without them"},
                    },
                },
            ]
        }
    ),
    Field(description="indicators and rules of this hunt beside those of all hunts; false takes none"),
]
