"""A case in Slack, told as stories against a simulated workspace over real sockets: one message that is
edited, a thread with what happened, and what becomes of both when people or administrators get in between."""

from __future__ import annotations

import inspect
import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.request import Request

import pytest
from slack_sdk.web import WebClient

from demo.serving import serving
from demo.slack.records import DEMO_TOKEN, Channel, Post
from demo.slack.simulation import Slack
from receiver.destinations.contract import (
    NEW_CASE,
    CaseRef,
    Check,
    Delivered,
    Outcome,
    Recipient,
    Rejected,
    Retry,
)
from receiver.destinations.slack.blocks import payload
from receiver.destinations.slack.bot import SlackBotDestination
from receiver.destinations.slack.case_thread import CaseThread
from receiver.destinations.slack.client import SdkWebClient
from receiver.destinations.slack.errors import API_REFUSALS, API_RETRIES, API_UNDECIDED
from receiver.messages.compose import compose
from receiver.messages.message import Message
from shared.http.client import Http
from shared.models.alarms import Alarm
from shared.models.owners import Owner
from shared.models.severity import Severity
from shared.secrets import Secret

CONTRACTS = Path(__file__).resolve().parents[5] / "shared" / "contracts" / "slack"
SOC = "C0123456789"


class Workspace:
    """A simulated Slack, and a destination in it."""

    def __init__(self, slack: Slack, origin: str) -> None:
        self.slack, self.origin = slack, origin
        self.destination = self.at(SOC)
        self.ref = ""

    def at(self, channel: str) -> SlackBotDestination:
        return SlackBotDestination("ir", Secret(DEMO_TOKEN), channel, base_url=f"{self.origin}/api/")

    def tell(self, message: Message) -> Outcome:
        """Delivers as the queue does: with the reference that the last delivery gave."""
        outcome = self.destination.deliver(message, CaseRef(self.ref))
        if isinstance(outcome, Delivered):
            self.ref = outcome.ref
        return outcome

    @property
    def parents(self) -> list[Post]:
        return [post for post in self.slack.posts if not post.thread_ts]

    def threads(self) -> list[list[str]]:
        """The headers of each parent and of its replies; a reply that was broadcast with a mark."""
        return [
            [
                header(parent),
                *(header(reply) + " !" * reply.broadcast for reply in self.slack.replies(parent)),
            ]
            for parent in self.parents
        ]


def header(post: Post) -> str:
    text: str = post.body["blocks"][0]["text"]["text"]
    return text.partition(" on ")[0]


@pytest.fixture
def workspace() -> Iterator[Workspace]:
    slack = Slack(rate=None)
    with serving(slack.app) as origin:
        yield Workspace(slack, origin)


@pytest.fixture
def alarm(alarms: dict[str, Alarm]) -> Callable[..., Message]:
    """Alarms on one system, one event after the other."""
    events = itertools.count(1)

    def make(malicious: int = 7, severity: Severity = Severity.MALICIOUS, **more: Any) -> Message:
        rich = alarms["rich"]
        event = replace(rich.event, id=f"event-{next(events)}")
        return compose(
            replace(rich, event=event, malicious=malicious, severity=severity, findings=()), **more
        )

    return make


def test_a_case_is_a_parent_that_is_edited_and_a_thread(
    workspace: Workspace, alarm: Callable[..., Message]
) -> None:
    first = alarm()
    assert isinstance(workspace.tell(first), Delivered)
    (parent,) = workspace.parents
    assert parent.body == payload(first)
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
        # An edit calls nobody: Slack notifies of what is posted.
        called = [post for post in workspace.slack.posts if "<@U" in json.dumps([*post.edits, post.body][0])]
        assert len(called) == calls
    assert workspace.slack.refused == []


def test_a_message_that_no_alarm_can_follow_has_no_thread(
    workspace: Workspace, alarms: dict[str, Alarm]
) -> None:
    workspace.tell(compose(alarms["hunt_finished"]))
    assert [len(thread) for thread in workspace.threads()] == [1]


def gone(workspace: Workspace) -> None:
    workspace.slack.posts.remove(workspace.parents[1])


def lock(workspace: Workspace) -> None:
    workspace.parents[1].locked = True


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
    assert "2 alarms so far" in json.dumps(workspace.parents[1].body)


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


