"""What was decided about each finding of an alarm, in a form that people and lists can be shown."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from shared.models.severity import Severity
from shared.models.system_findings import Status

MOST_SHOWN = 100  # findings of one judgement


@dataclass(frozen=True)
class JudgedFinding:
    """One finding of an alarm, and whether people are told of it. Its texts may be hostile."""

    fingerprint: str
    status: Status
    description: str
    path: str
    severity: Severity
    count: int
    hunts: int = 1  # how many hunts had it, this one included
    first_at: datetime | None = None  # when the system first had it
    first: bool = False  # the system never had it before
    # Of a finding that is withheld: the entry or mute, who made it, why, and until when it is valid.
    by: str = ""
    author: str = ""
    reason: str = ""
    until: datetime | None = None
    # Why an entry that names the finding does not cover it: the end of "told, since …".
    not_covered: str = ""


@dataclass(frozen=True)
class Judgement:
    """What was decided about an alarm."""

    case: str  # the key of its case; empty if it belongs to none
    tell: bool  # people are told of it
    findings: tuple[
        JudgedFinding, ...
    ] = ()  # what people are told of first, then the worst; at most MOST_SHOWN
    total: int = 0  # how many findings there are
    complete: bool = True  # the platform says where each of its alarms is
    continues: bool = False  # its case was begun by an earlier hunt, and is not closed
    hunts: int = 1  # how many hunts had the told finding that most hunts had
    since: datetime | None = None  # when the first of the told findings was first seen

    @property
    def news(self) -> tuple[JudgedFinding, ...]:
        return tuple(each for each in self.findings if each.status.is_news)

    @property
    def still(self) -> tuple[JudgedFinding, ...]:
        """The findings that people were told of before, and that are still there."""
        return tuple(each for each in self.findings if each.status is Status.SEEN)

    @property
    def muted_by(self) -> str:
        """The id of the mute that withholds everything; of several mutes, that of the worst finding. Empty if
        not everything is muted."""
        return self.findings[0].by if {each.status for each in self.findings} == {Status.MUTED} else ""

    @property
    def withheld(self) -> tuple[JudgedFinding, ...]:
        return tuple(each for each in self.findings if each.status.is_withheld)
