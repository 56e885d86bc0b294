"""The record of events: where each one was sent, and which processing runs were reported."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

from shared.models.alarms import Alarm, AlarmRun
from shared.models.codec import dump, dump_short, load
from shared.models.events import Event, EventFacts, RoutedEvent
from shared.models.severity import Severity
from shared.storage import kinds
from shared.storage.ledger import documents
from shared.storage.ports import Body, Store


class Events:
    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        self._store, self._now = store, now

    def routed_to(self, event_id: str) -> list[str] | None:
        """The destinations that an event was sent to; None if it was not routed yet."""
        record = self._store.get(kinds.EVENT, event_id, "routed")
        return list(record.body["to"]) if record else None

    def record_routed(
        self,
        event: Event,
        severity: Severity,
        to: list[str],
        *,
        case: str = "",
        merged_into: str = "",
        mute: str = "",
        run: str = "",
        confirmed: bool = True,
        facts: EventFacts | None = None,
    ) -> None:
        """`merged_into` is the event whose message already covers this event; `mute` is the mute that covers
        it; `run` is the processing run, if it is known. `confirmed`: the platform itself names the evidence
        that the event is about. `facts` are what lists show of it.

        An event keeps the time at which it was first recorded, so that a list has it at one place only.
        """
        body = {
            "id": event.id,
            "kind": event.kind,
            "severity": severity,
            "evidence_id": event.evidence_id,
            "to": to,
            "at": self._now().isoformat(),
            "merged_into": merged_into,
            "run": run,
            "case": case,
            "confirmed": confirmed,
            "mute": mute,
        }
        self._store.put(kinds.PROJECT_EVENT, str(event.project_id or "-"), event.id, body, durable=False)
        whole = body | {"facts": dump(facts or EventFacts())}
        place = (kinds.EVENT, event.id, "routed")
        if not self._store.put(*place, whole, expect=0, durable=False):
            self._store.update(*place, lambda old: (_at_first(old, whole), None), durable=False)

    def case_of(self, event_id: str) -> str:
        """The key of the case that an event belongs to; empty for an unknown event."""
        record = self._store.get(kinds.EVENT, event_id, "routed")
        return str(record.body.get("case", "")) if record else ""

    def of_project(self, project_id: int | None) -> list[RoutedEvent]:
        """The routed events of one project. With None, the events that name no project."""
        return documents.read_all(self._store, RoutedEvent, kinds.PROJECT_EVENT, str(project_id or "-"))

    def first_known(self, alarm: Alarm) -> Alarm:
        """The alarm of this event that is kept; if none is, this one from now on. Two attempts to handle an
        event may know different things of it, so all of them go on with what the first one knew. Raises
        TooLarge."""
        place = (kinds.WHOLE_ALARM, alarm.event.id, "-")
        if self._store.put(*place, dump_short(alarm), expect=0, durable=False):
            return alarm
        return self.whole_alarm(alarm.event.id) or alarm

    def forget_alarm(self, event_id: str) -> None:
        """Keep the alarm of an event no longer, since people are not told of that event."""
        self._store.delete(kinds.WHOLE_ALARM, event_id, "-")

    def save_whole_alarm(self, alarm: Alarm) -> None:
        """Keep the alarm of an event, so that it can be shown and sent again. A queue item holds only a part
        of a large alarm. Raises TooLarge."""
        self._store.put(kinds.WHOLE_ALARM, alarm.event.id, "-", dump_short(alarm), durable=False)

    def whole_alarm(self, event_id: str) -> Alarm | None:
        """None if the event is unknown, or if an earlier version handled it: that kept only alarms that were
        too large for a queue item."""
        return documents.read(self._store, Alarm, kinds.WHOLE_ALARM, event_id, "-")

    def whole_alarms(self, event_ids: Iterable[str]) -> dict[str, Alarm]:
        """The alarms of these events that are known, as `whole_alarm` returns them, read together."""
        keys = {id: (kinds.WHOLE_ALARM, id, "-") for id in event_ids}
        read = self._store.read_many(list(keys.values())) if keys else {}
        return {id: load(Alarm, read[key].body) for id, key in keys.items() if key in read}

    def alarm_runs(self, project_id: int) -> dict[int, AlarmRun]:
        """The last known processing run of each evidence of a project, by evidence id."""
        runs = documents.read_all(self._store, AlarmRun, kinds.ALARM_RUN, str(project_id))
        return {run.evidence_id: run for run in runs}

    def save_alarm_run(self, run: AlarmRun) -> None:
        self._store.put(kinds.ALARM_RUN, str(run.project_id), str(run.evidence_id), dump(run), durable=False)


def _at_first(old: Body | None, new: Body) -> Body:
    return new | {"at": old["at"]} if old else new
