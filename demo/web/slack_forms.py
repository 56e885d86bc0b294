"""Draws what Slack lays over its channel: a dialog that the app opened, and the confirmation of a menu."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup
from werkzeug.datastructures import MultiDict

from console.previews import slack as drawing
from console.previews.elements import Pen, el, mapping, objects, text, unknown
from demo.slack.dialogs import Dialog, inputs

TITLE = "over-title"  # the id of the heading
_PEN = Pen(lambda url: False)


def dialog_form(dialog: Dialog, action: str, cancel: str) -> Markup:
    """The dialog as a form. `action` and `cancel`: where its two buttons lead."""
    view = dialog.view
    return el(
        "form",
        "over",
        el("h2", "", _text(view.get("title")), id=TITLE),
        *(_block(block) for block in objects(view.get("blocks"))),
        _buttons(_text(view.get("submit")) or "Done", _text(view.get("close")) or "Cancel", cancel),
        method="post",
        action=action,
    )


def menu_form(menu: Mapping[str, Any], action: str, cancel: str) -> Markup:
    """The options of a menu with its confirmation."""
    confirm = mapping(menu.get("confirm"))
    options = [
        el(
            "label",
            "",
            el("input", "", type="radio", name="choice", value=text(option.get("value")), required=""),
            _text(option.get("text")),
        )
        for option in objects(menu.get("options"))
    ]
    return el(
        "form",
        "over",
        el("h2", "", _text(confirm.get("title")) or _text(menu.get("placeholder")), id=TITLE),
        el("fieldset", "", el("legend", "", _text(menu.get("placeholder"))), *options),
        el("p", "", _text(confirm.get("text"))),
        el("input", "", type="hidden", name="action", value=text(menu.get("action_id"))),
        _buttons(_text(confirm.get("confirm")) or "Yes", _text(confirm.get("deny")) or "Cancel", cancel),
        method="post",
        action=action,
    )


def chosen(dialog: Dialog, form: MultiDict[str, str]) -> dict[str, Any]:
    """The values that a browser sent, by block_id."""
    return {
        name: form.getlist(name) if element["type"] == "checkboxes" else form.get(name)
        for name, (element, _) in inputs(dialog.view).items()
    }


def _block(block: Mapping[str, Any]) -> Markup:
    if block.get("type") != "input":
        draw = drawing.BLOCKS.get(text(block.get("type")))
        return draw(block, _PEN) if draw else unknown("a block", block.get("type"))
    element, optional = mapping(block.get("element")), block.get("optional") is True
    name, required = text(block.get("block_id")), None if optional else ""
    label = _text(block.get("label")) + (" (optional)" if optional else "")
    match text(element.get("type")):
        case "checkboxes":
            boxes = [
                el(
                    "label",
                    "",
                    el("input", "", type="checkbox", name=name, value=text(option.get("value"))),
                    _text(option.get("text")),
                )
                for option in objects(element.get("options"))
            ]
            return el("fieldset", "", el("legend", "", label), *boxes)
        case "static_select":
            field = el("select", "", *_options(element), name=name, id=f"f-{name}", required=required)
        case "plain_text_input":
            field = el(
                "textarea",
                "",
                name=name,
                id=f"f-{name}",
                rows=3 if element.get("multiline") else 1,
                maxlength=text(element.get("max_length")) or None,
                required=required,
            )
        case other:
            return unknown("an element", other)
    return el("p", "field", el("label", "", label, for_=f"f-{name}"), field)


def _options(select: Mapping[str, Any]) -> list[Markup]:
    initial = mapping(select.get("initial_option")).get("value")
    return [
        el(
            "option",
            "",
            _text(option.get("text")),
            value=text(option.get("value")),
            selected="" if option.get("value") == initial else None,
        )
        for option in objects(select.get("options"))
    ]


def _buttons(send: str, stop: str, cancel: str) -> Markup:
    return el(
        "p",
        "doors",
        el("button", "btn main", send),
        el("button", "btn", stop, formaction=cancel, formnovalidate=""),
    )


def _text(part: Any) -> str:
    return text(mapping(part).get("text"))
