"""The record of cases: what is known of each, who acknowledged it, and which are not acknowledged yet."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

from shared.models.acknowledgements import Escalating, Unacknowledged
from shared.models.case_states import UnknownCase, decide
from shared.models.cases import Case, CaseState
from shared.models.codec import dump, load
from shared.models.decisions import CaseDecision
from shared.storage import kinds
from shared.storage.ledger import documents
from shared.storage.ports import Body, Store


class Cases:
    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        self._store, self._now = store, now

    def get(self, case_key: str) -> Case | None:
        return documents.read(self._store, Case, kinds.CASE_FILE, case_key, "-")

    def get_many(self, case_keys: Iterable[str]) -> dict[str, Case]:
        """Those of these cases that there are, read together."""
        keys = {case_key: (kinds.CASE_FILE, case_key, "-") for case_key in case_keys}
        read = self._store.read_many(list(keys.values())) if keys else {}
        return {name: load(Case, read[key].body) for name, key in keys.items() if key in read}

    def change(
        self,
        case_key: str,
        change: Callable[[Case | None], Case | None],
        *,
        durable: bool = True,
    ) -> Case | None:
        """The case after `change`, which may be called several times. None if there is no such case."""

        def changed(body: Body | None) -> tuple[Body | None, Case | None]:
            before = load(Case, body) if body else None
            after = change(before)
            if after is None or after == before:
                return None, before
            return dump(after), after

        return self._store.update(kinds.CASE_FILE, case_key, "-", changed, durable=durable)

    def decide(self, case_key: str, decision: CaseDecision) -> Case:
        """The case after the decision. One conditional write decides which of several decisions counts, and
        the same decision again changes nothing. Raises UnknownCase, and DecisionRefused if the case does not
        allow the decision."""
        case = self.change(case_key, lambda case: decide(case, decision) if case else None)
        if case is None:
            raise UnknownCase("there is no such case")
        if case.state is not CaseState.OPEN:
            self._store.delete(kinds.UNACKNOWLEDGED, "", case_key)
            self._store.delete(kinds.ESCALATION, "", case_key)
        return case

    # Reminders

    def await_acknowledgement(self, case_key: str, after: float) -> None:
        """Have a reminder sent in `after` seconds, unless the case already waits for a reminder."""
        now = self._now()
        body = _waiting(now, now + timedelta(seconds=after), reminded=0)
        self._store.put(kinds.UNACKNOWLEDGED, "", case_key, body, expect=0)

    def unacknowledged(self) -> Iterator[Unacknowledged]:
        """The cases that wait for a reminder."""
        for record in self._store.scan(kinds.UNACKNOWLEDGED, ""):
            body = record.body
            since, due = (datetime.fromisoformat(body[name]) for name in ("since", "due"))
            yield Unacknowledged(record.name, since, due, body["reminded"], record.version)

    def record_reminder(self, waiting: Unacknowledged, due: datetime | None) -> None:
        """Count a reminder that was sent. `due` is the time of the next one; None if there is none. Does
        nothing if another worker has counted it."""
        if due is None:
            self._store.delete(kinds.UNACKNOWLEDGED, "", waiting.case_key)
            return
        body = _waiting(waiting.since, due, reminded=waiting.reminded + 1)
        self._store.put(kinds.UNACKNOWLEDGED, "", waiting.case_key, body, expect=waiting.version)

    # Escalation

    def start_escalation(self, case_key: str, *, anew: bool = False) -> None:
        """Have the steps of the escalation counted from now on, unless the case has an escalation already.
        `anew`: also then, since the case was given back or reopened."""
        body = _escalating(self._now(), 0)
        self._store.put(kinds.ESCALATION, "", case_key, body, expect=None if anew else 0)

    def escalating(self) -> Iterator[Escalating]:
        """The cases that nobody has taken since their escalation began."""
        for record in self._store.scan(kinds.ESCALATION, ""):
            since = datetime.fromisoformat(record.body["since"])
            yield Escalating(record.name, since, record.body["steps"], record.version)

    def record_steps(self, escalating: Escalating, *, since: datetime, steps: int) -> None:
        """Record how far the escalation is. Does nothing if another worker has changed it."""
        body = _escalating(since, steps)
        self._store.put(kinds.ESCALATION, "", escalating.case_key, body, expect=escalating.version)


def _escalating(since: datetime, steps: int) -> dict[str, Any]:
    return {"since": since.isoformat(), "steps": steps}


def _waiting(since: datetime, due: datetime, *, reminded: int) -> dict[str, Any]:
    return {"since": since.isoformat(), "due": due.isoformat(), "reminded": reminded}
