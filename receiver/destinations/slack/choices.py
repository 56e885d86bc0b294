"""Lists the channels that a bot token may choose from, for somebody who writes the configuration."""

from __future__ import annotations

import time
from collections.abc import Mapping

from receiver.destinations.slack.channel import MAX_CURSOR, PAGE, is_channel_id
from receiver.destinations.slack.client import TIMEOUT, SlackApi
from receiver.destinations.stopped import Stopped
from shared.http.client import Http
from shared.secrets import Secret

_MAX_PAGES = 3  # a person reads no longer list


def channels(token: Secret, base_url: str, http: Http) -> Mapping[str, str]:
    """The name of each channel by its id, those of which the app is a member first. Without the right to
    list private channels, only the public ones. Raises NetworkError, and ValueError if Slack refuses."""
    api = SlackApi(token.reveal(), base_url, http, TIMEOUT, time.time)
    types, cursor = "public_channel,private_channel", ""
    found: list[tuple[bool, str, str]] = []
    for _ in range(_MAX_PAGES):
        more = {"cursor": cursor} if cursor else {}
        page = api.channels(types=types, limit=PAGE, exclude_archived=True, **more)
        if page.code == "missing_scope" and types != "public_channel":
            types = "public_channel"
            continue
        try:
            body = page.body_of_success
        except Stopped as stopped:
            raise ValueError(str(stopped)) from None
        listed = body.get("channels")
        for channel in listed if isinstance(listed, list) else ():
            if isinstance(channel, dict) and is_channel_id(id := str(channel.get("id"))):
                found.append((channel.get("is_member") is not True, f"#{channel.get('name')}", id))
        metadata = body.get("response_metadata")
        cursor = str(metadata.get("next_cursor") or "") if isinstance(metadata, dict) else ""
        if not cursor or len(cursor) > MAX_CURSOR:
            break
    return {id: name for _, name, id in sorted(found)}
