"""Handles the items of [deliveries]: each becomes a message that was sent, or a reason why it was not.

Every step may be repeated: what was delivered is not sent again. Only a crash between sending and writing it
down can repeat a message, and then the message says so.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta

from receiver.cases.lifecycle import Cases
from receiver.deliveries.concurrency import ConcurrencyLimit
from receiver.deliveries.digest import Digests
from receiver.deliveries.rate_limit import RateLimiter, limits_of
from receiver.destinations.contract import (
    CaseRef,
    Delivered,
    Destination,
    Outcome,
    RateLimit,
    Recipient,
    Rejected,
    Retry,
    SendsEphemeral,
)
from receiver.destinations.registry import traits_of
from receiver.messages.compose import compose
from receiver.messages.digest import DigestEntry, digest_message
from receiver.messages.message import Message
from shared.hosting.runtime import Runtime
from shared.http.deadlines import DeadlineExceeded, remaining, within
from shared.models.alarms import Alarm
from shared.models.codec import load
from shared.models.deliveries import Delivery
from shared.models.event_kinds import OWN_KINDS, UNACKNOWLEDGED
from shared.models.severity import Severity
from shared.queues import items, leases
from shared.queues.dead_letter_notices import Notices
from shared.queues.heartbeats import Heartbeats
from shared.queues.ports import DELIVERIES, Again, Dead, Done, Item, Verdict
from shared.queues.worker import attempt, backoff
from shared.storage.last_delivered import LastDelivered
from shared.storage.ledger.case_references import CaseAccess

log = logging.getLogger(__name__)

# Seconds until a destination that can be searched is asked whether an attempt without an answer arrived: Jira
# Cloud's search does not see at once what was just made (developer.atlassian.com, "search and reconcile").
SETTLED = 60.0
# Seconds; what a destination does not take within them is told in a digest.
BACKLOG = 600.0
WORTH_TRYING = timedelta(minutes=15)  # for a word to one person, and for an edit that the next alarm makes
CALM = 10.0  # seconds until it is seen whether a destination has nothing else to do
IN_DIGEST = "in digest"  # the state of a delivery
MARKED_AT_ONCE = 500


class Work:
    def __init__(self, runtime: Runtime, cases: Cases, destinations: Mapping[str, Destination]) -> None:
        self._runtime = runtime
        self._destinations = destinations
        self._notices = Notices(runtime)
        self._heartbeats = Heartbeats(runtime)
        self._last_delivered = LastDelivered(runtime.store, runtime.now)
        self._cases = cases
        self._digests = Digests(runtime.store, runtime.deliveries)
        self._rate_limiter = RateLimiter(runtime.store, lambda: runtime.now().timestamp())
        configured = runtime.config.destinations.items()
        self._concurrency = {
            name: ConcurrencyLimit(traits_of(config).concurrency, runtime.now) for name, config in configured
        }

    def delivery(self, item: Item) -> Verdict:
        """Handles one item of [deliveries]."""
        verdict = attempt(self._delivery, item)
        if isinstance(verdict, Dead):
            self._notices.count(DELIVERIES, item, verdict.reason)
        return verdict

    def _delivery(self, item: Item) -> Verdict:
        content = items.decode(item.body)
        if not isinstance(content, items.ForDestination):
            raise ValueError(f"[deliveries] has no items of kind {content.kind}")
        name = content.destination
        if name not in self._destinations:
            return Dead(f"there is no destination {name!r} any more")
        limit = self._concurrency[name]
        # At its first look an alarm may only be given its turn, or go into a digest: that takes no place.
        first_look = item.first_claim and isinstance(content, items.DeliverAlarm)
        if not first_look and not limit.acquire(item.receipt):
            return self._busy(name)
        try:
            match content:
                case items.DeliverDigest():
                    return self._deliver_digest(item, name, content.digest_id)
                case items.RefreshCase():
                    return self._refresh(item, name, content.case_key)
                case items.Ephemeral():
                    return self._whisper(item, name, content)
                case items.DeliverAlarm():
                    return self._deliver_alarm(item, name, load(Alarm, content.alarm))
            raise ValueError(f"[deliveries] has no items of kind {content.kind}")
        finally:
            limit.release(item.receipt)

    def _busy(self, name: str) -> Verdict:
        return Again(self._concurrency[name].retry_after(), f"{name} is busy", expected=True)

    def _deliver_alarm(self, item: Item, name: str, alarm: Alarm) -> Verdict:
        ledger = self._runtime.ledger
        before = ledger.deliveries.get(alarm.event.id, name)
        if before.state == "delivered":
            return Done()
        if alarm.event.kind == UNACKNOWLEDGED and self._cases.is_acknowledged(alarm.case_key):
            return Done()
        if verdict := self._under_way(before):
            return verdict
        if before.state == IN_DIGEST and (verdict := self._gather(before, alarm)):
            return verdict
        case = CaseAccess()
        if self._destinations[name].traits.thread:
            alone = self._destinations[name].traits.edit  # an edit builds on the one before it
            case = ledger.case_references.acquire(
                alarm.case_key, name, item.receipt, leases.CASE, alone=alone
            )
            if case.wait:
                delay = min(case.wait, backoff(item.claims, base=0.5, cap=10.0))
                return Again(delay, f"another alarm of its case is on the way to {name}", expected=True)
        lane = self._lane(name, alarm)
        urgent = alarm.severity is Severity.MALICIOUS
        longest = BACKLOG if lane[0] == name and _may_share(alarm, before) else None
        wait = self._rate_limiter.turn(*lane, urgent=urgent, waited=not item.first_claim, longest=longest)
        its_turn = wait == 0 and self._concurrency[name].acquire(item.receipt)
        if not its_turn and case.exclusive:
            ledger.case_references.release(alarm.case_key, name, item.receipt)
        if wait is None:
            return self._collapse(before, alarm)
        if wait:
            return Again(wait, f"{name} takes no more for now", expected=True)
        if not its_turn:
            return self._busy(name)

        def told(in_doubt: bool) -> Message:
            opens = self._destinations[name].traits.thread and not case.ref
            return self._cases.message(alarm, name, maybe_repeat=in_doubt, opens=opens)

        return self._send(item, before, told, alarm.case_key, case, lane)

    def _under_way(self, delivery: Delivery) -> Verdict | None:
        """Where another worker sends the message, or died while it did: wait as long as that may take. Only
        then it is sent again."""
        if delivery.state != "sending" or delivery.last_at is None:
            return None
        left = leases.SENDING - (self._runtime.now() - delivery.last_at).total_seconds()
        if not 0 < left <= leases.SENDING:  # more than all of it is left where the clock was set back
            return None
        return Again(left, f"another worker sends it to {delivery.destination}", expected=True)

    def _collapse(self, before: Delivery, alarm: Alarm) -> Verdict:
        """Into the destination's open digest; into which one is written down first."""
        digest = self._digests.open(before.destination)
        gathered = self._runtime.ledger.deliveries.start(before, state=IN_DIGEST, ref=digest)
        verdict = self._gather(gathered, alarm) if gathered else None
        return verdict or Again(1.0, "its digest was closed just now", expected=True)

    def _gather(self, delivery: Delivery, alarm: Alarm) -> Verdict | None:
        """None where the digest was closed without it."""
        title = compose(alarm, self._runtime.config).title
        entry = DigestEntry(
            alarm.event.id,
            alarm.case_key,
            f"{title} (may be a repeat)" if alarm.may_repeat else title,
            alarm.severity,
            alarm.malicious or 0,
            alarm.suspicious or 0,
        )
        told = self._digests.add(delivery.destination, delivery.ref, entry)
        if told is None:
            return Again(2.0, "its digest is being closed", expected=True)
        return Done() if told else None

    def _deliver_digest(self, item: Item, name: str, id: str) -> Verdict:
        ledger, lane = self._runtime.ledger, (name, limits_of(self._runtime.config.destinations[name]))
        before = ledger.deliveries.get(id, name)
        if self._digests.is_empty(name, id):
            return Done()
        if verdict := self._under_way(before):
            return verdict
        if before.state != "delivered":
            wait = self._rate_limiter.turn(*lane, urgent=False, waited=not item.first_claim)
            if wait:
                return Again(wait, f"the digest for {name} gathers until its turn", expected=True)
        entries = self._digests.seal(name, id)
        if not entries:
            return Done()
        if before.state != "delivered":

            def told(in_doubt: bool) -> Message:
                return digest_message(id, name, entries, maybe_repeat=in_doubt)

            verdict = self._send(item, before, told, f"digest/{id}", CaseAccess(), lane)
            if not isinstance(verdict, Done):
                return verdict
        return self._mark(name, id, entries)

    def _refresh(self, item: Item, name: str, case_key: str) -> Verdict:
        """Edit the case's message to how the case stands, where no alarm waits for its turn. What is not
        edited now is with the next alarm."""
        ledger, destination = self._runtime.ledger, self._destinations[name]
        if not (destination.traits.edit and ledger.case_references.get(case_key, name)):
            return Done()
        lane = name, limits_of(self._runtime.config.destinations[name])
        wait = self._rate_limiter.turn(*lane, urgent=False, waited=not item.first_claim, longest=0.0)
        if wait != 0:
            busy = Retry(f"{name} has alarms to tell first", after=CALM if wait is None else wait)
            return self._at_once_or_never(item, busy, f"an edit of case {case_key} at {name}")
        case = ledger.case_references.acquire(case_key, name, item.receipt, leases.CASE, alone=True)
        if case.wait:
            return Again(min(case.wait, 10.0), f"an alarm of its case is on the way to {name}", expected=True)
        message = self._cases.current_message(case_key, name)
        outcome: Outcome = Rejected("the case is gone")
        if message:
            outcome = _in_time(lambda: destination.deliver(message, _refs(case)))
        self._leave_case(item, name, case_key, case, outcome)
        if isinstance(outcome, Retry) and outcome.after is not None:
            self._rate_limiter.hold(*lane, outcome.after)
        return self._at_once_or_never(item, outcome, f"an edit of case {case_key} at {name}")

    def _whisper(self, item: Item, name: str, content: items.Ephemeral) -> Verdict:
        destination = self._destinations[name]
        ledger = self._runtime.ledger
        before = ledger.deliveries.get(item.id, name)
        if not isinstance(destination, SendsEphemeral) or before.state == "delivered":
            return Done()
        if verdict := self._under_way(before):
            return verdict
        sending = ledger.deliveries.start(before, state="sending", attempts=before.attempts + 1)
        if sending is None:
            return Again(1.0, f"another worker sends it to {name}", expected=True)
        to = Recipient(content.channel, content.user)
        outcome = _in_time(lambda: destination.send_ephemeral(to, content.text))
        ledger.deliveries.end(sending, state="delivered" if isinstance(outcome, Delivered) else "pending")
        return self._at_once_or_never(item, outcome, f"a word for one person at {name}")

    def _at_once_or_never(self, item: Item, outcome: Outcome, what: str) -> Verdict:
        """For what nobody misses where it fails: it is tried for a while, and no death is announced."""
        late = self._runtime.now() - item.added_at > WORTH_TRYING
        if isinstance(outcome, Retry) and not late:
            delay = backoff(item.claims) if outcome.after is None else outcome.after
            return Again(delay, outcome.reason, expected=True)
        if not isinstance(outcome, Delivered):
            log.warning("%s was not sent: %s", what, outcome.reason)
        return Done()

    def _mark(self, name: str, id: str, entries: list[DigestEntry]) -> Verdict:
        """Write down that its alarms were delivered with the digest, as many as a lease has time for."""
        ledger = self._runtime.ledger
        waiting = (ledger.deliveries.get(entry.event_id, name) for entry in entries)
        unmarked = [delivery for delivery in waiting if delivery.state == IN_DIGEST]
        for delivery in unmarked[:MARKED_AT_ONCE]:
            ledger.deliveries.save(replace(delivery, state="delivered", note="in a digest"))
        if len(unmarked) > MARKED_AT_ONCE:
            return Again(0, f"{id} is being written down", expected=True)
        return Done()

    def _send(
        self,
        item: Item,
        before: Delivery,
        told: Callable[[bool], Message],
        case_key: str,
        case: CaseAccess,
        lane: tuple[str, RateLimit],
    ) -> Verdict:
        """Send, and record what became of it. `told` makes the message, given whether it may be a repeat."""
        ledger, name = self._runtime.ledger, before.destination
        destination = self._destinations[name]
        if remaining(leases.budget(leases.DELIVERY)) < leases.RECORDING + leases.SHORTEST_SEND:
            if destination.traits.thread:
                self._leave_case(item, name, case_key, case, Retry("nothing was sent"))
            return Again(1.0, f"too little time was left to send it to {name}")
        # "sending" was left by a worker that died; once in doubt, it stays in doubt until it is delivered.
        in_doubt = before.in_doubt or before.state == "sending"
        message = told(in_doubt)
        sending = ledger.deliveries.start(
            before, state="sending", ref="", attempts=before.attempts + 1, in_doubt=in_doubt
        )
        if sending is None:
            taken_over = Retry(f"another worker sends it to {name}")
            if destination.traits.thread:
                self._leave_case(item, name, case_key, case, taken_over)
            return Again(1.0, taken_over.reason, expected=True)
        try:
            outcome = _in_time(lambda: destination.deliver(message, _refs(case)))
        except Exception:  # a fault of our own, that may have come after the message was sent
            if destination.traits.thread:
                self._leave_case(item, name, case_key, case, Retry("it failed", ambiguous=True))
            ledger.deliveries.end(sending, state="unsure", in_doubt=True)
            raise
        if destination.traits.thread:
            self._leave_case(item, name, case_key, case, outcome)
        match outcome:
            case Delivered(ref, note):
                ledger.deliveries.end(
                    sending, state="delivered", ref=ref, note=note, reason="", in_doubt=False
                )
                self._heartbeats.delivered(name)
                self._last_delivered.record(name)
                log.info("event %s delivered to %s %s", before.event_id, name, " ".join((ref, note)).strip())
                return Done()
            case Retry(reason, needs_exclusive=True):
                ledger.case_references.close(case_key, name, case.ref)
                state = "unsure" if in_doubt else "pending"
                ledger.deliveries.end(sending, state=state, attempts=before.attempts, in_doubt=in_doubt)
                return Again(0.0, reason, expected=True)
            case Retry(reason, after, ambiguous):
                if after is not None:
                    self._rate_limiter.hold(*lane, after)
                in_doubt = in_doubt or ambiguous
                if self._runtime.now() - item.added_at > timedelta(
                    seconds=self._runtime.config.delivery.retry_for
                ):
                    reason = f"given up after {sending.attempts} attempts: {reason}"
                    return self._dead(sending, reason, in_doubt)
                state = "unsure" if in_doubt else "pending"
                ledger.deliveries.end(sending, state=state, reason=reason, in_doubt=in_doubt)
                delay = backoff(sending.attempts) if after is None else after
                return Again(
                    max(delay, SETTLED) if ambiguous and destination.traits.thread else delay, reason
                )
            case Rejected(reason):
                return self._dead(sending, reason, in_doubt)

    def _lane(self, name: str, alarm: Alarm) -> tuple[str, RateLimit]:
        """What keeps one pace: a destination, or one case at it where the vendor counts those."""
        config = self._runtime.config.destinations[name]
        by_case = traits_of(config).rate_limit_by_case and config.pace is None
        return (f"{name} {alarm.case_key}" if by_case else name), limits_of(config)

    def _leave_case(self, item: Item, name: str, case_key: str, case: CaseAccess, outcome: Outcome) -> None:
        ref = outcome.ref if isinstance(outcome, Delivered) else ""
        if case.exclusive or ref != case.ref:
            unsure = isinstance(outcome, Retry) and outcome.ambiguous
            # What can be searched is not found at once: until then another one would open the case again.
            hold = 0.0 if self._destinations[name].traits.edit else SETTLED
            self._runtime.ledger.case_references.release(
                case_key, name, item.receipt, ref=ref, unsure=unsure, hold=hold
            )
            if ref and self._destinations[name].traits.tracks_issues:
                self._cases.refresh(case_key, ref)  # with the link to it

    def _dead(self, delivery: Delivery, reason: str, in_doubt: bool) -> Verdict:
        self._runtime.ledger.deliveries.end(delivery, state="dead", reason=reason, in_doubt=in_doubt)
        log.error("event %s to %s is dead: %s", delivery.event_id, delivery.destination, reason)
        return Dead(reason)


def _in_time(deliver: Callable[[], Outcome]) -> Outcome:
    """Keeps a part of the item's remaining time for the ledger."""
    left = remaining(leases.budget(leases.DELIVERY))
    try:
        with within(left - leases.RECORDING):
            return deliver()
    except DeadlineExceeded:  # a destination made several requests: an earlier one may have arrived
        return Retry("it took longer than a delivery may", ambiguous=True)


def _may_share(alarm: Alarm, before: Delivery) -> bool:
    """Whether an alarm may be told in a digest: what is malicious and what huntbridge says itself keeps its
    own message, and a possible repeat must say that it is one."""
    own = alarm.event.kind in OWN_KINDS or alarm.severity is Severity.MALICIOUS
    return not own and not before.in_doubt and before.state != "sending"


def _refs(case: CaseAccess) -> CaseRef:
    """What a destination that can follow up is told of the case."""
    return CaseRef(case.ref, exclusive=bool(case.ref and case.exclusive), unsure=case.unsure)
