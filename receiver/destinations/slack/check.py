"""Checks whether a bot token may post in its channel, without posting."""

from __future__ import annotations

from collections.abc import Mapping

from receiver.destinations.contract import Check
from receiver.destinations.slack.channel import Channel
from receiver.destinations.slack.client import SlackApi
from receiver.destinations.slack.errors import API_REFUSALS
from shared.text import one_line


def check_bot(api: SlackApi, channel: Channel) -> Check:
    """Raises NetworkError, and Stopped if Slack refuses a query."""
    myself = api.myself()
    identity = myself.body_of_success
    who = f"{one_line(str(identity.get('user')), 60)} in {one_line(str(identity.get('team')), 60)}"
    scopes = _scopes(myself.headers)
    if scopes and "chat:write" not in scopes:
        return Check(False, f"Slack knows {who}, and the app lacks the scope chat:write")
    id = channel.id()
    where = channel.configured if channel.configured == id else f"{channel.configured} ({id})"
    answer = api.channel(id)
    if answer.code == "missing_scope":
        return Check(
            True,
            f"Slack knows {who}; without the scope channels:read only a message can tell "
            f"whether it may post in {where}",
        )
    info = answer.body_of_success.get("channel")
    info = info if isinstance(info, dict) else {}
    if info.get("is_archived") is True:
        return Check(False, f"{where}: {API_REFUSALS['is_archived']}")
    anywhere = "chat:write.public" in scopes and info.get("is_private") is not True
    if info.get("is_member") is False and not anywhere:
        return Check(False, f"{where}: {API_REFUSALS['not_in_channel']}")
    return Check(True, f"Slack: {who} may post in {where}")


def _scopes(headers: Mapping[str, str]) -> frozenset[str]:
    """The scopes of the token. Slack sends them with each answer; empty if it did not."""
    header = next((value for name, value in headers.items() if name.lower() == "x-oauth-scopes"), "")
    return frozenset(filter(None, (scope.strip() for scope in header.split(","))))
