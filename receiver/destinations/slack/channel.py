"""Finds the channel that a message goes to: by its id, or by its name in Slack's list of channels."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from receiver.destinations.classify import classify_network_error
from receiver.destinations.contract import Rejected, Retry
from receiver.destinations.slack.case_thread import CaseThread
from receiver.destinations.slack.client import SlackApi
from receiver.destinations.stopped import Stopped
from shared.config.destinations.slack import SLACK_CHANNEL_ID
from shared.http.errors import NetworkError

MAX_CURSOR = 500  # characters
MAX_PAGES = 20  # of conversations.list, which may be asked for about 20 pages a minute (Tier 2)
PAGE = 999  # channels; docs.slack.dev, conversations.list: "under 1000"


class Channel:
    """The configured channel. `configured`: an id such as C0123456789, or a name such as #soc."""

    def __init__(self, api: SlackApi, configured: str) -> None:
        self.configured = configured
        self._api = api
        self._id = configured if is_channel_id(configured) else ""

    def id(self) -> str:
        """The channel's id, which is looked up once. Raises Stopped."""
        if not self._id:
            try:
                self._id = self._look_up()
            except NetworkError as error:
                raise Stopped(replace(classify_network_error(error), ambiguous=False)) from None
        return self._id

    def for_parent(self, thread: CaseThread | None) -> str:
        """The channel for a new parent. A renamed channel is not found by its old name, but its open cases
        stay in it. Raises Stopped."""
        try:
            return self.id()
        except Stopped as stopped:
            if thread is None or thread.to != self.configured or isinstance(stopped.outcome, Retry):
                raise
            return thread.channel

    def moved_from(self, channel: str) -> str:
        """The id of another channel that has the configured name now; empty if there is none, or if the
        channel is configured by its id. Raises Stopped if Slack cannot be asked now."""
        if is_channel_id(self.configured):
            return ""
        self._id = ""
        try:
            current = self.id()
        except Stopped as stopped:
            if isinstance(stopped.outcome, Retry):
                raise
            return ""
        return "" if current == channel else current

    def _look_up(self) -> str:
        """The id of the channel of that name. An archived channel is used only if there is no other. Private
        channels are listed only for a token with the scope groups:read."""
        types, cursor, name = "public_channel,private_channel", "", self.configured.removeprefix("#")
        archived = ""
        for _ in range(MAX_PAGES):
            more = {"cursor": cursor} if cursor else {}
            page = self._api.channels(types=types, limit=PAGE, **more)
            if page.code == "missing_scope" and types != "public_channel":
                types = "public_channel"
                continue
            body = page.body_of_success
            channels = body.get("channels")
            for channel in channels if isinstance(channels, list) else []:
                if id := _id_of(channel, name):
                    if channel.get("is_archived") is not True:
                        return id
                    archived = id
            metadata = body.get("response_metadata")
            cursor = str(metadata.get("next_cursor") or "") if isinstance(metadata, dict) else ""
            if archived and not cursor:
                return archived
            if not cursor or len(cursor) > MAX_CURSOR:
                private = (
                    "" if "private" in types else " among the public ones, and private ones are not listed"
                )
                raise Stopped(
                    Rejected(
                        f"there is no channel #{name} that the app can see{private}: invite the app, "
                        "or write the channel's id"
                    )
                )
        raise Stopped(
            Rejected(f"channel #{name} is not among the first {MAX_PAGES * PAGE:,}: write its id as channel")
        )


def is_channel_id(text: str) -> bool:
    return re.fullmatch(SLACK_CHANNEL_ID, text) is not None


def _id_of(channel: Any, name: str) -> str:
    """The id of a listed channel that has this name; empty if it has another."""
    if not isinstance(channel, dict) or channel.get("name") != name:
        return ""
    id = channel.get("id")
    return id if isinstance(id, str) and is_channel_id(id) else ""
