"""What a decision about a case changes: the case, and what is known good.

A case that is closed as benign or false positive makes a known-good entry of its findings. The id of the
entry is the id of the decision. The console, the commands and the worker all decide through `Deciding`. The
worker does it a second time for each decision. A repeat changes nothing after a complete decision. It
completes a decision whose process was killed between the two writes.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.models import case_states
from shared.models.case_states import DecisionRefused, UnknownCase, made, named
from shared.models.cases import Case
from shared.models.decisions import Action, CaseDecision
from shared.models.known_good import MOST_FINDINGS, Entry, KnownFinding
from shared.models.known_good_terms import Scope, Terms
from shared.models.severity import Severity
from shared.models.system_findings import SystemFinding
from shared.storage.ledger import known_good
from shared.storage.ledger.known_good import TooManyEntries
from shared.storage.ledger.ledger import Ledger

log = logging.getLogger(__name__)

OTHER_FINDINGS = "the case has other findings since you were shown them: look at them first"
_REPEATS = 2  # hunts that must have had a finding before its content may differ each time


@dataclass(eq=False, repr=False)
class Deciding:
    """Makes decisions about cases. `known_good_days`: how long findings are known good if a person names no
    end."""

    ledger: Ledger
    known_good_days: int
    now: Callable[[], datetime]

    def decide(self, case_key: str, asked: CaseDecision) -> Case:
        """The case after the decision. Raises DecisionRefused if the case does not allow the decision."""
        case = self.ledger.cases.get(case_key)
        if case is None:
            raise UnknownCase(f"there is no case {case_key!r}")
        entry = None if made(case, asked.id) else self.entry(case_key, case, asked)
        if entry:
            self._require_room(entry, case)
            terms = replace(asked.terms or Terms(), until=entry.until)
            asked = replace(asked, terms=terms, covers=len(entry.findings))
        after = self.ledger.cases.decide(case_key, asked)
        self._apply(case_key, after, made(after, asked.id) or asked)
        return after

    def refine(self, case_key: str, closure_id: str, terms: Terms | None, why: str) -> CaseDecision:
        """The closing `closure_id` of the case, with other terms and another reason. `terms`: None for a true
        positive.

        The known-good entry is replaced, so there is no moment in which nothing covers its findings. Raises
        UnknownCase, and DecisionRefused if the case is not closed by this decision any more. A repeat changes
        nothing.
        """
        case = self.ledger.cases.get(case_key)
        if case is None:
            raise UnknownCase(f"there is no case {case_key!r}")
        decision = made(case, closure_id)
        if decision is None or not _is_closed_by(case, decision):
            raise DecisionRefused("this was reopened in the meantime", case)
        decision = replace(decision, terms=terms, why=why)
        entry = self.entry(case_key, case, decision)
        if entry and terms:
            entry = self._replace(entry, terms, case)
            terms = replace(terms, until=entry.until)
            decision = replace(decision, terms=terms, covers=len(entry.findings))

        def refined(case: Case | None) -> Case | None:
            covers = decision.covers
            return case and case_states.refine(case, closure_id, why=why, terms=terms, covers=covers)

        try:
            self.ledger.cases.change(case_key, refined)
        except DecisionRefused:  # somebody has reopened the case since it was read
            self._end(closure_id, "the reopening of its case")
            raise
        return decision

    def _replace(self, entry: Entry, terms: Terms, case: Case) -> Entry:
        """Put the entry in the place of the one with its id, whatever the scope of that one. What that one
        covers stays as it was judged at the closing."""
        earlier = self.ledger.known_good.get(entry.id)
        if earlier and earlier.ended_at is not None:
            raise _ended(earlier, case)
        judged = {known.fingerprint: known for known in entry.findings}
        for known in earlier.findings if earlier else ():
            if known.severity is not Severity.MALICIOUS or known.fingerprint in terms.malicious:
                judged[known.fingerprint] = known
        entry = replace(entry, findings=tuple(judged.values())[-MOST_FINDINGS:])
        try:
            group = known_good.group_of(entry)
            moved = earlier is not None and known_good.group_of(earlier) != group
            self.ledger.known_good.replace(entry, moved=moved)
        except TooManyEntries as error:
            raise DecisionRefused(str(error), case) from error
        for other in self.ledger.known_good.all_of(entry.id):
            if known_good.group_of(other) == group:
                continue
            ended = self.ledger.known_good.end(other, by := f"{entry.by}, who chose another scope")
            if ended.ended_at and ended.ended_by != by:  # somebody ended it since it was read
                self.ledger.known_good.end(entry, ended.ended_by)
                raise _ended(ended, case)
        return entry

    def entry(self, case_key: str, case: Case, decision: CaseDecision) -> Entry | None:
        """The known-good entry that the decision makes; None if it makes none."""
        verdict, system = decision.verdict, case.system
        if decision.action is not Action.CLOSE or verdict is None or not verdict.is_harmless or not system:
            return None
        terms = decision.terms or Terms()
        if terms.nothing:
            return None
        known = [
            _known(fingerprint, finding)
            for fingerprint, finding in self.told(case_key, case).items()
            if finding.told_severity is not Severity.MALICIOUS or fingerprint in terms.malicious
        ]
        if not known:
            return None
        return Entry(
            id=decision.id,
            scope=terms.scope,
            findings=tuple(known[-MOST_FINDINGS:]),
            by=decision.by,
            why=decision.why,
            at=decision.at,
            until=terms.until or decision.at + timedelta(days=self.known_good_days),
            verdict=verdict,
            case=case_key,
            origin=decision.origin,
            system=system.lasting,
            hunt=terms.hunt,
            tag=terms.tag,
        )

    def told(self, case_key: str, case: Case) -> dict[str, SystemFinding]:
        """The findings that were told in the case, by fingerprint: a harmless verdict may make them known
        good."""
        if case.system is None:
            return {}
        return self.ledger.findings.of_system(case.system.lasting).told_in(case_key)

    def require_shown(self, case_key: str, case: Case, shown: str) -> None:
        """Raises DecisionRefused if the case has other findings than those of which `shown` is the mark."""
        if mark_of(self.told(case_key, case)) != shown:
            raise DecisionRefused(OTHER_FINDINGS, case)

    def _require_room(self, entry: Entry, case: Case) -> None:
        try:
            self.ledger.known_good.require_room(entry)
        except TooManyEntries as error:
            raise DecisionRefused(str(error), case) from error

    def _apply(self, case_key: str, case: Case, decision: CaseDecision) -> None:
        """Bring what is known good in line with the case."""
        if decision.action is Action.REOPEN and decision.closed:
            self._end(decision.closed.id, decision.by)
        if decision.action is not Action.CLOSE or not _is_closed_by(case, decision):
            return
        entry = self.entry(case_key, case, decision)
        if entry is None:
            return
        self.ledger.known_good.add(entry)
        # Somebody may have reopened the case since it was read, and found no entry to end.
        if not _is_closed_by(self.ledger.cases.get(case_key), decision):
            self._end(entry.id, "the reopening of its case")

    def _end(self, id: str, by: str) -> None:
        for entry in self.ledger.known_good.all_of(id):
            self.ledger.known_good.end(entry, by)
            log.info("known-good entry ended", extra={"entry": id, "case": entry.case})


def mark_of(fingerprints: Iterable[str]) -> str:
    """Stands for these findings: a page shows them with this mark, and the verdict comes with it. Empty if
    there are none."""
    marks = "\0".join(sorted(fingerprints))
    return hashlib.sha256(marks.encode()).hexdigest()[:16] if marks else ""


def _ended(entry: Entry, case: Case) -> DecisionRefused:
    return DecisionRefused(f"{named(entry.ended_by)} has ended what this closing made known good", case)


def _is_closed_by(case: Case | None, decision: CaseDecision) -> bool:
    return case is not None and case.closure is not None and case.closure.id == decision.id


def _known(fingerprint: str, finding: SystemFinding) -> KnownFinding:
    """The finding as it is judged. If its content was another one in each hunt, any content is known good."""
    changes = finding.hunts >= _REPEATS and finding.changed >= finding.hunts - 1
    return KnownFinding(
        fingerprint,
        finding.description,
        finding.path,
        finding.told_severity,
        finding.told_count,
        finding.contents,
        any_content=changes,
    )


def terms_error(terms: Terms, case: Case, now: datetime, latest: datetime) -> str:
    """What is wrong with the terms that a person chose for a case, as a sentence without a full stop; empty
    if nothing is. `latest`: the latest end that is allowed."""
    if terms.until is not None and terms.until <= now:
        return "the end of what is known good is not in the future"
    if terms.until is not None and terms.until > latest:
        return f"what is known good ends at the latest on {latest:%Y-%m-%d}; choose an earlier date"
    if terms.scope is Scope.HUNT and not terms.hunt:
        return "this case belongs to no hunt, so its findings cannot be known good for the hunt's systems"
    if terms.scope is Scope.TAG and not all(terms.tag):
        return "the tag is missing: write it as KEY=VALUE"
    if case.system is None and (terms.scope is not Scope.SYSTEM or terms.malicious):
        return "this case names no system, so nothing can be known good"
    return ""
