"""Who acknowledged a case, and which cases still wait for that."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Acknowledgement:
    """Who has taken a case, and when. The first one has it."""

    id: str  # of the click or the command: one that comes again is the same
    at: datetime
    by: str  # a name, as it was given: hostile text
    slack: str = ""  # the user's id, where Slack gave it
    origin: str = ""  # from where: Slack, or who asked on which machine


@dataclass(frozen=True)
class Unacknowledged:
    """A malicious case that nobody has taken."""

    case_key: str
    since: datetime
    due: datetime  # when it is told again
    reminded: int  # how often it was
    version: int  # of its record
