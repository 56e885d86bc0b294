"""Types of single values that several sections of the configuration share, each with its check.

A check raises ValueError with a sentence for the person who wrote the value. Some checks need to know more
than the value: the loader passes a `Context` to pydantic for them. Without a context, as when code itself
makes a section, these checks accept everything.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    JsonValue,
    ValidationInfo,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from shared.config.suggestions import advice, quoted
from shared.config.urls import https_url
from shared.models.severity import Severity
from shared.models.systems import Kind
from shared.secrets import SecretRef

ACCOUNT_ID = r"^[0-9]{12}$"
_NAME = r"^[a-z0-9][a-z0-9_-]{0,39}$"


class Section(BaseModel):
    """One section of the configuration. An unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


@dataclass(frozen=True)
class Context:
    """What the check of one value needs to know of the rest of the configuration and of its surroundings."""

    folder: Path  # relative paths start here
    regions: Callable[[], Collection[str]]  # names of AWS regions; called only if a region is checked
    extra_regions: Collection[str] = ()
    accounts: Collection[str] | None = None  # keys of `accounts`; None: any name is accepted
    destinations: Collection[str] | None = None  # keys of `destinations`; None: any name is accepted
    has_organization: bool = True
    needs_targets: bool = True  # whether a hunt without targets is an error


class OneOrMany:
    """Accepts a single value where a list is expected."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(as_list, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        array = handler(schema)
        return {"anyOf": [array["items"], array]}


def as_list(value: Any) -> Any:
    return [value] if isinstance(value, str | int | float) else value


def matching(pattern: str, otherwise: str) -> Callable[[str], str]:
    """A check that the whole text matches the pattern. `otherwise` is the error message."""

    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(otherwise)
        return text

    return check


def _check_name(text: str) -> str:
    if re.fullmatch(_NAME, text):
        return text
    better = re.sub(r"[^a-z0-9_-]+", "-", text.lower()).strip("-_")[:40]
    raise ValueError(
        "a name has at most 40 lower-case letters, digits, - and _, and begins with a letter or digit"
        + (f"; write {better}" if better else "")
    )


def _check_filled(text: str) -> str:
    if not text.strip():
        raise ValueError("is empty")
    return text


def _check_severity(text: str) -> str:
    if text not in set(Severity):
        raise ValueError(f"{quoted(text)} is not a severity{advice(text, Severity)}")
    return text


def _check_kind(text: str) -> str:
    if text not in set(Kind):
        raise ValueError(f"{quoted(text)} is not a kind of system{advice(text, Kind)}")
    return text


def check_region(text: str, info: ValidationInfo) -> str:
    context: Context | None = info.context
    if context is None or text in context.extra_regions or text in context.regions():
        return text
    meant = advice(text, context.regions()) or ";"
    raise ValueError(
        f"{quoted(text)} is not a region{meant} add a newer region to extra_regions (or EXTRA_REGIONS)"
    )


def check_account(text: str, info: ValidationInfo) -> str:
    context: Context | None = info.context
    if not text or context is None or context.accounts is None or text in context.accounts:
        return text
    raise ValueError(f"there is no account {quoted(text)}{advice(text, context.accounts)}")


def _check_destination(text: str, info: ValidationInfo) -> str:
    context: Context | None = info.context
    if context is None or context.destinations is None or text in context.destinations:
        return text
    raise ValueError(f"there is no destination {quoted(text)}{advice(text, context.destinations)}")


def _absolute_file(text: str, info: ValidationInfo) -> str:
    context: Context | None = info.context
    if context is None:
        return text
    path = (context.folder / text).absolute()
    if not path.is_file():
        raise ValueError(f"there is no file {quoted(text)}; paths are relative to the configuration's folder")
    return str(path)


def one_or_two(refs: tuple[SecretRef, ...]) -> tuple[SecretRef, ...]:
    if not 1 <= len(refs) <= 2:
        raise ValueError("must be one secret reference, or two in a rotation: the new one and the old one")
    return refs


def at_most_two(refs: tuple[SecretRef, ...]) -> tuple[SecretRef, ...]:
    return one_or_two(refs) if refs else refs


def check_template(text: str) -> str:
    from shared.config.templates import Template  # Jinja takes 0.1 s, and few configurations need it

    Template(text)
    return text


Name = Annotated[str, AfterValidator(_check_name), Field(json_schema_extra={"pattern": _NAME})]
NAMES_ONLY: dict[str, JsonValue] = {"additionalProperties": False}  # beside the pattern of the names
Text = Annotated[str, AfterValidator(_check_filled), Field(json_schema_extra={"minLength": 1})]
Texts = Annotated[tuple[str, ...], OneOrMany()]
UrlForm = Field(json_schema_extra={"format": "uri", "pattern": "^https?://"})
AnyUrl = Annotated[str, AfterValidator(lambda text: https_url(text, path="any")), UrlForm]
FilePath = Annotated[str, AfterValidator(_absolute_file)]
SeverityName = Annotated[
    str, AfterValidator(_check_severity), Field(json_schema_extra={"enum": list(Severity)})
]
KindName = Annotated[str, AfterValidator(_check_kind), Field(json_schema_extra={"enum": list(Kind)})]
TemplateText = Annotated[str, AfterValidator(check_template)]
DestinationName = Annotated[str, AfterValidator(_check_destination)]
