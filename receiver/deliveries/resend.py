"""Sends an event again to one destination, because a person asks for it. The commands and the console use
this.

The repeat is an event of its own with the same kind, so its delivery is recorded like any other. Its message
says who asked for it, and which event it repeats. It reopens no case and no issue.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from receiver.messages.event_facts import event_facts
from shared.config.config import Config
from shared.models.alarms import Alarm, SentAgain
from shared.models.cases import Case
from shared.models.codec import dump
from shared.models.people import Person
from shared.models.severity import Severity
from shared.queues import items
from shared.queues.ports import Queue
from shared.queues.sizes import fitted_alarm
from shared.storage import audit, kinds
from shared.storage.ledger.ledger import Ledger
from shared.storage.ports import Body, Store, TooLarge
from shared.storage.queries.events import EventDetail, EventQueries

log = logging.getLogger(__name__)

_REPEAT = "again"
_MAX_ID = 300  # characters
ONE_REQUEST = timedelta(minutes=1)  # the same request again within this time counts as the same one


class NothingToSend(Exception):
    """The event cannot be sent again. The text is a sentence without a full stop for the person."""


@dataclass(eq=False, repr=False)
class Resending:
    events: EventQueries
    ledger: Ledger
    store: Store
    deliveries: Queue
    config: Config
    now: Callable[[], datetime]

    def send_again(self, event_id: str, destination: str, person: Person) -> str:
        """Queue the event for the destination. Returns the id of the repeat, under which its delivery is
        recorded. Raises NothingToSend."""
        alarm, first = self._found(event_id, destination)
        id, at = self._request(first, destination)
        case_key = alarm.case_key
        again = _marked(alarm, id, SentAgain(first, person.name, at))
        # What is decided about the case from now on is told there as well.
        case = self.ledger.cases.change(case_key, lambda case: _with_told(case, destination))
        self.deliveries.put(
            items.encode(items.DeliverAlarm(destination, fitted_alarm(dump(again)))),
            id=f"{id}:{destination}",
            urgent=alarm.severity is Severity.MALICIOUS,
            lane=destination,
        )
        self._keep(again)
        self.ledger.events.record_routed(
            replace(again.event, evidence_id=None),  # the repeat reports no alarms of the evidence
            again.severity,
            [destination],
            case=case_key,
            facts=event_facts(again, self.config),
        )
        about = case_key if case else event_id
        after = {"event": event_id, "to": destination, "sent_as": id}
        entry = audit.Entry(at, audit.EVENT_RESEND, person.name, person.origin, about, {}, after)
        audit.record(self.store, entry, id)
        return id

    def would_send(self, event_id: str, destination: str, person: Person) -> Alarm:
        """The alarm that `send_again` would queue, with an id that it does not get. Writes nothing. Raises
        NothingToSend."""
        alarm, first = self._found(event_id, destination)
        return _marked(alarm, _id(first, "not-sent"), SentAgain(first, person.name, self.now()))

    def _found(self, event_id: str, destination: str) -> tuple[Alarm, str]:
        """What the event said, and the id of the event that is repeated. Raises NothingToSend."""
        if destination not in self.config.destinations:
            raise NothingToSend(f"there is no destination {destination!r} in the configuration")
        alarm = self._alarm(event_id, self.events.get(event_id))
        # A repeat that is sent again repeats the first event, and its id does not grow.
        return alarm, alarm.sent_again.event_id if alarm.sent_again else event_id

    def _alarm(self, event_id: str, detail: EventDetail | None) -> Alarm:
        """What the event said. Raises NothingToSend."""
        if detail is None:
            raise NothingToSend(f"there is no event {event_id!r}")
        if detail.row.merged_into:
            covered_by = f"the message of event {detail.row.merged_into} covers it; send that one again"
            raise NothingToSend(f"event {event_id} was never sent itself: {covered_by}")
        if detail.alarm is None:
            kept = "an earlier version of huntbridge sent it and kept no copy"
            raise NothingToSend(f"nothing is left of event {event_id}: {kept}")
        return detail.alarm

    def _keep(self, again: Alarm) -> None:
        try:
            self.ledger.events.save_whole_alarm(again)
        except TooLarge as error:
            log.error("only a part of the event is kept", extra={"event": again.event.id, "error": error})

    def _request(self, first: str, destination: str) -> tuple[str, datetime]:
        """The id and the time of this request; those of the last one if it was made within a minute."""
        now = self.now()
        token = secrets.token_hex(4)

        def request(body: Body | None) -> tuple[dict[str, Any] | None, tuple[str, datetime]]:
            if body:
                at = datetime.fromisoformat(body["at"])
                if timedelta() <= now - at < ONE_REQUEST:
                    return None, (str(body["id"]), at)
            id = _id(first, token)
            return {"id": id, "at": now.isoformat()}, (id, now)

        return self.store.update(kinds.RESENT, first, destination, request)


def _marked(alarm: Alarm, id: str, sent_again: SentAgain) -> Alarm:
    """The repeat of the alarm as an event of its own."""
    event = replace(alarm.event, id=id)
    return replace(alarm, event=event, case=alarm.case_key, earlier=None, sent_again=sent_again)


def _with_told(case: Case | None, destination: str) -> Case | None:
    if case is None or destination in case.told:
        return case
    return replace(case, told=(*case.told, destination))


def is_repeat(event_id: str) -> bool:
    """Whether the event repeats another one because a person asked for it."""
    return event_id.startswith(f"{_REPEAT}:")


def _id(first: str, token: str) -> str:
    """The id of a repeat of this event. It begins with a word of its own, so that the beginning of the first
    event's id stays unique."""
    if len(first) > _MAX_ID:
        first = hashlib.sha256(first.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    return f"{_REPEAT}:{first}:{token}"
