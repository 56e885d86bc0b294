"""Whatever people and hunts do, and in whatever order: each finding that is withheld has a valid entry, each
other one is told once in each case, also if a worker is killed or an event comes twice."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from receiver.assemble import case_decisions
from receiver.cases.lifecycle import CaseLifecycle
from shared.models.cases import CaseState, Verdict
from shared.models.evidence import Artefact, Finding
from shared.models.fingerprints import fingerprint
from shared.models.people import Person
from shared.models.severity import Severity
from shared.queues import items
from tests.receiver.conftest import INSTANCE, Enricher, Stage

ADA = Person("ada", "the console")


def found(name: str, severity: Severity = Severity.SUSPICIOUS) -> Finding:
    return Finding(name, 2, severity, artefacts=(Artefact(f"/opt/{name}", 2, ("a" * 64,)),))


FINDINGS = (found("scanner"), found("backup"), found("miner", Severity.MALICIOUS))
MARKS = {fingerprint(each.description, each.artefacts[0].path).id: each for each in FINDINGS}


@dataclass(frozen=True)
class Hunt:
    found: tuple[Finding, ...]
    killed: bool = False  # the worker is killed after its judgement, and before the case is recorded
    again: bool = False  # its event comes a second time


@dataclass(frozen=True)
class Close:
    verdict: Verdict


@dataclass(frozen=True)
class Reopen:
    pass


@dataclass(frozen=True)
class Wait:
    days: int


STEPS = st.lists(
    st.one_of(
        st.builds(
            Hunt,
            st.lists(st.sampled_from(FINDINGS), min_size=1, unique=True).map(tuple),
            st.booleans(),
            st.booleans(),
        ),
        st.builds(Close, st.sampled_from(Verdict)),
        st.just(Reopen()),
        st.builds(Wait, st.sampled_from((7, 100))),
    ),
    max_size=14,
)


class System:
    """One system, and what its people were told of in its open case."""

    def __init__(self, folder: Path) -> None:
        self.stage, self.number, self.told = Stage(folder), 0, set[str]()
        assert isinstance(self.stage.enricher, Enricher)
        self.enricher = self.stage.enricher

    def do(self, step: Hunt | Close | Reopen | Wait) -> None:
        case, state = self.case()
        decisions = case_decisions(self.stage.runtime)
        match step:
            case Hunt():
                self.hunt(step)
            case Close(verdict) if state in (CaseState.OPEN, CaseState.ACKNOWLEDGED):
                decisions.close(case, ADA, verdict, "why")
            case Reopen() if state is CaseState.CLOSED:
                decisions.reopen(case, ADA)
            case Wait(days):
                self.stage.moment += timedelta(days=days)
        self.stage.run_all()

    def hunt(self, step: Hunt) -> None:
        self.number += 1
        id, (_, state) = self.number, self.case()
        self.enricher.runs[id], self.enricher.found[id] = self.stage.moment, step.found
        sums = [
            sum(each.count for each in step.found if each.severity is severity)
            for severity in (Severity.MALICIOUS, Severity.SUSPICIOUS)
        ]
        self.enricher.counts[id] = (sums[0], sums[1])
        text = f"2 alarms in project id {id} evidence id {id}"
        body = f'{{"event": "processing_with_alarms", "message": "{text}"}}'.encode()
        marks = {mark for mark, each in MARKS.items() if each in step.found}
        covered = marks & self.known_good()
        is_open = state is not None and state is not CaseState.CLOSED
        news = marks - covered - (self.told if is_open else set())

        sent = len(self.stage.soc.sent)
        item = items.encode(items.Webhook(body, self.stage.moment))
        event = self.stage.runtime.events.put(item)
        if step.killed:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(CaseLifecycle, "add", _killed)
                patch.setattr(CaseLifecycle, "still_there", _killed)
                self.stage.run()
        self.stage.run_all()
        if step.again:
            self.stage.runtime.events.put(item, id=event)
            self.stage.run_all()

        messages = self.stage.soc.sent[sent:]
        assert len(messages) == bool(news), "told once if there is news, and never otherwise"
        detail = self.stage.runtime.queries.events.get(event)
        assert detail
        assert detail.alarm
        judgement = detail.alarm.judgement
        assert judgement
        assert {each.fingerprint for each in judgement.withheld} == covered
        assert all(each.by and each.author == "ada" and each.until for each in judgement.withheld)
        assert {each.fingerprint for each in judgement.news} == news
        if news:
            after, now = self.case()
            assert now is CaseState.OPEN
            assert after == judgement.case
            self.told = (self.told if is_open else set()) | (marks - covered)

    def known_good(self) -> set[str]:
        ledger, now = self.stage.runtime.ledger, self.stage.moment
        live = [entry for entry in ledger.known_good.naming(INSTANCE.id) if entry.is_live(now)]
        assert all(each.severity is not Severity.MALICIOUS for entry in live for each in entry.findings)
        return {each.fingerprint for entry in live for each in entry.findings}

    def case(self) -> tuple[str, CaseState | None]:
        """The system's last case; every earlier one is closed."""
        ledger = self.stage.runtime.ledger
        known = ledger.findings.of_system(INSTANCE.id)
        for number in range(1, known.cases + 1):
            case = ledger.cases.get(key := f"system/{INSTANCE.id}/{number}")
            assert case
            assert case.state is CaseState.CLOSED or key == known.case
        case = ledger.cases.get(known.case) if known.case else None
        return known.case, case.state if case else None


def _killed(*_: object) -> None:
    raise RuntimeError("killed")


@settings(max_examples=40, deadline=None)
@given(STEPS)
def test_in_any_order(steps):
    with tempfile.TemporaryDirectory() as folder:
        system = System(Path(folder))
        try:
            for step in steps:
                system.do(step)
        finally:
            system.stage.database.close()
