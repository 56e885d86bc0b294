"""What a PagerDuty service can do."""

from __future__ import annotations

from receiver.destinations.contract import Traits
from shared.config.destinations.pagerduty import PagerDutyConfig

# developer.pagerduty.com, Events API v2: about 120 events a minute for each integration key.
#
# The case's key is the key of its incident, so nothing of an earlier message is needed.
PAGERDUTY = Traits(rate_limit=((120, 60.0),))


def traits(config: PagerDutyConfig) -> Traits:
    return PAGERDUTY
