"""Which transitions are tried to reopen an issue."""

from __future__ import annotations

import json
from typing import Any

from receiver.destinations.contract import CaseRef, Delivered
from receiver.messages.compose import compose
from tests.receiver.destinations.jira.answers import OPEN, cloud, collection


def test_the_number_of_tried_transitions_is_bounded(peer: Any, reply: Any, alarms: dict[str, Any]) -> None:
    def way(n: int, name: str, category: str) -> dict[str, Any]:
        return {"id": str(n), "name": name, "to": {"statusCategory": {"key": category}}}

    ways = [way(n, "Any", "indeterminate") for n in range(100)]
    ways += [way(n, "Park it", "new") for n in range(100, 300)]
    ways += [way(300, "Reopen issue", "new"), way(301, "Reopen issue", "indeterminate")]
    ways += [way(302, "Reopen", "new") | {"id": "9" * 3_000}]
    done = OPEN.replace("new", "done")
    peer.answers(
        reply(200, done),
        reply(200, json.dumps({"transitions": ways})),
        *[reply(400, collection("no"))] * 5,
        reply(200, done),
        reply(201, json.dumps({"id": "1"})),
    )
    refs = CaseRef("SEC-3", exclusive=True)
    outcome = cloud(peer.origin, reopen_within=10**9).deliver(compose(alarms["rich"]), refs)
    assert isinstance(outcome, Delivered)
    tried = [
        request.json["transition"]["id"]
        for request in peer.requests
        if request.method == "POST" and request.path.endswith("/transitions")
    ]
    assert tried[0] == "300"
    assert len(tried) == 5
    assert len(peer.requests) == 9


def test_an_alarm_is_told_although_a_transition_fails(peer: Any, reply: Any, alarms: dict[str, Any]) -> None:
    """A step of the workflow is broken and answers 500 for ever."""
    done = OPEN.replace("new", "done")
    ways = {"transitions": [{"id": "1", "name": "Reopen", "to": {"statusCategory": {"key": "new"}}}]}
    peer.answers(
        *(reply(200, done), reply(200, json.dumps(ways)), reply(500), reply(200, done)),
        reply(201, json.dumps({"id": "1"})),
    )
    refs = CaseRef("SEC-3", exclusive=True)
    outcome = cloud(peer.origin).deliver(compose(alarms["rich"]), refs)
    assert outcome == Delivered(ref="SEC-3", note="SEC-3 stays closed: answered 500")
