"""What a receiver of signed webhooks can do."""

from __future__ import annotations

from receiver.destinations.contract import Traits
from shared.config.destinations.webhook import WebhookDestinationConfig

# The rate limit of an unknown receiver is not known. What it refuses with 429 is sent again.
WEBHOOK = Traits(gathers=True, rate_limit=((20, 1.0),))


def traits(config: WebhookDestinationConfig) -> Traits:
    return WEBHOOK
