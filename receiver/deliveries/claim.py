"""Decides who may send: one worker for each delivery, and one delivery at a time if it opens or edits a case.

Both claims are records in the ledger with a lease. If a lease runs out, its worker counts as dead. Then the
next worker must assume that the message may have arrived.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from receiver.cases.lifecycle import CaseLifecycle
from receiver.destinations.contract import CaseRef, Delivered, Destination, Outcome, Retry, Traits
from shared.models.deliveries import Delivery, DeliveryState
from shared.queues import leases
from shared.queues.ports import Again, Item
from shared.storage.ledger.case_references import CaseAccess, CaseReferences

# Seconds until a search at the destination finds what was just made there. Jira Cloud's search takes a while
# (developer.atlassian.com, "search and reconcile").
SEARCHABLE_AFTER = 60.0


def wait_for_other_worker(delivery: Delivery, now: datetime) -> Again | None:
    """The verdict while another worker may be sending the message; None if no worker is.

    A worker that died leaves the state SENDING. Its message is sent again only when its lease has run out.
    """
    if delivery.state is not DeliveryState.SENDING or delivery.last_at is None:
        return None
    left = leases.SENDING - (now - delivery.last_at).total_seconds()
    if not 0 < left <= leases.SENDING:  # if more than a whole lease is left, the clock was set back
        return None
    return Again(left, f"another worker sends it to {delivery.destination}", expected=True)


@dataclass(frozen=True)
class Occupied:
    """Another delivery has the case."""

    wait: float  # seconds until its lease runs out


class CaseClaims:
    def __init__(
        self,
        references: CaseReferences,
        cases: CaseLifecycle,
        destinations: Mapping[str, Destination],
        may_hide_cases: bool = False,
    ) -> None:
        """`may_hide_cases`: a destination may hold cases that the ledger does not know, since it was restored
        from a backup."""
        self._may_hide_cases = may_hide_cases
        self._references, self._cases, self._destinations = references, cases, destinations

    def acquire(self, item: Item, destination: str, case_key: str) -> CaseClaim | Occupied:
        """The case for one delivery, unless another delivery has it.

        Follow-ups to an open case do not exclude each other, unless the destination edits earlier messages.
        """
        traits = self._destinations[destination].traits
        if not traits.thread:
            return self.unclaimed(item, destination, case_key)
        access = self._references.acquire(case_key, destination, item.receipt, leases.CASE, alone=traits.edit)
        if access.wait:
            return Occupied(access.wait)
        if self._may_hide_cases and not access.ref:
            access = replace(access, unsure=True)
        return self._claim(item, destination, case_key, access)

    def unclaimed(self, item: Item, destination: str, case_key: str) -> CaseClaim:
        """A claim for a message that no other message can follow up, such as a digest."""
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
        """What the destination gets to know about the case."""
        exclusive = bool(self.access.ref and self.access.exclusive)
        return CaseRef(self.access.ref, exclusive=exclusive, unsure=self.access.unsure)

    @property
    def opens(self) -> bool:
        """Whether the destination keeps a thread or an issue for each case, and has none for this one yet."""
        return self.traits.thread and not self.access.ref

    def release(self, outcome: Outcome | None = None) -> None:
        """Release the case after `outcome`, which is None if nothing was sent."""
        if not self.traits.thread:
            return
        ref = outcome.ref if isinstance(outcome, Delivered) else ""
        if not self.access.exclusive and ref in ("", self.access.ref):
            return
        unsure = isinstance(outcome, Retry) and outcome.ambiguous
        # The next delivery must not open the case again before a search can find what this attempt may have
        # opened. A destination that edits messages has no search, so nothing is gained by waiting.
        hold = 0.0 if self.traits.edit else SEARCHABLE_AFTER
        self.references.release(
            self.case_key, self.destination, self.lease, ref=ref, unsure=unsure, hold=hold
        )
        if ref and self.traits.tracks_issues:
            self.cases.refresh(self.case_key, ref)  # other messages of the case link to the issue

    def require_exclusive(self) -> None:
        """From now on only one delivery at a time may have the case, because the case must be opened anew."""
        self.references.close(self.case_key, self.destination, self.access.ref)
