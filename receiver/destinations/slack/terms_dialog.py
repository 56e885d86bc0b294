"""Composes the dialog (a modal of Slack) in which somebody chooses the terms of a case that they closed.

The dialog carries the case and the decision that closed it. Slack sends both back with the choice, and
receiver/cases/actions.py compares them with the case.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from receiver.destinations.contract import Option, TermsForm
from receiver.destinations.slack.close_menu import MAX_OPTION
from receiver.destinations.slack.escape import plain
from receiver.intake.slack_request import DAYS, MALICIOUS, MAX_WHY, SCOPE, TERMS, WHY
from shared.text import one_line

# docs.slack.dev/reference/views/modal-views
MAX_TITLE = 24  # also of the two buttons
_MAX_LABEL = 2_000
_MAX_TEXT = 3_000
_STANDS = "The case is closed as {} already. Nothing else changes if you close this dialog."


def dialog(form: TermsForm) -> dict[str, Any]:
    about = {"case": form.case_key, "closure": form.closure_id}
    return {
        "type": "modal",
        "callback_id": TERMS,
        "private_metadata": json.dumps(about, ensure_ascii=False),
        "title": plain(f"Closed: {form.verdict.words}", MAX_TITLE),
        "submit": plain("Save", MAX_TITLE),
        "close": plain("Keep it so", MAX_TITLE),
        "blocks": list(_blocks(form)),
    }


def _blocks(form: TermsForm) -> Iterator[dict[str, Any]]:
    yield {"type": "section", "text": plain(_STANDS.format(form.verdict.words), _MAX_TEXT)}
    if form.scopes:
        yield _input(SCOPE, "Where its findings are known good", _select(form.scopes, form.scopes[0].value))
        yield _input(DAYS, "For how long", _select(form.days, form.usual_days))
    yield _input(WHY, "Why", {"type": "plain_text_input", "multiline": True, "max_length": MAX_WHY})
    if form.malicious:
        boxes = {"type": "checkboxes", "options": list(_options(form.malicious))}
        yield _input(MALICIOUS, "Malicious findings that are known good too", boxes) | {"optional": True}


def _input(name: str, label: str, element: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "input",
        "block_id": name,
        "label": plain(label, _MAX_LABEL),
        "element": {**element, "action_id": name},
    }


def _select(options: Iterable[Option], chosen: str) -> dict[str, Any]:
    shown = list(_options(options))
    initial = next(option for option in shown if option["value"] == chosen)
    return {"type": "static_select", "options": shown, "initial_option": initial}


def _options(options: Iterable[Option]) -> Iterator[dict[str, Any]]:
    for option in options:
        text = one_line(option.text, MAX_OPTION) or option.value
        yield {"text": plain(text, MAX_OPTION), "value": option.value}
