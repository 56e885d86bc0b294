"""The decisions that people make about a case in the console and at the command line.

Each decision is one conditional write in the ledger: of several people who decide at once, one counts, and
the others read who was faster. An item in [events] tells everybody who was told of the case. It is queued
before the write, so that the others are told even if this process is killed in between. The worker makes the
same write again, which then changes nothing (see actions.py).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from receiver.cases.deciding import Deciding, terms_error
from shared.models.case_states import UnknownCase, acknowledgement_of, decide, made
from shared.models.cases import Case, Verdict
from shared.models.codec import dump
from shared.models.decisions import Action, CaseDecision
from shared.models.known_good import latest_end
from shared.models.known_good_terms import Terms
from shared.models.people import Person
from shared.queues import items
from shared.queues.ports import Queue
from shared.storage import audit
from shared.storage.ports import Store
from shared.text import one_line

MAX_WHY = 500  # characters of the reason
_MAX_NAME = 80


@dataclass(eq=False, repr=False)
class CaseDecisions:
    """The decisions about cases. Each method returns the case after the decision.

    The name of the person is what everybody reads; the audit log keeps the origin as well.

    Each raises UnknownCase if there is no such case, and ValueError if the name or the reason is missing. It
    raises DecisionRefused if the case does not allow the decision or if somebody else was faster. The text of
    each error is a sentence for the person who decided.
    """

    deciding: Deciding
    store: Store
    events: Queue
    now: Callable[[], datetime]

    def acknowledge(self, case_key: str, person: Person) -> Case:
        """Take the case: the others see that somebody looks into it, and no more reminders are sent."""
        return self._decide(case_key, person, Action.ACKNOWLEDGE)

    def release(self, case_key: str, person: Person, why: str = "") -> Case:
        """Give the case back, whoever has taken it. Reminders start again if the case is malicious."""
        return self._decide(case_key, person, Action.RELEASE, why=why)

    def close(
        self,
        case_key: str,
        person: Person,
        verdict: Verdict,
        why: str,
        terms: Terms | None = None,
        shown: str | None = None,
    ) -> Case:
        """Close the case, whether somebody has taken it or not. `terms`: where and until when its findings
        are known good if the verdict is harmless; None: on this system, for the time of the
        configuration. `shown`: the digest of the findings that the person was shown. If the case has other
        findings by now, it is not closed as harmless. None: the findings are not compared."""
        if not one_line(why):
            raise ValueError("the reason is missing: say why the case is closed")
        if terms and not verdict.is_harmless:
            raise ValueError("the findings of a true positive are not known good; choose no scope and no end")
        case = self.deciding.ledger.cases.get(case_key)
        if case and shown is not None and verdict.is_harmless:
            self.deciding.require_shown(case_key, case, shown)
        return self._decide(case_key, person, Action.CLOSE, verdict=verdict, why=why, terms=terms)

    def reopen(self, case_key: str, person: Person, why: str = "") -> Case:
        """Open a closed case again. Nobody has taken it then."""
        return self._decide(case_key, person, Action.REOPEN, why=why)

    def _decide(
        self,
        case_key: str,
        person: Person,
        action: Action,
        *,
        verdict: Verdict | None = None,
        why: str = "",
        terms: Terms | None = None,
    ) -> Case:
        by = one_line(person.name, _MAX_NAME)
        if not by:
            raise ValueError("the name is missing: say who decides this")
        before = self.deciding.ledger.cases.get(case_key)
        if before is None:
            raise UnknownCase(f"there is no case {case_key!r}")
        if terms and (wrong := terms_error(terms, before, self.now(), latest_end(self.now()))):
            raise ValueError(wrong)
        prefix = "ack" if action is Action.ACKNOWLEDGE else action.value
        decision = CaseDecision(
            id=f"{prefix}-{secrets.token_hex(8)}",
            action=action,
            by=by,
            at=self.now(),
            origin=person.origin,
            verdict=verdict,
            why=one_line(why, MAX_WHY),
            terms=terms,
            after=before.last_decision,
        )
        decide(before, decision)  # raises DecisionRefused before anything is queued
        self.events.put(items.encode(_item(case_key, decision)), id=decision.id)
        after = self.deciding.decide(case_key, decision)
        audit.decided(self.store, case_key, made(after, decision.id) or decision)
        return after


def _item(case_key: str, decision: CaseDecision) -> items.Content:
    if decision.action is not Action.ACKNOWLEDGE:
        return items.DecideCase(case_key, dump(decision))
    return items.AcknowledgeCase(case_key, dump(acknowledgement_of(decision)), decision.after)
