"""The section `message`: titles, facts and links that messages show."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, GetCoreSchemaHandler, GetJsonSchemaHandler, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from shared.config.suggestions import advice, quoted
from shared.config.types import Section, TemplateText, Text, UrlForm
from shared.config.urls import https_url

# The facts that a message can show about an alarm, in the order in which it shows them: the name that the
# configuration uses for each, and the label that people see.
FACTS: Mapping[str, str] = {
    "history": "History",
    "on_duty": "On duty",
    "host": "Host",
    "instance": "Instance",
    "account": "Account",
    "region": "Region",
    "type": "Type",
    "size": "Size",
    "state": "State",
    "private_address": "Private address",
    "public_address": "Public address",
    "owner": "Owner",
    "tags": "Tags",
    "network": "VPC / subnet",
    "security_groups": "Security groups",
    "iam_profile": "IAM profile",
    "image": "Image",
    "launched": "Launched",
    "hunt": "Hunt",
    "project": "Project",
    "evidence": "Evidence",
    "captured": "Captured",
    "processed": "Processed",
    "received": "Received",
}
OTHERS = "others"  # in `facts`: all facts that the list does not name


def _check_page_url(text: str) -> str:
    """Unlike the URL of an API, the URL of a page may have a query and a fragment."""
    address, _, rest = re.match(r"([^?#]*)([?#]?)(.*)", text, re.DOTALL).groups()  # type: ignore[union-attr]
    https_url(address, path="any")
    if not re.fullmatch(r"[!#$%&'()*+,./0-9:;=?@A-Z_a-z~-]*", rest):
        raise ValueError("holds a space or another character that no URL has")
    return text


def _check_fact(text: str) -> str:
    names = (*FACTS, OTHERS)
    if text not in names:
        hint = advice(text, FACTS) or f"; write one of {', '.join(names)}"
        raise ValueError(f"{quoted(text)} is not a fact{hint}")
    return text


def _check_label(text: str) -> str:
    if not re.fullmatch(r"[^\s*_~`<>|{}\\\[\]]([^\n*_~`<>|{}\\\[\]]{0,39})", text):
        raise ValueError("a label has at most 40 characters, and none of * _ ~ ` < > | { } [ ] \\")
    return text


def _check_no_fact_twice(facts: tuple[FactConfig, ...]) -> tuple[FactConfig, ...]:
    names = [fact.show for fact in facts if fact.show]
    if twice := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
        raise ValueError(f"{twice[0]} is listed twice")
    return facts


def _check_at_most_three(links: tuple[LinkConfig, ...]) -> tuple[LinkConfig, ...]:
    if len(links) > 3:
        raise ValueError("are more than three")
    return links


class _OrName:
    """Accepts `host` as short for `{show: host}`."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        def as_fact(value: Any) -> Any:
            return {"show": value} if isinstance(value, str) else value

        return core_schema.no_info_before_validator_function(as_fact, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"anyOf": [{"enum": [*FACTS, OTHERS]}, handler(schema)]}


class FactConfig(Section):
    """One line of a message: a fact by its name, a tag, or a text of your own."""

    show: Annotated[str, AfterValidator(_check_fact)] | None = Field(None, description="name of a fact")
    tag: Text | None = Field(None, description="name of an EC2 tag")
    value: TemplateText | None = Field(None, description="a template; left out if the result is empty")
    label: Annotated[str, AfterValidator(_check_label)] | None = Field(
        None, description="its label; required for a template, and by default the name of the tag"
    )

    @model_validator(mode="after")
    def _check_kind(self) -> Self:
        if [self.show, self.tag, self.value].count(None) != 2:
            raise ValueError("write the name of a fact, or {tag}, or {label, value}")
        if self.value is not None and self.label is None:
            raise ValueError("needs a label")
        if self.show is not None and self.label is not None:
            raise ValueError("a fact has its own label; a label goes with tag or value")
        return self


class LinkConfig(Section):
    """A link of your own, beside those to the platform and to EC2."""

    text: Annotated[str, AfterValidator(_check_label)] = Field(description="what the button says")
    url: Annotated[str, AfterValidator(_check_page_url), UrlForm] = Field(description="https://…")


_Facts = Annotated[tuple[Annotated[FactConfig, _OrName()], ...], AfterValidator(_check_no_fact_twice)]


class MessageConfig(Section):
    """What messages say instead of huntbridge's own wording."""

    title: TemplateText | None = Field(
        None, description="a template for the title of an alarm; other messages keep their own"
    )
    facts: Annotated[tuple[Annotated[FactConfig, _OrName()], ...], AfterValidator(_check_no_fact_twice)] = (
        Field((), description="which facts an alarm shows, in this order; by default all that are known")
    )
    footer: TemplateText | None = Field(None, description="a template for one line above the buttons")
    links: Annotated[tuple[LinkConfig, ...], AfterValidator(_check_at_most_three)] = Field(
        (), description="more links, such as to your runbook: at most three"
    )
