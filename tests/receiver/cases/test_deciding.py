"""What a verdict does to later hunts: harmless findings are withheld, and everything else is told."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from receiver.assemble import case_decisions, deciding, handlers
from receiver.events import enrich
from receiver.events.severity import severity_of
from shared.models.alarms import Alarm
from shared.models.case_states import DecisionRefused
from shared.models.cases import CaseState, Verdict
from shared.models.decisions import Action, CaseDecision
from shared.models.events import Event
from shared.models.evidence import Artefact, Evidence, Finding
from shared.models.fingerprints import fingerprint
from shared.models.known_good_terms import Scope, Terms
from shared.models.people import Person
from shared.models.severity import Severity
from shared.storage import audit
from shared.storage.ledger import known_good
from tests.receiver.conftest import INSTANCE, Stage

ADA = Person("ada", "the console")
SYSTEM = INSTANCE.id
FIRST_CASE = f"system/{SYSTEM}/1"
HASH = "a" * 64


def found(
    description: str = "PUA.NetTool",
    path: str = "/opt/backup/nc",
    severity: Severity = Severity.SUSPICIOUS,
    count: int = 2,
    content: str = HASH,
) -> Finding:
    return Finding(
        description,
        count,
        severity,
        path=path,
        artefacts=(Artefact(path, count, (content,) if content else ()),),
    )


MINER = found("Miner.XMRig", "/tmp/xmrig", Severity.MALICIOUS, 1)


@dataclass
class Enricher(enrich.Enricher):
    """The platform confirms the findings that the test set, on the instance that the test set."""

    findings: tuple[Finding, ...] = ()
    instances: list[str] = field(default_factory=lambda: [SYSTEM])

    def enrich(self, event: Event) -> Alarm:
        malicious, suspicious = (
            sum(each.count for each in self.findings if each.severity is severity)
            for severity in (Severity.MALICIOUS, Severity.SUSPICIOUS)
        )
        instance = replace(INSTANCE, id=self.instances[0], tags={"Role": "backup"})
        evidence = Evidence(
            event.evidence_id or 0,
            event.project_id,
            "vol",
            instance=instance.id,
            malicious=malicious,
            suspicious=suspicious,
            processed_at=event.received_at,
        )
        return Alarm(
            event,
            severity_of(event, malicious, suspicious),
            malicious,
            suspicious,
            evidence=evidence,
            instance=instance,
            findings=self.findings,
            findings_total=len(self.findings),
        )


class Hunts:
    """One hunt after another finds something on a system."""

    def __init__(self, stage: Stage) -> None:
        self.stage, self.enricher, self.number = stage, Enricher(), 0
        stage.work = handlers(stage.runtime, self.enricher, stage.tools)

    def find(self, *findings: Finding, on: str = SYSTEM) -> bool:
        """Whether people were told."""
        self.number += 1
        self.enricher.findings, self.enricher.instances = findings, [on]
        before = len(self.stage.soc.sent)
        text = f"1 alarms in project id {self.number} evidence id {self.number}"
        self.stage.receive(
            f'{{"event": "processing_with_alarms", "title": "ALARMS", "message": "{text}"}}'.encode()
        )
        self.stage.run_all()
        self.stage.moment += timedelta(days=7)
        return len(self.stage.soc.sent) > before

    def close(
        self, verdict: Verdict = Verdict.BENIGN, terms: Terms | None = None, case: str = FIRST_CASE
    ) -> None:
        case_decisions(self.stage.runtime).close(case, ADA, verdict, "the nightly backup", terms)
        self.stage.run_all()


@pytest.fixture
def hunts(stage: Stage) -> Hunts:
    return Hunts(stage)


def test_what_was_judged_harmless_is_withheld_and_counted_and_everything_else_is_told(hunts):
    assert hunts.find(found())
    assert not hunts.find(found()), "an open case hears of it once"
    hunts.close()
    closed = hunts.stage.soc.sent[-1]
    assert "1 finding is known good on this system until 2027-03-08." in closed.summary

    assert not hunts.find(found())
    assert hunts.find(found(), found("Trojan.Linux", "/usr/bin/x"))
    message = hunts.stage.soc.sent[-1]
    assert [each.description for each in message.findings] == ["Trojan[.]Linux"]
    entry = hunts.stage.runtime.ledger.known_good.naming(SYSTEM)[0]
    assert (entry.case, entry.by, entry.why) == (FIRST_CASE, "ada", "the nightly backup")


@pytest.mark.parametrize(
    ("now", "why"),
    [
        (found(path="/opt/other/nc"), ""),
        (found(severity=Severity.MALICIOUS), "it is malicious now, and was judged while it was suspicious"),
        (found(count=7), "there are 7 alarms now, and 2 when it was judged"),
        (found(content="b" * 64), "the content of the file is not the one that was judged"),
    ],
)
def test_what_differs_from_what_was_judged_is_told_with_the_reason(hunts, now, why):
    hunts.find(found())
    hunts.close()
    assert hunts.find(now)
    facts = {fact.name: fact.value for fact in hunts.stage.soc.sent[-1].facts}
    assert why in str(facts)


def test_an_entry_ends_by_itself_and_what_it_covered_is_told_once_more(hunts):
    hunts.find(found())
    hunts.close(terms=Terms(until=hunts.stage.moment + timedelta(days=8)))
    assert not hunts.find(found())
    hunts.stage.moment += timedelta(days=1)
    assert hunts.find(found())
    assert not hunts.find(found())


def test_a_malicious_finding_is_known_good_only_by_name(hunts):
    hunts.find(MINER, found())
    hunts.close(Verdict.FALSE_POSITIVE)
    assert hunts.find(MINER)
    case = hunts.stage.soc.sent[-1]
    mark = fingerprint(MINER.description, MINER.path).id
    key = hunts.stage.runtime.ledger.findings.of_system(SYSTEM).case
    assert case.case_key == key
    hunts.close(Verdict.FALSE_POSITIVE, Terms(malicious=(mark,)), key)
    assert not hunts.find(MINER, found())


def test_a_true_positive_that_comes_back_reopens_its_case(hunts):
    hunts.find(MINER)
    hunts.close(Verdict.TRUE_POSITIVE)
    assert hunts.find(MINER)
    assert hunts.stage.soc.sent[-1].case_key == FIRST_CASE
    case = hunts.stage.runtime.ledger.cases.get(FIRST_CASE)
    assert case
    assert case.state is CaseState.OPEN
    assert hunts.stage.runtime.ledger.known_good.naming(SYSTEM) == ()


@pytest.mark.parametrize(
    ("terms", "elsewhere"),
    [
        (None, True),
        (Terms(Scope.TAG, tag=("Role", "backup")), False),
        (Terms(Scope.TAG, tag=("Role", "web")), True),
        (Terms(Scope.EVERYWHERE), False),
    ],
)
def test_a_scope_decides_on_which_systems(hunts, terms, elsewhere):
    hunts.find(found())
    hunts.close(terms=terms)
    assert hunts.find(found(), on="i-0bbbbbbbbbbbbbbb2") is elsewhere


def test_a_person_who_reopens_the_case_ends_the_entry(hunts):
    hunts.find(found())
    hunts.close()
    case_decisions(hunts.stage.runtime).reopen(FIRST_CASE, ADA, "it was not the backup")
    hunts.stage.run_all()
    entry = hunts.stage.runtime.ledger.known_good.naming(SYSTEM)[0]
    assert entry.ended_by == "ada"
    assert not hunts.find(found()), "it was told in the case, which is open again"
    assert hunts.find(found(count=9))


def test_a_closing_whose_process_is_killed_before_the_entry_makes_it_all_the_same(hunts, monkeypatch):
    hunts.find(found())

    def killed(self, entry):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(known_good.KnownGood, "add", killed)
        with pytest.raises(KeyboardInterrupt):
            case_decisions(hunts.stage.runtime).close(FIRST_CASE, ADA, Verdict.BENIGN, "the nightly backup")
    hunts.stage.run_all()
    assert len(hunts.stage.runtime.ledger.known_good.naming(SYSTEM)) == 1
    assert not hunts.find(found())


def test_of_two_closings_one_makes_an_entry(hunts):
    hunts.find(found())
    hunts.close()
    late = CaseDecision("late", Action.CLOSE, "bob", hunts.stage.moment, verdict=Verdict.BENIGN, why="me too")
    with pytest.raises(DecisionRefused, match="ada has closed this as benign already"):
        deciding(hunts.stage.runtime).decide(FIRST_CASE, late)
    assert [each.by for each in hunts.stage.runtime.ledger.known_good.naming(SYSTEM)] == ["ada"]


def test_no_more_entries_than_fit_are_made_and_the_case_stays_open(hunts, monkeypatch):
    monkeypatch.setattr(known_good, "MOST_ENTRIES", 0)
    hunts.find(found())
    with pytest.raises(DecisionRefused, match="end some of them first"):
        hunts.close()
    case = hunts.stage.runtime.ledger.cases.get(FIRST_CASE)
    assert case
    assert case.state is CaseState.OPEN


@pytest.mark.parametrize(
    ("terms", "verdict", "refusal"),
    [
        (Terms(), Verdict.TRUE_POSITIVE, "the findings of a true positive are not known good"),
        (Terms(Scope.TAG), Verdict.BENIGN, "write it as KEY=VALUE"),
        (Terms(Scope.HUNT), Verdict.BENIGN, "this case belongs to no hunt"),
    ],
)
def test_terms_that_make_no_sense_are_refused_in_words(hunts, terms, verdict, refusal):
    hunts.find(found())
    with pytest.raises(ValueError, match=refusal):
        hunts.close(verdict, terms)


@pytest.mark.parametrize(("days", "refusal"), [(-1, "not in the future"), (400, "ends at the latest on")])
def test_an_end_that_is_over_or_too_far_away_is_refused(hunts, days, refusal):
    hunts.find(found())
    with pytest.raises(ValueError, match=refusal):
        hunts.close(terms=Terms(until=hunts.stage.moment + timedelta(days=days)))


def test_the_audit_log_says_what_became_known_good(hunts):
    hunts.find(found())
    hunts.close(terms=Terms(Scope.EVERYWHERE))
    entry = next(
        each
        for each in audit.newest(hunts.stage.runtime.store, hunts.stage.moment)
        if each.action == audit.CASE_CLOSE
    )
    assert entry.after["known_good"] == 1
    assert entry.after["known_good_scope"] == "everywhere"
