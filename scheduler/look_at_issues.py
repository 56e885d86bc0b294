"""Has the issues of open cases looked at, since a case is closed when people close its issue in Jira.

Only the receiver speaks with Jira, so this job puts items into [events], one for up to a hundred issues of a
destination. A look that failed is not repeated at once: the next round looks again, and fails if the last
look did.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta

from shared.config.destinations.jira import JiraConfig
from shared.failures import SomeFailed
from shared.hosting.runtime import Runtime
from shared.queues import items
from shared.storage import kinds
from shared.storage.queries.open_issues import OpenIssue
from shared.storage.queries.pages import BadToken, Rows

# Pages of a hundred cases in one round. If there are more, the next round goes on behind them.
_PAGES = 5
_NOTE = "round"
# An older failure says nothing about the last look: its destination may have had no issues since.
_RECENT = timedelta(minutes=15)


def look_at_issues(runtime: Runtime) -> None:
    """Queue a look at the issues of the next cases, at most once a minute. Raises SomeFailed if a destination
    could not be asked the last time."""
    names = [name for name, section in runtime.config.destinations.items() if isinstance(section, JiraConfig)]
    notes, round = runtime.ledger.notes, f"{runtime.now():%Y-%m-%dT%H:%MZ}"
    last = notes.get(kinds.OPEN_ISSUE_NOTES, _NOTE) if names else {}
    if not names or last.get("round") == round:
        return
    after = str(last.get("after", ""))
    for _ in range(_PAGES):
        page = _page(runtime, names, after)
        _queue(runtime, page.rows, round)
        after = page.next
        if not after:
            break
    notes.save(kinds.OPEN_ISSUE_NOTES, _NOTE, {"round": round, "after": after})
    _report(runtime, names)


def _page(runtime: Runtime, names: list[str], after: str) -> Rows[OpenIssue]:
    try:
        return runtime.queries.open_issues.page(names, after)
    except BadToken:  # another version wrote it
        return runtime.queries.open_issues.page(names)


def _queue(runtime: Runtime, issues: tuple[OpenIssue, ...], round: str) -> None:
    by_destination: dict[str, dict[str, str]] = defaultdict(dict)
    for issue in issues:
        by_destination[issue.destination][issue.case_key] = issue.ref
    for name, found in by_destination.items():
        first = next(iter(found))
        item = items.LookAtIssues(name, found, round)
        runtime.events.put(items.encode(item), id=f"look:{name}:{round}:{first}")


def _report(runtime: Runtime, names: list[str]) -> None:
    now, failures = runtime.now(), []
    for name, body in sorted(runtime.ledger.notes.about(kinds.CLOSED_ISSUE_NOTES).items()):
        if name in names and body.get("why") and now - datetime.fromisoformat(body["at"]) <= _RECENT:
            failures.append(f"{name}: {body['why']}")
    if failures:
        raise SomeFailed("; ".join(failures))
