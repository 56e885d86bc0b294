"""The check of a webhook requests only the root of its host."""

from __future__ import annotations

from typing import Any

from receiver.destinations.contract import (
    Check,
)
from tests.receiver.destinations.at_peer import (
    slack,
    teams,
    webhook,
)


def test_check_of_a_webhook_asks_only_for_the_root(peer: Any, reply: Any, dead_port: int) -> None:
    for make in (slack, teams, webhook):
        peer.answers(reply(404))
        check = make(peer.origin).check()
        assert check.ok
        assert [(request.method, request.path) for request in peer.requests] == [("GET", "/")]
        check = make(f"http://127.0.0.1:{dead_port}").check()
        assert isinstance(check, Check)
        assert not check.ok
