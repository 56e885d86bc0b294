"""What a Jira project can do, and where people see its issues."""

from __future__ import annotations

from receiver.destinations.contract import Traits
from receiver.destinations.jira.keys import KEY
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


def issue_url(config: JiraConfig, key: str) -> str:
    """The page of an issue, for people. Empty if `key` is not a key. Also empty if `url` is Atlassian's
    gateway, which has no pages, and `site` is not configured."""
    site = config.site or ("" if config.gateway else config.url)
    return f"{site.rstrip('/')}/browse/{key}" if site and KEY.fullmatch(key) else ""
