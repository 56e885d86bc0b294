"""Handles the items of [events]. Most are webhooks, and some are events that huntbridge raised itself. Clicks
in Slack, decisions about cases, reminders and notices are handed to their own handlers (receiver/cases,
shared/queues).

An event goes through these steps: parse → enrich → dedupe → history → route → enqueue → record. Each step
gives the same result when it is repeated. So if a worker dies, the next one starts its item from the
beginning.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

from receiver.cases.actions import CaseActions
from receiver.cases.lifecycle import CaseLifecycle
from receiver.cases.send_reminders import CaseReminders
from receiver.events.dedupe import Dedupe, run_of
from receiver.events.enrich import Enricher
from receiver.events.history import History
from receiver.events.parse.webhook import parse
from receiver.events.route import route
from receiver.messages.event_facts import event_facts
from shared import log_context
from shared.config.config import Config
from shared.metrics.definitions import EVENTS_HANDLED, kind_label
from shared.models.alarms import Alarm
from shared.models.codec import dump, load
from shared.models.event_kinds import ALARM_KINDS
from shared.models.events import Event
from shared.models.severity import Severity
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
    cases: CaseLifecycle
    actions: CaseActions
    reminders: CaseReminders
    notices: DeadLetterNotices
    heartbeats: Heartbeats
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
            case items.AcknowledgeCase():
                return self.actions.acknowledge(content)
            case items.DecideCase():
                return self.actions.decide(content)
            case items.Reminder():
                return self.reminders.remind(content)
            case items.Heartbeat():
                return self.heartbeats.send(content)
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
        self._save_name(alarm)
        decision = self.dedupe.decide(alarm, webhook)
        if decision.merged_into:
            return self._merge(alarm, decision.merged_into)
        alarm = replace(
            alarm,
            earlier=decision.earlier,
            may_repeat=decision.may_repeat,
            change=self.history.compare(alarm),
        )
        destinations = route(alarm, self.config)
        if not destinations:
            return Dead("no destination is configured")
        return self._send_to(destinations, alarm)

    def _save_name(self, alarm: Alarm) -> None:
        """Store the name of the instance, for the report of the hunt."""
        if alarm.instance and alarm.instance.name:
            self.ledger.instance_names.save(alarm.instance.id, alarm.instance.name)

    def _merge(self, alarm: Alarm, merged_into: str) -> Verdict:
        self._record(alarm, [], merged_into=merged_into)
        log.info(
            "event merged",
            extra={"event": alarm.event.id, "kind": alarm.event.kind, "merged_into": merged_into},
        )
        return Done()

    def _send_to(self, destinations: list[str], alarm: Alarm) -> Verdict:
        fitted = self._fitted(alarm)
        destinations = self.cases.add(fitted, destinations)
        # Enqueue before recording. After a crash in between, the id makes a second item harmless. The other
        # order could lose a delivery.
        self._enqueue(fitted, destinations)
        self._record_outcome(alarm)
        self._record(alarm, destinations)
        log.info(
            "event routed",
            extra={
                "event": alarm.event.id,
                "kind": alarm.event.kind,
                "severity": alarm.severity.value,
                "destinations": ", ".join(destinations),
            },
        )
        return Done()

    def _fitted(self, alarm: Alarm) -> Alarm:
        """The alarm, cut to the size of a queue item. The ledger keeps the whole alarm."""
        try:
            self.ledger.events.save_whole_alarm(alarm)
        except TooLarge as error:
            log.error("only a part of the event is kept", extra={"event": alarm.event.id, "error": error})
        whole = dump(alarm)
        fitted = fitted_alarm(whole)
        return alarm if fitted is whole else load(Alarm, fitted)

    def _enqueue(self, alarm: Alarm, destinations: list[str]) -> None:
        """One item of [deliveries] for each destination."""
        dumped = dump(alarm)
        for name in destinations:
            self.deliveries.put(
                items.encode(items.DeliverAlarm(name, dumped)),
                id=f"{alarm.event.id}:{name}",
                urgent=alarm.severity is Severity.MALICIOUS,
                durable=False,
            )

    def _record_outcome(self, alarm: Alarm) -> None:
        """Record what the capture of the system brought, for the coverage."""
        if alarm.capture and alarm.event.kind in ALARM_KINDS:
            captured = alarm.capture
            self.ledger.systems.alarm_raised(
                captured.system, captured.hunt_id, alarm.severity, alarm.event.received_at
            )

    def _record(self, alarm: Alarm, destinations: list[str], *, merged_into: str = "") -> None:
        """Record that the event is done, and the destinations of its alarm."""
        self.ledger.events.record_routed(
            alarm.event,
            alarm.severity,
            destinations,
            case=alarm.case_key,
            merged_into=merged_into,
            run=run_of(alarm),
            confirmed=alarm.confirmed,
            facts=event_facts(alarm, self.config),
        )
        EVENTS_HANDLED.add(kind=kind_label(alarm.event.kind), severity=alarm.severity.value)


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
