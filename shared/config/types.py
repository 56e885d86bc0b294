"""Types of single values that several sections of the configuration share, each with its check."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
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

from shared.aws.regions import known_regions
from shared.config.errors import advice, quoted
from shared.config.urls import https_url
from shared.models.severity import Severity
from shared.secrets import SecretRef

ACCOUNT_ID = r"^[0-9]{12}$"
_NAME = r"^[a-z0-9][a-z0-9_-]{0,39}$"


@dataclass(frozen=True)
class Known:
    """What the rest of the document says, for checking one part of it. None: not checked here."""

    folder: Path
    accounts: tuple[str, ...] | None
    destinations: tuple[str, ...] | None
    extra_regions: tuple[str, ...]

    @classmethod
    def of(cls, data: Mapping[str, Any], folder: Path) -> Known:
        def names(key: str) -> tuple[str, ...] | None:
            found = data.get(key, {})
            return tuple(found) if isinstance(found, dict) else None

        extra = as_list(data.get("extra_regions")) or ()
        return cls(
            folder, names("accounts"), names("destinations"), tuple(e for e in extra if isinstance(e, str))
        )


def as_list(value: Any) -> Any:
    return [value] if isinstance(value, str | int | float) else value


class OneOrMany:
    """One value stands for a list of one."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(as_list, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        array = handler(schema)
        return {"anyOf": [array["items"], array]}


def of_form(pattern: str, what: str) -> Callable[[str], str]:
    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(what)
        return text

    return check


def _name(text: str) -> str:
    if re.fullmatch(_NAME, text):
        return text
    better = re.sub(r"[^a-z0-9_-]+", "-", text.lower()).strip("-_")[:40]
    raise ValueError(
        "a name has at most 40 lower-case letters, digits, - and _, and begins with a letter or digit"
        + (f"; write {better}" if better else "")
    )


def filled(text: str) -> str:
    if not text.strip():
        raise ValueError("is empty")
    return text


def _severity(text: str) -> str:
    if text not in set(Severity):
        raise ValueError(f"{quoted(text)} is not a severity{advice(text, Severity)}")
    return text


def check_region(text: str, info: ValidationInfo) -> str:
    known: Known | None = info.context
    if known is None or text in known.extra_regions or text in known_regions():
        return text
    meant = advice(text, known_regions()) or ";"
    raise ValueError(
        f"{quoted(text)} is not a region{meant} a newer one is admitted by extra_regions (or EXTRA_REGIONS)"
    )


def check_account(text: str, info: ValidationInfo) -> str:
    known: Known | None = info.context
    if not text or known is None or known.accounts is None or text in known.accounts:
        return text
    raise ValueError(f"there is no account {quoted(text)}{advice(text, known.accounts)}")


def _destination(text: str, info: ValidationInfo) -> str:
    known: Known | None = info.context
    if known is None or known.destinations is None or text in known.destinations:
        return text
    raise ValueError(f"there is no destination {quoted(text)}{advice(text, known.destinations)}")


def _file(text: str, info: ValidationInfo) -> str:
    known: Known | None = info.context
    if known is None:
        return text
    path = (known.folder / text).absolute()
    if not path.is_file():
        raise ValueError(
            f"there is no file {quoted(text)}; a path counts from the folder of the configuration"
        )
    return str(path)


def as_reference(text: str) -> SecretRef | None:
    return SecretRef.parse(text) if re.fullmatch(SecretRef.PATTERN, text) else None


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


Name = Annotated[str, AfterValidator(_name), Field(json_schema_extra={"pattern": _NAME})]


NAMES_ONLY: dict[str, JsonValue] = {"additionalProperties": False}  # beside the pattern of the names


Text = Annotated[str, AfterValidator(filled), Field(json_schema_extra={"minLength": 1})]


UrlForm = Field(json_schema_extra={"format": "uri", "pattern": "^https?://"})


AnyUrl = Annotated[str, AfterValidator(lambda text: https_url(text, path="any")), UrlForm]


SeverityName = Annotated[str, AfterValidator(_severity), Field(json_schema_extra={"enum": list(Severity)})]


TemplateText = Annotated[str, AfterValidator(check_template)]


DestinationName = Annotated[str, AfterValidator(_destination)]


Texts = Annotated[tuple[str, ...], OneOrMany()]


FilePath = Annotated[str, AfterValidator(_file)]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
