"""What a message says about a case itself: what somebody decided about it, or that nobody has taken it."""

from __future__ import annotations

from receiver.messages.content import Content
from receiver.messages.counts import counts_in_words, worst_finding
from receiver.messages.facts import MAX_WHY, how_closed, person_of
from receiver.messages.safe_text import harmless_line
from receiver.messages.subject import where
from receiver.messages.wording import commas, joined, sentences
from shared.models.alarms import Alarm
from shared.models.cases import Case
from shared.models.decisions import CaseDecision
from shared.models.known_good_terms import Scope
from shared.models.severity import Severity
from shared.phrases import counted, ordinal


def case_in_words(case: Case, shown: Severity) -> str:
    """The outcome of the case, for one line of a list that shows it as severe as `shown`; empty if nothing
    did."""
    worst = case.alarm.severity
    worse = f"this system has {worst.value} alarms too" if worst.rank > shown.rank else ""
    decided = f"taken by {person_of(case.acknowledgement.by)}" if case.acknowledgement else ""
    if case.closure:
        decided = f"closed {how_closed(case.closure)}"
    return commas(worse, decided)


def acknowledged(alarm: Alarm) -> Content:
    who = person_of(alarm.acknowledgement.by) if alarm.acknowledgement else "somebody"
    return Content(title=_about(f"Taken by {who}", alarm))


def released(alarm: Alarm) -> Content:
    """Who has the case now: nobody."""
    decision = alarm.decision
    who = person_of(decision.by if decision else "")
    holder = decision.holder if decision and decision.holder != decision.by else ""
    had = f"{person_of(holder)} had taken it." if holder else ""
    summary = sentences(had, "Nobody has it now.", _why(decision.why if decision else ""))
    return Content(title=_about(f"Given back by {who}", alarm), summary=summary)


def closed(alarm: Alarm) -> Content:
    decision = alarm.decision
    who = person_of(decision.by if decision else "")
    verdict = f" as {decision.verdict.words}" if decision and decision.verdict else ""
    summary = sentences(
        _why(decision.why if decision else ""), what_is_known_good(decision), _what_reopens(alarm)
    )
    again = ", with new terms" if decision and decision.refines else ""
    return Content(title=_about(f"Closed{verdict} by {who}{again}", alarm), summary=summary)


def what_is_known_good(decision: CaseDecision | None) -> str:
    """What people are not told of any more, where, and until when."""
    if decision is None or not decision.covers or decision.terms is None:
        return ""
    terms = decision.terms
    match terms.scope:
        case Scope.SYSTEM:
            scope = "on this system"
        case Scope.HUNT:
            scope = f"on every system of the hunt {harmless_line(terms.hunt, 80)}"
        case Scope.TAG:
            scope = f"on every system with the tag {harmless_line('='.join(terms.tag), 120)}"
        case Scope.EVERYWHERE:
            scope = "everywhere"
    end = f" until {terms.until:%Y-%m-%d}" if terms.until else ""
    verb = "is" if decision.covers == 1 else "are"
    return f"{counted(decision.covers, 'finding')} {verb} known good {scope}{end}."


def _what_reopens(alarm: Alarm) -> str:
    if alarm.judgement is None:
        return "A new alarm reopens it."
    return (
        "The case is reopened if one of its findings comes back that is not known good. "
        "A new finding begins a new case."
    )


def reopened(alarm: Alarm) -> Content:
    decision = alarm.decision
    who = "a new alarm" if decision and decision.alarm else person_of(decision.by if decision else "")
    before = decision.closed if decision else None
    summary = sentences(
        f"It was closed {how_closed(before)}." if before else "",
        "Nobody has taken it.",
        _why(decision.why if decision else ""),
    )
    return Content(title=_about(f"Reopened by {who}", alarm), summary=summary)


def unacknowledged(alarm: Alarm) -> Content:
    """The text says since when the case is open, and how often people were reminded."""
    about = joined(counts_in_words(alarm) or "alarms", where(alarm))
    return Content(
        title=f"Nobody has taken this yet: {about}",
        summary=sentences(harmless_line(alarm.event.text, 200), worst_finding(alarm.findings)),
    )


def _about(what: str, alarm: Alarm) -> str:
    about = joined(counts_in_words(alarm), where(alarm))
    return f"{what}: {about}" if about else what


def _why(why: str) -> str:
    """The reason, as its own sentence. It is quoted, because anybody may have written it."""
    text = harmless_line(why, MAX_WHY)
    return f"Why: “{text}”" + ("" if text.endswith((".", "!", "?", "…")) else ".") if text else ""


def still_there(alarm: Alarm) -> Content:
    """Nothing is new about the case. For issue trackers, which cannot edit what they said before."""
    judgement = alarm.judgement
    times = f"{ordinal(judgement.hunts)} hunt" if judgement else ""
    since = f"since {judgement.since:%Y-%m-%d}" if judgement and judgement.since else ""
    return Content(
        title=_about(f"Still there: {commas(times, since)}", alarm),
        summary="The last hunts found the same, and nothing new. The case is open until somebody closes it.",
    )
