"""What a decision needs stands in a message itself: not in a thread, behind a button, or in an expand."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from receiver.destinations.jira import adf
from receiver.destinations.size import WORST
from receiver.destinations.slack import blocks as slack
from receiver.destinations.teams import card as teams
from receiver.messages.compose import compose
from receiver.messages.message import CaseStatus, Message, Place
from shared.models.alarms import Alarm
from shared.models.judgements import JudgedFinding, Judgement
from shared.models.severity import Severity
from shared.models.system_findings import Status
from tests.receiver.destinations.message_checks import OFFERS, SHOP

FOLDING = frozenset({"Action.ShowCard", "expand"})
BEGINNING = 60  # characters; a destination may cut the rest of a text


def unfolded(node: Any) -> Iterator[str]:
    """Every text that is not inside of what folds."""
    if isinstance(node, str):
        yield node
    elif isinstance(node, list):
        for entry in node:
            yield from unfolded(entry)
    elif isinstance(node, dict) and node.get("type") not in FOLDING:
        for entry in node.values():
            yield from unfolded(entry)


SENT: dict[str, Callable[[Message], Any]] = {
    "the parent of a thread": lambda message: slack.payload(message, form=slack.Form.HEAD),
    "Slack's webhook": slack.payload,
    "Teams": lambda message: json.loads(teams.payload(message)),
    "Jira": lambda message: [message.title, adf.document(message)],
}


def said(text: str) -> str:
    """The text without what the destinations change in it: marks, spaces, code spans."""
    escaped = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    return re.sub(r"[\s`*\u02cb\u2039\u203a<>]+", "", escaped)


def needed(message: Message) -> Iterator[str]:
    yield message.title
    yield message.summary
    for fact in message.facts_at(Place.NEWS, Place.HOLDER):
        yield fact.value
    for finding in message.findings[:WORST]:
        yield finding.description
        yield finding.path
    yield from (line.text for line in message.lines if line.place is Place.NEWS)
    yield message.footer


@pytest.mark.parametrize("kind", SENT)
def test_what_a_decision_needs_is_not_folded(kind: str, alarms: dict[str, Alarm]) -> None:
    for name, alarm in alarms.items():
        if name in ("huge", "hostile", "closed_hostile"):
            continue  # texts that are too long for any destination, or that each one changes
        for message in (compose(alarm, case=CaseStatus(offers=OFFERS)), compose(alarm, SHOP)):
            shown = said("".join(unfolded(SENT[kind](message))))
            missing = [text for text in needed(message) if said(text[:BEGINNING]) not in shown]
            assert missing == [], name


def test_a_new_finding_is_named_before_the_worst_kinds_even_if_it_is_not_among_them(
    alarms: dict[str, Alarm],
) -> None:
    new = JudgedFinding("f1", Status.NEW, "A strange job", "/etc/cron.d/x", Severity.SUSPICIOUS, 1)
    message = compose(replace(alarms["rich"], judgement=Judgement("case", True, (new,))))
    for send in SENT.values():
        shown = said("".join(unfolded(send(message))))
        assert shown.index("Astrangejobat/etc/cron.d/x") < shown.index("Alarms,worstfirst")
