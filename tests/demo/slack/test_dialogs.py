"""The dialogs of the simulated Slack: which it refuses, and what it sends when one is submitted."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs

import pytest

from demo.slack.dialogs import Unanswered
from demo.slack.records import DEMO_TOKEN
from demo.slack.simulation import Slack
from tests.demo.asking import Clock


def _plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text}


def _input(element: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "input", "block_id": "f", "label": _plain("l"), "element": element, **more}


OPTION = {"text": _plain("o" * 75), "value": "v" * 75}
TEXT = {"type": "plain_text_input", "action_id": "f", "multiline": True, "max_length": 3_000}
BOXES = {"type": "checkboxes", "action_id": "f", "options": [OPTION] * 10}
SELECT = {"type": "static_select", "action_id": "f", "options": [OPTION] * 100, "initial_option": OPTION}
GOOD = {
    "type": "modal",
    "title": _plain("t" * 24),
    "submit": _plain("s" * 24),
    "close": _plain("c" * 24),
    "private_metadata": "m" * 3_000,
    "callback_id": "i" * 255,
    "blocks": [_input(SELECT)],
}
BAD = {
    "a long title": {"title": _plain("t" * 25)},
    "a title with markup": {"title": {"type": "mrkdwn", "text": "t"}},
    "a long button": {"submit": _plain("s" * 25)},
    "no submit for an input": {"submit": None},
    "long private_metadata": {"private_metadata": "m" * 3_001},
    "a long callback_id": {"callback_id": "i" * 256},
    "101 blocks": {"blocks": [{"type": "divider"}] * 101},
    "no blocks": {"blocks": []},
    "a message's view": {"type": "home"},
    "an unknown key": {"colour": "red"},
    "a long label": {"blocks": [_input(TEXT, label=_plain("l" * 2_001))]},
    "a long text allowed": {"blocks": [_input(TEXT | {"max_length": 3_001})]},
    "eleven check boxes": {"blocks": [_input(BOXES | {"options": [OPTION] * 11})]},
    "a long option": {"blocks": [_input(BOXES | {"options": [OPTION | {"text": _plain("o" * 76)}]})]},
    "101 options": {"blocks": [_input(SELECT | {"options": [OPTION] * 101})]},
    "a button as an input": {"blocks": [_input({"type": "button", "action_id": "f"})]},
    "a block_id twice": {"blocks": [_input(TEXT)] * 2},
    "more than 250 kB": {"blocks": [{"type": "section", "text": _plain("é" * 3_000)}] * 90},
}


def _open(slack: Slack, trigger: str, view: Any) -> dict[str, Any]:
    answer = slack.app.test_client().post(
        "/api/views.open",
        json={"trigger_id": trigger, "view": view},
        headers={"Authorization": f"Bearer {DEMO_TOKEN}"},
    )
    result: dict[str, Any] = answer.get_json()
    return result


@pytest.mark.parametrize("element", [TEXT, BOXES, SELECT])
def test_slack_opens_a_good_dialog(element: dict[str, Any]) -> None:
    slack = Slack()
    assert _open(slack, slack.dialogs.trigger("U1"), GOOD | {"blocks": [_input(element)]})["ok"] is True
    assert len(slack.dialogs.opened) == 1


@pytest.mark.parametrize("changes", BAD.values(), ids=BAD)
def test_slack_refuses_a_dialog_over_its_limits(changes: dict[str, Any]) -> None:
    slack = Slack()
    view = {key: value for key, value in {**GOOD, **changes}.items() if value is not None}
    assert _open(slack, slack.dialogs.trigger("U1"), view)["error"] == "invalid_arguments"
    assert slack.dialogs.opened == []


def test_a_trigger_opens_one_dialog_within_three_seconds() -> None:
    clock = Clock()
    slack = Slack(now=clock)
    first, second = slack.dialogs.trigger("U1"), slack.dialogs.trigger("U1")
    clock.time += 3
    assert _open(slack, first, GOOD)["ok"] is True
    assert _open(slack, first, GOOD)["error"] == "exchanged_trigger_id"
    clock.time += 0.1
    assert _open(slack, second, GOOD)["error"] == "expired_trigger_id"
    assert _open(slack, "1.2.other", GOOD)["error"] == "invalid_arguments"


def test_a_submission_has_the_initial_values_and_the_chosen_ones() -> None:
    slack = Slack()
    other = OPTION | {"value": "b"}
    select = SELECT | {"options": [OPTION, other]}
    text = _input(TEXT | {"action_id": "why"}) | {"block_id": "why"}
    _open(slack, slack.dialogs.trigger("U1"), GOOD | {"blocks": [_input(select), text]})
    (dialog,) = slack.dialogs.opened
    for chosen, value in (({}, OPTION["value"]), ({"f": "b"}, "b")):
        request = slack.submit(dialog, **chosen, why="x")
        payload = json.loads(parse_qs(request.body.decode())["payload"][0])
        values = payload["view"]["state"]["values"]
        assert values["f"]["f"]["selected_option"]["value"] == value
        assert values["why"]["why"]["value"] == "x"
        assert payload["view"]["private_metadata"] == GOOD["private_metadata"]
    for wrong in ({"f": "c"}, {"g": "b"}):
        with pytest.raises(LookupError):
            slack.submit(dialog, **wrong)
    for answer in ("", None, "x" * 3_001):
        with pytest.raises(Unanswered):
            slack.submit(dialog, why=answer)
