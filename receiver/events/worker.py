"""Handles the items of [events]. Most are webhooks, and some are events that huntbridge raised itself. Clicks
in Slack, decisions about cases, reminders and notices are handed to their own handlers (receiver/cases,
shared/queues).

An event goes through these steps: parse → enrich → keep → dedupe → history → judge → route → enqueue →
record. An alarm of which people are told nothing is recorded and not routed. What the first attempt knew is
kept, and from there each step gives the same result when it is repeated. So if a worker dies, the next one
starts its item from the beginning.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from receiver.cases.actions import CaseActions
from receiver.cases.closed_issues import ClosedIssues
from receiver.cases.judge import Judge, told_part
from receiver.cases.lifecycle import CaseLifecycle
from receiver.cases.send_reminders import CaseReminders
from receiver.destinations.daily_check import DestinationChecks
from receiver.events.dedupe import Dedupe, run_of
from receiver.events.enrich import Enricher
from receiver.events.history import History
from receiver.events.hold import Target
from receiver.events.mutes import covering, mutes_of
from receiver.events.parse.webhook import parse
from receiver.events.route import targets
from receiver.messages.event_facts import event_facts
from receiver.messages.subject import system_of
from shared import log_context
from shared.config.config import Config
from shared.metrics.definitions import EVENTS_HANDLED, kind_label
from shared.models.alarms import Alarm, Earlier
from shared.models.codec import dump, load
from shared.models.event_kinds import ALARM_KINDS, DESTINATION_BROKEN
from shared.models.events import Event
from shared.models.holds import Hold
from shared.models.judgements import Judgement
from shared.models.mutes import Mute
from shared.models.severity import Severity
from shared.models.system_findings import Status
from shared.models.systems import Kind
from shared.queues import items
from shared.queues.dead_letter_notices import DeadLetterNotices, alarm_of_event
from shared.queues.heartbeats import Heartbeats
from shared.queues.ports import EVENTS, Dead, Done, Item, Queue, Verdict
from shared.queues.sizes import fitted_alarm
from shared.queues.worker import attempt
from shared.storage.ledger.ledger import Ledger
from shared.storage.ledger.refusals import RefusalCounts, Refused
from shared.storage.ports import TooLarge

log = logging.getLogger(__name__)


@dataclass(eq=False, repr=False)
class EventWorker:
    """Handles the items of [events]."""

    config: Config
    ledger: Ledger
    deliveries: Queue
    enricher: Enricher
    dedupe: Dedupe
    history: History
    judge: Judge
    cases: CaseLifecycle
    actions: CaseActions
    reminders: CaseReminders
    notices: DeadLetterNotices
    heartbeats: Heartbeats
    checks: DestinationChecks
    closed_issues: ClosedIssues
    now: Callable[[], datetime]
    refusals: RefusalCounts

    def handle(self, item: Item) -> Verdict:
        """Handles one item of [events]."""
        verdict = attempt(self._dispatch, item)
        if isinstance(verdict, Dead):
            self.notices.count(EVENTS, item, verdict.reason, _alarm_of(item))
        return verdict

    def _dispatch(self, item: Item) -> Verdict:
        match content := items.decode(item.body):
            case items.DeadLetterNotice():
                return self.notices.send(content.about)
            case items.SlackClick():
                return self.actions.click(item.id, content)
            case items.SlackTerms():
                return self.actions.choose_terms(item.id, content)
            case items.AcknowledgeCase():
                return self.actions.acknowledge(content)
            case items.DecideCase():
                return self.actions.decide(content)
            case items.Reminder():
                return self.reminders.remind(content)
            case items.Escalation():
                return self.reminders.escalate(content)
            case items.Heartbeat():
                return self.heartbeats.send(content)
            case items.DailyCheck():
                return self.checks.check(content, claims=item.claims)
            case items.DigestDue():
                digest = items.DeliverDigest(content.destination, content.digest_id)
                self.deliveries.put(
                    items.encode(digest),
                    id=f"{digest.digest_id}:{digest.destination}",
                    lane=digest.destination,
                )
                return Done()
            case items.LookAtIssues():
                return self.closed_issues.look(content)
            case items.RefusedWebhooks():
                self.refusals.add(load(Refused, counts) for counts in content.counts)
                return Done()
            case _:
                if isinstance(content, items.Webhook):
                    log_context.add(event=item.id)
                return self._handle_event(*_event_of(item, content))

    def _handle_event(self, event: Event, webhook: bytes | None) -> Verdict:
        """`webhook` is the body that brought the event; None if huntbridge raised the event itself."""
        log_context.add(event=event.id)
        if self.ledger.events.routed_to(event.id) is not None:
            return Done()  # an earlier attempt finished the event
        alarm = self.enricher.enrich(event)
        kept = self._first_known(alarm)
        if kept.judgement is None or kept.judgement.tell:
            alarm = kept  # people may have been told of it by now
        self._save_name(alarm)
        decision = self.dedupe.decide(alarm, webhook)
        if decision.merged_into:
            return self._merge(alarm, decision.merged_into)
        judgement = alarm.judgement  # that of an earlier attempt, if it had one
        if judgement is None:
            alarm = replace(
                alarm,
                earlier=self._told(decision.earlier),
                may_repeat=decision.may_repeat,
                change=self.history.compare(alarm),
            )
            alarm = self._with_quiet(alarm)
            muted = covering(alarm, mutes_of(self.config, self.ledger), self.config, self.now())
            judgement = self.judge.judge(alarm, muted)
            if judgement is None and muted.whole:
                return self._mute(alarm, muted.whole)
            if judgement:
                alarm = told_part(alarm, judgement)
            else:
                alarm = replace(alarm, case=alarm.case or self.judge.case_of(alarm))
            if alarm != kept:
                self._keep(alarm)
        if judgement:
            self._record_quiet(alarm, judgement)
            if not judgement.tell:
                return self._withhold(alarm, judgement)
        destinations = targets(alarm, self.config, self.now())
        if not destinations and alarm.event.kind == DESTINATION_BROKEN:
            log.error("a destination is broken, and there is no other to tell of it")
            self._record(alarm, [])
            return Done()
        if not destinations:
            return Dead("no destination is configured")
        return self._send_to(destinations, alarm)

    def _withhold(self, alarm: Alarm, judgement: Judgement) -> Verdict:
        """Record an alarm of which people are told nothing. What was told before of its case is brought up to
        date."""
        if judgement.still:
            self.cases.still_there(_fitted(alarm), judgement)
        self._record_outcome(alarm)
        self._record(alarm, [], case=judgement.case, mute=judgement.muted_by)
        log.info(
            "event withheld",
            extra={
                "event": alarm.event.id,
                "kind": alarm.event.kind,
                "severity": alarm.severity.value,
                "case": judgement.case,
                "known": sum(each.status is Status.KNOWN for each in judgement.findings),
                "muted": sum(each.status is Status.MUTED for each in judgement.findings),
                "still_there": len(judgement.still),
            },
        )
        return Done()

    def _record_quiet(self, alarm: Alarm, judgement: Judgement) -> None:
        """Record what people are not told of, for the digest of the hunt, and count it for the entries and
        mutes that withhold it."""
        for status, id in {(each.status, each.by) for each in judgement.withheld}:
            hit = self.ledger.known_good.hit if status is Status.KNOWN else self.ledger.mutes.hit
            hit(id, alarm.event.id)
        system, hunt_id = system_of(alarm), alarm.hunt.id if alarm.hunt else alarm.event.hunt_id
        if hunt_id and system:
            self.ledger.findings.save_quiet(hunt_id, system.lasting, judgement)

    def _with_quiet(self, alarm: Alarm) -> Alarm:
        """The alarm; the report of a hunt says what people were not told of. It is read here and not when the
        hunt ends, since the last alarms of the hunt are handled in between."""
        event = alarm.event
        if event.report is None or not event.hunt_id:
            return alarm
        report = replace(event.report, quiet=self.ledger.findings.quiet(event.hunt_id))
        return replace(alarm, event=replace(event, report=report))

    def _save_name(self, alarm: Alarm) -> None:
        """Store the name of the instance, for the report of the hunt."""
        is_ec2 = alarm.system is None or alarm.system.kind is Kind.EC2  # others have their names in their ids
        if is_ec2 and alarm.instance and alarm.instance.name:
            self.ledger.instance_names.save(alarm.instance.id, alarm.instance.name)

    def _told(self, earlier: Earlier | None) -> Earlier | None:
        """What was withheld is nothing that an update could add to."""
        withheld = earlier is not None and self.ledger.events.routed_to(earlier.event_id) == []
        return None if withheld else earlier

    def _mute(self, alarm: Alarm, mute: Mute) -> Verdict:
        """Record an alarm that a mute covers. Nobody is told of it."""
        self._record_outcome(alarm)
        self.ledger.mutes.hit(mute.id, alarm.event.id)
        self._record(alarm, [], mute=mute.id)
        log.info("event muted", extra={"event": alarm.event.id, "kind": alarm.event.kind, "mute": mute.id})
        return Done()

    def _merge(self, alarm: Alarm, merged_into: str) -> Verdict:
        self.ledger.events.forget_alarm(alarm.event.id)
        self._record(alarm, [], merged_into=merged_into)
        log.info(
            "event merged",
            extra={"event": alarm.event.id, "kind": alarm.event.kind, "merged_into": merged_into},
        )
        return Done()

    def _send_to(self, targets: list[Target], alarm: Alarm) -> Verdict:
        fitted = _fitted(alarm)
        holds = {target.name: target.hold for target in targets if target.hold}
        destinations = self.cases.add(fitted, [target.name for target in targets], holds)
        # Enqueue before recording. After a crash in between, the id makes a second item harmless. The other
        # order could lose a delivery.
        self._enqueue(fitted, destinations, holds)
        self._record_outcome(alarm)
        self._record(alarm, destinations)
        log.info(
            "event routed",
            extra={
                "event": alarm.event.id,
                "kind": alarm.event.kind,
                "severity": alarm.severity.value,
                "destinations": ", ".join(destinations),
                "held_for": ", ".join(holds) or None,
            },
        )
        return Done()

    def _first_known(self, alarm: Alarm) -> Alarm:
        """The alarm as the first attempt to handle its event knew it. The platform may answer only one of two
        attempts. Without this, findings could count as told though the message of the other attempt, which
        was sent, does not have them."""
        try:
            return self.ledger.events.first_known(alarm)
        except TooLarge as error:
            _log_too_large(alarm, error)
            return alarm

    def _keep(self, alarm: Alarm) -> None:
        try:
            self.ledger.events.save_whole_alarm(alarm)
        except TooLarge as error:
            _log_too_large(alarm, error)

    def _enqueue(self, alarm: Alarm, destinations: list[str], holds: Mapping[str, Hold]) -> None:
        """One item of [deliveries] for each destination."""
        dumped = dump(alarm)
        for name in destinations:
            hold = dump(holds[name]) if name in holds else None
            self.deliveries.put(
                items.encode(items.DeliverAlarm(name, dumped, hold)),
                id=f"{alarm.event.id}:{name}",
                urgent=alarm.severity is Severity.MALICIOUS,
                durable=False,
                lane=name,
            )

    def _record_outcome(self, alarm: Alarm) -> None:
        """Record what the capture of the system brought, for the coverage."""
        if alarm.capture and alarm.event.kind in ALARM_KINDS:
            captured = alarm.capture
            self.ledger.systems.alarm_raised(
                captured.system, captured.hunt_id, alarm.severity, alarm.event.received_at
            )

    def _record(
        self,
        alarm: Alarm,
        destinations: list[str],
        *,
        merged_into: str = "",
        mute: str = "",
        case: str | None = None,
    ) -> None:
        """Record that the event is done, and the destinations of its alarm. `case`: None for the alarm's."""
        self.ledger.events.record_routed(
            alarm.event,
            alarm.severity,
            destinations,
            case=alarm.case_key if case is None else case,
            merged_into=merged_into,
            mute=mute,
            run=run_of(alarm),
            confirmed=alarm.confirmed,
            facts=event_facts(alarm, self.config),
        )
        EVENTS_HANDLED.add(kind=kind_label(alarm.event.kind), severity=alarm.severity.value)


def _log_too_large(alarm: Alarm, error: TooLarge) -> None:
    log.error("only a part of the event is kept", extra={"event": alarm.event.id, "error": error})


def _fitted(alarm: Alarm) -> Alarm:
    """The alarm, cut to the size of a queue item. The ledger keeps the whole alarm."""
    whole = dump(alarm)
    fitted = fitted_alarm(whole)
    return alarm if fitted is whole else load(Alarm, fitted)


def _event_of(item: Item, content: items.Content) -> tuple[Event, bytes | None]:
    """The event, and the body of the webhook if a webhook brought the event. Raises ValueError."""
    match content:
        case items.OwnEvent():
            return load(Event, content.event), None
        case items.Webhook(body, received_at):
            return parse(body, id=item.id, received_at=received_at), body
    raise ValueError(f"[events] has no items of kind {content.kind}")


def _alarm_of(item: Item) -> Alarm | None:
    """The alarm of an item that could not be handled; None if the item cannot be read."""
    try:
        event, _ = _event_of(item, items.decode(item.body))
    except ValueError:
        return None
    return alarm_of_event(event)
