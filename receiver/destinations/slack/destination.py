"""Makes the Slack destination that the configuration asks for: by an incoming webhook, or by a bot token."""

from __future__ import annotations

import json
from collections.abc import Callable
from urllib.parse import quote

from receiver.destinations.contract import Destination, Preview
from receiver.destinations.slack.blocks import Form, payload
from receiver.destinations.slack.bot import SlackBotDestination
from receiver.destinations.slack.parent import parent_form
from receiver.destinations.slack.traits import uses_bot
from receiver.destinations.slack.webhook import SlackDestination
from receiver.messages.message import Message
from shared.config.destinations.slack import SlackConfig
from shared.http.client import Http
from shared.secrets import Secret, SecretRef


def build(name: str, config: SlackConfig, secret: Callable[[SecretRef], Secret], http: Http) -> Destination:
    """Raises SecretError, and ValueError if a secret is malformed."""
    if config.token and config.channel:
        return SlackBotDestination(
            name,
            secret(config.token),
            config.channel,
            http,
            interactive=bool(config.signing_secret),
            base_url=config.api_url,
        )
    if config.webhook_url is None:
        raise ValueError("Slack needs webhook_url, or token and channel")
    return SlackDestination(name, secret(config.webhook_url), http)


def preview(message: Message, config: SlackConfig | None) -> Preview:
    by_bot = config is not None and uses_bot(config)
    form = parent_form(message) if by_bot else Form.ALONE
    body = payload(message, buttons=bool(by_bot and config and config.signing_secret), form=form)
    blocks = json.dumps({"blocks": body["blocks"]}, ensure_ascii=False, separators=(",", ":"))
    viewer = f"Block Kit Builder: https://app.slack.com/block-kit-builder/#{quote(blocks, safe='')}"
    return Preview({"channel": config.channel, **body} if by_bot and config else body, viewer)
