"""Who may send now: one worker for each delivery, and one delivery at a time where it opens or edits a case.

Both claims are records in the ledger with a lease. When the lease of a claim has run out its worker is taken
for dead, and the next worker treats what it was doing as in doubt.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from receiver.cases.lifecycle import CaseLifecycle
from receiver.destinations.contract import CaseRef, Delivered, Destination, Outcome, Retry, Traits
from shared.models.deliveries import Delivery, DeliveryState
from shared.queues import leases
from shared.queues.ports import Again, Item
from shared.queues.worker import backoff
from shared.storage.ledger.case_references import CaseAccess, CaseReferences

# Seconds until a search at the destination finds what was just made there. Jira Cloud's search takes a while
# (developer.atlassian.com, "search and reconcile").
SEARCHABLE_AFTER = 60.0


def wait_for_other_worker(delivery: Delivery, now: datetime) -> Again | None:
    """The verdict while another worker may still be sending the message, or None. A worker that died while it
    sent is waited for as long as it could have been at it; only then is the message sent again."""
    if delivery.state is not DeliveryState.SENDING or delivery.last_at is None:
        return None
    left = leases.SENDING - (now - delivery.last_at).total_seconds()
    if not 0 < left <= leases.SENDING:  # more than the whole lease is left: the clock was set back
        return None
    return Again(left, f"another worker sends it to {delivery.destination}", expected=True)


class CaseClaims:
    def __init__(
        self, references: CaseReferences, cases: CaseLifecycle, destinations: Mapping[str, Destination]
    ) -> None:
        self._references, self._cases, self._destinations = references, cases, destinations

    def acquire(self, item: Item, destination: str, case_key: str) -> CaseClaim | Again:
        """The case for one delivery, or the verdict that another delivery must be waited for.

        A follow-up to an open case shares it with others, except where it edits what the one before wrote.
        """
        traits = self._destinations[destination].traits
        if not traits.thread:
            return self.unclaimed(item, destination, case_key)
        access = self._references.acquire(case_key, destination, item.receipt, leases.CASE, alone=traits.edit)
        if access.wait:
            delay = min(access.wait, backoff(item.claims, base=0.5, cap=10.0))
            return Again(delay, f"another alarm of its case is on the way to {destination}", expected=True)
        return self._claim(item, destination, case_key, access)

    def unclaimed(self, item: Item, destination: str, case_key: str) -> CaseClaim:
        """For a message that begins nothing others could follow up on."""
        return self._claim(item, destination, case_key, CaseAccess())

    def _claim(self, item: Item, destination: str, case_key: str, access: CaseAccess) -> CaseClaim:
        traits = self._destinations[destination].traits
        return CaseClaim(self._references, self._cases, destination, traits, case_key, item.receipt, access)


@dataclass(frozen=True)
class CaseClaim:
    """A case at one destination, for as long as one message about it is being sent."""

    references: CaseReferences
    cases: CaseLifecycle
    destination: str
    traits: Traits
    case_key: str
    lease: str  # names this attempt to the ledger
    access: CaseAccess

    @property
    def ref(self) -> CaseRef:
        """What the destination is told about the case."""
        exclusive = bool(self.access.ref and self.access.exclusive)
        return CaseRef(self.access.ref, exclusive=exclusive, unsure=self.access.unsure)

    @property
    def opens(self) -> bool:
        """Whether the destination keeps a thread or an issue for each case, and has none for this one yet."""
        return self.traits.thread and not self.access.ref

    def release(self, outcome: Outcome | None = None) -> None:
        """Give the case back after `outcome`; None: nothing was sent."""
        if not self.traits.thread:
            return
        ref = outcome.ref if isinstance(outcome, Delivered) else ""
        if not self.access.exclusive and ref in ("", self.access.ref):
            return
        unsure = isinstance(outcome, Retry) and outcome.ambiguous
        # Until a search finds what this attempt may have opened, the next delivery would open the case again.
        # What is edited cannot be searched.
        hold = 0.0 if self.traits.edit else SEARCHABLE_AFTER
        self.references.release(
            self.case_key, self.destination, self.lease, ref=ref, unsure=unsure, hold=hold
        )
        if ref and self.traits.tracks_issues:
            self.cases.refresh(self.case_key, ref)  # other messages of the case link to the issue

    def require_exclusive(self) -> None:
        """Let only one delivery at a time have the case: it must be opened anew."""
        self.references.close(self.case_key, self.destination, self.access.ref)
