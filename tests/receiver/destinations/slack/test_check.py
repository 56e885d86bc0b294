"""The check of a bot token finds mistakes without a post."""

from __future__ import annotations

import pytest

from receiver.destinations.contract import (
    Check,
)
from receiver.destinations.slack.errors import API_REFUSALS
from tests.receiver.destinations.slack.workspace import SOC, Workspace


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
