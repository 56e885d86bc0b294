"""What a Jira project can do."""

from __future__ import annotations

from receiver.destinations.contract import Traits
from shared.config.destinations.jira import JiraConfig

# developer.atlassian.com, rate limiting: writes to one issue.
JIRA = Traits(
    thread=True,
    tracks_issues=True,
    rate_limit=((20, 2.0), (100, 30.0)),
    rate_limit_by_case=True,
)


def traits(config: JiraConfig) -> Traits:
    return JIRA
