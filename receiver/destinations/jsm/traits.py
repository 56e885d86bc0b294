"""What alerts in Jira Service Management can do."""

from __future__ import annotations

from receiver.destinations.contract import Traits
from shared.config.destinations.jsm import JsmConfig

# Atlassian publishes no rate limit for these alerts. A delivery takes two to four requests. What is refused
# with 429 is sent again.
JSM = Traits(thread=True, rate_limit=((2, 1.0), (60, 60.0)))


def traits(config: JsmConfig) -> Traits:
    return JSM
