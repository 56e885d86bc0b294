"""A case in a simulated workspace, over real sockets: the parent is edited, alarms are replies in its thread,
and both survive what people and administrators do."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from demo.slack.records import DEMO_TOKEN, Channel
from receiver.destinations.contract import (
    NEW_CASE,
    Delivered,
    Recipient,
    Retry,
)
from receiver.destinations.slack.blocks import Form, payload
from receiver.destinations.slack.bot import SlackBotDestination
from receiver.destinations.slack.case_thread import CaseThread
from receiver.messages.compose import compose
from receiver.messages.message import Message
from shared.models.alarms import Alarm
from shared.models.owners import Owner
from shared.models.severity import Severity
from shared.secrets import Secret
from tests.receiver.destinations.slack.workspace import SOC, Workspace, gone


def test_a_case_is_a_parent_that_is_edited_and_a_thread(
    workspace: Workspace, alarm: Callable[..., Message]
) -> None:
    first = alarm()
    assert isinstance(workspace.tell(first), Delivered)
    (parent,) = workspace.parents
    assert parent.body == payload(first, form=Form.HEAD)
    (reply,) = workspace.slack.replies(parent)
    assert reply.body["blocks"] == payload(first, form=Form.WHOLE)["blocks"]
    assert workspace.threads() == [["▲ 7 malicious, 8 suspicious", "▲ 7 malicious, 8 suspicious"]]

    milder = alarm(0, Severity.SUSPICIOUS)
    assert workspace.tell(milder) == Delivered(workspace.ref)
    assert workspace.threads() == [
        ["▲ 7 malicious, 8 suspicious", *["▲ 7 malicious, 8 suspicious", "△ 8 suspicious"]]
    ]
    assert [block["text"]["text"] for block in parent.body["blocks"][1:2]] == [
        "2 alarms so far, each in the thread. The latest: 8 suspicious on web-01 (prod, i-0123456789abcdef0)."
        " The platform says: “Processing finished with 15 alarms in project id 12 evidence id 31.”"
    ]

    assert isinstance(workspace.tell(alarm(9)), Delivered)
    assert workspace.threads() == [
        [
            "▲ 9 malicious, 8 suspicious",
            "▲ 7 malicious, 8 suspicious",
            "△ 8 suspicious",
            "▲ 9 malicious, 8 suspicious !",
        ]
    ]
    assert CaseThread.parse(workspace.ref) == CaseThread(
        SOC,
        SOC,
        parent.ts,
        Severity.MALICIOUS,
        9,
        8,
        3,
        "9 malicious, 8 suspicious on web-01 (prod, i-0123456789abcdef0)",
    )
    assert workspace.slack.refused == []
    assert workspace.slack.mentions == []


def test_an_update_says_so_in_the_thread_and_not_in_the_parent(
    workspace: Workspace, alarm: Callable[..., Message]
) -> None:
    workspace.tell(alarm())
    again = alarm(8)
    workspace.tell(replace(again, title=f"Update: {again.title}"))
    assert workspace.threads() == [
        [
            "▲ 8 malicious, 8 suspicious",
            "▲ 7 malicious, 8 suspicious",
            "▲ Update: 8 malicious, 8 suspicious !",
        ]
    ]


def test_the_owner_is_mentioned_once_and_again_when_the_case_gets_worse(
    workspace: Workspace, alarm: Callable[..., Message]
) -> None:
    owner = Owner(slack="U0123456789")
    for malicious, calls in ((7, 1), (7, 1), (9, 2), (2, 2)):
        workspace.tell(replace(alarm(malicious), owner=owner))
        # Slack notifies nobody of an edit, only of a post.
        called = [post for post in workspace.slack.posts if "<@U" in json.dumps([*post.edits, post.body][0])]
        assert len(called) == calls
    assert workspace.slack.refused == []


def test_a_message_that_no_alarm_can_follow_has_no_thread(
    workspace: Workspace, alarms: dict[str, Alarm]
) -> None:
    workspace.tell(compose(alarms["hunt_finished"]))
    assert [len(thread) for thread in workspace.threads()] == [1]


def lock(workspace: Workspace) -> None:
    workspace.parents[0].locked = True


def move(workspace: Workspace) -> None:
    workspace.slack.channels.append(Channel("C0000000002", "ir"))
    workspace.destination = workspace.at("C0000000002")


@pytest.mark.parametrize(
    ("happen", "note"),
    [
        (gone, "the case's message is gone, so a new one was posted"),
        (
            lock,
            "the case's thread takes no reply (restricted_action_thread_locked), so a new one was begun",
        ),
        (move, "the channel has changed, so a new message was posted"),
    ],
)
def test_a_parent_that_is_gone_or_locked_is_replaced(
    happen: Callable[[Workspace], None], note: str, workspace: Workspace, alarm: Callable[..., Message]
) -> None:
    workspace.tell(alarm())
    happen(workspace)
    worse = workspace.tell(alarm(9))
    assert isinstance(worse, Delivered)
    assert worse.note == note
    assert workspace.threads()[-1] == ["▲ 9 malicious, 8 suspicious"] * 2
    after = CaseThread.parse(worse.ref)
    assert after is not None
    assert (after.alarms, after.ts) == (2, workspace.parents[-1].ts)
    count = len(workspace.parents)
    workspace.tell(alarm(3))
    assert len(workspace.parents) == count
    assert workspace.threads()[-1][-1] == "▲ 3 malicious, 8 suspicious"


def test_the_thread_goes_on_where_edits_are_forbidden(
    workspace: Workspace, alarm: Callable[..., Message]
) -> None:
    workspace.tell(alarm())
    workspace.slack.fail(200, {}, '{"ok":false,"error":"edit_window_closed"}', on="POST /api/chat.update")
    assert workspace.tell(alarm(1)) == Delivered(
        workspace.ref, "the case's message could not be edited (edit_window_closed)"
    )
    assert workspace.threads() == [
        ["▲ 7 malicious, 8 suspicious", "▲ 7 malicious, 8 suspicious", "▲ 1 malicious, 8 suspicious"]
    ]


def test_a_rate_limit_after_the_edit_repeats_only_the_edit(
    workspace: Workspace, alarm: Callable[..., Message]
) -> None:
    workspace.tell(alarm())
    before = workspace.ref
    limited = '{"ok":false,"error":"ratelimited"}'
    workspace.slack.fail(429, {"Retry-After": "7"}, limited, on="POST /api/chat.postMessage")
    second = alarm(8)
    assert workspace.tell(second) == Retry("answered 429 ratelimited", after=7.0)
    assert workspace.ref == before
    assert isinstance(workspace.tell(second), Delivered)
    assert len(workspace.threads()[0]) == 3
    assert "2 alarms so far" in json.dumps(workspace.parents[0].body)


@pytest.mark.parametrize("lost", ["hang up", "internal_error"])
@pytest.mark.parametrize("call", ["chat.update", "chat.postMessage"])
def test_a_reply_without_an_answer_is_ambiguous_and_an_edit_is_not(
    lost: str, call: str, workspace: Workspace, alarm: Callable[..., Message]
) -> None:
    workspace.tell(alarm())
    if lost == "hang up":
        workspace.slack.fail(502, after=True, on=f"POST /api/{call}")
    else:
        workspace.slack.fail(200, {}, '{"ok":false,"error":"internal_error"}', on=f"POST /api/{call}")
    outcome = workspace.tell(alarm(8))
    assert isinstance(outcome, Retry)
    assert outcome.ambiguous is (call == "chat.postMessage")


def test_an_alarm_is_delivered_although_its_copy_in_the_thread_fails(
    peer: Any, reply: Any, alarm: Callable[..., Message]
) -> None:
    posted = json.dumps({"ok": True, "channel": SOC, "ts": "1763812800.000100"})
    peer.answers(reply(200, posted), reply(429, '{"ok":false,"error":"ratelimited"}', {"Retry-After": "5"}))
    destination = SlackBotDestination("ir", Secret(DEMO_TOKEN), SOC, base_url=f"{peer.origin}/api/")
    outcome = destination.deliver(alarm(), NEW_CASE)
    assert isinstance(outcome, Delivered)
    assert outcome.note == "not in the thread as well: answered 429 ratelimited"
    assert CaseThread.parse(outcome.ref)


def test_a_parent_of_an_earlier_installation_of_the_app_is_replaced(
    workspace: Workspace, alarm: Callable[..., Message]
) -> None:
    workspace.tell(alarm())
    workspace.slack.fail(200, {}, '{"ok":false,"error":"cant_update_message"}', on="POST /api/chat.update")
    assert isinstance(workspace.tell(alarm(9)), Delivered)
    assert len(workspace.parents) == 2
    workspace.tell(alarm(3))
    assert len(workspace.parents) == 2


def test_a_refused_broadcast_becomes_a_reply_in_the_thread(
    workspace: Workspace, alarm: Callable[..., Message]
) -> None:
    workspace.tell(alarm())
    refused = '{"ok":false,"error":"cant_broadcast_message"}'
    workspace.slack.fail(200, {}, refused, on="POST /api/chat.postMessage")
    told = workspace.tell(alarm(9))
    assert isinstance(told, Delivered)
    assert "in the thread alone" in told.note
    assert workspace.threads()[0][-1] == "▲ 9 malicious, 8 suspicious"


# Ephemeral messages


def test_an_ephemeral_text_forms_no_markup(workspace: Workspace) -> None:
    text = "Jane has taken “7 malicious on *web* _x_ ~y~ `z` :rotating_light: <!channel> <@U012AB3CD>”"
    to = Recipient(SOC, "U0123456789")
    assert workspace.destination.send_ephemeral(to, text) == Delivered()
    (whisper,) = workspace.slack.ephemerals
    ((block),) = whisper.body["blocks"]
    assert block["text"]["type"] == "plain_text"
    assert "*web* _x_ ~y~ `z` :rotating_light:" in block["text"]["text"]
    for mark in ("*web*", "_x_", "~y~", "`z`", ":rotating_light:", "<!"):
        assert mark not in whisper.body["text"]
    assert workspace.slack.mentions == []


def test_the_links_of_an_ephemeral_text_are_buttons_and_stand_in_its_plain_text(workspace: Workspace) -> None:
    links = (("Open the case", "https://x.example/cases/a%7Cb"), ("Open the mutes", "https://x.example"))
    assert workspace.destination.send_ephemeral(Recipient(SOC, "U0123456789"), "muted", links) == Delivered()
    (whisper,) = workspace.slack.ephemerals
    _, actions = whisper.body["blocks"]
    assert tuple((button["text"]["text"], button["url"]) for button in actions["elements"]) == links
    assert whisper.body["text"].startswith("muted <https://x.example/cases/a%7Cb|Open the case> ")


def test_an_ephemeral_text_whose_layout_is_refused_is_sent_as_plain_text(workspace: Workspace) -> None:
    refused = '{"ok":false,"error":"invalid_blocks"}'
    workspace.slack.fail(200, {}, refused, on="POST /api/chat.postEphemeral")
    assert workspace.destination.send_ephemeral(Recipient(SOC, "U0123456789"), "taken") == Delivered()
    assert [whisper.body for whisper in workspace.slack.ephemerals] == [{"text": "taken"}]


# The reference


@pytest.mark.parametrize(
    "ref",
    ["SEC-1", "{}", "[" * 5_000, "null", '{"to":1}', '{"ts":"../x"}', '{"severity":["malicious"]}', "\ud800"],
)
def test_a_ref_in_another_form_begins_a_new_case(
    ref: str, workspace: Workspace, alarm: Callable[..., Message]
) -> None:
    workspace.ref = ref
    assert isinstance(workspace.tell(alarm()), Delivered)
    assert len(workspace.parents) == 1


def test_an_alarm_is_told_although_an_edit_is_refused_for_an_unknown_reason(
    workspace: Workspace, alarm: Callable[..., Message]
) -> None:
    workspace.tell(alarm())
    refusal = json.dumps({"ok": False, "error": "something_new"})
    workspace.slack.fail(200, {}, refusal, on="POST /api/chat.update")
    told = workspace.tell(alarm(9))
    assert isinstance(told, Delivered)
    assert told.note == "the case's message could not be edited (something_new)"
    assert "9 malicious" in workspace.threads()[0][-1]
