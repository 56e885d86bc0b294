"""Puts alarms into the digest of their destination, and delivers the digest.

If turn.py finds that an alarm would wait too long for its own message, or a route holds the alarm, alarm.py
hands the alarm to this module. digest_store.py stores the digest itself. The record of an alarm's delivery
names the digest before the alarm is written into the digest. So if a worker dies in between, the next worker
uses the same digest.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from receiver.cases.lifecycle import CaseLifecycle
from receiver.deliveries.claim import wait_for_other_worker
from receiver.deliveries.digest_store import Digests
from receiver.deliveries.send import Sender
from receiver.deliveries.turn import Turns
from receiver.messages.compose import compose
from receiver.messages.digest import DIGEST, DigestEntry, cases_shown, digest_entry, digest_message
from receiver.messages.message import Message
from shared.config.config import Config
from shared.models.alarms import Alarm
from shared.models.deliveries import Delivery, DeliveryState
from shared.models.event_kinds import OWN_KINDS
from shared.models.holds import Hold
from shared.models.severity import Severity
from shared.queues.ports import Again, Done, Item, Verdict
from shared.storage.backups import Restored
from shared.storage.ledger.deliveries import Deliveries
from shared.storage.ledger.waiting_digests import WaitingDigests

DIGEST_AFTER = 600.0  # seconds; an alarm that would wait longer for its own message goes into a digest
_RECORDED_AT_ONCE = 500  # the most alarms that one attempt records, so that it ends within its lease


def may_go_into_digest(alarm: Alarm, delivery: Delivery) -> bool:
    """Whether an alarm may go into a digest. Malicious alarms and huntbridge's own events get their own
    messages. So does a possible or an asked repeat, because its message must say so."""
    keeps_its_own = alarm.severity is Severity.MALICIOUS or alarm.event.kind in OWN_KINDS
    is_repeat = alarm.sent_again or delivery.in_doubt or delivery.state is DeliveryState.SENDING
    return not (keeps_its_own or is_repeat)


def is_held(hold: Hold, delivery: Delivery, now: datetime) -> bool:
    """Whether an alarm that a route holds has to wait still. One that was put into its digest too late does
    not, nor one that was tried before."""
    is_over = hold.until is not None and hold.until <= now
    return delivery == Delivery(delivery.event_id, delivery.destination) and not is_over


@dataclass(eq=False, repr=False)
class Collector:
    """Puts alarms into digests."""

    deliveries: Deliveries
    digests: Digests
    waiting: WaitingDigests
    config: Config
    restored: Restored | None = None

    def hold(self, delivery: Delivery, alarm: Alarm, hold: Hold) -> Verdict:
        """Put an alarm into the digest that is told when the hold is over."""
        self.waiting.save(delivery.destination, hold)
        self.digests.open_as(delivery.destination, hold.digest_id)
        return self._assign(delivery, alarm, hold.digest_id, hold)

    def collect(self, delivery: Delivery, alarm: Alarm) -> Verdict:
        """Put an alarm into the open digest of its destination."""
        return self._assign(delivery, alarm, self.digests.open(delivery.destination), None)

    def _assign(self, delivery: Delivery, alarm: Alarm, digest_id: str, hold: Hold | None) -> Verdict:
        # Alarms that would have shared the alarm's message go their own ways.
        assigned = self.deliveries.start(
            delivery, state=DeliveryState.IN_DIGEST, ref=digest_id, hold=hold, covers=(), until=None
        )
        verdict = self.add(assigned, alarm) if assigned else None
        return verdict or Again(1.0, "its digest was closed just now", expected=True)

    def add(self, delivery: Delivery, alarm: Alarm) -> Verdict | None:
        """Put an alarm into the digest that its delivery names. None if the digest was closed without it."""
        if self.restored and self.restored.may_have_been_told(alarm.event):
            alarm = replace(alarm, may_repeat=True)
        entry = digest_entry(alarm, compose(alarm, self.config), delivery.hold)
        is_in = self.digests.add(delivery.destination, delivery.ref, entry)
        if is_in is None:
            return Again(2.0, "its digest is being closed", expected=True)
        return Done() if is_in else None


@dataclass(eq=False, repr=False)
class DigestDelivery:
    """Delivers a digest, and records that its alarms were delivered with it."""

    deliveries: Deliveries
    digests: Digests
    cases: CaseLifecycle
    turns: Turns
    sender: Sender
    now: Callable[[], datetime]

    def deliver(self, item: Item, destination: str, digest_id: str) -> Verdict:
        delivery = self.deliveries.get(digest_id, destination)
        if self.digests.is_empty(destination, digest_id):
            return Done()
        if wait := wait_for_other_worker(delivery, self.now()):
            return wait
        if delivery.state is DeliveryState.DELIVERED:
            return self._record(destination, digest_id, self.digests.seal(destination, digest_id))
        turn = self.turns.of_digest(item, destination, f"{DIGEST}/{digest_id}")
        if isinstance(turn, Again):
            return turn
        entries = self.digests.seal(destination, digest_id)
        if not entries:
            return Done()

        def compose(in_doubt: bool) -> Message:
            shown = cases_shown(entries).items()
            states = {key: self.cases.in_words(key, severity) for key, severity in shown}
            return digest_message(digest_id, destination, entries, states, maybe_repeat=in_doubt)

        verdict = self.sender.send(item, delivery, turn, compose)
        return self._record(destination, digest_id, entries) if isinstance(verdict, Done) else verdict

    def _record(self, destination: str, digest_id: str, entries: list[DigestEntry]) -> Verdict:
        deliveries = (self.deliveries.get(entry.event_id, destination) for entry in entries)
        waiting = [delivery for delivery in deliveries if delivery.state is DeliveryState.IN_DIGEST]
        now_told = {delivery.event_id for delivery in waiting[:_RECORDED_AT_ONCE] if delivery.hold}
        for case_key in dict.fromkeys(entry.case_key for entry in entries if entry.event_id in now_told):
            self.cases.told(case_key, destination)
        for delivery in waiting[:_RECORDED_AT_ONCE]:
            self.deliveries.save(replace(delivery, state=DeliveryState.DELIVERED, note="in a digest"))
        if len(waiting) > _RECORDED_AT_ONCE:
            return Again(0, f"{digest_id} is being written down", expected=True)
        return Done()
