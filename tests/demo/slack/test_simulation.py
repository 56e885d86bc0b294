"""The simulated Slack: what it refuses, with the whole answer, and what it keeps."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from demo.slack.records import DEMO_TOKEN, Channel
from demo.slack.simulation import Slack
from tests.demo.asking import Clock, post


def _mrkdwn(text: str) -> dict[str, Any]:
    return {"type": "mrkdwn", "text": text}


def _plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text}


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": _mrkdwn(text)}


def _actions(*buttons: dict[str, Any]) -> dict[str, Any]:
    return {"type": "actions", "elements": [{"type": "button", "text": _plain("Open")} | b for b in buttons]}


OPTION = {"text": _plain("o" * 75), "value": "v" * 75}
CONFIRM = {key: _plain("c" * n) for key, n in {"title": 100, "text": 300, "confirm": 30, "deny": 30}.items()}


def _menu(**changes: Any) -> dict[str, Any]:
    menu = {
        "type": "static_select",
        "action_id": "close",
        "placeholder": _plain("p" * 150),
        "options": [OPTION] * 3,
        "confirm": CONFIRM,
    }
    return {"type": "actions", "elements": [menu | changes]}


GOOD_BLOCKS = [
    {"type": "header", "text": _plain("h" * 150) | {"emoji": False}},
    {"type": "section", "fields": [_mrkdwn("x" * 900)] * 10, "block_id": "facts"},
    {"type": "context", "elements": [_mrkdwn("small") | {"verbatim": True}] * 10},
    {"type": "divider"},
    _actions({"url": "https://cado.example/", "action_id": "open", "style": "danger"}),
    _menu(initial_option=OPTION),
]
BAD_BLOCKS = {
    "a long option": [_menu(options=[OPTION | {"text": _plain("o" * 76)}])],
    "a long value of an option": [_menu(options=[OPTION | {"value": "v" * 76}])],
    "no options": [_menu(options=[])],
    "101 options": [_menu(options=[OPTION] * 101)],
    "a long placeholder": [_menu(placeholder=_plain("p" * 151))],
    "no placeholder": [_menu(placeholder=None)],
    "a long title of a confirmation": [_menu(confirm=CONFIRM | {"title": _plain("c" * 101)})],
    "a long confirmation": [_menu(confirm=CONFIRM | {"text": _plain("c" * 301)})],
    "a long button of a confirmation": [_menu(confirm=CONFIRM | {"deny": _plain("c" * 31)})],
    "a confirmation with markup": [_menu(confirm=CONFIRM | {"text": _mrkdwn("c")})],
    "an initial option of its own": [_menu(initial_option=OPTION | {"value": "x"})],
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
    assert post(slack, slack.path, body) == (200, "ok")
    assert [(m.sequence, m.body) for m in slack.messages] == [(1, body)]
    assert slack.refused == []


@pytest.mark.parametrize("blocks", BAD_BLOCKS.values(), ids=BAD_BLOCKS)
def test_slack_refuses_blocks(blocks: Any) -> None:
    slack = Slack(rate=None)
    assert post(slack, slack.path, {"text": "t", "blocks": blocks}) == (400, "invalid_blocks")
    in_attachment = {"text": "t", "attachments": [{"blocks": blocks}]}
    assert post(slack, slack.path, in_attachment) == (400, "invalid_attachments")
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
    assert post(slack, slack.path, body) == (400, answer)


def test_slack_knows_its_own_path_only() -> None:
    slack = Slack()
    assert post(slack, "/services/T/B/wrong", {"text": "t"}) == (404, "no_service")


def test_slack_takes_one_a_second() -> None:
    clock = Clock()
    slack = Slack(rate=1, burst=2, now=clock)
    assert [post(slack, slack.path, {"text": "t"})[0] for _ in range(3)] == [200, 200, 429]
    answer = slack.app.test_client().post(slack.path, json={"text": "t"})
    assert (answer.status_code, answer.text, answer.headers["Retry-After"]) == (429, "rate_limited", "2")
    clock.time += 2
    assert post(slack, slack.path, {"text": "t"}) == (200, "ok")


def test_slack_records_whom_a_message_would_ping() -> None:
    slack = Slack(rate=None)
    quiet = {"text": "&lt;!channel&gt; @here", "blocks": [{"type": "header", "text": _plain("<!channel>")}]}
    assert post(slack, slack.path, quiet) == (200, "ok")
    assert slack.mentions == []
    loud = {"text": "<!channel> and <@U012AB3CD|bob>", "blocks": [_section("<!here|here>")]}
    assert post(slack, slack.path, loud) == (200, "ok")
    assert post(slack, slack.path, {"text": "@everyone", "link_names": 1}) == (200, "ok")
    assert slack.mentions == ["<!channel>", "<@U012AB3CD|bob>", "<!here|here>", "@everyone"]


def _call(slack: Slack, method: str, token: str = DEMO_TOKEN, **arguments: Any) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    answer = slack.app.test_client().post(f"/api/{method}", json=arguments, headers=headers)
    assert answer.status_code == 200
    result: dict[str, Any] = answer.get_json()
    return result


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
        ("chat.postMessage", {"channel": "C0123456789", "text": "t" * 40_001}, "msg_too_long"),
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
    answer = _call(slack, method, **arguments)
    assert (answer["ok"], answer["error"]) == (False, error)
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
    assert (answer.status_code, answer.get_json()["error"], answer.headers["Retry-After"]) == (
        429,
        "ratelimited",
        "1",
    )
