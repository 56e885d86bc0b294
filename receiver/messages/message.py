"""The message that huntbridge composes from an alarm, before it is formatted for Slack, Teams or Jira.

Every text in a message is plain text of bounded length, without control or bidirectional characters and with
inert links. Each destination escapes the text by its own rules.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from shared.models.acknowledgements import Acknowledgement
from shared.models.alarms import Alarm
from shared.models.cases import CaseState, StillThere
from shared.models.decisions import Closure
from shared.models.evidence import Finding
from shared.models.intelligence import rules_named_in
from shared.models.owners import Owner
from shared.models.severity import Severity

MAX_TITLE = 200
MAX_SUMMARY = 700
MAX_LINES = 100
UPDATE = "Update: "  # the title of an alarm that adds to an earlier message begins with this


class Place(IntEnum):
    """Where a fact stands in a message. The first two are what a decision needs, and never folded."""

    NEWS = 1  # what is new, and which machine it is, unless the title names it
    HOLDER = 2  # who has the case
    FIRST = 3  # at most MAX_FIRST, which matter most of what is left
    REST = 4


MAX_FIRST = 6


@dataclass(frozen=True)
class Fact:
    """One labelled value, such as an address or an owner."""

    label: str
    value: str
    code: bool = False  # an identifier or a path, shown as code if the destination supports that
    # The configuration chooses facts by this name (`message.facts`). A fact without a name is always shown.
    name: str = field(default="", compare=False)
    place: Place = field(default=Place.FIRST, compare=False)


@dataclass(frozen=True)
class Link:
    """A link below the message."""

    name: str  # platform | case | console | issue, and own_1, own_2, … for the links of `message.links`
    text: str
    url: str


@dataclass(frozen=True)
class Line:
    """One line of a list, such as the systems of a hunt."""

    text: str
    group: str = ""  # the heading above it; lines of a group follow each other
    systems: int = 1  # how many of the list's entries it stands for
    # NEWS: what a decision needs; REST: what it does not.
    place: Place = field(default=Place.FIRST, compare=False)


@dataclass(frozen=True)
class Message:
    """One alarm, composed for people. The most important facts come first: the last are dropped first."""

    id: str  # the event's id, by which people recognise a repeated message
    kind: str  # the event's kind
    severity: Severity
    title: str  # one line: what happened, where, and how severe it is
    summary: str  # one or two sentences
    facts: tuple[Fact, ...] = ()
    findings: tuple[Finding, ...] = ()  # worst first
    findings_total: int = 0  # the number of kinds of finding, including those that are not shown
    lines: tuple[Line, ...] = ()  # such as the systems of a finished hunt: first those that need a hand
    lines_total: int = 0  # the entries of the list, including those that are not shown
    quote: str = ""  # text from outside, such as the body of an unknown event or the reason of a failure
    gaps: tuple[str, ...] = ()  # what is not known, such as "Instance details: access denied by EC2"
    links: tuple[Link, ...] = ()  # the platform first, the case's page, the EC2 console, the issue in Jira
    labels: tuple[str, ...] = ()  # hunt, severity and system, in lower case and without spaces
    case_key: str = ""
    maybe_repeat: bool = False  # an earlier attempt to deliver this message may have succeeded
    sent_again: bool = False  # a person had it sent again, so it is no news
    footer: str = ""  # the line of `message.footer`
    left_out: str = ""  # what a destination left out because the message was too large for it
    malicious: int = 0  # the number of malicious alarms, as far as it is known
    suspicious: int = 0  # the number of suspicious alarms, as far as it is known
    owner: Owner | None = None  # the person to mention; None if no alarm is malicious or suspicious
    # Set if this message is about an event other than an alarm, such as an acknowledgement: the message about
    # the case's worst alarm, which has no overview itself. See `case_overview`.
    overview: Message | None = field(default=None, compare=False, repr=False)
    # What a destination may offer: acknowledge, create-issue, close, mute, and to mute until-next-hunt.
    offers: tuple[str, ...] = ()
    joins: bool = False  # people were told moments ago of another alarm of the system that is as severe
    loud: bool = False  # news about a case that an earlier hunt began, so the whole channel must see it
    # How the case stands now, if somebody has decided about it since this message's event; else None. A
    # message may be sent late, and decisions may overtake each other.
    decided_since: CaseState | None = None
    silent: bool = False  # nothing is posted; the message at the head of the case's thread is edited
    # The values that a template of the configuration can use: clean text, numbers and the instance's tags.
    values: Callable[[], Mapping[str, object]] = field(default=dict, compare=False, repr=False)
    # The same content as data, for destinations that programs read.
    alarm: Alarm | None = field(default=None, compare=False, repr=False)

    def facts_at(self, *places: Place) -> tuple[Fact, ...]:
        return tuple(fact for fact in self.facts if fact.place in places)

    @property
    def order(self) -> str:
        """How the findings are ordered, for their heading."""
        own = self.findings and rules_named_in(self.findings[0].description, ())
        return "yours first" if own else "worst first"

    @property
    def case_overview(self) -> Message:
        """The content of the one message about the whole case, at a destination that keeps and edits one."""
        return self.overview or self


@dataclass(frozen=True)
class CaseStatus:
    """What the ledger knows about the case that a message belongs to."""

    acknowledgement: Acknowledgement | None = None
    closure: Closure | None = None
    issue: tuple[str, str] | None = None  # key and URL of the case's issue in Jira
    # What a destination may offer: acknowledge, create-issue, close, mute, and to mute until-next-hunt.
    offers: tuple[str, ...] = ()
    still: StillThere | None = None  # the last alarm of the case that said nothing new
    worst: Alarm | None = None  # the worst alarm of the case so far; None: the message's own alarm
    state: CaseState | None = None  # None: there is no such case
