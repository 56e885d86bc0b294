"""The record of hunts: which exist, which is under way, whose turn it is, and which project each one has."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import datetime, timedelta

from shared.metrics.definitions import HUNTS, hunt_result
from shared.models.captures import CaptureState
from shared.models.codec import dump
from shared.models.hunts import Hunt, HuntState, HuntTotals, hunt_name
from shared.models.intelligence import InForce
from shared.storage import kinds
from shared.storage.ledger import documents
from shared.storage.ledger.captures import Captures
from shared.storage.ports import Body, Store
from shared.storage.stored_times import is_future, within_last

_LAST_FINISHED = (kinds.CLOCK, "", "@finished")  # the name of a hunt cannot contain @


class Hunts:
    def __init__(self, store: Store, now: Callable[[], datetime], captures: Captures) -> None:
        self._store, self._now, self._captures = store, now, captures

    def get(self, hunt_id: str) -> Hunt | None:
        return documents.read(self._store, Hunt, kinds.HUNT, hunt_name(hunt_id), hunt_id)

    def change(self, hunt_id: str, change: Callable[[Hunt], Hunt]) -> Hunt:
        """The hunt after `change`, which may be called several times. Raises KeyError for an unknown hunt."""
        return documents.change(self._store, Hunt, kinds.HUNT, hunt_name(hunt_id), hunt_id, change)

    def of_name(self, name: str) -> list[Hunt]:
        """Every recorded hunt of one definition, newest first."""
        hunts = documents.read_all(self._store, Hunt, kinds.HUNT, name)
        return sorted(hunts, key=lambda hunt: hunt.scheduled_at, reverse=True)

    def unfinished(self) -> list[Hunt]:
        """The hunts that are planned or running."""
        ids = [record.name for record in self._store.scan(kinds.OPEN_HUNT, "")]
        return [hunt for hunt in map(self.get, ids) if hunt]

    def finished_before(self, hunt: Hunt) -> Hunt | None:
        """The latest finished hunt of the same name that was scheduled before this hunt. One that a person
        limited to some of its systems does not count."""
        return next(
            (
                earlier
                for earlier in self.of_name(hunt.name)
                if earlier.state is HuntState.FINISHED
                and earlier.scheduled_at < hunt.scheduled_at
                and not earlier.limited_to
            ),
            None,
        )

    # The life of one hunt

    def open(self, hunt: Hunt) -> Hunt:
        """Record a hunt. Returns the recorded hunt if there already is one with this id."""
        hunt = replace(hunt, created_at=self._now())
        if self._store.put(kinds.HUNT, hunt.name, hunt.id, dump(hunt), expect=0):
            self._mark_open(hunt)
            return hunt
        recorded = self.get(hunt.id)
        assert recorded is not None
        if recorded.state in (HuntState.PLANNED, HuntState.RUNNING):
            # After a crash between the two writes above, nothing would follow this hunt.
            self._mark_open(hunt)
        return recorded

    def reopen(self, hunt: Hunt) -> Hunt:
        """Restart a hunt that failed before any capture was requested."""
        # Change the hunt last: after a crash before that, it is still failed and can be started again.
        for capture in self._captures.of_hunt(hunt.id):
            self._captures.update(
                capture, state=CaptureState.PLANNED, reason="", ended_at=None, released_at=None
            )
        self._mark_open(hunt)
        return self.change(
            hunt.id,
            lambda current: replace(
                current,
                state=HuntState.PLANNED,
                reason="",
                finished_at=None,
                totals=None,
                began_at=None,
                attempt=hunt.attempt + 1,
            ),
        )

    def retry(self, hunt: Hunt, *, by: str, same_project: bool) -> Hunt:
        """Continue a hunt, since some of its captures were planned again."""
        self._mark_open(hunt)
        if same_project:
            self._store.put(kinds.CHECKED_PROJECT, "", str(hunt.project_id), {"hunt_id": hunt.id})
        return self.change(
            hunt.id,
            lambda current: replace(
                current,
                state=HuntState.RUNNING if same_project else HuntState.PLANNED,
                project_id=current.project_id if same_project else None,
                reason="",
                trigger=f"{current.trigger}; again by {by}" if current.trigger else by,
                finished_at=None,
                totals=None,
                began_at=None if current.over else current.began_at,
                stopped_by="",
                attempt=current.attempt + 1 if current.over else current.attempt,
            ),
        )

    def replan(self, hunt_id: str, planned: Hunt) -> Hunt:
        """Give a hunt that had no systems the systems that its definition selects now."""
        return self.change(
            hunt_id,
            lambda current: replace(
                current,
                systems=planned.systems,
                problems=planned.problems,
                left_out=planned.left_out,
                cost=planned.cost,
            ),
        )

    def start(self, hunt_id: str, project_id: int, intelligence: InForce | None = None) -> Hunt:
        """Record the hunt's project on the platform, and what of one's own intelligence is in force in it.
        From now on the project's alarms belong to this hunt."""
        self._store.put(kinds.CHECKED_PROJECT, "", str(project_id), {"hunt_id": hunt_id})
        self._store.put(kinds.PROJECT, "", str(project_id), {"hunt_id": hunt_id})
        problems = (
            tuple(f"intelligence: {problem}" for problem in intelligence.problems) if intelligence else ()
        )
        return self.change(
            hunt_id,
            lambda hunt: replace(
                hunt,
                state=HuntState.RUNNING,
                project_id=project_id,
                intelligence=intelligence,
                problems=tuple(dict.fromkeys((*hunt.problems, *problems))),
            ),
        )

    def end(self, hunt_id: str, state: HuntState, reason: str = "", totals: HuntTotals | None = None) -> Hunt:
        now = self._now()
        hunt = self.change(
            hunt_id,
            lambda hunt: replace(hunt, state=state, reason=reason, finished_at=now, totals=totals),
        )
        self._store.delete(kinds.OPEN_HUNT, "", hunt_id)
        HUNTS.add(result=hunt_result(state))
        if state is HuntState.FINISHED:
            self._store.put(*_LAST_FINISHED, {"at": now.isoformat()})
        return hunt

    def _mark_open(self, hunt: Hunt) -> None:
        self._store.put(kinds.OPEN_HUNT, "", hunt.id, {"name": hunt.name})

    # Order among hunts

    def take_turn(self, hunt: Hunt) -> Hunt | None:
        """Give the hunt the turn of its name. One hunt of a name has the turn at a time, until it is over.
        Returns None if another hunt has it."""

        def take(body: Body | None) -> tuple[Body | None, bool]:
            holder = body["hunt_id"] if body else ""
            if holder == hunt.id:
                return None, True
            other = self.get(holder) if holder else None
            if other and other.state in (HuntState.PLANNED, HuntState.RUNNING):
                return None, False
            return {"hunt_id": hunt.id}, True

        if not self._store.update(kinds.TURN, "", hunt.name, take):
            return None
        now = self._now()
        return self.change(hunt.id, lambda current: replace(current, began_at=current.began_at or now))

    def last_turn(self, name: str) -> str:
        """The id of the hunt of this name that had the last turn; empty if none had it."""
        record = self._store.get(kinds.TURN, "", name)
        return str(record.body["hunt_id"]) if record else ""

    def begin_quiet_period(self, about: str, name: str, hunt_id: str, period: float) -> str:
        """Allow this hunt to begin, and no other hunt about the same thing for `period` seconds. Returns an
        empty text if it may begin, else the id of the hunt whose period has not passed yet."""

        def begin(body: Body | None) -> tuple[Body | None, str]:
            now = self._now()
            if body and body["hunt_id"] == hunt_id:
                return None, ""
            if body and within_last(timedelta(seconds=period), datetime.fromisoformat(body["at"]), now):
                return None, str(body["hunt_id"])
            return {"hunt_id": hunt_id, "at": now.isoformat()}, ""

        return self._store.update(kinds.QUIET, about, name, begin)

    def last_finished(self, known: Collection[str]) -> datetime:
        """When a hunt last finished; the time of the first call if none ever did.

        `known` are the names of hunts whose runs are searched once, since earlier versions did not record
        this time.
        """
        record, now = self._store.get(*_LAST_FINISHED), self._now()
        if record:
            return datetime.fromisoformat(record.body["at"])
        first = self._store.get(kinds.CLOCK, "", "@follow")  # when an earlier version began to follow hunts
        ends = [
            hunt.finished_at
            for name in known
            for hunt in self.of_name(name)
            if hunt.state is HuntState.FINISHED and hunt.finished_at and not is_future(hunt.finished_at, now)
        ]
        seen = [datetime.fromisoformat(first.body["at"])] if first else []
        at = max([*ends, *seen], default=now)
        self._store.put(*_LAST_FINISHED, {"at": at.isoformat()}, expect=0)
        return at

    # Projects

    def of_project(self, project_id: int) -> Hunt | None:
        record = self._store.get(kinds.PROJECT, "", str(project_id))
        return self.get(record.body["hunt_id"]) if record else None

    def checked_projects(self) -> dict[int, Hunt]:
        """The projects whose alarms are compared with the received webhooks, and the hunt of each."""
        records = self._store.scan(kinds.CHECKED_PROJECT, "")
        hunts = ((int(record.name), self.get(record.body["hunt_id"])) for record in records)
        return {project_id: hunt for project_id, hunt in hunts if hunt}

    def stop_checking(self, project_id: int) -> None:
        self._store.delete(kinds.CHECKED_PROJECT, "", str(project_id))
