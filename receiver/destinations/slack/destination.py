"""Makes the Slack destination that the configuration asks for: by an incoming webhook or by a bot token."""

from __future__ import annotations

from collections.abc import Callable

from receiver.destinations.contract import Destination
from receiver.destinations.slack.bot import SlackBotDestination
from receiver.destinations.slack.webhook import SlackDestination
from shared.config.destinations.slack import SlackConfig
from shared.http.client import Http
from shared.secrets import Secret, SecretRef


def build(name: str, config: SlackConfig, secret: Callable[[SecretRef], Secret], http: Http) -> Destination:
    """Raises SecretError, and ValueError where a secret cannot be right."""
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
