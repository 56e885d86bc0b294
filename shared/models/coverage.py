"""What the captures of a system brought, week by week, and the machines that no hunt captures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from shared.models.fleet_coverage import OrganizationCoverage
from shared.models.systems import System
from shared.models.weeks import last_weeks, week_of

MAX_UNSELECTED = 500  # machines that a listing names
WEEKS_KEPT = 12


class Outcome(StrEnum):
    """What the captures of one system brought in one week, the worst first."""

    MALICIOUS = "malicious"
    SUSPICIOUS = "suspicious"
    UNKNOWN = "unknown"  # alarms of unknown severity, or no alarms and a part of it was not searched
    FAILED = "failed"
    CLEAN = "clean"
    NONE = "none"  # there was no capture


_WORST_FIRST = tuple(Outcome)


def worst(outcomes: Iterable[Outcome]) -> Outcome:
    """The worst of these; NONE if there are none."""
    return min(outcomes, key=_WORST_FIRST.index, default=Outcome.NONE)


@dataclass(frozen=True)
class CoveredSystem:
    """What is stored of a system that hunts capture."""

    system: System
    name: str = ""  # the instance's name when EC2 was last asked
    # By ISO week, and in each week by what brought it: the id of a hunt, or "alarm of" and the id.
    weeks: Mapping[str, Mapping[str, Outcome]] = field(default_factory=dict)
    last_captured_at: datetime | None = None  # when a capture last succeeded
    last_attempt_at: datetime | None = None  # when a capture last ended, successful or not
    last_attempt: str = ""  # the hunt of that capture, and which attempt it was
    last_reason: str = ""  # why the last capture failed; empty if it did not
    failures_in_a_row: int = 0
    hunts: tuple[str, ...] = ()  # the names of the hunts that captured it, the last one first


@dataclass(frozen=True)
class Unselected:
    """A machine that EC2 lists and no hunt captures."""

    system: System
    name: str = ""
    why: str = ""  # why a hunt that finds it leaves it out; empty: no hunt finds it


@dataclass(frozen=True)
class CoveredShare:
    """How many of the systems that hunts had ever tried to capture were captured in the 30 days before."""

    captured: int
    known: int


@dataclass(frozen=True)
class Listing:
    """The machines that EC2 lists, compared with what the hunts select."""

    at: datetime
    listed: int | None = None  # None: no account and region could be asked
    unselected: tuple[Unselected, ...] = ()  # at most MAX_UNSELECTED
    unselected_total: int = 0
    problems: tuple[str, ...] = ()  # sentences: why the listing is missing or incomplete
    failures: int = 0  # how many accounts, regions and organizational units could not be listed
    selected: int = 0  # listed machines that a hunt selects
    recently_captured: int = 0  # listed machines with a successful capture in the last COVERAGE_DAYS days
    known: int = 0  # systems that a hunt ever captured or tried to, listed or not
    captured: int = 0  # of these, the ones with a successful capture in the last COVERAGE_DAYS days
    # By ISO week, as it was at the last comparison in that week; earlier versions did not write it.
    weeks: Mapping[str, CoveredShare] = field(default_factory=dict)
    organization: OrganizationCoverage | None = None  # None: the configuration does not ask for it


def with_week(listing: Listing, last: Listing | None) -> Listing:
    """The listing with the coverage of the last weeks, its own included."""
    before = last.weeks if last else {}
    known = {*last_weeks(listing.at, WEEKS_KEPT)}
    kept = {week: share for week, share in before.items() if week in known}
    return replace(listing, weeks=kept | {week_of(listing.at): CoveredShare(listing.captured, listing.known)})
