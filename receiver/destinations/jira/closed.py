"""Finds the issues that people have closed, in bulk, and who closed them.

The status decides whether an issue is closed, by its category; the resolution decides what that means. Jira
Cloud has a call that reads up to 100 issues by their keys; Jira Data Center is searched for them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any

from receiver.destinations.contract import ClosedIssue
from receiver.destinations.jira.client import JiraApi
from receiver.destinations.jira.issues import Issue, Issues, case_label, issue_of, mapping
from receiver.destinations.jira.keys import KEY
from shared.config.destinations.jira import JiraConfig
from shared.models.decisions import Verdict
from shared.text import one_line

_MAX_NAME = 80


def closed_issues(
    api: JiraApi, issues: Issues, config: JiraConfig, wanted: Mapping[str, str]
) -> dict[str, ClosedIssue]:
    """Those of the wanted issues that are closed, by the key of the case. Raises Stopped."""
    keys = [key for key in dict.fromkeys(wanted.values()) if KEY.fullmatch(key)]
    if not keys:
        return {}
    answers = issues.answers(keys)
    if not answers:
        # Jira may answer a request whose login it does not take as if nobody had asked. This call needs one.
        api.ask("myself")
    by_key = {issue.key: issue for issue in map(issue_of, answers)}
    # An issue that was moved has another key than asked for, and the label of its case.
    moved = [answer for answer in answers if issue_of(answer).key not in keys]
    by_label = {label: issue_of(answer) for answer in moved for label in _labels(answer)}
    closed = {}
    for case_key, key in wanted.items():
        issue = by_key.get(key) or by_label.get(case_label(case_key))
        if issue and issue.key and issue.done:
            at = None if issue.closed_at is None else datetime.fromtimestamp(issue.closed_at, UTC)
            closed[case_key] = ClosedIssue("Jira", issue.key, issue.resolution, _verdict(issue, config), at)
    return closed


def who_closed(issues: Issues, keys: Collection[str]) -> dict[str, str]:
    """The names of the people who closed these issues, as far as Jira tells them. Raises Stopped."""
    return {issue_of(answer).key: _closer(answer) for answer in issues.answers(keys, with_changes=True)}


def _verdict(issue: Issue, config: JiraConfig) -> Verdict | None:
    return next((v for name, v in config.verdicts.items() if issue.is_resolved_as([name])), None)


def _closer(answer: Mapping[str, Any]) -> str:
    """Who set the resolution, or the status if the issue has no resolution; empty if Jira names nobody."""
    listed = mapping(answer.get("changelog")).get("histories")
    changes = [mapping(change) for change in (listed if isinstance(listed, list) else ())]
    changes.sort(key=lambda change: str(change.get("created")), reverse=True)
    for field in ("resolution", "status") if issue_of(answer).resolution else ("status",):
        for change in changes:
            if field in _changed(change):
                author = mapping(change.get("author"))
                return one_line(str(author.get("displayName") or author.get("name") or ""), _MAX_NAME)
    return ""


def _changed(change: Mapping[str, Any]) -> set[str]:
    """The fields that a change set to a value."""
    listed = change.get("items")
    changed = [mapping(item) for item in (listed if isinstance(listed, list) else ())]
    return {str(item.get("fieldId") or item.get("field")) for item in changed if item.get("to")}


def _labels(answer: Mapping[str, Any]) -> list[str]:
    labels = mapping(answer.get("fields")).get("labels")
    return [label for label in labels if isinstance(label, str)] if isinstance(labels, list) else []
