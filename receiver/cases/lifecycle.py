"""What is known about a case, independent of any one destination.

A case begins with its first alarm. Its record holds the worst alarm, the destinations that its alarms were
sent to, and who has acknowledged it. `CaseLifecycle` keeps this record, and chooses what a message shows of
it. actions.py handles what people do with a case; send_reminders.py sends reminders.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from receiver.cases.case_alarm import is_part, joins, what_it_is_about
from receiver.cases.offers import offers
from receiver.messages.case_texts import case_in_words
from receiver.messages.compose import compose, title_of
from receiver.messages.event_facts import event_facts
from receiver.messages.message import CaseStatus, Message
from receiver.messages.subject import system_of
from shared.config.config import Config
from shared.models.alarms import Alarm
from shared.models.case_states import acknowledgement_of, decide, made
from shared.models.cases import MAX_NEWEST_ALARMS, Case, CaseState, StillThere
from shared.models.codec import dump
from shared.models.decisions import Action, CaseDecision
from shared.models.event_kinds import (
    ACKNOWLEDGED,
    CLOSED,
    DECISION_KINDS,
    NO_NEWS,
    OWN_KINDS,
    RELEASED,
    REOPENED,
    STILL_THERE,
    TEST,
)
from shared.models.events import Event
from shared.models.holds import Hold
from shared.models.judgements import Judgement
from shared.models.occurrences import occurrences
from shared.models.severity import Severity
from shared.queues import items
from shared.queues.ports import Queue
from shared.storage import audit
from shared.storage.ledger.ledger import Ledger
from shared.storage.ports import Store
from shared.text import one_line

_COMMENT_EVERY = timedelta(days=30)  # on an issue about a case of which nothing is new
_KINDS = {
    Action.ACKNOWLEDGE: ACKNOWLEDGED,
    Action.RELEASE: RELEASED,
    Action.CLOSE: CLOSED,
    Action.REOPEN: REOPENED,
}


@dataclass(eq=False, repr=False)
class CaseDestinations:
    """What this package has to know about the configured destinations."""

    trackers: Sequence[str] = ()  # destinations that open issues, in the order of the configuration
    editable: Collection[str] = ()  # destinations that can edit the message of a case
    # The URL of an issue, from the tracker's name and the reference of the delivery. Empty if it has no page.
    issue_url: Callable[[str, str], str] = lambda tracker, ref: ""
    # The id of the channel that the case was posted in, from the reference of the delivery.
    channel_of: Callable[[str], str] = lambda ref: ""


class CaseLifecycle:
    def __init__(
        self,
        ledger: Ledger,
        store: Store,
        deliveries: Queue,
        config: Config,
        destinations: CaseDestinations,
        now: Callable[[], datetime],
        named_by_routes: Callable[[Alarm], Iterable[str]] = lambda alarm: (),
    ) -> None:
        """`named_by_routes`: the destinations of the routes that name the kind of the event."""
        self._ledger, self._store, self._deliveries = ledger, store, deliveries
        self._config, self._destinations, self._now = config, destinations, now
        self._named_by_routes = named_by_routes

    def add(self, alarm: Alarm, names: list[str], holds: Mapping[str, Hold] = {}) -> list[str]:
        """Add an alarm to its case, which reopens a closed case. Returns the destinations that get the alarm:
        `names`, and the tracker in which somebody asked for an issue. `holds`: those of `names` that get it
        later. Until then they are not told of the case at all, unless they were told of it before."""
        if not _can_be_acknowledged(alarm):
            return names
        reopening = _reopening(alarm, self._now())
        told_now = [name for name in names if name not in holds]
        held_until = {name: hold.until for name, hold in holds.items()}

        def change(case: Case | None) -> Case:
            case = case or Case(alarm)
            if case.closure and alarm.event.id not in case.newest_alarms:  # an item may be repeated
                case = decide(case, reopening)
            about = what_it_is_about(case, alarm, self._ledger, self._config.delivery)
            worst = about.alarm
            return replace(
                _counted(case, alarm.event),
                alarm=worst,
                group=about.group,
                group_until=about.group_until,
                told=union(case.told, told_now),
                held=_held({**held_until, **case.held}, (*case.told, *told_now)),
                told_at=max(case.told_at or alarm.event.received_at, alarm.event.received_at),
                title=title_of(worst, self._config),
                system=system_of(worst) or case.system,
            )

        case = self._ledger.cases.change(alarm.case_key, change, durable=False)
        assert case is not None
        reopened = made(case, reopening.id)
        # While nobody is told of the case, nobody can take it.
        if case.told and Severity.MALICIOUS in (alarm.severity, case.alarm.severity if reopened else None):
            self._remind(alarm.case_key, case, anew=reopened is not None)
        asked = [case.issue_in] if case.issue_in in self._destinations.trackers else []
        names = list(union(names, asked))
        if reopened:
            self._forget_what_was_judged(alarm, reopened)
            audit.decided(self._store, alarm.case_key, reopened)
            others = [name for name in case.told if name not in names]
            self._announce(alarm.case_key, case, reopened, others)
        return names

    def _forget_what_was_judged(self, alarm: Alarm, reopened: CaseDecision) -> None:
        """The case may have been closed after the alarm was ruled on, so that the ruling reopened nothing."""
        if reopened.closed and (system := system_of(alarm)):
            told = occurrences(alarm.findings)
            self._ledger.findings.judged(system.lasting, alarm.case_key, reopened.closed.at, told)

    def told(self, case_key: str, destination: str) -> None:
        """Record that a destination was told of a case whose alarms were held for it. From now on it is told
        what happens to the case. The reminders of a malicious case begin, unless they have begun."""

        def change(case: Case | None) -> Case | None:
            if case is None:
                return None
            told = union(case.told, (destination,))
            return replace(case, told=told, held=_held(case.held, told))

        case = self._ledger.cases.change(case_key, change)
        if case and case.alarm.severity is Severity.MALICIOUS:
            self._remind(case_key, case, anew=False)

    def still_there(self, alarm: Alarm, judgement: Judgement) -> None:
        """Record that an alarm says nothing new about its case, and edit the case's messages. An issue gets a
        comment, but not more than one a month."""
        event = alarm.event
        hunt_id = (alarm.hunt.id if alarm.hunt else event.hunt_id) or ""

        def change(case: Case | None) -> Case | None:
            if case is None or event.id in case.newest_alarms:
                return case
            at = event.received_at
            still = StillThere(at, hunt_id, judgement.hunts, judgement.since or at)
            last = case.told_at or case.last_at or case.alarm.event.received_at
            told_at = at if at - last >= _COMMENT_EVERY else case.told_at
            return replace(_counted(case, event), still=still, told_at=told_at)

        case = self._ledger.cases.change(judgement.case, change, durable=False)
        if case is None or case.still is None:
            return
        self.refresh(judgement.case, f"still:{hunt_id or event.id}")
        if case.told_at == event.received_at:
            about = f"{judgement.case}:{event.id}"
            trackers = [name for name in case.told if name in self._destinations.trackers]
            self.announce(
                replace(alarm, event=event_about(alarm, STILL_THERE, about, event.received_at)), trackers
            )

    def announce_decision(self, case_key: str, case: Case, decision: CaseDecision) -> None:
        """Tell everybody who was told of the case what somebody decided about it. The reminders of an open
        malicious case start again."""
        if case.alarm.severity is Severity.MALICIOUS:
            self._remind(case_key, case, anew=True)
        self._announce(case_key, case, decision, case.told)

    def _announce(self, case_key: str, case: Case, decision: CaseDecision, names: Iterable[str]) -> None:
        """Tell these destinations of a decision, and those of the routes that name its kind. The destination
        at which it was made knows it already."""
        # A case may be taken again after it was given back, and that is told as well.
        id = decision.after if decision.action is Action.ACKNOWLEDGE else decision.id
        about = f"{case_key}:{id}" if id else case_key
        alarm = replace(
            case.alarm,
            event=event_about(case.alarm, _KINDS[decision.action], about, decision.at),
            case=case_key,
            acknowledgement=acknowledgement_of(decision) if decision.action is Action.ACKNOWLEDGE else None,
            decision=decision,
            findings=(),
            findings_total=0,
            gaps=(),
            owner=None,
            change=None,
        )
        named = [name for name in self._named_by_routes(alarm) if not self._is_held(case, name)]
        told = union(names, named)
        self.announce(alarm, [name for name in told if name != decision.destination])

    def _is_held(self, case: Case, name: str) -> bool:
        """Whether a route still holds the case for this destination. Its digest says how the case stands."""
        until = case.held.get(name, self._now())
        return until is None or until > self._now()

    def _remind(self, case_key: str, case: Case, *, anew: bool) -> None:
        """Have reminders sent, and the steps of the escalation, until somebody takes or closes the case.
        `anew`: the case was given back or reopened."""
        if case.state is not CaseState.OPEN:
            return
        if self._config.reminders:
            self._ledger.cases.await_acknowledgement(case_key, self._config.reminders.after)
        if self._config.escalate:
            self._ledger.cases.start_escalation(case_key, anew=anew)

    def message(self, alarm: Alarm, destination: str, *, maybe_repeat: bool, opens: bool) -> Message:
        """The message about an alarm for one destination. `opens`: the destination keeps a thread or an issue
        for each case, and has none for this case yet."""
        case = self._ledger.cases.get(alarm.case_key)
        status = self._status(alarm, destination, case)
        if case and (reopened := made(case, _reopening(alarm, alarm.event.received_at).id)):
            alarm = replace(alarm, reopens=reopened.closed)
        # The queue item had no room for all findings.
        if alarm.findings_total > len(alarm.findings) and not alarm.group:
            alarm = self._whole(alarm)
        message = compose(alarm, self._config, maybe_repeat=maybe_repeat, case=status)
        if opens and message.kind in DECISION_KINDS and message.overview:
            # The alarm itself is not known to have arrived. A new thread or issue must say what the case is
            # about.
            arrives_again = self._ledger.deliveries.get(message.overview.id, destination).may_have_arrived
            return replace(message.overview, id=message.id, maybe_repeat=maybe_repeat or arrives_again)
        if message.overview is None or _is_no_news(alarm):
            return message
        return replace(message, joins=case is not None and joins(alarm, case, destination, self._ledger))

    def _whole(self, alarm: Alarm) -> Alarm:
        """The alarm with all of its findings, as far as the ledger has them."""
        whole = self._ledger.events.whole_alarm(_first_id(alarm))
        if whole is None:
            return alarm
        return replace(
            whole,
            event=replace(whole.event, id=alarm.event.id),
            case=alarm.case,
            earlier=alarm.earlier,
            reopens=alarm.reopens,
            sent_again=alarm.sent_again,
        )

    def current_message(self, case_key: str, destination: str) -> Message | None:
        """The message about the present state of the case, which replaces the message at the destination.
        None if there is no such case."""
        case = self._ledger.cases.get(case_key)
        if case is None:
            return None
        status = self._status(case.alarm, destination, case)
        return replace(compose(case.alarm, self._config, case=status), silent=True)

    def _status(self, alarm: Alarm, destination: str, case: Case | None) -> CaseStatus:
        """What a message about this alarm to this destination shows of the case."""
        if case is None or alarm.event.kind == TEST:
            return CaseStatus()
        trackers = self._destinations.trackers
        return CaseStatus(
            acknowledgement=case.acknowledgement,
            issue=None if destination in trackers else self.issue(alarm.case_key, case),
            offers=offers(case, trackers, self._config, self._now()),
            closure=case.closure,
            worst=case.alarm if _is_no_news(alarm) or is_part(alarm, case) else None,
            still=case.still if case.state is not CaseState.CLOSED else None,
            state=case.state,
        )

    def in_words(self, case_key: str, shown: Severity) -> str:
        """The outcome of the case, for one line of a list that shows it as severe as `shown`; empty if
        nothing did."""
        case = self._ledger.cases.get(case_key)
        return case_in_words(case, shown) if case else ""

    def is_in_hand(self, case_key: str) -> bool:
        """Whether somebody has taken or closed the case."""
        case = self._ledger.cases.get(case_key)
        return bool(case and case.state is not CaseState.OPEN)

    def issue(self, case_key: str, case: Case) -> tuple[str, str] | None:
        """Key and URL of the case's issue. None if it has no issue yet."""
        for tracker in self._destinations.trackers:
            key = self._ledger.case_references.get(case_key, tracker) if tracker in case.told else ""
            if url := self._destinations.issue_url(tracker, key):
                return key, url
        return None

    def title(self, case_key: str) -> str:
        """The title of the case's worst alarm; the key if there is no such case."""
        case = self._ledger.cases.get(case_key)
        return title_of(case.alarm, self._config) if case else case_key

    def refresh(self, case_key: str, why: str) -> None:
        """Queue an edit of the case's message at each destination that can edit messages. `why` is part of
        the items' ids, so a second call for the same reason adds nothing."""
        case = self._ledger.cases.get(case_key)
        for name in case.told if case else ():
            if name in self._destinations.editable:
                item = items.RefreshCase(name, case_key)
                self._deliveries.put(items.encode(item), id=f"refresh:{case_key}:{why}:{name}", lane=name)

    def announce(self, alarm: Alarm, names: Iterable[str]) -> None:
        """Send one of huntbridge's own events about a case to these destinations, and record it. A second
        call with the same event sends nothing, because the items have the same ids."""
        configured = [name for name in names if name in self._config.destinations]
        for name in configured:
            item = items.DeliverAlarm(name, dump(alarm))
            self._deliveries.put(items.encode(item), id=f"{alarm.event.id}:{name}", lane=name)
        self._ledger.events.save_whole_alarm(alarm)
        event = replace(alarm.event, evidence_id=None)  # the event reports no alarms of the evidence
        self._ledger.events.record_routed(
            event,
            alarm.severity,
            configured,
            case=alarm.case_key,
            facts=event_facts(alarm, self._config),
        )