def test_a_revoked_token_and_an_archived_channel_are_rejected(
    workspace: Workspace, alarm: Callable[..., Message]
) -> None:
    workspace.tell(alarm())
    for ref in (workspace.ref, ""):
        workspace.ref, workspace.slack.revoked = ref, "token_revoked"
        told = workspace.tell(alarm())
        assert told == Rejected(f"{API_REFUSALS['token_revoked']} (token_revoked)")
        assert isinstance(told, Rejected)
        assert told.unauthorized
        workspace.slack.revoked = ""
        workspace.slack.channels[0].is_archived = True
        word = "is_inactive" if ref else "is_archived"
        assert workspace.tell(alarm()) == Rejected(f"{API_REFUSALS[word]} ({word})")
        workspace.slack.channels[0].is_archived = False


def test_a_missing_scope_is_named(workspace: Workspace, alarm: Callable[..., Message]) -> None:
    workspace.slack.scopes = set()
    assert workspace.tell(alarm()) == Rejected(f"{API_REFUSALS['missing_scope']} (missing_scope: chat:write)")


def test_every_error_code_has_its_outcome(peer: Any, reply: Any, alarm: Any) -> None:
    destination = SlackBotDestination("ir", Secret(DEMO_TOKEN), SOC, base_url=f"{peer.origin}/api/")
    for word in (*API_REFUSALS, *API_RETRIES):
        peer.answers(reply(200, json.dumps({"ok": False, "error": word})))
        outcome = destination.deliver(alarm(), NEW_CASE)
        if word in API_REFUSALS:
            assert outcome == Rejected(f"{API_REFUSALS[word]} ({word})")
        else:
            assert outcome == Retry(f"answered 200 {word}", ambiguous=word in API_UNDECIDED)


def test_every_error_code_of_the_published_api_is_handled(peer: Any, reply: Any, alarm: Any) -> None:
    """The words that huntbridge cannot meet, since it sends no files, drafts, metadata and no other user's
    name, are refused as they come."""
    destination = SlackBotDestination("ir", Secret(DEMO_TOKEN), SOC, base_url=f"{peer.origin}/api/")
    ref = CaseThread(SOC, SOC, "1763812800.000100", Severity.MALICIOUS, 7, 8, 1, "7 malicious").format()
    for method in ("chat.postMessage", "chat.update"):
        path = CONTRACTS / f"{method}.json"
        if not path.exists():
            pytest.skip(f"{path.name} does not lie beside the project in shared/contracts/slack")
        for word in json.loads(path.read_text(encoding="utf-8"))["errors"]:
            peer.answers(reply(200, json.dumps({"ok": False, "error": word})))
            outcome = destination.deliver(alarm(), NEW_CASE if method == "chat.postMessage" else CaseRef(ref))
            assert isinstance(outcome, Retry if word in API_RETRIES else Rejected)
            assert word in outcome.reason


def test_only_arguments_of_the_published_api_are_sent(
    workspace: Workspace, alarm: Callable[..., Message]
) -> None:
    for message in (alarm(), alarm(8)):
        workspace.tell(message)
    calls: dict[str, set[str]] = {"chat.postMessage": set(), "chat.update": set()}
    for accepted in workspace.slack.messages:
        calls["chat.update" if "ts" in accepted.body else "chat.postMessage"] |= accepted.body.keys()
    assert calls["chat.update"] == {"channel", "ts", "text", "blocks"}
    for method, sent in calls.items():
        path = CONTRACTS / f"{method}.json"
        if not path.exists():
            pytest.skip(f"{path.name} does not lie beside the project in shared/contracts/slack")
        arguments = json.loads(path.read_text(encoding="utf-8"))["args"]
        assert sent <= arguments.keys()
        assert {name for name, argument in arguments.items() if argument["required"]} <= sent


# The channel by its name


def test_a_channel_is_looked_up_by_its_name_once(workspace: Workspace, alarm: Callable[..., Message]) -> None:
    workspace.slack.channels = [Channel(f"C00000001{n:02}", f"team-{n}") for n in range(30)]
    workspace.slack.channels[25:25] = [Channel(SOC, "soc")]
    workspace.slack.page = 10
    asked: list[str] = []
    workspace.destination = workspace.at("#soc")
    list_ = workspace.destination._client.conversations_list
    workspace.destination._client.conversations_list = lambda **more: (  # type: ignore[method-assign]
        asked.append(more.get("cursor", "")),
        list_(**more),
    )[1]
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
    """Each look-up names another channel, and none of them takes a message."""
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


