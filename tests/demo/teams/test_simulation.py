"""The simulated Teams workflow: what it refuses, what it accepts and then fails, and what it keeps."""

from __future__ import annotations

import json
from typing import Any

import pytest

from demo.teams.cards import SHAPES
from demo.teams.simulation import Teams
from tests.demo.asking import GOOD_CARD, SHARED, Clock, card_of, envelope, post

FAILING = {
    "plain text": {"text": "hello"},
    "no attachments": {"type": "message"},
    "null": {"type": "message", "attachments": None},
    "renamed": {"type": "message", "attachments": [{"contentType": "card", "content": GOOD_CARD}]},
    "no type": envelope({"version": "1.4", "body": []}),
    "another type": envelope({"type": "MessageCard", "text": "t"}),
    "a version to come": envelope(card_of(version="1.6")),
    "an unknown element": envelope(card_of({"type": "Table", "rows": []})),
    "an unknown property": envelope(card_of({"type": "TextBlock", "text": "t", "style": "heading"})),
    "a missing property": envelope(card_of({"type": "FactSet"})),
    "a missing value": envelope(card_of({"type": "FactSet", "facts": [{"title": "t"}]})),
    "wrap as text": envelope(card_of({"type": "TextBlock", "text": "t", "wrap": "true"})),
    "a colour by number": envelope(card_of({"type": "TextBlock", "text": "t", "color": "#b00020"})),
    "a submit button": envelope(card_of(actions=[{"type": "Action.Submit", "title": "t"}])),
    "a button to nowhere": envelope(card_of(actions=[{"type": "Action.OpenUrl", "title": "t"}])),
}


def test_teams_takes_a_good_card() -> None:
    teams = Teams()
    assert post(teams, teams.path, envelope(GOOD_CARD)) == (202, "")
    assert [(m.sequence, m.body) for m in teams.messages] == [(1, envelope(GOOD_CARD))]
    assert (teams.failed_runs, teams.mentions) == ([], [])


@pytest.mark.parametrize(("mark", "fits"), [('"', 6_500), ("\\", 6_500)])
def test_teams_measures_a_card_inside_a_json_string(mark: str, fits: int) -> None:
    """After its 202: a quotation mark in a text takes two bytes of the card, and four of the string."""
    teams = Teams(rate=None)
    for count in (fits, fits + 1_700):
        card = card_of({"type": "TextBlock", "text": mark * count})
        assert len(json.dumps(envelope(card))) < 28_672
        assert post(teams, teams.path, envelope(card)) == (202, "")
    assert len(teams.messages) == 1
    assert "Request Entity too large" in teams.failed_runs[0].why


@pytest.mark.parametrize("body", FAILING.values(), ids=FAILING)
def test_teams_accepts_first_and_fails_after(body: Any) -> None:
    teams = Teams()
    assert post(teams, teams.path, body) == (202, "")
    assert teams.messages == []
    assert [run.body for run in teams.failed_runs] == [body]
    assert teams.failed_runs[0].why


def _error(code: str, message: str) -> str:
    return json.dumps({"error": {"code": code, "message": message}})


@pytest.mark.parametrize(
    ("old", "new", "body", "answer"),
    [
        ("sig=demo", "sig=other", b"{}", (401, "DirectApiAuthorizationRequired")),
        ("&sig=", "&x=", b"{}", (401, "DirectApiAuthorizationRequired")),
        ("api-version=1&", "", b"{}", (400, "MissingApiVersionParameter")),
        ("/workflows/0", "/workflows/1", b"{}", (404, "WorkflowNotFound")),
        ("", "", b"{", (400, "InvalidRequestContent")),
        ("", "", b" " * 28_672 + b"{}", (413, "RequestEntityTooLarge")),
    ],
)
def test_teams_refuses(old: str, new: str, body: bytes, answer: tuple[int, str]) -> None:
    teams = Teams()
    status, text = post(teams, teams.path.replace(old, new, 1), body)
    assert (status, json.loads(text)["error"]["code"]) == answer
    assert (teams.messages, teams.failed_runs) == ([], [])
    assert [r.status for r in teams.refused] == [status]


def test_teams_takes_four_a_second() -> None:
    clock = Clock()
    teams = Teams(now=clock)
    body = envelope(GOOD_CARD)
    assert [post(teams, teams.path, body)[0] for _ in range(5)] == [202, 202, 202, 202, 429]
    answer = teams.app.test_client().post(teams.path, json=body)
    assert answer.headers["Retry-After"] == "1"
    clock.time += 1
    assert post(teams, teams.path, body) == (202, "")


BOB = {"id": "bob@acme.example", "name": "Bob"}
MENTION = {"type": "mention", "text": "<at>Bob</at>", "mentioned": BOB}
TO_BOB = {"type": "TextBlock", "text": "Owner: <at>Bob</at>"}


def _mentioning(element: Any, *entities: Any) -> Any:
    return envelope(card_of(element, msteams={"entities": list(entities)}))


def test_teams_records_whom_a_card_would_mention() -> None:
    teams = Teams()
    bob_too = {"type": "FactSet", "facts": [{"title": "Owner", "value": "<at>Bob</at>"}]}
    for element in (TO_BOB, {"type": "Container", "items": [bob_too]}):
        post(teams, teams.path, _mentioning(element, MENTION))
    assert (teams.failed_runs, teams.mentions) == ([], ["bob@acme.example"] * 2)


@pytest.mark.parametrize(
    "body",
    [
        _mentioning({"type": "TextBlock", "text": "<at>Jane</at>"}, MENTION),
        _mentioning({"type": "RichTextBlock", "inlines": ["<at>Bob</at>"]}, MENTION),
        _mentioning(TO_BOB, {**MENTION, "text": "Bob"}),
        _mentioning(TO_BOB, {**MENTION, "mentioned": {**BOB, "name": "Bobby"}}),
        _mentioning(TO_BOB, {**MENTION, "mentioned": {"id": BOB["id"]}}),
        _mentioning(TO_BOB, {**MENTION, "mentioned": {**BOB, "id": "everyone"}}),
        _mentioning(TO_BOB, {**MENTION, "type": "tag"}),
        _mentioning(TO_BOB, "Bob"),
        envelope(card_of(TO_BOB, msteams={"entities": MENTION})),
    ],
)
def test_a_mention_and_its_text_must_fit_together(body: Any) -> None:
    teams = Teams()
    assert post(teams, teams.path, body) == (202, "")
    assert (len(teams.failed_runs), teams.messages, teams.mentions) == (1, [], [])


def test_the_card_check_knows_what_microsofts_schema_knows() -> None:
    path = SHARED / "contracts/teams/adaptive-card-1.4.0.json"
    if not path.exists():
        pytest.skip("the schemas beside the project are absent")
    definitions = json.loads(path.read_text())["definitions"]
    for name, (known, required) in SHAPES.items():
        schema = next(
            s for s in [definitions[name], *definitions[name].get("anyOf", [])] if "properties" in s
        )
        theirs = set(schema["properties"]) - {"type"}
        assert known.keys() - {"msteams"} == theirs, name
        assert set(required) == set(schema.get("required", [])), name
