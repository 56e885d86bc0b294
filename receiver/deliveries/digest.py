"""Puts alarms into the digest of their destination, and delivers the digest.

If turn.py finds that an alarm would wait too long for its own message, or a route holds the alarm, alarm.py
hands the alarm to this module. digest_store.py stores the digest itself. The record of an alarm's delivery
names the digest before the alarm is written into the digest. So if a worker dies in between, the next worker
uses the same digest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
from shared.models.deliveries import ENDED_UNTOLD, Delivery, DeliveryState
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
    may_be_known = delivery.in_doubt or delivery.state is DeliveryState.SENDING or delivery.told_by
    return not (keeps_its_own or may_be_known or alarm.sent_again)


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

    def note_told(self, held: Delivery, by: str) -> bool:
        """Record that the message of the event `by`, which is about to be sent, tells of a held alarm. False
        if the digest may not say so any more, since it is being sent.

        The digest is closed before it reads this record. So it says so if it is still open afterwards.
        """
        noted = held.told_by or self.deliveries.start(held, told_by=by)
        return bool(noted) and self.digests.is_open(held.destination, held.ref)


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
            told = self._told_by(destination, [entry.event_id for entry in entries if entry.hold])
            return digest_message(digest_id, destination, entries, states, told, maybe_repeat=in_doubt)

        verdict = self.sender.send(item, delivery, turn, compose)
        return self._record(destination, digest_id, entries) if isinstance(verdict, Done) else verdict

    def _told_by(self, destination: str, event_ids: Sequence[str]) -> dict[str, str]:
        """Which of these events were told by the message of another one before, and by which."""
        held = self.deliveries.of_events(event_ids, destination)
        told_by = {id: delivery.told_by for id, delivery in held.items() if delivery.told_by}
        others = self.deliveries.of_events(told_by.values(), destination)
        never = {id for id, other in others.items() if other.state in ENDED_UNTOLD and not other.in_doubt}
        return {id: by for id, by in told_by.items() if by not in never}

    def _record(self, destination: str, digest_id: str, entries: list[DigestEntry]) -> Verdict:
        deliveries = self.deliveries.of_events((entry.event_id for entry in entries), destination).values()
        waiting = [delivery for delivery in deliveries if delivery.state is DeliveryState.IN_DIGEST]
        now_told = {delivery.event_id for delivery in waiting[:_RECORDED_AT_ONCE] if delivery.hold}
        for case_key in dict.fromkeys(entry.case_key for entry in entries if entry.event_id in now_told):
            self.cases.told(case_key, destination)
        for delivery in waiting[:_RECORDED_AT_ONCE]:
            self.deliveries.save(replace(delivery, state=DeliveryState.DELIVERED, note="in a digest"))
        if len(waiting) > _RECORDED_AT_ONCE:
            return Again(0, f"{digest_id} is being written down", expected=True)
        return Done()
