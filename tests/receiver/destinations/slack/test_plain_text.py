"""An alarm whose layout Slack refuses arrives as plain text and says so."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from demo.serving import serving
from demo.slack.mentions import pings
from demo.slack.records import DEMO_TOKEN
from demo.slack.simulation import Slack
from receiver.destinations.contract import NEW_CASE, CaseRef, Delivered, Destination, Outcome, Rejected, Retry
from receiver.destinations.slack.bot import SlackBotDestination
from receiver.destinations.slack.plain_text import MAX_LENGTH, plain_payload
from receiver.destinations.slack.webhook import SlackDestination
from receiver.messages.compose import compose
from receiver.messages.message import Fact
from shared.http.client import Http
from shared.models.alarms import Alarm
from shared.models.owners import Owner
from shared.secrets import Secret

SOC = "C0123456789"
WORDS = (
    "invalid_blocks",
    "invalid_blocks_format",
    "msg_blocks_too_long",
    "msg_too_long",
    "invalid_arguments",
    "invalid_attachments",
    "no_text",
    "too_many_blocks",
    "blocks_too_large",
    "invalid_text",
)
KINDS = ("webhook", "bot")


class Workspace:
    def __init__(self, slack: Slack, origin: str) -> None:
        self.slack, self.origin = slack, origin

    def make(self, kind: str) -> Destination:
        if kind == "bot":
            return SlackBotDestination("ir", Secret(DEMO_TOKEN), SOC, base_url=f"{self.origin}/api/")
        return SlackDestination("soc", Secret(self.origin + self.slack.path), Http())

    def refuse(self, kind: str, word: str, times: int = 1, call: str = "chat.postMessage") -> None:
        if kind == "bot":
            body = json.dumps({"ok": False, "error": word})
            self.slack.fail(200, {}, body, times, on=f"POST /api/{call}")
        else:
            self.slack.fail(400, {}, word, times, on="POST /services/")


@pytest.fixture
def workspace() -> Iterator[Workspace]:
    slack = Slack(rate=None)
    with serving(slack.app) as origin:
        yield Workspace(slack, origin)


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("kind", KINDS)
def test_the_alarm_arrives_as_plain_text_and_says_so(
    kind: str,
    word: str,
    workspace: Workspace,
    alarms: dict[str, Alarm],
    caplog: pytest.LogCaptureFixture,
) -> None:
    workspace.refuse(kind, word)
    outcome = workspace.make(kind).deliver(compose(alarms["rich"]), NEW_CASE)
    assert isinstance(outcome, Delivered)
    assert outcome.note == f"sent as plain text, since Slack refused its layout ({word})"
    body = workspace.slack.messages[0].body
    assert "blocks" not in body
    assert "attachments" not in body
    lines = body["text"].splitlines()
    assert lines[0] == "▲ 7 malicious, 8 suspicious on web-01 (prod, i-0123456789abcdef0)"
    assert any(
        f"Slack refused the layout of this message ({word})" in line.replace("`", "") for line in lines
    )
    assert any("cryptomining" in line for line in lines)
    assert any(line.startswith("<https://cado.example/") for line in lines)
    assert lines[-1] == "Event 7f3c9a52"
    (error,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert (vars(error)["reason"], vars(error)["event"]) == (word, "7f3c9a52")


@pytest.mark.parametrize("kind", KINDS)
def test_a_message_that_is_too_large_for_a_proxy_is_sent_once_more(
    kind: str, peer: Any, reply: Any, alarms: dict[str, Alarm]
) -> None:
    good = json.dumps({"ok": True, "channel": SOC, "ts": "1763812800.000100"}) if kind == "bot" else "ok"
    peer.answers(reply(413, "too large"), reply(200, good))
    slack = Slack(rate=None)
    outcome = Workspace(slack, peer.origin).make(kind).deliver(compose(alarms["rich"]), NEW_CASE)
    assert isinstance(outcome, Delivered)
    assert "413" in outcome.note
    assert len(peer.requests[1].body) < len(peer.requests[0].body)


@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_that_only_begins_with_such_a_code_is_no_refusal_of_the_layout(
    kind: str, workspace: Workspace, alarms: dict[str, Alarm]
) -> None:
    workspace.refuse(kind, f"invalid_blocks {workspace.slack.path} " + "x" * 5_000)
    outcome = workspace.make(kind).deliver(compose(alarms["rich"]), NEW_CASE)
    assert isinstance(outcome, Rejected)
    assert len(outcome.reason) < 500
    assert workspace.slack.messages == []


@pytest.mark.parametrize("kind", KINDS)
def test_plain_text_is_tried_once_and_its_outcome_counts(
    kind: str, workspace: Workspace, alarms: dict[str, Alarm]
) -> None:
    def told(word: str) -> Outcome:
        workspace.slack.heal()
        workspace.refuse(kind, "invalid_blocks")
        workspace.refuse(kind, word, times=9)
        return workspace.make(kind).deliver(compose(alarms["rich"]), NEW_CASE)

    assert isinstance(told("invalid_blocks"), Rejected)
    assert isinstance(told("channel_not_found"), Rejected)
    assert isinstance(told("rate_limited"), Retry)
    assert workspace.slack.messages == []


def test_an_edit_whose_layout_is_refused_is_plain_text_and_the_thread_goes_on(
    workspace: Workspace, alarms: dict[str, Alarm]
) -> None:
    destination = workspace.make("bot")
    first = destination.deliver(compose(alarms["rich"]), NEW_CASE)
    assert isinstance(first, Delivered)
    workspace.refuse("bot", "invalid_blocks", call="chat.update")
    event = replace(alarms["rich"].event, id="e2")
    second = destination.deliver(compose(replace(alarms["rich"], event=event)), CaseRef(first.ref))
    assert isinstance(second, Delivered)
    assert "sent as plain text" in second.note
    parent = workspace.slack.posts[0]
    assert "2 alarms so far" in parent.body["text"]
    assert "blocks" not in parent.body
    assert len(workspace.slack.replies(parent)) == 2


@pytest.mark.parametrize("kind", KINDS)
def test_plain_text_mentions_only_the_owner(
    kind: str, workspace: Workspace, alarms: dict[str, Alarm]
) -> None:
    workspace.refuse(kind, "invalid_blocks")
    message = compose(replace(alarms["hostile"], owner=Owner(slack="U0123456789")))
    assert isinstance(workspace.make(kind).deliver(message, NEW_CASE), Delivered)
    assert workspace.slack.mentions[0] == "<@U0123456789>"
    assert set(workspace.slack.mentions) == {"<@U0123456789>"}


def test_plain_text_stays_short_enough_for_an_edit_after_escaping(alarms: dict[str, Alarm]) -> None:
    """chat.update accepts 4,000 characters, and each & is escaped as five."""
    rich = alarms["rich"]
    assert rich.instance
    assert rich.project
    assert rich.evidence
    many = "&" * 2_000
    alarm = replace(
        rich,
        event=replace(rich.event, id=many),
        instance=replace(rich.instance, name=many, tags={many: many}),
        findings=tuple(replace(finding, description=many, path=f"/{many}") for finding in rich.findings),
        project=replace(rich.project, name=many),
        evidence=replace(rich.evidence, name=many, hostname=many),
    )
    message = replace(compose(alarm), facts=tuple(Fact("&" * 60, "&" * 300) for _ in range(9)))
    text = plain_payload(message, "invalid_blocks")["text"]
    assert len(text) <= MAX_LENGTH
    first, *_, last = text.splitlines()
    assert first.startswith("▲ 7 malicious")
    assert last.startswith("Event ")


def test_plain_text_is_bounded_and_inert_for_every_alarm(named_alarm: tuple[str, Alarm]) -> None:
    for why in ("invalid_blocks", "<!channel>"):
        body = plain_payload(compose(named_alarm[1]), why)
        assert 0 < len(body["text"]) <= MAX_LENGTH
        assert set(pings(body)) <= {"<@U0123456789>"}  # the user who acknowledged the case
        for word in ("*bold*", "_it_", ":skull:"):
            outside = "".join(body["text"].split("`")[::2])
            assert word not in outside
