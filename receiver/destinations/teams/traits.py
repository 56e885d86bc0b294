"""What a Teams channel can do by a Workflows webhook."""

from __future__ import annotations

from receiver.destinations.contract import Traits
from shared.config.destinations.teams import TeamsConfig

# learn.microsoft.com: four a second; the Flow bot posts about 25 in five minutes (users' reports).
#
# huntbridge cannot ask which messages arrived. Only one message is sent at a time, so a crash leaves at most
# one in doubt.
TEAMS = Traits(gathers=True, rate_limit=((4, 1.0), (25, 300.0)), concurrency=1)


def traits(config: TeamsConfig) -> Traits:
    return TEAMS
