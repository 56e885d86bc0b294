"""Edits the message about a case when somebody acknowledged the case or its issue was created.

All alarms go first. If an edit is given up, nothing is lost, because the next alarm of the case edits the
message too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from receiver.cases.lifecycle import CaseLifecycle
from receiver.deliveries.claim import CaseClaims, Occupied
from receiver.deliveries.rate_limit import Lane, RateLimiter
from receiver.deliveries.record import best_effort
from receiver.deliveries.send import in_time
from receiver.deliveries.turn import Turns
from receiver.destinations.contract import Destination, Outcome, Rejected, Retry
from shared.queues.ports import Again, Done, Item, Verdict
from shared.storage.ledger.case_references import CaseReferences

_LONGEST_WAIT = 10.0  # seconds until an edit asks again for a case that another delivery has


@dataclass(eq=False, repr=False)
class CaseEdits:
    """Edits the message of a case to show the case's present state."""

    references: CaseReferences
    cases: CaseLifecycle
    destinations: Mapping[str, Destination]
    turns: Turns
    claims: CaseClaims
    limiter: RateLimiter
    now: Callable[[], datetime]

    def edit(self, item: Item, destination: str, case_key: str) -> Verdict:
        if not self.destinations[destination].traits.edit or not self.references.get(case_key, destination):
            return Done()
        what = f"an edit of case {case_key} at {destination}"
        lane = self.turns.of_edit(item, destination)
        if not isinstance(lane, Lane):
            alarms_first = Retry(f"{destination} has alarms to tell first", after=lane)
            return best_effort(item, alarms_first, what, self.now())
        claim = self.claims.acquire(item, destination, case_key)
        if isinstance(claim, Occupied):
            wait = min(claim.wait, _LONGEST_WAIT)
            return Again(wait, f"an alarm of its case is on the way to {destination}", expected=True)
        message = self.cases.current_message(case_key, destination)
        outcome: Outcome = Rejected("the case is gone")
        if message:
            outcome = in_time(lambda: self.destinations[destination].deliver(message, claim.ref))
        claim.release(outcome)
        if isinstance(outcome, Retry) and outcome.after is not None:
            self.limiter.hold(lane, outcome.after)
        return best_effort(item, outcome, what, self.now())
