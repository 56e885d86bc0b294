"""The section `message`: titles, facts and links that messages show."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from shared.config.errors import advice, quoted
from shared.config.facts import FACTS, OTHERS
from shared.config.types import Section, TemplateText, Text, UrlForm
from shared.config.urls import https_url

_FACTS = ", ".join((*FACTS, OTHERS))


def _page(text: str) -> str:
    address, _, rest = re.match(r"([^?#]*)([?#]?)(.*)", text, re.DOTALL).groups()  # type: ignore[union-attr]
    https_url(address, path="any")
    if not re.fullmatch(r"[!#$%&'()*+,./0-9:;=?@A-Z_a-z~-]*", rest):
        raise ValueError("holds a space or another character that no URL has")
    return text


def _fact(text: str) -> str:
    if text not in (*FACTS, OTHERS):
        raise ValueError(f"{quoted(text)} is not a fact{advice(text, FACTS) or f'; write one of {_FACTS}'}")
    return text


def _fact_label(text: str) -> str:
    if not re.fullmatch(r"[^\s*_~`<>|{}\\\[\]]([^\n*_~`<>|{}\\\[\]]{0,39})", text):
        raise ValueError("a label has at most 40 characters, and none of * _ ~ ` < > | { } [ ] \\")
    return text


def _one_of_each(facts: tuple[FactConfig, ...]) -> tuple[FactConfig, ...]:
    named = [fact.show for fact in facts if fact.show]
    if twice := [name for name in dict.fromkeys(named) if named.count(name) > 1]:
        raise ValueError(f"{twice[0]} stands there twice")
    return facts


def _a_few(links: tuple[LinkConfig, ...]) -> tuple[LinkConfig, ...]:
    if len(links) > 3:
        raise ValueError("are more than three")
    return links


class _NameAlone:
    """A text stands for a fact of that name."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        def named(value: Any) -> Any:
            return {"show": value} if isinstance(value, str) else value

        return core_schema.no_info_before_validator_function(named, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"anyOf": [{"enum": [*FACTS, OTHERS]}, handler(schema)]}


class FactConfig(Section):
    """One line of a message: a fact by its name, a tag, or a text of your own."""

    show: Annotated[str, AfterValidator(_fact)] | None = Field(None, description="name of a fact")
    tag: Text | None = Field(None, description="name of an EC2 tag")
    value: TemplateText | None = Field(None, description="a template; left out where it comes out empty")
    label: Annotated[str, AfterValidator(_fact_label)] | None = Field(
        None, description="what it is called; needed for a template, and a tag goes by its name without it"
    )

    @model_validator(mode="after")
    def _is_one(self) -> FactConfig:
        if [self.show, self.tag, self.value].count(None) != 2:
            raise ValueError("write the name of a fact, or {tag}, or {label, value}")
        if self.value is not None and self.label is None:
            raise ValueError("needs a label")
        if self.show is not None and self.label is not None:
            raise ValueError("a fact has its own label; a label goes with tag or value")
        return self


class LinkConfig(Section):
    """A link of your own, beside those to the platform and to EC2."""

    text: Annotated[str, AfterValidator(_fact_label)] = Field(description="what the button says")
    url: Annotated[str, AfterValidator(_page), UrlForm] = Field(description="https://…")


class MessageConfig(Section):
    """What a message says, where it is not to be what huntbridge would say."""

    title: TemplateText | None = Field(
        None, description="a template for the title of an alarm; other messages keep their own"
    )
    facts: Annotated[tuple[Annotated[FactConfig, _NameAlone()], ...], AfterValidator(_one_of_each)] = Field(
        (), description="which facts an alarm shows, in this order; by default all that are known"
    )
    footer: TemplateText | None = Field(None, description="a template for one last line")
    links: Annotated[tuple[LinkConfig, ...], AfterValidator(_a_few)] = Field(
        (), description="more links, such as to your runbook: at most three"
    )
