"""Who acknowledged a case, and which cases still wait for an acknowledgement."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Acknowledgement:
    """Who acknowledged a case, and when. The first acknowledgement of a case counts."""

    id: str  # of the click or the command, so that a repeat is recognised
    at: datetime
    by: str  # a name, which may be hostile text
    slack: str = ""  # the user's id in Slack, if the click was made there
    origin: str = ""  # Slack, or the user and machine of the command


@dataclass(frozen=True)
class Escalating:
    """A malicious case that nobody has taken, and how far its escalation is."""

    case_key: str
    since: datetime  # when it became open and malicious
    steps: int  # how many steps were queued
    version: int  # of the stored document


@dataclass(frozen=True)
class Unacknowledged:
    """A malicious case that nobody has acknowledged, and its reminders."""

    case_key: str
    since: datetime
    due: datetime  # when the next reminder is sent
    reminded: int  # how many reminders were sent
    version: int  # of the stored document
