"""Which decisions a case allows in which state, and what happens to the case.

open → acknowledged → closed. A case that was given back or reopened is open.
"""

from __future__ import annotations

from dataclasses import replace

from shared.models.acknowledgements import Acknowledgement
from shared.models.cases import Case, CaseState, Closure
from shared.models.decisions import Action, CaseDecision
from shared.models.known_good_terms import Terms
from shared.phrases import utc_minute
from shared.text import one_line

MOST_DECISIONS = 8  # that a case keeps; the audit log keeps all
_MAX_NAME = 80
_DONE = {
    Action.ACKNOWLEDGE: "taken this",
    Action.RELEASE: "given this back",
    Action.CLOSE: "closed this",
    Action.REOPEN: "reopened this",
}


class DecisionRefused(Exception):
    """The case does not allow a decision. The text is a sentence without a full stop for its maker."""

    def __init__(self, why: str, case: Case | None = None) -> None:
        super().__init__(why)
        self.case = case  # as it is; None if there is no such case


class UnknownCase(DecisionRefused):
    """There is no such case."""


def decide(case: Case, decision: CaseDecision) -> Case:
    """The case after the decision. A decision that was made already changes nothing. Raises
    DecisionRefused."""
    if made(case, decision.id):
        return case
    if why := _refusal(case, decision):
        raise DecisionRefused(why, case)
    acknowledgement, closure = case.acknowledgement, case.closure
    decision = replace(decision, after=case.last_decision)
    match decision.action:
        case Action.ACKNOWLEDGE:
            acknowledgement = acknowledgement_of(decision)
        case Action.RELEASE:
            decision = replace(decision, holder=acknowledgement.by if acknowledgement else "")
            acknowledgement = None
        case Action.CLOSE:
            if decision.verdict is None:
                raise ValueError("a case is closed with a verdict")
            closure = Closure(
                decision.id, decision.verdict, decision.by, decision.at, decision.why, decision.origin
            )
        case Action.REOPEN:
            decision = replace(decision, closed=closure)
            acknowledgement = closure = None
    decisions = (*case.decisions, decision)[-MOST_DECISIONS:]
    return replace(case, acknowledgement=acknowledgement, closure=closure, decisions=decisions)


def refine(case: Case, id: str, *, why: str, terms: Terms | None, covers: int) -> Case:
    """The closed case with another reason and other terms of its closing, which is the decision `id`. Raises
    DecisionRefused if the case is not closed by it any more."""
    if case.closure is None or case.closure.id != id:
        raise DecisionRefused("this was reopened in the meantime", case)

    def refined(decision: CaseDecision) -> CaseDecision:
        if decision.id != id:
            return decision
        return replace(decision, why=why, terms=terms, covers=covers)

    decisions = tuple(map(refined, case.decisions))
    return replace(case, closure=replace(case.closure, why=why), decisions=decisions)


def acknowledgement_of(decision: CaseDecision) -> Acknowledgement:
    return Acknowledgement(decision.id, decision.at, decision.by, decision.slack, decision.origin)


def made(case: Case, id: str) -> CaseDecision | None:
    """The decision with this id about the case; None if the case knows of none."""
    for decision in case.decisions:
        if decision.id == id:
            return decision
    held = case.acknowledgement
    if held and held.id == id:  # an earlier version kept nothing else
        return CaseDecision(held.id, Action.ACKNOWLEDGE, held.by, held.at, held.origin, held.slack)
    return None


def _refusal(case: Case, decision: CaseDecision) -> str:
    """Why the case does not allow the decision; empty if it does."""
    action, state, closure, holder = decision.action, case.state, case.closure, case.acknowledgement
    last = case.decisions[-1] if case.decisions else None
    if closure and action is not Action.REOPEN:
        already = " already" if action is Action.CLOSE else ""
        rest = "" if action is Action.CLOSE else "; reopen it first"
        return f"{closed_by(closure, already)}{rest}"
    if action is Action.ACKNOWLEDGE and holder:
        return f"{named(holder.by)} has taken this already, at {utc_minute(holder.at)}"
    if action is Action.RELEASE and state is CaseState.OPEN:
        return _made(last, "already") if last and last.action is action else "nobody has taken this"
    if action is Action.REOPEN and state is not CaseState.CLOSED:
        return _made(last, "already") if last and last.action is action else "this is not closed"
    if decision.after is not None and decision.after != case.last_decision:
        what = _made(last, "in the meantime") if last else "somebody has taken this in the meantime"
        return f"{what}; look at it again"
    return ""


def closed_by(closure: Closure, already: str = "") -> str:
    """Such as "ada has closed this as benign, at 2027-01-31 02:00 UTC"."""
    at = utc_minute(closure.at)
    return f"{named(closure.by)} has closed this as {closure.verdict.words}{already}, at {at}"


def named(by: str) -> str:
    """The name of a person, which may be hostile text, for a line of text."""
    return one_line(by, _MAX_NAME) or "somebody"


def _made(decision: CaseDecision, when: str) -> str:
    who = "a new alarm" if decision.alarm else named(decision.by)
    return f"{who} has {_DONE[decision.action]} {when}, at {utc_minute(decision.at)}"
