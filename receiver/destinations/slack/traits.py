"""What Slack can do: by an incoming webhook, and by a bot token."""

from __future__ import annotations

from receiver.destinations.contract import Traits
from shared.config.destinations.slack import SlackConfig

# docs.slack.dev, rate limits: one message a second for each webhook, and short bursts of more.
#
# huntbridge cannot ask which messages arrived. Only one message is sent at a time, so a crash leaves at most
# one in doubt.
WEBHOOK = Traits(gathers=True, rate_limit=((60, 60.0),), concurrency=1)
# docs.slack.dev, rate limits: one message a second in a channel, and an alarm that opens a case posts two.
BOT = Traits(thread=True, edit=True, rate_limit=((30, 60.0),), concurrency=1)


def traits(config: SlackConfig) -> Traits:
    return BOT if uses_bot(config) else WEBHOOK


def uses_bot(config: SlackConfig) -> bool:
    return bool(config.token and config.channel)
