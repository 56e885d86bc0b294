"""The durable record of hunts, captures, events, cases and deliveries.

`Store` is the port that a database has to fill: small documents with versions. `Ledger` is what the
rooms use, written once on top of it, so that every side answers alike.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from shared.models.acknowledgements import Acknowledgement, Unacknowledged
from shared.models.alarms import Alarm, AlarmRun
from shared.models.captures import Capture, CaptureState
from shared.models.cases import CaseFile
from shared.models.codec import dump, load
from shared.models.deliveries import Delivery
from shared.models.events import Event
from shared.models.hunts import Hunt, HuntState
from shared.models.severity import Severity
from shared.models.systems import System
from shared.queues.ports import NotNow
from shared.storage.stored_times import is_future, within_last

_LAST_FINISHED = ("clock", "", "@finished")  # no hunt can be called so
PAST_HUNTS = 4  # that are remembered of an instance: the last three, and the one under way


@dataclass(frozen=True)
class Record:
    group: str
    name: str
    version: int  # 1 when it was first written, one more with every write
    body: dict[str, Any]


class Store(Protocol):
    """Documents by (kind, group, name). A write is durable when it returns."""

    def get(self, kind: str, group: str, name: str) -> Record | None: ...

    def put(
        self,
        kind: str,
        group: str,
        name: str,
        body: dict[str, Any],
        *,
        expect: int | None = None,
        durable: bool = True,
    ) -> bool:
        """Write a document. `expect` is the version that must be there (0: none); None writes always.
        Not `durable`: a power cut may take it back with all that came after it, though no crash does. That is
        enough for what is worked out anew from an item that is back as well; the next durable write makes it
        durable too.

        False where another version was found, and then nothing was written.
        """
        ...

    def delete(self, kind: str, group: str, name: str) -> None: ...

    def scan(self, kind: str, group: str) -> Iterator[Record]:
        """All documents of one group, by name."""
        ...

    def groups(self, kind: str, prefix: str, limit: int) -> list[str]:
        """The groups of a kind that begin with `prefix`, sorted, at most `limit`. May take long on AWS: for
        what a person asks, and not for the work on an item."""
        ...


@dataclass(frozen=True)
class Case:
    """How a case stands at one destination, for one delivery."""

    ref: str = ""  # what the destination gave back for an earlier message of it
    opens: bool = False  # this delivery has it to itself: it opens it, or it is its turn
    unsure: bool = False  # somebody tried before, and it is not known how that ended
    wait: float = 0.0  # seconds at most until another one that opens it must be done


class StoreError(NotNow):
    """The store cannot be written or read; the text says why and is safe to show."""


class Ledger:
    def __init__(self, store: Store, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._now = clock

    # hunts

    def open_hunt(self, hunt: Hunt) -> Hunt:
        """Record a hunt, or return the one that is recorded under its identity."""
        hunt = replace(hunt, created_at=self._now())
        if self._store.put("hunt", hunt.name, hunt.id, dump(hunt), expect=0):
            self._store.put("open-hunt", "", hunt.id, {"name": hunt.name})
            return hunt
        found = self.hunt(hunt.id)
        assert found is not None
        if found.state in (HuntState.PLANNED, HuntState.RUNNING):
            # A crash between the two writes above leaves a hunt that nobody would follow.
            self._store.put("open-hunt", "", hunt.id, {"name": hunt.name})
        return found

    def reopen_hunt(self, hunt: Hunt) -> Hunt:
        """Start a hunt again that failed before anything was asked for."""
        # The hunt last: after a crash in between it is still one that may be started again.
        for capture in self.captures(hunt.id):
            self.update_capture(
                capture, state=CaptureState.PLANNED, reason="", ended_at=None, released_at=None
            )
        self._store.put("open-hunt", "", hunt.id, {"name": hunt.name})
        return self.change_hunt(
            hunt.id,
            lambda found: replace(
                found,
                state=HuntState.PLANNED,
                reason="",
                finished_at=None,
                began_at=None,
                attempt=hunt.attempt + 1,
            ),
        )

    def retry_hunt(self, hunt: Hunt, *, by: str, same_project: bool) -> Hunt:
        """A hunt that is over is under way again, for captures that are planned once more."""
        self._store.put("open-hunt", "", hunt.id, {"name": hunt.name})
        if same_project:
            self._store.put("checked-project", "", str(hunt.project_id), {"hunt_id": hunt.id})
        return self.change_hunt(
            hunt.id,
            lambda found: replace(
                found,
                state=HuntState.RUNNING if same_project else HuntState.PLANNED,
                project_id=found.project_id if same_project else None,
                reason="",
                trigger=f"{found.trigger}; again by {by}" if found.trigger else by,
                finished_at=None,
                began_at=None if found.over else found.began_at,
                stopped_by="",
                attempt=found.attempt + 1 if found.over else found.attempt,
            ),
        )

    def replan_hunt(self, hunt_id: str, planned: Hunt) -> Hunt:
        """Give a hunt for which there was no system those that there are by now."""
        return self.change_hunt(
            hunt_id,
            lambda found: replace(
                found, systems=planned.systems, problems=planned.problems, left_out=planned.left_out
            ),
        )

    def take_turn(self, hunt: Hunt) -> Hunt | None:
        """The hunt with its turn taken: of all hunts of one name one at a time has it, until it is over.
        None where another one has it."""
        while True:
            record = self._store.get("turn", "", hunt.name)
            holder = record.body["hunt_id"] if record else hunt.id
            if record and holder == hunt.id:
                break
            other = self.hunt(holder) if record else None
            if other and other.state in (HuntState.PLANNED, HuntState.RUNNING):
                return None
            version = record.version if record else 0
            if self._store.put("turn", "", hunt.name, {"hunt_id": hunt.id}, expect=version):
                break
        now = self._now()
        return self.change_hunt(hunt.id, lambda found: replace(found, began_at=found.began_at or now))

    def whose_turn(self, name: str) -> str:
        """The id of the hunt of this name that had the last turn."""
        record = self._store.get("turn", "", name)
        return str(record.body["hunt_id"]) if record else ""

    def hunt(self, hunt_id: str) -> Hunt | None:
        record = self._store.get("hunt", hunt_id.rpartition("@")[0], hunt_id)
        return load(Hunt, record.body) if record else None

    def hunts(self, name: str) -> list[Hunt]:
        """Every recorded run of one hunt definition, newest first."""
        found = [load(Hunt, record.body) for record in self._store.scan("hunt", name)]
        return sorted(found, key=lambda hunt: hunt.scheduled_at, reverse=True)

    def open_hunts(self) -> list[Hunt]:
        names = [record.name for record in self._store.scan("open-hunt", "")]
        return [hunt for hunt in map(self.hunt, names) if hunt]

    def start_hunt(self, hunt_id: str, project_id: int) -> Hunt:
        """The platform has a project for it: from here on, that project's alarms are this hunt's."""
        self._store.put("checked-project", "", str(project_id), {"hunt_id": hunt_id})
        self._store.put("project", "", str(project_id), {"hunt_id": hunt_id})
        return self.change_hunt(
            hunt_id, lambda hunt: replace(hunt, state=HuntState.RUNNING, project_id=project_id)
        )

    def end_hunt(self, hunt_id: str, state: HuntState, reason: str = "") -> Hunt:
        now = self._now()
        hunt = self.change_hunt(
            hunt_id, lambda hunt: replace(hunt, state=state, reason=reason, finished_at=now)
        )
        self._store.delete("open-hunt", "", hunt_id)
        if state is HuntState.FINISHED:
            self._store.put(*_LAST_FINISHED, {"at": now.isoformat()})
        return hunt

    def last_finished(self, known: Collection[str]) -> datetime:
        """When a hunt finished last; while none ever did, when this was first asked for. `known` are names of
        hunts, whose runs are looked through once: the version before did not write this down."""
        record, now = self._store.get(*_LAST_FINISHED), self._now()
        if record:
            return datetime.fromisoformat(record.body["at"])
        first = self._store.get("clock", "", "@follow")  # the version before wrote when it first looked
        ends = [
            hunt.finished_at
            for name in known
            for hunt in self.hunts(name)
            if hunt.state is HuntState.FINISHED and hunt.finished_at and not is_future(hunt.finished_at, now)
        ]
        seen = [datetime.fromisoformat(first.body["at"])] if first else []
        at = max([*ends, *seen], default=now)
        self._store.put(*_LAST_FINISHED, {"at": at.isoformat()}, expect=0)
        return at

    def hunt_of_project(self, project_id: int) -> Hunt | None:
        record = self._store.get("project", "", str(project_id))
        return self.hunt(record.body["hunt_id"]) if record else None

    def checked_projects(self) -> dict[int, Hunt]:
        """The projects whose alarms are compared with what was received, and the hunt that opened each."""
        found = ((int(r.name), self.hunt(r.body["hunt_id"])) for r in self._store.scan("checked-project", ""))
        return {project_id: hunt for project_id, hunt in found if hunt}

    def stop_checking(self, project_id: int) -> None:
        self._store.delete("checked-project", "", str(project_id))

    def change_hunt(self, hunt_id: str, change: Callable[[Hunt], Hunt]) -> Hunt:
        hunt: Hunt = self._change("hunt", hunt_id.rpartition("@")[0], hunt_id, Hunt, change)
        return hunt

    # captures

    def plan_capture(self, capture: Capture) -> Capture:
        """Record a planned capture, or return the one that is recorded for this system in this hunt."""
        if self._store.put("capture", capture.hunt_id, capture.system.key, dump(capture), expect=0):
            return capture
        found = self.capture(capture.hunt_id, capture.system)
        assert found is not None
        return found

    def drop_capture(self, capture: Capture) -> None:
        """Forget a planned capture of a hunt that was never recorded."""
        self._store.delete("capture", capture.hunt_id, capture.system.key)

    def capture(self, hunt_id: str, system: System) -> Capture | None:
        record = self._store.get("capture", hunt_id, system.key)
        return load(Capture, record.body) if record else None

    def captures(self, hunt_id: str) -> list[Capture]:
        return [load(Capture, record.body) for record in self._store.scan("capture", hunt_id)]

    def update_capture(self, capture: Capture, **fields: Any) -> Capture:
        """Change some fields of a capture as it stands in the ledger, whatever else has changed there."""
        updated: Capture = self._change(
            "capture", capture.hunt_id, capture.system.key, Capture, lambda found: replace(found, **fields)
        )
        if updated.requested_at and fields.get("state") in (CaptureState.REQUESTED, CaptureState.FAILED):
            # A failed one too: what always fails must not keep its place in front of the others.
            self._store.put("hunted", "", capture.system.key, {"at": updated.requested_at.isoformat()})
        if fields.get("state") is CaptureState.PROCESSED:
            self._store.put("captured", "", capture.system.key, {"at": self._now().isoformat()})
            self._add_past_hunt(updated)
        return updated

    def _add_past_hunt(self, capture: Capture) -> None:
        place = ("past-hunts", capture.system.instance, "-")
        one = [capture.hunt_id, capture.malicious + capture.suspicious]
        while True:
            record = self._store.get(*place)
            others = [past for past in record.body["hunts"] if past[0] != capture.hunt_id] if record else []
            body = {"hunts": [*others, one][-PAST_HUNTS:]}
            if self._store.put(*place, body, expect=record.version if record else 0):
                return

    def past_hunts(self, instance: str) -> list[tuple[str, int]]:
        """The last hunts that captured an instance, oldest first: the id and the number of alarms of each."""
        record = self._store.get("past-hunts", instance, "-")
        return [(str(hunt_id), int(alarms)) for hunt_id, alarms in record.body["hunts"]] if record else []

    def captured_since(self, moment: datetime) -> set[str]:
        """The `System.key` of every system that was captured since then, in whichever hunt."""
        now, records = self._now(), self._store.scan("captured", "")
        found = {r.name: datetime.fromisoformat(r.body["at"]) for r in records}
        return {key for key, at in found.items() if at >= moment and not is_future(at, now)}

    def finished_before(self, hunt: Hunt) -> Hunt | None:
        """The last hunt of its name that finished and was scheduled before it."""
        return next(
            (
                one
                for one in self.hunts(hunt.name)
                if one.state is HuntState.FINISHED and one.scheduled_at < hunt.scheduled_at
            ),
            None,
        )

    def enter_quiet(self, about: str, name: str, hunt_id: str, period: float) -> str:
        """Empty where this hunt may begin: from then on no other about the same for `period` seconds. Else
        the id of the one that began before it."""
        while True:
            record = self._store.get("quiet", about, name)
            if record and record.body["hunt_id"] == hunt_id:
                return ""
            if record:
                at = datetime.fromisoformat(record.body["at"])
                if within_last(timedelta(seconds=period), at, self._now()):
                    return str(record.body["hunt_id"])
            body = {"hunt_id": hunt_id, "at": self._now().isoformat()}
            if self._store.put("quiet", about, name, body, expect=record.version if record else 0):
                return ""

    def last_hunted(self) -> dict[str, datetime]:
        """By `System.key`, when its capture was last asked for, in whichever hunt. A system with a time of
        the future is not in it: it would have its turn after all others until then."""
        now = self._now()
        found = {r.name: datetime.fromisoformat(r.body["at"]) for r in self._store.scan("hunted", "")}
        return {key: at for key, at in found.items() if not is_future(at, now)}

    def claim_capture(self, capture: Capture, **fields: Any) -> bool:
        """The same, if its state is still the one that was read. False where another worker was faster."""
        place = ("capture", capture.hunt_id, capture.system.key)
        while True:
            record = self._store.get(*place)
            if record is None or (found := load(Capture, record.body)).state is not capture.state:
                return False
            if self._store.put(*place, dump(replace(found, **fields)), expect=record.version):
                return True

    # events and deliveries

    def routed(self, event_id: str) -> list[str] | None:
        """The destinations that an event was sent towards; None where it was not routed yet."""
        record = self._store.get("event", event_id, "routed")
        return list(record.body["to"]) if record else None

    def record_routed(
        self,
        event: Event,
        severity: Severity,
        to: list[str],
        *,
        case: str = "",
        merged_into: str = "",
        run: str = "",
        confirmed: bool = True,
    ) -> None:
        """`merged_into` is the event that told the same; `run` the processing run, where it is known.
        `confirmed`: the platform itself says which evidence the event is about."""
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
        }
        self._store.put("project-event", str(event.project_id or "-"), event.id, body, durable=False)
        self._store.put("event", event.id, "routed", body, durable=False)

    def save_whole_alarm(self, alarm: Alarm) -> None:
        """Keep an alarm of which an item holds only a part."""
        self._store.put("whole-alarm", alarm.event.id, "-", dump(alarm), durable=False)

    def whole_alarm(self, event_id: str) -> Alarm | None:
        record = self._store.get("whole-alarm", event_id, "-")
        return load(Alarm, record.body) if record else None

    def case_of(self, event_id: str) -> str:
        """The key of the case that an event belongs to; empty where the event is not known."""
        record = self._store.get("event", event_id, "routed")
        return str(record.body.get("case", "")) if record else ""

    def events_of_project(self, project_id: int | None) -> list[dict[str, Any]]:
        """What was routed about one project: id, kind, severity, evidence_id, to, at. None: about none."""
        return [record.body for record in self._store.scan("project-event", str(project_id or "-"))]

    def alarm_runs(self, project_id: int) -> dict[int, AlarmRun]:
        """By evidence, the processing run that was seen last."""
        found = (load(AlarmRun, record.body) for record in self._store.scan("alarm-run", str(project_id)))
        return {run.evidence_id: run for run in found}

    def save_alarm_run(self, run: AlarmRun) -> None:
        self._store.put("alarm-run", str(run.project_id), str(run.evidence_id), dump(run), durable=False)

    def note(self, about: str, name: str) -> dict[str, Any]:
        """What a room wrote down for its own use; empty where it has not."""
        record = self._store.get("note", about, name)
        return dict(record.body) if record else {}

    def save_note(self, about: str, name: str, body: dict[str, Any]) -> None:
        self._store.put("note", about, name, body)

    def notes(self, about: str) -> dict[str, dict[str, Any]]:
        """All notes about one thing, by name."""
        return {record.name: record.body for record in self._store.scan("note", about)}

    def drop_note(self, about: str, name: str) -> None:
        self._store.delete("note", about, name)

    def delivery(self, event_id: str, destination: str) -> Delivery:
        record = self._store.get("delivery", event_id, destination)
        return load(Delivery, record.body) if record else Delivery(event_id, destination)

    def deliveries(self, event_id: str) -> list[Delivery]:
        return [load(Delivery, record.body) for record in self._store.scan("delivery", event_id)]

    def save_delivery(self, delivery: Delivery) -> Delivery:
        now = self._now()
        delivery = replace(delivery, first_at=delivery.first_at or now, last_at=now)
        self._store.put("delivery", delivery.event_id, delivery.destination, dump(delivery))
        return delivery

    def start_delivery(self, before: Delivery, **fields: Any) -> Delivery | None:
        """Record that a delivery is on its way; None where it is no longer as it was `before`."""
        record = self._store.get("delivery", before.event_id, before.destination)
        if before != (
            load(Delivery, record.body) if record else Delivery(before.event_id, before.destination)
        ):
            return None
        now = self._now()
        started = replace(before, **fields, first_at=before.first_at or now, last_at=now)
        expect = record.version if record else 0
        if not self._store.put(
            "delivery", started.event_id, started.destination, dump(started), expect=expect
        ):
            return None
        return started

    def end_delivery(self, started: Delivery, **fields: Any) -> None:
        """Record how a delivery that `start_delivery` began has ended. Where a later attempt has taken over,
        only news of its arrival counts: that one began in doubt, and its own end is written by itself."""
        place = ("delivery", started.event_id, started.destination)
        ended = replace(started, **fields, last_at=self._now())
        # Not durable: taken back, it is in doubt again, as if the worker had died before this.
        if ended.state == "delivered":
            self._store.put(*place, dump(ended), durable=False)
            return
        while True:
            record = self._store.get(*place)
            if record and load(Delivery, record.body) != started:
                return
            expect = record.version if record else 0
            if self._store.put(*place, dump(ended), expect=expect, durable=False):
                return

    def save_name(self, instance: str, name: str) -> None:
        """What an instance is called, for messages that are about many."""
        self._store.put("name", "", instance, {"name": name}, durable=False)

    def name_of(self, instance: str) -> str:
        record = self._store.get("name", "", instance)
        return str(record.body["name"]) if record else ""

    # cases

    def case_file(self, case_key: str) -> CaseFile | None:
        record = self._store.get("case-file", case_key, "-")
        return load(CaseFile, record.body) if record else None

    def change_case_file(
        self,
        case_key: str,
        change: Callable[[CaseFile | None], CaseFile | None],
        *,
        durable: bool = True,
    ) -> CaseFile | None:
        """The file as `change` leaves it, which may be called more than once. None: there is no file."""
        while True:
            record = self._store.get("case-file", case_key, "-")
            found = load(CaseFile, record.body) if record else None
            changed = change(found)
            if changed is None or changed == found:
                return found
            expect = record.version if record else 0
            if self._store.put("case-file", case_key, "-", dump(changed), expect=expect, durable=durable):
                return changed

    def acknowledge(self, case_key: str, taken: Acknowledgement) -> Acknowledgement | None:
        """Who has the case from now on: the first who asked. None where there is no such case."""
        file = self.change_case_file(
            case_key, lambda file: replace(file, taken=file.taken or taken) if file else None
        )
        if file:
            self._store.delete("unacknowledged", "", case_key)
        return file.taken if file else None

    def await_acknowledgement(self, case_key: str, after: float) -> None:
        """Nobody has taken it: to be told again in `after` seconds, if it is not waited for already."""
        now = self._now()
        body = {"since": now, "due": now + timedelta(seconds=after)}
        self._store.put("unacknowledged", "", case_key, _moments(body) | {"reminded": 0}, expect=0)

    def unacknowledged(self) -> Iterator[Unacknowledged]:
        """Those that are still to be told again."""
        for record in self._store.scan("unacknowledged", ""):
            body = record.body
            since, due = (datetime.fromisoformat(body[name]) for name in ("since", "due"))
            yield Unacknowledged(record.name, since, due, body["reminded"], record.version)

    def record_reminded(self, waiting: Unacknowledged, due: datetime | None) -> None:
        """It was told once more; `due` is when the next time is, None where there is none. Nothing where
        another one was faster."""
        if due is None:
            self._store.delete("unacknowledged", "", waiting.case_key)
            return
        body = _moments({"since": waiting.since, "due": due}) | {"reminded": waiting.reminded + 1}
        self._store.put("unacknowledged", "", waiting.case_key, body, expect=waiting.version)

    def case_ref(self, case_key: str, destination: str) -> str:
        """What the destination gave back for the case, such as a Jira key; empty where it has none."""
        record = self._store.get("case", case_key, destination)
        return str(record.body.get("ref") or "") if record else ""

    def enter_case(
        self, case_key: str, destination: str, ticket: str, lease: float, *, alone: bool = False
    ) -> Case:
        """What a delivery may do about its case: follow up on what is there, open it, or wait for who does.
        `alone`: a follow-up waits as well, since it changes what the one before it wrote. So it does where
        the case was shut.

        Of any number one opens it; `leave_case` with the same `ticket` says how that ended. One that is not
        heard of for `lease` seconds is taken for dead, and what it was doing for unsure.
        """
        while True:
            record = self._store.get("case", case_key, destination)
            found = record.body if record else {}
            ref = str(found.get("ref") or "")
            shut = bool(found.get("shut"))
            if ref and not (alone or shut):
                return Case(ref=ref)
            until, now = found.get("until"), self._now()
            left = (datetime.fromisoformat(until) - now).total_seconds() if until else 0.0
            if 0 < left <= lease:  # more than the whole lease is left where the clock was set back
                return Case(wait=left)
            unsure = (shut or not ref) and bool(found.get("unsure") or found.get("opener"))
            body = {
                "ref": ref,
                "opener": ticket,
                "until": (now + timedelta(seconds=lease)).isoformat(),
                "unsure": unsure,
                "shut": shut,
            }
            expect = record.version if record else 0
            if self._store.put("case", case_key, destination, body, expect=expect, durable=False):
                return Case(ref=ref, opens=True, unsure=unsure)

    def leave_case(
        self,
        case_key: str,
        destination: str,
        ticket: str,
        *,
        ref: str = "",
        unsure: bool = False,
        hold: float = 0.0,
    ) -> None:
        """End what `enter_case` began: with the reference that later messages need, or for the next to try.
        `unsure`: it may be open all the same, and nobody can tell for `hold` seconds."""
        while True:
            record = self._store.get("case", case_key, destination)
            found = record.body if record else {}
            if ref:
                body: dict[str, Any] = {"ref": ref}
            elif found.get("opener") != ticket:
                return  # somebody else's by now
            elif unsure and hold:
                until = self._now() + timedelta(seconds=hold)
                body = found | {"unsure": True, "until": until.isoformat()}
            elif found.get("ref") and not found.get("shut"):
                body = {"ref": found["ref"]}
            else:
                kept = {name: found[name] for name in ("ref", "shut") if found.get(name)}
                body = kept | {"unsure": unsure or found["unsure"]}
            expect = record.version if record else 0
            if found == body or self._store.put(
                "case", case_key, destination, body, expect=expect, durable=False
            ):
                return

    def shut_case(self, case_key: str, destination: str, ref: str) -> None:
        """What `ref` leads to takes no more as it is: whoever comes next has the case to itself. Nothing
        where another one has noticed that before."""
        record = self._store.get("case", case_key, destination)
        if record and record.body.get("ref") == ref and not record.body.get("opener"):
            body = {"ref": ref, "shut": True}
            self._store.put("case", case_key, destination, body, expect=record.version)

    def _change(self, kind: str, group: str, name: str, of: type[Any], change: Callable[[Any], Any]) -> Any:
        while True:
            record = self._store.get(kind, group, name)
            if record is None:
                raise KeyError(f"{kind} {name} is not in the ledger")
            changed = change(load(of, record.body))
            if self._store.put(kind, group, name, dump(changed), expect=record.version):
                return changed


def _moments(body: dict[str, datetime]) -> dict[str, Any]:
    return {name: moment.isoformat() for name, moment in body.items()}
