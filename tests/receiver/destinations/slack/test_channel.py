"""A channel is looked up by its name, and a recreated channel gets the open cases."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from demo.slack.records import DEMO_TOKEN, Channel
from demo.slack.simulation import Slack
from receiver.destinations.contract import (
    NEW_CASE,
    CaseRef,
    Check,
    Delivered,
    Rejected,
    Retry,
)
from receiver.destinations.slack.bot import SlackBotDestination
from receiver.destinations.slack.case_thread import CaseThread
from receiver.destinations.slack.errors import API_REFUSALS
from receiver.messages.message import Message
from shared.models.severity import Severity
from shared.secrets import Secret
from tests.receiver.destinations.slack.workspace import SOC, Workspace, gone


def test_a_channel_is_looked_up_by_its_name_once(
    workspace: Workspace, alarm: Callable[..., Message], monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace.slack.channels = [Channel(f"C00000001{n:02}", f"team-{n}") for n in range(30)]
    workspace.slack.channels[25:25] = [Channel(SOC, "soc")]
    workspace.slack.page = 10
    asked: list[str] = []
    workspace.destination = workspace.at("#soc")
    list_ = workspace.destination._api.channels

    def channels(**more: Any) -> Any:
        asked.append(more.get("cursor", ""))
        return list_(**more)

    monkeypatch.setattr(workspace.destination._api, "channels", channels)
    for _ in range(2):
        assert isinstance(workspace.tell(alarm()), Delivered)
    workspace.ref = ""
    workspace.tell(alarm())
    assert asked == ["", "10", "20"]
    assert {post.channel for post in workspace.slack.posts} == {SOC}


def test_a_case_stays_in_its_channel_when_the_id_replaces_the_name(
    workspace: Workspace, alarm: Callable[..., Message]
) -> None:
    workspace.destination = workspace.at("#soc")
    workspace.tell(alarm())
    workspace.destination = workspace.at(SOC)
    workspace.tell(alarm())
    assert len(workspace.parents) == 1


@pytest.mark.parametrize(
    ("scopes", "reason"),
    [
        (
            {"chat:write", "channels:read", "groups:read"},
            "there is no channel #ir that the app can see: invite the app, or write the channel's id",
        ),
        (
            {"chat:write", "channels:read"},
            "there is no channel #ir that the app can see among the public ones, and private ones are not "
            "listed: invite the app, or write the channel's id",
        ),
        ({"chat:write"}, f"{API_REFUSALS['missing_scope']} (missing_scope: channels:read)"),
    ],
)
def test_an_unknown_channel_name_is_rejected(
    scopes: set[str], reason: str, workspace: Workspace, alarm: Callable[..., Message]
) -> None:
    workspace.slack.scopes = scopes
    workspace.slack.channels.append(Channel("C0000000002", "ir", is_member=False, is_private=True))
    workspace.destination = workspace.at("#ir")
    assert workspace.tell(alarm()) == Rejected(reason)
    assert workspace.destination.check() == Check(False, reason)


def test_a_workspace_with_too_many_channels_needs_the_id(
    peer: Any, reply: Any, alarm: Callable[..., Message]
) -> None:
    peer.answers(
        reply(200, json.dumps({"ok": True, "channels": [], "response_metadata": {"next_cursor": "x"}}))
    )
    destination = SlackBotDestination("ir", Secret(DEMO_TOKEN), "#soc", base_url=f"{peer.origin}/api/")
    assert destination.deliver(alarm(), NEW_CASE) == Rejected(
        "channel #soc is not among the first 19,980: write its id as channel"
    )
    assert len(peer.requests) == 20


# A channel that was deleted or archived, and made anew under its name

NEW = "C0000000009"


def deleted(slack: Slack) -> None:
    slack.channels = [Channel(NEW, "soc")]


def archived(slack: Slack) -> None:
    slack.channels[0].is_archived = True
    slack.channels.append(Channel(NEW, "soc"))


def archived_and_renamed(slack: Slack) -> None:
    archived(slack)
    slack.channels[0].name = "soc-2025"


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("happen", [deleted, archived, archived_and_renamed])
def test_a_recreated_channel_gets_open_and_new_cases(
    happen: Callable[[Slack], None], restart: bool, workspace: Workspace, alarm: Callable[..., Message]
) -> None:
    workspace.destination = workspace.at("#soc")
    workspace.tell(alarm())
    happen(workspace.slack)
    if restart:
        workspace.destination = workspace.at("#soc")
    told = workspace.tell(alarm(9))
    assert isinstance(told, Delivered)
    assert told.note == "the channel was made anew, so a new message was posted"
    parent = workspace.parents[-1]
    assert parent.channel == NEW
    assert "2 alarms so far" in json.dumps(parent.body)
    workspace.tell(alarm(3))
    assert [len(thread) for thread in workspace.threads()] == [2, 3]
    workspace.ref = ""  # another case
    assert isinstance(workspace.tell(alarm()), Delivered)
    assert [post.channel for post in workspace.parents] == [SOC, NEW, NEW]


@pytest.mark.parametrize("happen", [deleted, archived])
def test_a_new_case_finds_a_recreated_channel_without_a_restart(
    happen: Callable[[Slack], None], workspace: Workspace, alarm: Callable[..., Message]
) -> None:
    workspace.destination = workspace.at("#soc")
    workspace.tell(alarm())
    happen(workspace.slack)
    workspace.ref = ""
    assert isinstance(workspace.tell(alarm()), Delivered)
    assert workspace.parents[-1].channel == NEW


def test_the_edit_of_an_open_case_posts_a_parent_in_a_recreated_channel(
    workspace: Workspace, alarm: Callable[..., Message]
) -> None:
    workspace.destination = workspace.at("#soc")
    workspace.tell(alarm())
    deleted(workspace.slack)
    state = replace(alarm(), silent=True)
    assert isinstance(workspace.tell(state), Delivered)
    assert [post.channel for post in workspace.slack.posts[2:]] == [NEW]
    case = CaseThread.parse(workspace.ref)
    assert case is not None
    assert (case.channel, case.alarms) == (NEW, 1)


def test_an_archived_channel_without_a_replacement_is_rejected(
    workspace: Workspace, alarm: Callable[..., Message]
) -> None:
    workspace.destination = workspace.at("#soc")
    workspace.tell(alarm())
    workspace.slack.channels[0].is_archived = True
    for ref, word in ((workspace.ref, "is_inactive"), ("", "is_archived")):
        workspace.ref = ref
        assert workspace.tell(alarm()) == Rejected(f"{API_REFUSALS[word]} ({word})")
    assert workspace.destination.check() == Check(False, f"#soc ({SOC}): {API_REFUSALS['is_archived']}")


def test_an_alarm_waits_while_slack_cannot_be_asked_for_the_channel(
    workspace: Workspace, alarm: Callable[..., Message]
) -> None:
    workspace.destination = workspace.at("#soc")
    workspace.tell(alarm())
    deleted(workspace.slack)
    workspace.slack.fail(503, on="POST /api/conversations.list")
    told = workspace.tell(alarm())
    assert isinstance(told, Retry)
    assert not told.ambiguous
    assert isinstance(workspace.tell(alarm()), Delivered)


def test_the_number_of_channel_lookups_is_bounded(
    peer: Any, reply: Any, alarm: Callable[..., Message]
) -> None:
    """Each lookup finds another channel, and no channel takes a message."""
    ref = CaseThread("#soc", SOC, "1763812800.000100", Severity.MALICIOUS, 7, 8, 1, "7 malicious").format()
    gone = reply(200, json.dumps({"ok": False, "error": "channel_not_found"}))
    lists = [
        reply(200, json.dumps({"ok": True, "channels": [{"id": f"C00000000{n}0", "name": "soc"}]}))
        for n in range(9)
    ]
    peer.answers(*(answer for listed in lists for answer in (gone, listed)))
    destination = SlackBotDestination("ir", Secret(DEMO_TOKEN), "#soc", base_url=f"{peer.origin}/api/")
    assert isinstance(destination.deliver(alarm(), CaseRef(ref)), Rejected)
    assert len(peer.requests) <= 6


def test_an_endless_cursor_is_not_followed(peer: Any, reply: Any, alarm: Callable[..., Message]) -> None:
    page = {"ok": True, "channels": [], "response_metadata": {"next_cursor": "x" * 5_000}}
    peer.answers(reply(200, json.dumps(page)))
    destination = SlackBotDestination("ir", Secret(DEMO_TOKEN), "#soc", base_url=f"{peer.origin}/api/")
    assert isinstance(destination.deliver(alarm(), NEW_CASE), Rejected)
    assert len(peer.requests) == 1


def test_an_open_case_stays_in_a_channel_that_was_renamed(
    workspace: Workspace, alarm: Callable[..., Message]
) -> None:
    workspace.destination = workspace.at("#soc")
    workspace.tell(alarm())
    workspace.slack.channels[0].name = "soc-eu"
    workspace.destination = workspace.at("#soc")  # after a restart
    assert isinstance(workspace.tell(alarm(6)), Delivered)
    gone(workspace)
    assert isinstance(workspace.tell(alarm(7)), Delivered)
    assert {post.channel for post in workspace.slack.posts} == {SOC}
