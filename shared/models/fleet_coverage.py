"""The coverage of a whole organization: every running machine, when it was last captured, and why it was not.

Machines are stored by place, which is an account and a region. A place that could not be read is unknown, and
what it holds never counts as captured.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from shared.models.systems import System


class Reason(StrEnum):
    """Why a running machine was not captured for long, or that it was captured. These texts are stored."""

    CAPTURED = "captured"
    FAILED = "failed"  # its last capture
    NOT_REACHED = "not reached"  # `max_systems` of each hunt that selects it leaves no room for it
    WAITING = "waiting"  # a hunt selects it, and has not tried to capture it since
    TOO_NEW = "too new"  # a hunt selects it, and it was launched less than a day ago
    UNSELECTED = "no hunt"
    UNCLEAR = "unclear"  # no hunt is known to select it, and the accounts of a hunt are not known
    LEFT_OUT = "left out"  # by the states or the sample of the targets that find it
    EXCLUDED = "excluded"  # by a rule of `exclude`
    NOT_IMPORTABLE = "not importable"  # the platform cannot capture it, as its own machine


# The reasons that somebody chose, so nobody is told that such a machine was not captured for long.
CHOSEN = frozenset({Reason.EXCLUDED, Reason.NOT_IMPORTABLE, Reason.LEFT_OUT})
# The reasons of machines that no hunt captures.
IN_NO_HUNT = frozenset({Reason.UNSELECTED, Reason.UNCLEAR, *CHOSEN})

REASONS_IN_WORDS: Mapping[Reason, str] = {
    Reason.CAPTURED: "captured",
    Reason.FAILED: "the last capture failed",
    Reason.NOT_REACHED: "not reached by max_systems",
    Reason.WAITING: "selected, not tried",
    Reason.TOO_NEW: "launched less than a day ago",
    Reason.UNSELECTED: "no hunt selects it",
    Reason.UNCLEAR: "not known whether a hunt selects it",
    Reason.LEFT_OUT: "left out by its target",
    Reason.EXCLUDED: "excluded",
    Reason.NOT_IMPORTABLE: "the platform cannot capture it",
}


class Unread(StrEnum):
    """Why a place is unknown. These texts are stored."""

    NO_ROLE = "no role"  # its role may not be assumed
    ACCOUNT_STATE = "account state"  # the account is suspended or being closed
    REGION_OFF = "region off"  # the account has not enabled the region
    NOT_READABLE = "not readable"


@dataclass(frozen=True)
class Why:
    """Why a machine was not captured."""

    reason: Reason
    hunt: str = ""  # the first hunt that selects it, or finds it and leaves it out
    detail: str = ""  # one sentence

    @property
    def words(self) -> str:
        return self.detail or REASONS_IN_WORDS[self.reason]


@dataclass(frozen=True)
class FleetRow:
    """One running machine."""

    instance: str
    why: Why
    name: str = ""
    since: date | None = None  # when it was launched, or first listed if that was before
    captured: date | None = None  # when a capture last succeeded
    old_on: date | None = None  # the day on which it was first found to be too old

    def days(self, today: date) -> int | None:
        """Days since its last successful capture; None if it never was captured."""
        return max(0, (today - self.captured).days) if self.captured else None

    def age(self, today: date) -> int:
        """Days since its last successful capture, or since it began to run if it never was captured."""
        began = self.captured or self.since
        return max(0, (today - began).days) if began else 0


@dataclass(frozen=True)
class FleetPart:
    """What is stored of some machines of one place."""

    account: str  # as in `System`
    region: str
    day: date  # of the look
    rows: tuple[FleetRow, ...] = ()
    part: int = 0
    parts: int = 1  # of this place
    unread: Unread | None = None  # why the place could not be read; then `rows` are those of an earlier look
    unread_why: str = ""

    def system(self, row: FleetRow) -> System:
        return System(row.instance, self.region, self.account)


@dataclass(frozen=True)
class UnknownPlace:
    """An account, or one region of it, that could not be read."""

    account: str  # as in `System`; or the id of an organizational unit
    region: str  # empty: the whole account
    unread: Unread
    why: str
    before: int = 0  # machines that ran there when it was last read


MAX_UNKNOWN = 100  # places that a listing names


@dataclass(frozen=True)
class OrganizationCoverage:
    """The coverage of the whole organization in numbers."""

    day: date
    max_age_days: int
    accounts: int = 0  # all that were to be read
    places: int = 0  # that were read
    running: int = 0
    captured: int = 0  # of these, in the last `max_age_days` days
    reasons: Mapping[str, int] = field(default_factory=dict)  # of the others, by `Reason`
    too_old: int = 0
    unknown: tuple[UnknownPlace, ...] = ()  # at most MAX_UNKNOWN
    unknown_total: int = 0
    others: int = 0  # systems of other kinds than EC2 that hunts know; whether they still run is not known
    others_captured: int = 0  # of these, in the last `max_age_days` days
