"""Every error code of the Web API has its outcome."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from demo.slack.records import DEMO_TOKEN
from receiver.destinations.contract import (
    NEW_CASE,
    CaseRef,
    Rejected,
    Retry,
)
from receiver.destinations.slack.bot import SlackBotDestination
from receiver.destinations.slack.case_thread import CaseThread
from receiver.destinations.slack.errors import API_REFUSALS, API_RETRIES, API_UNDECIDED, WEBHOOK_REFUSALS
from receiver.destinations.slack.webhook import SlackDestination
from receiver.messages.compose import compose
from receiver.messages.message import Message
from shared.http.client import Http
from shared.models.severity import Severity
from shared.secrets import Secret
from tests.receiver.destinations.slack.workspace import CONTRACTS, SOC, Workspace


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
    """Codes about files, drafts, metadata and other users' names cannot occur, since huntbridge sends none of
    these. They are rejected like unknown codes."""
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


@pytest.mark.parametrize("code", WEBHOOK_REFUSALS)
def test_every_error_code_of_a_webhook_is_rejected_with_what_to_do(
    code: str, peer: Any, reply: Any, alarms: dict[str, Any]
) -> None:
    peer.answers(reply(403, code))
    outcome = SlackDestination("soc", Secret(f"{peer.origin}/services/T/B/X"), Http()).deliver(
        compose(alarms["minimal"]), NEW_CASE
    )
    assert outcome == Rejected(f"{WEBHOOK_REFUSALS[code]} ({code})")
