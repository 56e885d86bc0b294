"""A case: all alarms about one system in one project, as they are known whatever the destination."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated

from pydantic import Field

from shared.models.acknowledgements import Acknowledgement
from shared.models.alarms import Alarm
from shared.models.decisions import Action, CaseDecision

# Code for cases needs these as well. They are defined beside the decisions, since an alarm has them too.
from shared.models.decisions import CaseState as CaseState
from shared.models.decisions import Closure as Closure
from shared.models.decisions import Verdict as Verdict
from shared.models.systems import System

MAX_NEWEST_ALARMS = 20


@dataclass(frozen=True)
class StillThere:
    """The last alarm of a case that said nothing new."""

    at: datetime
    hunt_id: str
    hunts: int  # how many hunts have had the same findings
    since: datetime  # when the first of them was first seen


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
    closure: Closure | None = None
    decisions: tuple[CaseDecision, ...] = ()  # the last ones, the newest last
    still: StillThere | None = None
    told_at: datetime | None = None  # when the last alarm came that people were told of
    # Destinations that are not told of the case yet, since a route holds its alarms for them until then.
    # None: until their hunt has ended.
    held: Mapping[str, datetime | None] = field(default_factory=dict)
    # The ids of the events that `alarm` was made of, and until when one more counts as the same news.
    group: tuple[str, ...] = ()
    group_until: datetime | None = None

    @property
    def state(self) -> CaseState:
        if self.closure:
            return CaseState.CLOSED
        return CaseState.ACKNOWLEDGED if self.acknowledgement else CaseState.OPEN

    @property
    def last_decision(self) -> str:
        """The id of the last decision; empty if there was none."""
        if self.decisions:
            return self.decisions[-1].id
        return self.acknowledgement.id if self.acknowledgement else ""

    @property
    def opening(self) -> str:
        """The id of the decision by which the case became open again; empty if it is open since its first
        alarm."""
        again = (Action.RELEASE, Action.REOPEN)
        return next((made.id for made in reversed(self.decisions) if made.action in again), "")
