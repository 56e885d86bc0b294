"""Checks that a webhook's message holds Adaptive Cards 1.4 that Teams can show.

`Invalid` names the place and the mistake. Inputs and media are refused as unknown, and so is Action.Submit,
which is not allowed in a webhook's card.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

# learn.microsoft.com, "Microsoft Entra object ID and UPN in user mention"
_USER_ID = r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[^@\s<>]+@[^@\s<>]+\.[^@\s<>]+"
CARD = "application/vnd.microsoft.card.adaptive"


class Invalid(Exception):
    """The workflow's run fails; the text says why."""


def cards_of(body: Any) -> list[Any]:
    """The cards in a webhook's message. Raises Invalid if the workflow would find none."""
    if not isinstance(body, dict) or body.get("type") != "message":
        raise Invalid("the body is not a message")
    attachments = body.get("attachments")
    if not isinstance(attachments, list) or not attachments:
        raise Invalid("The 'foreach' expression over 'attachments' is of type 'Null'")
    for attachment in attachments:
        if not isinstance(attachment, dict) or attachment.get("contentType") != CARD:
            raise Invalid(f"an attachment is not {CARD}")
    return [attachment.get("content") for attachment in attachments]


def check_card(card: Any) -> None:
    """Raises Invalid if this is not an Adaptive Card 1.4 that Teams accepts from a webhook."""
    if not isinstance(card, dict) or card.get("type") != "AdaptiveCard":
        raise Invalid("Property 'type' must be 'AdaptiveCard'")
    version = card.get("version")
    if not isinstance(version, str) or not re.fullmatch(r"1\.[0-5]", version):
        raise Invalid(f"version {version!r} is not one that Teams shows")
    _object(card, ("AdaptiveCard",), "card")
    mentions_of(card)


def mentions_of(card: dict[str, Any]) -> list[str]:
    """The ids of the users whom a card mentions. Raises Invalid if a mention and its text do not match."""
    entities = card.get("msteams", {}).get("entities", [])
    if not isinstance(entities, list):
        raise Invalid("card.msteams.entities is not a list")
    texts = list(_markdown(card))
    return [_mention(entity, texts, f"card.msteams.entities[{n}]") for n, entity in enumerate(entities)]


def _mention(entity: Any, texts: list[str], where: str) -> str:
    if not isinstance(entity, dict) or entity.get("type") != "mention":
        raise Invalid(f"{where} is not a mention")
    text, mentioned = entity.get("text"), entity.get("mentioned")
    if not isinstance(mentioned, dict) or not all(
        isinstance(mentioned.get(key), str) for key in ("id", "name")
    ):
        raise Invalid(f"{where}.mentioned has no id or no name")
    if text != f"<at>{mentioned['name']}</at>" or not any(text in other for other in texts):
        raise Invalid(f"{where}: {text!r} stands in no text of the card")
    if not re.fullmatch(_USER_ID, mentioned["id"]):
        raise Invalid(f"{where}: {mentioned['id']!r} is no object id and no user principal name")
    return str(mentioned["id"])


def _markdown(node: Any) -> Iterator[str]:
    """The texts in which Teams reads mentions."""
    if isinstance(node, list):
        for item in node:
            yield from _markdown(item)
    elif isinstance(node, dict):
        kind = node.get("type")
        if kind == "TextBlock":
            yield node["text"]
        for fact in node["facts"] if kind == "FactSet" else ():
            yield from (fact["title"], fact["value"])
        for value in node.values():
            yield from _markdown(value)


# What a property may hold: a Python type, one of some words, an object of one of some types, or a list of
# these. `object` means anything.
_Words = frozenset[str]
_Kind = type | _Words | tuple[str, ...] | list[Any]


def _words(text: str) -> _Words:
    return frozenset(text.lower().split())


_ELEMENT = ("TextBlock", "RichTextBlock", "FactSet", "ColumnSet", "Container", "ActionSet", "Image")
_ACTION = ("Action.OpenUrl", "Action.ToggleVisibility", "Action.ShowCard", "Action.Execute")
_SELECT = ("Action.OpenUrl", "Action.ToggleVisibility", "Action.Execute")
_COLORS = _words("default dark light accent good warning attention")
_STYLES = _words("default emphasis good attention warning accent")
_SIZES = _words("default small medium large extraLarge")
_SIDES = _words("left center right")
_LEVELS = _words("top center bottom")
_FONTS = _words("default monospace")
_WEIGHTS = _words("default lighter bolder")

_COMMON: dict[str, _Kind] = {
    "id": str,
    "isVisible": bool,
    "requires": dict,
    "separator": bool,
    "spacing": _words("default none small medium large extraLarge padding"),
    "fallback": object,
}
_SIZED = _COMMON | {"height": _words("auto stretch")}
_BOX: dict[str, _Kind] = {"style": _STYLES, "bleed": bool, "minHeight": str, "selectAction": _SELECT}
_BUTTON: dict[str, _Kind] = {
    "title": str,
    "iconUrl": str,
    "style": _words("default positive destructive"),
    "fallback": object,
    "requires": dict,
}

