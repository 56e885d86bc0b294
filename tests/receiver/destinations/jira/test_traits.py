"""Where people see an issue."""

from __future__ import annotations

from typing import Any

import pytest

from receiver.destinations.jira.traits import issue_url
from shared.config.destinations.jira import JiraConfig


@pytest.mark.parametrize(
    ("settings", "page"),
    [
        ({"url": "https://acme.atlassian.net/"}, "https://acme.atlassian.net/browse/SEC-1"),
        ({"url": "https://jira.example/jira"}, "https://jira.example/jira/browse/SEC-1"),
        ({"url": "https://api.atlassian.com/ex/jira/1"}, ""),
        (
            {"url": "https://api.atlassian.com/ex/jira/1", "site": "https://acme.atlassian.net"},
            "https://acme.atlassian.net/browse/SEC-1",
        ),
    ],
)
def test_the_url_of_an_issue(settings: dict[str, Any], page: str) -> None:
    assert issue_url(JiraConfig(type="jira", project="SEC", **settings), "SEC-1") == page
