"""Whether an issue tells of an event."""

from __future__ import annotations

import json
from typing import Any

import pytest

from receiver.destinations.contract import CaseRef, Delivered
from receiver.messages.compose import compose
from tests.receiver.destinations.jira.answers import OPEN, cloud


@pytest.mark.parametrize("content", [5, "x", {"a": 1}, [1], [[]], [None], ["x"]])
def test_a_comment_that_is_no_document_was_written_by_somebody_else(
    content: Any, peer: Any, reply: Any, alarms: dict[str, Any]
) -> None:
    comment = {"body": {"type": "doc", "content": [{"type": "paragraph", "content": content}]}}
    comments = reply(200, json.dumps({"comments": [comment, {"body": {"content": content}}]}))
    peer.answers(reply(404), comments, reply(200, OPEN), reply(201, json.dumps({"id": "1"})))
    message = compose(alarms["rich"], maybe_repeat=True)
    outcome = cloud(peer.origin).deliver(message, CaseRef("SEC-7"))
    assert isinstance(outcome, Delivered)
