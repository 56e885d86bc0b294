"""A case: all alarms about one system in one project, as they are known whatever the destination."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from pydantic import Field

from shared.models.acknowledgements import Acknowledgement
from shared.models.alarms import Alarm
from shared.models.systems import System

MAX_NEWEST_ALARMS = 20


@dataclass(frozen=True)
class Case:
    """What is known of a case. What each destination holds of it is in `storage.ledger.case_references`."""

    alarm: Alarm  # the worst alarm; of equally bad ones, the newest
    told: tuple[str, ...] = ()  # the destinations that its messages went to
    acknowledgement: Annotated[Acknowledgement | None, Field(alias="taken")] = None
    issue_in: str = ""  # the Jira destination in which somebody asked for an issue
    issue_asked: str = ""  # id of the click that asked for it
    # Earlier versions did not store what follows.
    opened_at: datetime | None = None  # when its first alarm came
    last_at: datetime | None = None  # when its last alarm came
    alarms: int = 0
    newest_alarms: tuple[str, ...] = ()  # ids of the last events, so that a repeat is not counted
    title: str = ""  # of the message about `alarm`
    system: System | None = None