# For each type: every property in adaptive-card.json 1.4.0, and the required ones.
SHAPES: dict[str, tuple[dict[str, _Kind], tuple[str, ...]]] = {
    "AdaptiveCard": (
        {
            "version": str,
            "$schema": str,
            "body": [_ELEMENT],
            "actions": [_ACTION],
            "selectAction": _SELECT,
            "fallbackText": str,
            "backgroundImage": object,
            "minHeight": str,
            "speak": str,
            "lang": str,
            "verticalContentAlignment": _LEVELS,
            "refresh": dict,
            "authentication": dict,
            "msteams": dict,  # an extension of Teams, which is not in the schema
        },
        (),
    ),
    "TextBlock": (
        _SIZED
        | {
            "text": str,
            "color": _COLORS,
            "fontType": _FONTS,
            "horizontalAlignment": _SIDES,
            "isSubtle": bool,
            "maxLines": int,
            "size": _SIZES,
            "weight": _WEIGHTS,
            "wrap": bool,
        },
        ("text",),
    ),
    "RichTextBlock": (_SIZED | {"inlines": [("TextRun",)], "horizontalAlignment": _SIDES}, ("inlines",)),
    "TextRun": (
        {
            "text": str,
            "color": _COLORS,
            "fontType": _FONTS,
            "highlight": bool,
            "isSubtle": bool,
            "italic": bool,
            "selectAction": _SELECT,
            "size": _SIZES,
            "strikethrough": bool,
            "underline": bool,
            "weight": _WEIGHTS,
        },
        ("text",),
    ),
    "FactSet": (_SIZED | {"facts": [("Fact",)]}, ("facts",)),
    "Fact": ({"title": str, "value": str}, ("title", "value")),
    "ColumnSet": (_SIZED | _BOX | {"columns": [("Column",)], "horizontalAlignment": _SIDES}, ()),
    "Column": (
        _COMMON
        | _BOX
        | {
            "items": [_ELEMENT],
            "backgroundImage": object,
            "verticalContentAlignment": _LEVELS,
            "width": object,
        },
        (),
    ),
    "Container": (
        _SIZED | _BOX | {"items": [_ELEMENT], "verticalContentAlignment": _LEVELS, "backgroundImage": object},
        ("items",),
    ),
    "ActionSet": (_SIZED | {"actions": [_ACTION]}, ("actions",)),
    "Image": (
        _COMMON
        | {
            "url": str,
            "altText": str,
            "backgroundColor": str,
            "height": str,
            "horizontalAlignment": _SIDES,
            "selectAction": _SELECT,
            "size": _words("auto stretch small medium large"),
            "style": _words("default person"),
            "width": str,
        },
        ("url",),
    ),
    "Action.OpenUrl": (_BUTTON | {"url": str}, ("url",)),
    "Action.ToggleVisibility": (_BUTTON | {"targetElements": [("TargetElement",)]}, ("targetElements",)),
    "Action.ShowCard": (_BUTTON | {"card": ("AdaptiveCard",)}, ()),
    "Action.Execute": (_BUTTON | {"verb": str, "data": object, "associatedInputs": object}, ()),
    "TargetElement": ({"elementId": str, "isVisible": bool}, ("elementId",)),
}
_TYPE_OPTIONAL = {"Fact", "Column", "TargetElement", "TextRun", "AdaptiveCard"}
_SHORTHAND = {"TextRun", "TargetElement"}  # may be written as a string


def _value(value: Any, kind: _Kind, where: str) -> None:
    if isinstance(kind, list):
        if not isinstance(value, list):
            raise Invalid(f"{where} is not a list")
        for index, item in enumerate(value):
            _value(item, kind[0], f"{where}[{index}]")
    elif isinstance(kind, tuple):
        _object(value, kind, where)
    elif isinstance(kind, frozenset):
        if not isinstance(value, str) or value.lower() not in kind:
            raise Invalid(f"{where} is {value!r}, not one of {', '.join(sorted(kind))}")
    elif not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise Invalid(f"{where} is not {kind.__name__}")


def _object(value: Any, names: tuple[str, ...], where: str) -> None:
    if isinstance(value, str) and names[0] in _SHORTHAND:
        return
    if not isinstance(value, dict):
        raise Invalid(f"{where} is not an object")
    name = value.get("type", names[0] if names[0] in _TYPE_OPTIONAL else None)
    if name not in names:
        raise Invalid(f"{where} is of type {name!r}, not one of {', '.join(names)}")
    shape, required = SHAPES[name]
    for key in required:
        if key not in value:
            raise Invalid(f"{where} ({name}) has no {key}")
    for key, item in value.items():
        if key == "type":
            continue
        if key not in shape:
            raise Invalid(f"{where} ({name}) has an unknown property {key!r}")
        _value(item, shape[key], f"{where}.{key}")
