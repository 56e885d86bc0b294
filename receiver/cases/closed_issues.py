"""Closes the cases whose issues people have closed in a tracker, such as Jira.

The scheduler's timer puts an item into [events] for the issues that are to be looked at. A person often sets
the resolution after the status. So an issue that is closed is read once more in the next round, and its case
is closed only then. The configuration says which verdict a resolution means. Without one, the case is closed
as benign and nothing is known good. Its findings are told again when they come back.

A closing counts only for what people had been told before. A later alarm, or a person who reopens the case
later, wins over it.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from receiver.destinations.contract import ClosedIssue, Destination, Rejected, Retry, TracksIssues
from shared.http.deadlines import DeadlineExceeded, within
from shared.models.cases import Case, CaseState, Verdict
from shared.models.codec import dump
from shared.models.decisions import Action, CaseDecision
from shared.models.known_good_terms import Terms
from shared.queues import items
from shared.queues.ports import Done, Queue
from shared.queues.ports import Verdict as Outcome
from shared.storage import kinds
from shared.storage.ledger.ledger import Ledger
from shared.storage.ports import Body, Store
from shared.text import one_line

log = logging.getLogger(__name__)

# Seconds for all calls of one look. The rest of the lease is for the ledger and the queue.
_BUDGET = 12.0
_MAX_WHY = 500  # characters


@dataclass(frozen=True)
class _Due:
    """An issue that was closed in an earlier round and still is."""

    case_key: str
    case: Case
    issue: ClosedIssue
    id: str  # of the decision: the same one whenever this closing is found


@dataclass(eq=False, repr=False)
class ClosedIssues:
    ledger: Ledger
    store: Store
    events: Queue
    destinations: Mapping[str, Destination]
    now: Callable[[], datetime]

    def look(self, item: items.LookAtIssues) -> Outcome:
        """Handle an item of the timer. If the tracker cannot be asked, that is recorded, and the timer's next
        round asks again."""
        tracker = self.destinations.get(item.destination)
        if not isinstance(tracker, TracksIssues):
            return Done()  # it was removed from the configuration in the meantime
        try:
            with within(_BUDGET):
                failure = self._look(item, tracker)
        except DeadlineExceeded:
            failure = f"there was no answer within {_BUDGET:.0f} s"
        if failure:
            log.warning("issues not looked at", extra={"destination": item.destination, "reason": failure})
        note = {"at": self.now().isoformat(), "why": failure}
        self.ledger.notes.save(kinds.CLOSED_ISSUE_NOTES, item.destination, note)
        return Done()

    def _look(self, item: items.LookAtIssues, tracker: TracksIssues) -> str:
        """Why the tracker could not be asked; empty if it could."""
        closed = tracker.closed_issues(item.issues)
        if isinstance(closed, Retry | Rejected):
            return closed.reason
        due = []
        for case_key in item.issues:
            if issue := closed.get(case_key):
                due += self._due(item, case_key, issue)
            else:
                self.store.delete(kinds.CLOSED_ISSUE, case_key, item.destination)
        if not due:
            return ""
        people = tracker.who_closed([each.issue.key for each in due])
        if isinstance(people, Retry | Rejected):
            return people.reason
        for each in due:
            self._close(item, each, people.get(each.issue.key, ""))
        return ""

    def _due(self, item: items.LookAtIssues, case_key: str, issue: ClosedIssue) -> list[_Due]:
        """The issue, if it is the second time that it is found closed; else nothing, and the first time is
        stored."""
        case = self.ledger.cases.get(case_key)
        if case is None or case.state is CaseState.CLOSED:
            return []
        since = _told_at(case)
        if issue.at and issue.at < since:
            return []
        now = self.now()

        def first(body: Body | None) -> tuple[Body | None, Body]:
            is_same = body is not None and body["issue"] == issue.key
            if body is not None and is_same and since <= datetime.fromisoformat(body["at"]) <= now:
                return None, body
            found = {"issue": issue.key, "at": now.isoformat(), "round": item.round}
            return found, found

        body = self.store.update(kinds.CLOSED_ISSUE, case_key, item.destination, first)
        if body["round"] == item.round:
            return []
        text = "\0".join((case_key, item.destination, issue.key, body["at"]))
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
        return [_Due(case_key, case, issue, f"issue-{digest}")]

    def _close(self, item: items.LookAtIssues, due: _Due, by: str) -> None:
        issue = due.issue
        decision = CaseDecision(
            id=due.id,
            action=Action.CLOSE,
            by=by or issue.tracker,
            at=self.now(),
            origin=f"{issue.tracker} {issue.key}",
            verdict=issue.verdict or Verdict.BENIGN,
            why=one_line(_why(issue), _MAX_WHY),
            terms=None if issue.verdict else Terms(nothing=True),
            after=due.case.last_decision,
            destination=item.destination,
        )
        # Somebody may decide in between, and then this decision is refused. The next round makes it again.
        queued = items.DecideCase(due.case_key, dump(decision))
        self.events.put(items.encode(queued), id=f"{due.id}:{item.round}")
        log.info(
            "issue closed: its case is to be closed",
            extra={"case": due.case_key, "issue": issue.key, "resolution": issue.resolution},
        )


def _told_at(case: Case) -> datetime:
    """When people were last told of the case, or reopened it. Trackers may leave out parts of a second."""
    times = [decision.at for decision in case.decisions if decision.action is Action.REOPEN]
    told = case.told_at or case.last_at or case.opened_at or case.alarm.event.received_at
    return max([told, *times]).astimezone(UTC).replace(microsecond=0)


def _why(issue: ClosedIssue) -> str:
    if issue.verdict:
        return f"{issue.key} was resolved as {issue.resolution}"
    if issue.resolution:
        return (
            f"{issue.key} was resolved as {issue.resolution}, for which no verdict is configured, so nothing "
            "is known good"
        )
    return f"{issue.key} was closed without a resolution, so nothing is known good"
