"""Every key of the configuration as tables, made from the JSON Schema that editors use.

The examples of values come from the examples on the page about the configuration; one of them has every key.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from shared.config.schema import schema
from tests.docs.markdown import anchor, code, prose, table

Schema = dict[str, Any]
CONFIGURATION = Path(__file__).resolve().parents[2] / "docs/reference/configuration.md"
LONGEST_EXAMPLE = 70
SECTION = "a section"
TOP = "The top level"
SECRET = re.compile(r"^\^\(env:")
DURATION = re.compile(r"\[smhd\]\$$")
# Targets that name one system. Of the same kinds there are selectors of several.
ONE_SYSTEM = {"TargetConfig", "AzureVmConfig", "GceConfig", "LambdaConfig"}
TYPES = {"string": "text", "integer": "whole number", "number": "number", "boolean": "`true` or `false`"}


@dataclass
class Section:
    """One object of the schema. `places`: where it may stand."""

    title: str
    schema: Schema
    places: list[str] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)  # in the examples


def sections() -> list[Section]:
    """All objects of the schema, in the order in which the file names them."""
    whole = schema()
    written = re.findall(r"```yaml\n(.*?)```", CONFIGURATION.read_text(encoding="utf-8"), re.S)
    longest_first = sorted(written, key=len, reverse=True)
    found: dict[str, Section] = {}
    _collect(whole, TOP, "", [yaml.safe_load(text) for text in longest_first], whole["$defs"], found)
    return list(found.values())


def generated() -> str:
    all, defs = sections(), schema()["$defs"]
    parts = []
    for section in all:
        parts.append(f"## {section.title}\n")
        if about := section.schema.get("description"):
            parts.append(prose(about) + "\n")
        if len(section.places) > 1:
            parts.append("Also: " + ", ".join(code(place) for place in section.places[1:]) + ".\n")
        parts.append(
            table(("key", "type", "default", "meaning", "example"), _rows(section, all, defs)) + "\n"
        )
    return "\n".join(parts)


def _collect(
    part: Schema,
    title: str,
    place: str,
    values: list[Any],
    defs: dict[str, Schema],
    found: dict[str, Section],
) -> None:
    name = part.get("title") or place
    if name in found:
        found[name].places.append(place)
        found[name].values += values
        return
    found[name] = Section(title, part, [place], list(values))
    for key, inner in part["properties"].items():
        below = [value[key] for value in values if isinstance(value, dict) and value.get(key) is not None]
        for object, where, chosen in _objects(inner, f"{place}.{key}".lstrip("."), below, defs):
            _collect(object, _title(object, where), where, chosen, defs, found)


def _title(object: Schema, place: str) -> str:
    """Where several objects may stand at one place, their kind says which one it is."""
    consts = [(key, object["properties"].get(key, {}).get("const")) for key in ("type", "kind")]
    chosen = "".join(f", {key}: {const}" for key, const in consts if const)
    one = object.get("title", "") in ONE_SYSTEM
    return place + chosen + (", one system" if one else "")


def _objects(
    part: Schema, place: str, values: list[Any], defs: dict[str, Schema]
) -> Iterator[tuple[Schema, str, list[Any]]]:
    """The objects that may stand at a place, each with the values that the example has there."""
    if "$ref" in part:
        yield from _objects(_resolved(part, defs), place, values, defs)
    elif "properties" in part:
        yield part, place, [value for value in values if _fits(value, part)]
    for inner in (*part.get("anyOf", ()), *part.get("oneOf", ())):
        yield from _objects(inner, place, values, defs)
    if "items" in part:
        entries = [entry for value in values if isinstance(value, list) for entry in value]
        yield from _objects(part["items"], f"{place}[]", entries, defs)
    for inner in _entries(part):
        named = [entry for value in values if isinstance(value, dict) for entry in value.values()]
        yield from _objects(inner, f"{place}.NAME", named, defs)


def _entries(part: Schema) -> list[Schema]:
    """The schemas of the values of a map, whose keys are names."""
    others = part.get("additionalProperties")
    return [*part.get("patternProperties", {}).values(), *([others] if isinstance(others, dict) else [])]


def _resolved(part: Schema, defs: dict[str, Schema]) -> Schema:
    return defs[part["$ref"].rpartition("/")[2]]


def _fits(value: Any, part: Schema) -> bool:
    """Whether it is an object with these keys, and of this kind."""
    if not isinstance(value, dict) or not set(value) <= set(part["properties"]):
        return False
    consts = {key: inner["const"] for key, inner in part["properties"].items() if "const" in inner}
    return all(
        value.get(key, part["properties"][key].get("default")) == const for key, const in consts.items()
    )


def _rows(
    section: Section, all: list[Section], defs: dict[str, Schema]
) -> Iterator[tuple[str, str, str, str, str]]:
    for key, part in section.schema["properties"].items():
        default = "required" if key in section.schema.get("required", []) else _default(part)
        inner = [other for other in all if _is_below(other.places, f"{section.places[0]}.{key}".lstrip("."))]
        name = f"[`{key}`](#{anchor(inner[0].title)})" if inner else code(key)
        example = "" if inner else _example(key, section.values)
        yield name, form(part, defs), default, prose(part.get("description", "")), example


def _is_below(places: list[str], place: str) -> bool:
    return bool({place, f"{place}[]", f"{place}.NAME"} & set(places))


def _default(part: Schema) -> str:
    default = part.get("default")
    return "" if default in (None, [], {}, "") or isinstance(default, dict) else code(_written(default))


def _example(key: str, values: list[Any]) -> str:
    given = [
        value[key] for value in values if isinstance(value, dict) and value.get(key) not in (None, "", [], {})
    ]
    written = [text for text in map(_written, given) if len(text) <= LONGEST_EXAMPLE]
    return code(written[0]) if written else ""


def _written(value: Any) -> str:
    """As it is written in YAML, on one line."""
    text = yaml.safe_dump(value, default_flow_style=True, width=10_000, allow_unicode=True, sort_keys=False)
    if isinstance(value, str) and text.startswith("'"):
        return json.dumps(value, ensure_ascii=False)
    return text.removesuffix("...\n").strip()


def form(part: Schema, defs: dict[str, Schema]) -> str:
    """What may be written as a value, in words."""
    if "$ref" in part:
        return form(_resolved(part, defs), defs)
    if "const" in part:
        return code(_written(part["const"]))
    if "enum" in part:
        return ", ".join(code(_written(choice)) for choice in part["enum"])
    if choices := [*part.get("anyOf", ()), *part.get("oneOf", ())]:
        forms = [form(choice, defs) for choice in choices if choice != {"type": "null"}]
        single = [text for text in forms if f"list of {text}" not in forms]
        return ", or ".join(dict.fromkeys(_short(text, forms) for text in single))
    if part.get("type") == "array":
        entry = form(part["items"], defs)
        return "list of sections" if entry == SECTION else f"list of {entry}"
    if "properties" in part:
        return SECTION
    if part.get("type") == "object":
        entries = list(dict.fromkeys(form(inner, defs) for inner in _entries(part))) or ["text"]
        return f"names, each with {entries[0]}"
    return _simple(part)


def _short(text: str, forms: list[str]) -> str:
    """ "text, or a list" in place of "list of text", where one entry may be written without the list."""
    inner = text.removeprefix("list of ")
    return f"{inner}, or a list of them" if text.startswith("list of ") and inner in forms else text


def _simple(part: Schema) -> str:
    pattern = part.get("pattern", "")
    if SECRET.match(pattern):
        return "secret reference"
    if DURATION.search(pattern):
        return "duration, such as `30m`"
    if part.get("format") in ("date", "uri"):
        return {"date": "date", "uri": "URL"}[part["format"]]
    least, most, above = part.get("minimum"), part.get("maximum"), part.get("exclusiveMinimum")
    limits = f"{least:,} to {most:,}" if least is not None and most is not None else ""
    limits = limits or (f"above {above:,}" if above is not None else f"at least {least:,}" if least else "")
    limits += f", at most {most:,}" if most is not None and least is None else ""
    word = TYPES.get(part.get("type", ""), "any value")
    return f"{word}, {limits.removeprefix(', ')}" if limits else word