def opening(
    alarm: Alarm, told: Iterable[str], trackers: Sequence[str], config: Config, now: datetime
) -> CaseStatus:
    """What a message shows of a case that begins with this alarm. `told`: the destinations that get the
    alarm."""
    if not _can_be_acknowledged(alarm):
        return CaseStatus()
    return CaseStatus(offers=offers(Case(alarm, tuple(told)), trackers, config, now))


def event_about(alarm: Alarm, kind: str, about: str, at: datetime) -> Event:
    """One of huntbridge's own events, which belongs to the same case as `alarm`. `about` makes its id
    unique."""
    return replace(alarm.event, id=f"{kind}:{about}", kind=kind, received_at=at, title="", text="", note="")


def _reopening(alarm: Alarm, at: datetime) -> CaseDecision:
    """The decision by which a new alarm reopens its case: the same one whenever the alarm is handled."""
    digest = hashlib.sha256(_first_id(alarm).encode("utf-8", "surrogatepass")).hexdigest()[:16]
    event = one_line(_first_id(alarm), 100)
    return CaseDecision(f"alarm-{digest}", Action.REOPEN, "huntbridge", at, f"alarm {event}", alarm=event)


def _first_id(alarm: Alarm) -> str:
    """The id of the event, or of the event that this alarm repeats on request."""
    return alarm.sent_again.event_id if alarm.sent_again else alarm.event.id


