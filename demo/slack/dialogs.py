"""The dialogs (modals) of the simulated Slack: a trigger opens one dialog, once and within three seconds."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from demo.base import Refusal
from demo.slack.block_kit import MAX_INPUT, check_view

TRIGGER_SECONDS = 3


@dataclass
class Trigger:
    """What a user just did, which may open one dialog."""

    at: float
    user: str
    used: bool = False


@dataclass
class Dialog:
    """A dialog that one user sees."""

    id: str
    view: dict[str, Any]
    user: str
    is_open: bool = True  # until the user submits or closes it


class Unanswered(LookupError):
    """Slack sends no dialog with such an answer, and asks the user for another one. The text says why."""


class Dialogs:
    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._triggers: dict[str, Trigger] = {}
        self.opened: list[Dialog] = []

    def trigger(self, user: str) -> str:
        """A new trigger_id, for what this user just did."""
        id = f"{len(self._triggers) + 1}.{len(self._triggers) + 1}.demo"
        self._triggers[id] = Trigger(self._now(), user)
        return id

    def latest(self) -> Trigger:
        return list(self._triggers.values())[-1]

    def shown(self) -> Dialog | None:
        """The dialog that is on top."""
        return next((dialog for dialog in reversed(self.opened) if dialog.is_open), None)

    def find(self, id: str) -> Dialog | None:
        return next((dialog for dialog in self.opened if dialog.id == id and dialog.is_open), None)

    def open(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """views.open. Raises Refusal."""
        trigger = self._triggers.get(str(arguments.get("trigger_id")))
        if trigger is None:
            raise _no("invalid_arguments", "no such trigger_id")
        if trigger.used:
            raise _no("exchanged_trigger_id")
        if self._now() - trigger.at > TRIGGER_SECONDS:
            raise _no("expired_trigger_id")
        view: Any = arguments.get("view")
        try:
            view = json.loads(view) if isinstance(view, str) else view
        except ValueError as error:
            raise _no("invalid_arguments", str(error)) from error
        check_view(view)
        trigger.used = True
        dialog = Dialog(f"V{len(self.opened) + 1:08}", view, trigger.user)
        self.opened.append(dialog)
        return {"view": {"id": dialog.id, **view}}


def inputs(view: Mapping[str, Any]) -> dict[str, tuple[dict[str, Any], bool]]:
    """The fields of a dialog by block_id: the element, and whether it needs an answer."""
    return {
        block["block_id"]: (block["element"], not block.get("optional", False))
        for block in view["blocks"]
        if block["type"] == "input"
    }


def submission(dialog: Dialog, chosen: Mapping[str, Any], user: str, name: str) -> bytes:
    """The body that Slack sends when the user submits the dialog with these values, by block_id. A field that
    is not among them keeps its initial value. Raises LookupError for a value that the dialog does not
    offer, and Unanswered."""
    fields = inputs(dialog.view)
    if unknown := chosen.keys() - fields.keys():
        raise LookupError(f"no field {sorted(unknown)}")
    values = {}
    for block_id, (element, required) in fields.items():
        value = _value(element, chosen.get(block_id))
        _check_answer(element, *value.values(), required=required)
        values[block_id] = {element["action_id"]: {"type": element["type"], **value}}
    payload = {
        "type": "view_submission",
        "team": {"id": "T00000000", "domain": "acme"},
        "user": {"id": user, "username": name, "name": name, "team_id": "T00000000"},
        "api_app_id": "A00000000",
        "view": {"id": dialog.id, "hash": "1764000000.demo", "state": {"values": values}, **dialog.view},
        "response_urls": [],
    }
    return urlencode({"payload": json.dumps(payload)}).encode()


def _value(element: Mapping[str, Any], chosen: Any) -> dict[str, Any]:
    match element["type"]:
        case "plain_text_input":
            return {"value": chosen or None}
        case "checkboxes":
            return {"selected_options": [_option(element, value) for value in chosen or ()]}
    option = element.get("initial_option") if chosen is None else _option(element, chosen)
    return {"selected_option": option}


def _check_answer(element: Mapping[str, Any], answer: Any, *, required: bool) -> None:
    if required and not answer:
        raise Unanswered("Slack wants an answer in each field that is not optional")
    longest = element.get("max_length", MAX_INPUT)
    if isinstance(answer, str) and len(answer) > longest:
        raise Unanswered(f"Slack takes at most {longest} characters in a field of this dialog")


def _option(element: Mapping[str, Any], value: str) -> Mapping[str, Any]:
    for option in element["options"]:
        if option["value"] == value:
            return option  # type: ignore[no-any-return]
    raise LookupError(f"no option {value}")


def _no(error: str, why: str = "") -> Refusal:
    return Refusal(200, {"ok": False, "error": error}, why=why or error)
