"""The simulated Slack, Teams and Jira: what they refuse, with the whole answer, and what they keep."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import requests

from demo.base import app_of
from demo.jira.adf import adf_error
from demo.jira.simulation import Jira
from demo.serving import serving
from demo.slack.records import DEMO_TOKEN, Channel
from demo.slack.simulation import Slack
from demo.teams.cards import SHAPES
from demo.teams.simulation import Teams

SHARED = Path(__file__).resolve().parents[3] / "shared"


class Clock:
    def __init__(self) -> None:
        self.time = 1_764_000_000.0

    def __call__(self) -> float:
        return self.time


def _post(simulation: Any, path: str, body: Any, headers: dict[str, str] | None = None) -> tuple[int, str]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = simulation.app.test_client().post(
        path, data=data, headers={"Content-Type": "application/json"} | (headers or {})
    )
    return answer.status_code, answer.get_data(as_text=True)


# Slack


def _mrkdwn(text: str) -> dict[str, Any]:
    return {"type": "mrkdwn", "text": text}


def _plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text}


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": _mrkdwn(text)}


def _actions(*buttons: dict[str, Any]) -> dict[str, Any]:
    return {"type": "actions", "elements": [{"type": "button", "text": _plain("Open")} | b for b in buttons]}


GOOD_BLOCKS = [
    {"type": "header", "text": _plain("h" * 150) | {"emoji": False}},
    {"type": "section", "fields": [_mrkdwn("x" * 900)] * 10, "block_id": "facts"},
    {"type": "context", "elements": [_mrkdwn("small") | {"verbatim": True}] * 10},
    {"type": "divider"},
    _actions({"url": "https://cado.example/", "action_id": "open", "style": "danger"}),
]

BAD_BLOCKS = {
    "51 blocks": [{"type": "divider"}] * 51,
    "a long header": [{"type": "header", "text": _plain("h" * 151)}],
    "a header with markup": [{"type": "header", "text": _mrkdwn("h")}],
    "a long section": [_section("x" * 3_001)],
    "an empty section": [_section("")],
    "a section of nothing": [{"type": "section"}],
    "eleven fields": [{"type": "section", "fields": [_mrkdwn("x")] * 11}],
    "no fields": [{"type": "section", "fields": []}],
    "a long field": [{"type": "section", "fields": [_mrkdwn("x" * 2_001)]}],
    "an empty field": [{"type": "section", "fields": [_mrkdwn("")]}],
    "eleven in a context": [{"type": "context", "elements": [_mrkdwn("x")] * 11}],
    "26 buttons": [_actions(*[{}] * 26)],
    "no buttons": [_actions()],
    "a long button": [_actions({"text": _plain("x" * 76)})],
    "a button with markup": [_actions({"text": _mrkdwn("x")})],
    "a long url": [_actions({"url": "https://cado.example/" + "x" * 3_000})],
    "no url": [_actions({"url": "cado example"})],
    "an action_id twice": [_actions({"action_id": "a"}, {"action_id": "a"})],
    "an unknown block": [{"type": "table"}],
    "no block": ["divider"],
    "an unknown property": [{"type": "divider", "text": "x"}],
    "emoji in mrkdwn": [{"type": "section", "text": _mrkdwn("x") | {"emoji": True}}],
    "12,001 characters": [_section("x" * 3_000)] * 4 + [_section("x")],
    "a block_id twice": [{"type": "divider", "block_id": "a"}] * 2,
    "a long block_id": [{"type": "divider", "block_id": "a" * 256}],
    "not a list": {"type": "divider"},
}


def test_slack_takes_a_good_message() -> None:
    slack = Slack()
    body = {"text": "fallback", "attachments": [{"color": "#b00020", "blocks": GOOD_BLOCKS}]}
    assert _post(slack, slack.path, body) == (200, "ok")
    assert [(m.sequence, m.body) for m in slack.messages] == [(1, body)]
    assert slack.refused == []


@pytest.mark.parametrize("blocks", BAD_BLOCKS.values(), ids=BAD_BLOCKS)
def test_slack_refuses_blocks(blocks: Any) -> None:
    slack = Slack(rate=None)
    assert _post(slack, slack.path, {"text": "t", "blocks": blocks}) == (400, "invalid_blocks")
    in_attachment = {"text": "t", "attachments": [{"blocks": blocks}]}
    assert _post(slack, slack.path, in_attachment) == (400, "invalid_attachments")
    assert slack.messages == []
    assert [r.answer for r in slack.refused] == ["invalid_blocks", "invalid_attachments"]
    assert all(r.why != r.answer for r in slack.refused)


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        (b"not json", "invalid_payload"),
        (b"", "invalid_payload"),
        (b"[" * 100_000, "invalid_payload"),
        (b"[]", "invalid_payload"),
        ({"text": 5}, "invalid_payload"),
        ({}, "no_text"),
        ({"text": "", "blocks": [], "attachments": []}, "no_text"),
        ({"text": "t", "attachments": [{"fallback": "f"}] * 101}, "too_many_attachments"),
        ({"text": "t", "attachments": [{}]}, "invalid_attachments"),
        ({"text": "t", "attachments": [{"blocks": [{"type": "divider"}] * 26}] * 2}, "invalid_attachments"),
    ],
)
def test_slack_refuses_a_payload(body: Any, answer: str) -> None:
    slack = Slack()
    assert _post(slack, slack.path, body) == (400, answer)


def test_slack_knows_its_own_path_only() -> None:
    slack = Slack()
    assert _post(slack, "/services/T/B/wrong", {"text": "t"}) == (404, "no_service")


def test_slack_takes_one_a_second() -> None:
    clock = Clock()
    slack = Slack(rate=1, burst=2, now=clock)
    assert [_post(slack, slack.path, {"text": "t"})[0] for _ in range(3)] == [200, 200, 429]
    answer = slack.app.test_client().post(slack.path, json={"text": "t"})
    assert (answer.status_code, answer.text, answer.headers["Retry-After"]) == (429, "rate_limited", "2")
    clock.time += 2
    assert _post(slack, slack.path, {"text": "t"}) == (200, "ok")


def test_slack_records_whom_a_message_would_ping() -> None:
    slack = Slack(rate=None)
    quiet = {"text": "&lt;!channel&gt; @here", "blocks": [{"type": "header", "text": _plain("<!channel>")}]}
    assert _post(slack, slack.path, quiet) == (200, "ok")
    assert slack.mentions == []
    loud = {"text": "<!channel> and <@U012AB3CD|bob>", "blocks": [_section("<!here|here>")]}
    assert _post(slack, slack.path, loud) == (200, "ok")
    assert _post(slack, slack.path, {"text": "@everyone", "link_names": 1}) == (200, "ok")
    assert slack.mentions == ["<!channel>", "<@U012AB3CD|bob>", "<!here|here>", "@everyone"]


def _call(slack: Slack, method: str, token: str = DEMO_TOKEN, **arguments: Any) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    answer = slack.app.test_client().post(f"/api/{method}", json=arguments, headers=headers)
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json
    return found


def test_slack_edits_a_message_and_keeps_a_thread() -> None:
    clock = Clock()
    slack = Slack(rate=None, now=clock)
    ts = _call(slack, "chat.postMessage", channel="C0123456789", text="first")["ts"]
    _call(slack, "chat.postMessage", channel="#soc", text="reply", thread_ts=ts, reply_broadcast=True)
    _call(slack, "chat.update", channel="C0123456789", ts=ts, text="second")
    at = datetime.fromtimestamp(clock.time, UTC).isoformat()
    (reply,) = slack.replies(slack.posts[0])
    replied = {"at": at, "ts": reply.ts, "body": {"text": "reply"}, "broadcast": True}
    parent = {"at": at, "ts": ts, "body": {"text": "second"}, "broadcast": False}
    assert slack.shown() == [parent | {"replies": [replied]}]
    assert slack.refused == []


@pytest.mark.parametrize(
    ("method", "arguments", "error"),
    [
        ("auth.test", {"token": ""}, "not_authed"),
        ("auth.test", {"token": "xoxb-other"}, "invalid_auth"),
        ("chat.postMessage", {"channel": "C9", "text": "t"}, "channel_not_found"),
        ("chat.postMessage", {"channel": "C0123456789"}, "no_text"),
        ("chat.postMessage", {"channel": "C0123456789", "text": "t", "colour": 1}, "invalid_arg_name"),
        ("chat.postMessage", {"channel": "C0123456789", "blocks": [{"type": "table"}]}, "invalid_blocks"),
        ("chat.postMessage", {"channel": "C0123456789", "text": "t", "thread_ts": "1.1"}, "thread_not_found"),
        ("chat.postMessage", {"channel": "old", "text": "t"}, "is_archived"),
        ("chat.postMessage", {"channel": "elsewhere", "text": "t"}, "not_in_channel"),
        ("chat.update", {"channel": "soc", "text": "t", "ts": "1.1"}, "channel_not_found"),
        ("chat.update", {"channel": "C0123456789", "text": "t", "ts": "1.1"}, "message_not_found"),
        ("chat.update", {"channel": "C0000000001", "text": "t", "ts": "1.1"}, "is_inactive"),
        ("conversations.info", {"channel": "C9"}, "channel_not_found"),
        ("conversations.info", {"channel": "G0000000003"}, "missing_scope"),
        ("conversations.list", {"types": "im"}, "invalid_types"),
        ("conversations.list", {"types": "private_channel"}, "missing_scope"),
        ("conversations.list", {"limit": 1_000}, "invalid_limit"),
        ("conversations.list", {"cursor": "x"}, "invalid_cursor"),
    ],
)
def test_slack_says_what_is_wrong_inside_a_200(method: str, arguments: dict[str, Any], error: str) -> None:
    slack = Slack(rate=None)
    slack.scopes.remove("groups:read")
    slack.channels += [
        Channel("C0000000001", "old", is_archived=True),
        Channel("C0000000002", "elsewhere", is_member=False),
        Channel("G0000000003", "private", is_private=True),
    ]
    found = _call(slack, method, **arguments)
    assert (found["ok"], found["error"]) == (False, error)
    assert slack.posts == []


def test_slack_takes_4000_characters_in_an_edit_and_one_message_a_second_in_a_channel() -> None:
    slack = Slack(rate=1, now=Clock())
    slack.channels.append(Channel("C0000000001", "ir"))
    ts = _call(slack, "chat.postMessage", channel="#soc", text="x" * 4_001)["ts"]
    edit = {"channel": "C0123456789", "ts": ts}
    assert _call(slack, "chat.update", **edit, text="x" * 4_000)["ok"] is True
    assert _call(slack, "chat.update", **edit, text="x" * 4_001)["error"] == "msg_too_long"
    assert _call(slack, "chat.postMessage", channel="#ir", text="t")["ok"] is True
    answer = slack.app.test_client().post(
        "/api/chat.postMessage",
        json={"channel": "#soc", "text": "t"},
        headers={"Authorization": f"Bearer {DEMO_TOKEN}"},
    )
    assert (answer.status_code, answer.json["error"], answer.headers["Retry-After"]) == (
        429,
        "ratelimited",
        "1",
    )


# Teams


def _envelope(card: Any) -> dict[str, Any]:
    kind = "application/vnd.microsoft.card.adaptive"
    return {"type": "message", "attachments": [{"contentType": kind, "contentUrl": None, "content": card}]}


def _card(*body: Any, **more: Any) -> dict[str, Any]:
    return {"type": "AdaptiveCard", "version": "1.4", "body": list(body)} | more


GOOD_CARD = _card(
    {"type": "TextBlock", "text": "t", "size": "Large", "wrap": True},
    {"type": "RichTextBlock", "inlines": ["plain", {"type": "TextRun", "text": "bold", "weight": "bolder"}]},
    {"type": "FactSet", "facts": [{"title": "Host", "value": "web-01"}]},
    {
        "type": "ColumnSet",
        "columns": [
            {"type": "Column", "width": "auto", "items": [{"type": "TextBlock", "text": "a"}]},
            {"type": "Column", "width": 2, "items": []},
        ],
    },
    {"type": "Container", "style": "attention", "bleed": True, "items": [], "id": "more", "isVisible": False},
    {"type": "ActionSet", "actions": [{"type": "Action.ToggleVisibility", "targetElements": ["more"]}]},
    actions=[{"type": "Action.OpenUrl", "title": "Open", "url": "https://cado.example/"}],
    msteams={"width": "Full"},
)

FAILING = {
    "plain text": {"text": "hello"},
    "no attachments": {"type": "message"},
    "null": {"type": "message", "attachments": None},
    "renamed": {"type": "message", "attachments": [{"contentType": "card", "content": GOOD_CARD}]},
    "no type": _envelope({"version": "1.4", "body": []}),
    "another type": _envelope({"type": "MessageCard", "text": "t"}),
    "a version to come": _envelope(_card(version="1.6")),
    "an unknown element": _envelope(_card({"type": "Table", "rows": []})),
    "an unknown property": _envelope(_card({"type": "TextBlock", "text": "t", "style": "heading"})),
    "a missing property": _envelope(_card({"type": "FactSet"})),
    "a missing value": _envelope(_card({"type": "FactSet", "facts": [{"title": "t"}]})),
    "wrap as text": _envelope(_card({"type": "TextBlock", "text": "t", "wrap": "true"})),
    "a colour by number": _envelope(_card({"type": "TextBlock", "text": "t", "color": "#b00020"})),
    "a submit button": _envelope(_card(actions=[{"type": "Action.Submit", "title": "t"}])),
    "a button to nowhere": _envelope(_card(actions=[{"type": "Action.OpenUrl", "title": "t"}])),
}


def test_teams_takes_a_good_card() -> None:
    teams = Teams()
    assert _post(teams, teams.path, _envelope(GOOD_CARD)) == (202, "")
    assert [(m.sequence, m.body) for m in teams.messages] == [(1, _envelope(GOOD_CARD))]
    assert (teams.failed_runs, teams.mentions) == ([], [])


@pytest.mark.parametrize(("mark", "fits"), [('"', 6_500), ("\\", 6_500)])
def test_teams_measures_a_card_inside_a_json_string(mark: str, fits: int) -> None:
    """After its 202: a quotation mark in a text takes two bytes of the card, and four of the string."""
    teams = Teams(rate=None)
    for count in (fits, fits + 1_700):
        card = _card({"type": "TextBlock", "text": mark * count})
        assert len(json.dumps(_envelope(card))) < 28_672
        assert _post(teams, teams.path, _envelope(card)) == (202, "")
    assert len(teams.messages) == 1
    assert "Request Entity too large" in teams.failed_runs[0].why


@pytest.mark.parametrize("body", FAILING.values(), ids=FAILING)
def test_teams_accepts_first_and_fails_after(body: Any) -> None:
    teams = Teams()
    assert _post(teams, teams.path, body) == (202, "")
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
    status, text = _post(teams, teams.path.replace(old, new, 1), body)
    assert (status, json.loads(text)["error"]["code"]) == answer
    assert (teams.messages, teams.failed_runs) == ([], [])
    assert [r.status for r in teams.refused] == [status]


def test_teams_takes_four_a_second() -> None:
    clock = Clock()
    teams = Teams(now=clock)
    body = _envelope(GOOD_CARD)
    assert [_post(teams, teams.path, body)[0] for _ in range(5)] == [202, 202, 202, 202, 429]
    answer = teams.app.test_client().post(teams.path, json=body)
    assert answer.headers["Retry-After"] == "1"
    clock.time += 1
    assert _post(teams, teams.path, body) == (202, "")


BOB = {"id": "bob@acme.example", "name": "Bob"}
MENTION = {"type": "mention", "text": "<at>Bob</at>", "mentioned": BOB}
TO_BOB = {"type": "TextBlock", "text": "Owner: <at>Bob</at>"}


def _mentioning(element: Any, *entities: Any) -> Any:
    return _envelope(_card(element, msteams={"entities": list(entities)}))


def test_teams_records_whom_a_card_would_mention() -> None:
    teams = Teams()
    bob_too = {"type": "FactSet", "facts": [{"title": "Owner", "value": "<at>Bob</at>"}]}
    for element in (TO_BOB, {"type": "Container", "items": [bob_too]}):
        _post(teams, teams.path, _mentioning(element, MENTION))
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
        _envelope(_card(TO_BOB, msteams={"entities": MENTION})),
    ],
)
def test_a_mention_and_its_text_must_fit_together(body: Any) -> None:
    teams = Teams()
    assert _post(teams, teams.path, body) == (202, "")
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


# Jira


BASIC = {"Authorization": "Basic aHVudEBhY21lLmV4YW1wbGU6ZGVtby10b2tlbg=="}
BEARER = {"Authorization": "Bearer demo-token"}
API = "/rest/api/3"


def _doc(*content: Any) -> dict[str, Any]:
    return {"type": "doc", "version": 1, "content": list(content)}


def _text(text: str, *marks: str) -> dict[str, Any]:
    return {"type": "text", "text": text} | ({"marks": [{"type": m} for m in marks]} if marks else {})


def _node(kind: str, *content: Any, **attrs: Any) -> dict[str, Any]:
    node: dict[str, Any] = {"type": kind}
    return node | ({"content": list(content)} if content else {}) | ({"attrs": attrs} if attrs else {})


PARAGRAPH = _node("paragraph", _text("t"))


def _fields(**more: Any) -> dict[str, Any]:
    fields = {"project": {"key": "SEC"}, "issuetype": {"name": "Incident"}, "summary": "s"} | more
    return {name: value for name, value in fields.items() if value is not None}


def _create(jira: Jira, **more: Any) -> tuple[int, Any]:
    status, text = _post(jira, f"{API}/issue", {"fields": _fields(**more)}, BASIC)
    return status, json.loads(text)


def _ask(jira: Jira, method: str, path: str, body: Any = None, headers: Any = BASIC) -> tuple[int, Any]:
    answer = jira.app.test_client().open(path, method=method, json=body, headers=headers)
    return answer.status_code, answer.get_json(silent=True)


def test_jira_creates_shows_and_comments() -> None:
    jira = Jira()
    fields = _fields(description=_doc(PARAGRAPH), priority={"name": "High"}, labels=["cado", "hunt-x"])
    body = {"fields": fields, "properties": [{"key": "cado.alarm", "value": {"v": 1}}]}
    self = "http://localhost/rest/api/3/issue/10001"
    assert _ask(jira, "POST", f"{API}/issue", body) == (201, {"id": "10001", "key": "SEC-1", "self": self})
    status, issue = _ask(jira, "GET", f"{API}/issue/SEC-1")
    assert (status, issue["id"], issue["key"], issue["self"]) == (200, "10001", "SEC-1", self)
    assert {name: issue["fields"][name] for name in fields} == fields
    assert issue["fields"]["status"]["statusCategory"]["key"] == "new"
    assert _ask(jira, "GET", f"{API}/issue/SEC-1?fields=comment")[1]["fields"] == {
        "comment": {"comments": []}
    }
    status, comment = _ask(jira, "POST", f"{API}/issue/SEC-1/comment", {"body": _doc(PARAGRAPH)})
    assert (status, comment["id"], comment["body"]) == (201, "20001", _doc(PARAGRAPH))
    properties = f"{API}/issue/SEC-1/properties"
    assert _ask(jira, "GET", f"{properties}/cado.alarm") == (200, {"key": "cado.alarm", "value": {"v": 1}})
    assert _ask(jira, "PUT", f"{properties}/other", [1])[0] == 201
    assert _ask(jira, "GET", f"{properties}/none")[0] == 404
    assert [(m.sequence, m.key) for m in jira.messages] == [(1, "SEC-1"), (2, "SEC-1")]
    (shown,) = jira.shown()
    assert (shown["key"], shown["fields"], len(shown["comments"])) == ("SEC-1", fields, 1)


NOT_ADF = "Operation value must be an Atlassian Document (see the Atlassian Document Format)"
TOO_LONG = "The entered text is too long. It exceeds the allowed limit of 32,767 characters."
NOT_A_DOC = "INVALID_INPUT: the root is not a doc of version 1"
OFF_SCREEN = "Field '{}' cannot be set. It is not on the appropriate screen, or unknown."


@pytest.mark.parametrize(
    ("fields", "errors"),
    [
        ({"project": {"key": "NOPE"}}, {"project": "valid project is required"}),
        ({"project": None}, {"project": "valid project is required"}),
        ({"issuetype": {"name": "Alarm"}}, {"issuetype": "Specify a valid issue type"}),
        ({"issuetype": {"id": "1"}}, {"issuetype": "Specify a valid issue type"}),
        ({"priority": {"name": "Huge"}}, {"priority": "The priority selected is invalid."}),
        ({"summary": None}, {"summary": "You must specify a summary of the issue."}),
        ({"summary": "x" * 256}, {"summary": "Summary must be less than 255 characters."}),
        ({"summary": "a\nb"}, {"summary": "The summary is invalid because it contains newline characters."}),
        ({"description": "text"}, {"description": NOT_ADF}),
        ({"description": _doc(_node("paragraph", _text("x" * 32_767)))}, {"description": TOO_LONG}),
        (
            {"description": {"type": "doc"}},
            {"description": "INVALID_INPUT: the root is not a doc of version 1"},
        ),
        ({"labels": ["x y"]}, {"labels": "The label 'x y' contains spaces which is invalid."}),
        ({"labels": "x"}, {"labels": "data was not an array"}),
        ({"customfield_1": 1}, {"customfield_1": OFF_SCREEN.format("customfield_1")}),
        (
            {"components": [{"name": "IR"}], "summary": ""},
            {
                "summary": "You must specify a summary of the issue.",
                "components": OFF_SCREEN.format("components"),
            },
        ),
    ],
)
def test_jira_refuses_fields(fields: Any, errors: Any) -> None:
    jira = Jira()
    status, body = _create(jira, **fields)
    assert status == 400
    assert body == {"errorMessages": [], "errors": errors}
    assert jira.messages == []


def test_jira_refuses_a_field_that_is_not_on_the_screen() -> None:
    jira = Jira(screen=("project", "issuetype", "summary"))
    status, body = _create(jira, priority={"name": "High"}, labels=["a"])
    errors = {"priority": OFF_SCREEN.format("priority"), "labels": OFF_SCREEN.format("labels")}
    assert (status, body) == (400, {"errorMessages": [], "errors": errors})
    assert _create(jira)[0] == 201


GOOD_DOCS = {
    "everything": _doc(
        _node("heading", _text("h"), level=2),
        _node("paragraph"),
        _node(
            "paragraph",
            _text("a", "strong", "em"),
            _node("hardBreak"),
            _text("b", "code"),
            {
                "type": "text",
                "text": "c",
                "marks": [{"type": "link", "attrs": {"href": "https://c.example"}}],
            },
        ),
        _node("bulletList", _node("listItem", PARAGRAPH, _node("orderedList", _node("listItem", PARAGRAPH)))),
        _node("panel", PARAGRAPH, panelType="error"),
        _node(
            "table",
            _node("tableRow", _node("tableHeader", PARAGRAPH)),
            _node("tableRow", _node("tableCell", _node("panel", PARAGRAPH, panelType="info"))),
        ),
        _node("codeBlock", _text("x\ny"), language="text"),
        _node("rule"),
        _node("blockquote", PARAGRAPH),
        _node("expand", PARAGRAPH, title="more"),
    ),
    "nothing": _doc(),
}
BAD_DOCS = {
    "another root": _node("paragraph"),
    "no version": {"type": "doc", "content": []},
    "text at the root": _doc(_text("t")),
    "empty text": _doc(_node("paragraph", _text(""))),
    "code and strong": _doc(_node("paragraph", _text("t", "code", "strong"))),
    "a mark in code": _doc(_node("codeBlock", _text("t", "strong"))),
    "no level": _doc(_node("heading", _text("h"))),
    "level 7": _doc(_node("heading", _text("h"), level=7)),
    "a panel of no type": _doc(_node("panel", PARAGRAPH, panelType="danger")),
    "a table in a panel": _doc(
        _node("panel", _node("table", _node("tableRow", _node("tableCell", PARAGRAPH))), panelType="info")
    ),
    "an empty list": _doc(_node("bulletList")),
    "an empty item": _doc(_node("bulletList", _node("listItem"))),
    "text in an item": _doc(_node("bulletList", _node("listItem", _text("t")))),
    "an empty cell": _doc(_node("table", _node("tableRow", _node("tableCell")))),
    "an unknown node": _doc(_node("marquee")),
    "an unknown property": _doc(PARAGRAPH | {"style": "x"}),
    "an expand in an expand": _doc(_node("expand", _node("expand", PARAGRAPH))),
    "a link to nowhere": _doc(_node("paragraph", _text("t", "link"))),
}


@pytest.fixture(scope="module")
def adf_schema() -> Any:
    path = SHARED / "contracts/jira-adf.json"
    if not path.exists():
        pytest.skip("the schemas beside the project are absent")
    return jsonschema.Draft4Validator(json.loads(path.read_text()))


@pytest.mark.parametrize("document", GOOD_DOCS.values(), ids=GOOD_DOCS)
def test_jira_takes_documents(document: Any) -> None:
    assert adf_error(document) == ""


@pytest.mark.parametrize("document", BAD_DOCS.values(), ids=BAD_DOCS)
def test_jira_refuses_documents(document: Any) -> None:
    assert adf_error(document)
    status, _ = _create(Jira(), description=document)
    assert status == 400


@pytest.mark.parametrize("name", [*GOOD_DOCS, *BAD_DOCS])
def test_the_document_check_agrees_with_atlassians_schema(name: str, adf_schema: Any) -> None:
    document = (GOOD_DOCS | BAD_DOCS)[name]
    assert adf_schema.is_valid(document) == (adf_error(document) == "")


@pytest.mark.parametrize("authorization", ["", "Basic eDp5", "Bearer demo-token"])
def test_jira_refuses_a_wrong_token(authorization: str) -> None:
    jira = Jira()
    headers = {"Authorization": authorization} if authorization else {}
    answer = jira.app.test_client().get(f"{API}/myself", headers=headers)
    assert (answer.status_code, answer.text) == (401, "Client must be authenticated to access this resource.")
    assert answer.headers.get("X-Seraph-LoginReason") == ("AUTHENTICATED_FAILED" if authorization else None)


def test_jira_tells_what_a_check_asks() -> None:
    jira = Jira(permissions=("BROWSE_PROJECTS",))
    assert _ask(jira, "GET", "/rest/api/2/serverInfo", headers={})[1]["deploymentType"] == "Cloud"
    assert _ask(jira, "GET", f"{API}/myself")[1]["displayName"] == "huntbridge"
    held = "projectKey=SEC&permissions=BROWSE_PROJECTS,CREATE_ISSUES"
    assert _ask(jira, "GET", f"{API}/mypermissions?{held}")[1] == {
        "permissions": {
            "BROWSE_PROJECTS": {"key": "BROWSE_PROJECTS", "havePermission": True},
            "CREATE_ISSUES": {"key": "CREATE_ISSUES", "havePermission": False},
        }
    }
    assert _ask(jira, "GET", f"{API}/mypermissions")[0] == 400
    assert _create(jira)[0] == 400
    types = f"{API}/issue/createmeta/SEC/issuetypes"
    assert _ask(jira, "GET", f"{types}?maxResults=1") == (
        200,
        {
            "issueTypes": [{"id": "10001", "name": "Task", "subtask": False}],
            "startAt": 0,
            "maxResults": 1,
            "total": 3,
        },
    )
    fields = _ask(jira, "GET", f"{types}/10002")[1]["fields"]
    assert [f["key"] for f in fields if f["required"]] == ["summary", "project", "issuetype"]
    assert _ask(jira, "GET", f"{API}/issue/createmeta/NOPE/issuetypes")[0] == 404
    assert _ask(jira, "GET", f"{types}/1")[0] == 404


def _search(jira: Jira, jql: str, **more: Any) -> tuple[int, Any]:
    return _ask(jira, "POST", f"{API}/search/jql", {"jql": jql} | more)


def test_jira_searches_by_label_and_is_late() -> None:
    clock = Clock()
    jira = Jira(index_delay=30, now=clock)
    for label in ("a", 'b"x', "a"):
        _create(jira, labels=[label])
    late = 'project = "SEC" AND labels = "a" ORDER BY created DESC'
    assert _search(jira, late) == (200, {"issues": [], "isLast": True})
    assert _search(jira, late, reconcileIssues=[10_001]) == (
        200,
        {"issues": [{"id": "10001"}], "isLast": True},
    )
    clock.time += 30
    page = {"issues": [{"id": "10003"}], "isLast": False, "nextPageToken": "1"}
    assert _search(jira, late, maxResults=1) == (200, page)
    assert _search(jira, 'labels = "b\\"x"', fields=["labels"])[1]["issues"][0]["key"] == "SEC-2"


@pytest.mark.parametrize(
    "jql", ["", "ORDER BY created", "summary ~ x", "labels = a OR labels = b", "project = X", "labels = a b"]
)
def test_jira_refuses_a_search(jql: str) -> None:
    assert _search(Jira(), jql)[0] == 400


def test_jira_has_no_old_search() -> None:
    jira = Jira()
    for method in ("GET", "POST"):
        status, body = _ask(jira, method, "/rest/api/3/search", {} if method == "POST" else None)
        assert status == 410
        assert "CHANGE-2046" in body["errorMessages"][0]


def test_jira_limits_the_writes_to_one_issue() -> None:
    clock = Clock()
    jira = Jira(now=clock)
    _create(jira)
    _create(jira)
    body = {"body": _doc(PARAGRAPH)}
    statuses = [_ask(jira, "POST", f"{API}/issue/SEC-1/comment", body)[0] for _ in range(21)]
    assert statuses == [201] * 20 + [429]
    answer = jira.app.test_client().post(f"{API}/issue/SEC-1/comment", json=body, headers=BASIC)
    told = ("Retry-After", "X-RateLimit-Limit", "X-RateLimit-Remaining", "RateLimit-Reason")
    assert [answer.headers[name] for name in told] == ["2", "20", "0", "jira-per-issue-on-write"]
    assert answer.headers["X-RateLimit-Reset"] == "2025-11-24T16:00Z"
    assert _ask(jira, "POST", f"{API}/issue/SEC-2/comment", body)[0] == 201
    clock.time += 2
    assert _ask(jira, "POST", f"{API}/issue/SEC-1/comment", body)[0] == 201


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [(b"{", "application/json", 400), (b"[]", "application/json", 400), (b"{}", "text/plain", 415)],
)
def test_jira_refuses_a_body(body: bytes, kind: str, status: int) -> None:
    assert _post(Jira(), f"{API}/issue", body, BASIC | {"Content-Type": kind})[0] == status


def test_jira_of_the_data_center_speaks_version_2() -> None:
    jira = Jira(datacenter=True)
    api = "/rest/api/2"
    assert _ask(jira, "GET", f"{api}/serverInfo", headers={})[1]["deploymentType"] == "Server"
    assert _ask(jira, "GET", f"{api}/myself", headers=BASIC)[0] == 401
    fields = _fields(description="h2. text", labels=["a"])
    assert _ask(jira, "POST", f"{api}/issue", {"fields": fields}, BEARER)[0] == 201
    document = {"fields": _fields(description=_doc())}
    error = {"errorMessages": [], "errors": {"description": "Operation value must be a string"}}
    assert _ask(jira, "POST", f"{api}/issue", document, BEARER) == (400, error)
    found = _ask(jira, "POST", f"{api}/search", {"jql": "labels = a", "fields": ["labels"]}, BEARER)[1]
    assert (found["total"], found["issues"][0]["fields"]) == (1, {"labels": ["a"]})
    for path in ("/rest/api/2/search/jql", "/rest/api/3/issue"):
        assert _ask(jira, "POST", path, {}, BEARER)[0] in (404, 405)
    types = _ask(jira, "GET", f"{api}/issue/createmeta/SEC/issuetypes", headers=BEARER)[1]
    assert [t["name"] for t in types["values"]] == ["Task", "Incident", "Bug"]


# Faults, which all three have


def test_a_failure_comes_before_the_work_or_after_it() -> None:
    slack = Slack(rate=None)
    slack.fail(503, {"Retry-After": "7"}, "busy", times=2)
    slack.fail(502, body="gone", after=True)
    client = slack.app.test_client()
    answers = [client.post(slack.path, json={"text": str(n)}) for n in range(4)]
    assert [(a.status_code, a.text) for a in answers] == [
        (503, "busy"),
        (503, "busy"),
        (502, "gone"),
        (200, "ok"),
    ]
    assert answers[0].headers["Retry-After"] == "7"
    assert [m.body["text"] for m in slack.messages] == ["2", "3"]


def test_a_failure_can_be_meant_for_one_kind_of_request() -> None:
    jira = Jira()
    jira.fail(500, on="POST /rest/api/3/issue")
    assert _ask(jira, "GET", f"{API}/myself")[0] == 200
    assert _ask(jira, "POST", f"{API}/issue", {"fields": _fields()})[0] == 500
    assert jira.messages == []


def test_a_hang_waits_and_then_fails() -> None:
    waits: list[float] = []
    teams = Teams(sleep=waits.append)
    teams.hang(30)
    teams.hang(40, after=True)
    body = _envelope(GOOD_CARD)
    assert [_post(teams, teams.path, body)[0] for _ in range(3)] == [504, 504, 202]
    assert (waits, len(teams.messages)) == ([30, 40], 2)


def test_three_tools_share_one_server() -> None:
    slack, teams, jira = Slack(), Teams(), Jira()
    slack.hang(60)
    with serving(app_of(slack, teams, jira)) as base:
        with pytest.raises(requests.ReadTimeout):
            requests.post(base + slack.path, json={"text": "t"}, timeout=0.1)
        slack.release()
        answers = [
            requests.post(base + slack.path, json={"text": "t"}, timeout=5),
            requests.post(base + teams.path, json=_envelope(GOOD_CARD), timeout=5),
            requests.post(f"{base}{API}/issue", json={"fields": _fields()}, headers=BASIC, timeout=5),
        ]
    assert [a.status_code for a in answers] == [200, 202, 201]
    assert [len(s.messages) for s in (slack, teams, jira)] == [1, 1, 1]
