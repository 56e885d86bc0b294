"""What people decide about a case: they take it, give it back, close it with a verdict, or reopen it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from shared.models.known_good_terms import Terms


class Action(StrEnum):
    """What somebody decided."""

    ACKNOWLEDGE = "acknowledge"
    RELEASE = "release"  # give the case back, so that somebody else can take it
    CLOSE = "close"
    REOPEN = "reopen"


class CaseState(StrEnum):
    OPEN = "open"  # nobody has taken it
    ACKNOWLEDGED = "acknowledged"
    CLOSED = "closed"


class Verdict(StrEnum):
    """How a case was closed."""

    TRUE_POSITIVE = "true_positive"  # an attack
    BENIGN = "benign"  # real, but allowed
    FALSE_POSITIVE = "false_positive"  # not real

    @property
    def is_harmless(self) -> bool:
        """Whether the findings of the case are known good from then on."""
        return self is not Verdict.TRUE_POSITIVE

    @property
    def words(self) -> str:
        """Such as "true positive"."""
        return self.value.replace("_", " ")


@dataclass(frozen=True)
class Closure:
    """How a case was closed, by whom, why, and when."""

    id: str  # of the decision
    verdict: Verdict
    by: str  # a name, which may be hostile text
    at: datetime
    why: str = ""  # may be hostile text
    origin: str = ""  # from where, such as the user and machine of the command


@dataclass(frozen=True)
class CaseDecision:
    """One decision about a case. What people write may be hostile text."""

    id: str  # unique, so that a repeat is recognised
    action: Action
    by: str  # the name that everybody reads
    at: datetime
    origin: str = ""  # from where: Slack, the console, or the user and machine of the command
    slack: str = ""  # the user's id in Slack, if the decision was made there
    verdict: Verdict | None = None  # only of `close`
    why: str = ""
    terms: Terms | None = None  # only of `close` as harmless; None: those of the configuration
    destination: str = ""  # at which it was made, and which is not told of it; empty: at none
    covers: int = 0  # only of `close` as harmless: how many findings are known good
    # The id of the decision before this one; "" if there was none. Until the decision is made, it is the last
    # one that its maker saw: if somebody has decided since, this decision does not count. None: it counts
    # whatever was decided before.
    after: str | None = None
    alarm: str = ""  # the id of the event whose alarm reopened the case, if no person did
    closed: Closure | None = None  # only of `reopen`: how the case was closed before
    holder: str = ""  # only of `release`: who had taken the case
    # Only of `close`: it only changes the terms and the reason of a closing, whose maker is the same.
    refines: bool = False