def test_a_parent_of_an_earlier_installation_of_the_app_is_replaced(
    workspace: Workspace, alarm: Callable[..., Message]
) -> None:
    workspace.tell(alarm())
    workspace.slack.fail(200, {}, '{"ok":false,"error":"cant_update_message"}', on="POST /api/chat.update")
    assert isinstance(workspace.tell(alarm(9)), Delivered)
    assert len(workspace.parents) == 2
    workspace.tell(alarm(3))
    assert len(workspace.parents) == 2


def test_an_endless_cursor_is_not_followed(peer: Any, reply: Any, alarm: Callable[..., Message]) -> None:
    page = {"ok": True, "channels": [], "response_metadata": {"next_cursor": "x" * 5_000}}
    peer.answers(reply(200, json.dumps(page)))
    destination = SlackBotDestination("ir", Secret(DEMO_TOKEN), "#soc", base_url=f"{peer.origin}/api/")
    assert isinstance(destination.deliver(alarm(), NEW_CASE), Rejected)
    assert len(peer.requests) == 1


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


def test_an_ephemeral_text_whose_layout_is_refused_is_sent_as_plain_text(workspace: Workspace) -> None:
    refused = '{"ok":false,"error":"invalid_blocks"}'
    workspace.slack.fail(200, {}, refused, on="POST /api/chat.postEphemeral")
    assert workspace.destination.send_ephemeral(Recipient(SOC, "U0123456789"), "taken") == Delivered()
    assert [whisper.body for whisper in workspace.slack.ephemerals] == [{"text": "taken"}]


# What is asked without sending


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, Check(True, "Slack: huntbridge in Acme may post in C0123456789")),
        ({"is_archived": True}, Check(False, f"C0123456789: {API_REFUSALS['is_archived']}")),
        ({"is_member": False}, Check(False, f"C0123456789: {API_REFUSALS['not_in_channel']}")),
    ],
)
def test_check_looks_at_the_channel(change: dict[str, bool], expected: Check, workspace: Workspace) -> None:
    for name, value in change.items():
        setattr(workspace.slack.channels[0], name, value)
    assert workspace.destination.check() == expected
    assert workspace.slack.posts == []


def test_check_by_name_without_scopes_and_without_an_answer(workspace: Workspace, dead_port: int) -> None:
    slack = workspace.slack
    assert workspace.at("#soc").check().detail == "Slack: huntbridge in Acme may post in #soc (C0123456789)"
    slack.channels[0].is_member = False
    slack.scopes |= {"chat:write.public"}
    assert workspace.destination.check().ok
    slack.scopes = {"chat:write"}
    assert workspace.destination.check() == Check(
        True,
        "Slack knows huntbridge in Acme; without the scope channels:read only a message can tell whether it "
        "may post in C0123456789",
    )
    slack.scopes = {"channels:read"}
    assert workspace.destination.check() == Check(
        False, "Slack knows huntbridge in Acme, and the app lacks the scope chat:write"
    )
    slack.revoked = "account_inactive"
    assert workspace.destination.check() == Check(
        False, f"{API_REFUSALS['account_inactive']} (account_inactive)"
    )
    workspace.origin = f"http://127.0.0.1:{dead_port}"
    assert workspace.at(SOC).check() == Check(
        False,
        "Slack cannot be reached: "
        f"127.0.0.1:{dead_port}: no connection: nobody answers there, or the network keeps us out",
    )


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


# The seam to slack-sdk: an upgrade that changes what is overridden must fail here, not in the field.


def test_the_sdk_still_sends_through_the_method_that_is_overridden(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "_perform_urllib_http_request_internal"
    ours, theirs = inspect.signature(getattr(SdkWebClient, name)), inspect.signature(getattr(WebClient, name))
    assert list(ours.parameters) == list(theirs.parameters)
    sent: list[tuple[str, str, Any]] = []

    def keep(self: object, url: str, req: Request) -> dict[str, Any]:
        sent.append((url, req.get_header("Authorization", ""), json.loads(req.data)))  # type: ignore[arg-type]
        return {"status": 200, "headers": {"answer": "kept"}, "body": b"-"}

    monkeypatch.setattr(SdkWebClient, name, keep)
    client = SdkWebClient(DEMO_TOKEN, "https://slack-gov.com/api/", Http(), 1)
    assert client.chat_postMessage(channel=SOC, text="x").headers["answer"] == "kept"
    assert sent == [
        ("https://slack-gov.com/api/chat.postMessage", f"Bearer {DEMO_TOKEN}", {"channel": SOC, "text": "x"})
    ]
    assert client.retry_handlers == []
    assert not any(client.logger.isEnabledFor(level) for level in (10, 20, 30, 40, 50))
    assert client.logger.parent is None


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