def _held(held: Mapping[str, datetime | None], told: Collection[str]) -> dict[str, datetime | None]:
    return {name: until for name, until in held.items() if name not in told}


def union(names: Iterable[str], more: Iterable[str]) -> tuple[str, ...]:
    """Each name once, in the order of their first occurrence."""
    return tuple(dict.fromkeys((*names, *more)))


def _is_no_news(alarm: Alarm) -> bool:
    """Whether the message says nothing new about the system, so that the case's message stays as it is."""
    return alarm.event.kind in NO_NEWS or alarm.sent_again is not None


def _can_be_acknowledged(alarm: Alarm) -> bool:
    return alarm.severity is not Severity.INFO and alarm.event.kind not in OWN_KINDS | {TEST}


def _counted(case: Case, event: Event) -> Case:
    """The case with one more alarm, unless the event was counted before."""
    if event.id in case.newest_alarms:
        return case
    is_first = case.alarm.event.id == event.id
    before = case.alarms or (0 if is_first else 1)  # earlier versions did not count
    first = case.opened_at or case.alarm.event.received_at
    return replace(
        case,
        opened_at=min(first, event.received_at),
        last_at=max(case.last_at or first, event.received_at),
        alarms=before + 1,
        newest_alarms=(*case.newest_alarms, event.id)[-MAX_NEWEST_ALARMS:],
    )
