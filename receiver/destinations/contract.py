"""The contract that every destination implements.

A destination takes a composed message and returns the outcome. It raises no exception, and no secret is in a
reason, a log line or a repr.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, runtime_checkable

from receiver.messages.message import Message
from shared.metrics.instruments import OTHER
from shared.models.decisions import Verdict

RateLimit = tuple[tuple[int, float], ...]  # pairs (count, seconds): at most `count` messages in any `seconds`


@dataclass(frozen=True)
class Traits:
    """The abilities and limits of a destination, from its configuration. Reading them takes no I/O, so they
    are known even if the destination's secret cannot be read or the destination cannot be reached."""

    thread: bool = False  # a later message of a case can follow an earlier one: a reply, a comment
    edit: bool = False  # the earlier message of a case can be edited
    # Nothing can be added to a message, so alarms of one system that come close together share one.
    gathers: bool = False
    tracks_issues: bool = False  # the ref of a delivery is the key of an issue that other messages link to
    rate_limit: RateLimit = ()  # the vendor's
    rate_limit_by_case: bool = False  # the vendor counts the messages of each case, not of the destination
    concurrency: int = 2  # messages that one process may be sending to the destination at once


@dataclass(frozen=True)
class CaseRef:
    """What is known of a message's case at one destination."""

    ref: str = ""  # `Delivered.ref` of an earlier message of the case; empty if there is none
    exclusive: bool = False  # no other delivery has the case at the same time
    unsure: bool = False  # an earlier attempt may have opened the case, and its answer was lost


NEW_CASE = CaseRef()


@dataclass(frozen=True)
class Delivered:
    """The destination accepted the message."""

    ref: str = ""  # what a later message about the same case needs, such as the key of a Jira issue
    note: str = ""  # how the delivery differs from the message: which field was left out, and why


@dataclass(frozen=True)
class Retry:
    """The message was not accepted, or that is not known. A later attempt may succeed."""

    reason: str
    after: float | None = None  # seconds that the destination asked for; None leaves it to the backoff
    ambiguous: bool = False  # the message may have arrived
    # Nothing was sent, since the case must be opened anew. Only a delivery with `CaseRef.exclusive` may do
    # that.
    needs_exclusive: bool = False
    # What went wrong, for metrics and logs: one of the values of DELIVERY_RETRIES's label `error_type`.
    error_type: str = field(default=OTHER, compare=False)


@dataclass(frozen=True)
class Rejected:
    """The destination will never accept the message."""

    reason: str  # what is wrong and what to do about it
    # The secret is refused, or its URL no longer exists. A newer secret may be accepted.
    unauthorized: bool = field(default=False, compare=False)


Outcome = Delivered | Retry | Rejected


@dataclass(frozen=True)
class Check:
    """Whether a destination would work, as far as that can be checked without sending."""

    ok: bool
    detail: str


class Destination(Protocol):
    name: str

    @property
    def traits(self) -> Traits:
        """What this destination can do. Never changes while the object lives."""
        ...

    def deliver(self, message: Message, case: CaseRef) -> Outcome:
        """Send the message. If an earlier attempt may have arrived, a destination that can be searched
        searches for it first."""
        ...

    def check(self) -> Check:
        """Check whether a delivery would work. Sends nothing that a person would see."""
        ...


@dataclass(frozen=True)
class Preview:
    """What a message would become at a destination."""

    body: Any  # a JSON value
    viewer: str = ""  # where a person can look at it, in words


@dataclass(frozen=True)
class Recipient:
    """One person in one channel, each by its id at the destination."""

    channel: str
    user: str


Links = tuple[tuple[str, str], ...]  # text and address of each


@runtime_checkable
class SendsEphemeral(Protocol):
    """A destination that can show a text to one person alone."""

    def send_ephemeral(self, to: Recipient, text: str, links: Links = ()) -> Outcome:
        """`text` is plain text."""
        ...


@dataclass(frozen=True)
class ClosedIssue:
    """The issue of a case, which is closed."""

    tracker: str  # such as Jira
    key: str  # as it is now; people may have moved the issue
    resolution: str = ""  # the name of how it was resolved; may be hostile text
    verdict: Verdict | None = None  # what the configuration says that the resolution means
    at: datetime | None = None  # when it was closed; None if the tracker does not say


@runtime_checkable
class TracksIssues(Protocol):
    """A destination whose issues people close."""

    def closed_issues(self, issues: Mapping[str, str]) -> Mapping[str, ClosedIssue] | Retry | Rejected:
        """Those of these issues that are closed, by the key of the case. `issues`: the key of each issue, by
        that of its case; at most 100. An issue that is gone is not closed."""
        ...

    def who_closed(self, keys: Collection[str]) -> Mapping[str, str] | Retry | Rejected:
        """The names of the people who closed these issues, by the key of the issue, as far as that is known.
        They may be hostile text."""
        ...


@dataclass(frozen=True)
class Option:
    """One choice in a dialog. `text` may be hostile."""

    value: str
    text: str


@dataclass(frozen=True)
class TermsForm:
    """What a dialog about the terms of a closing offers. A true positive has a reason only."""

    case_key: str
    closure_id: str  # the id of the decision that closed the case
    verdict: Verdict
    scopes: tuple[Option, ...] = ()  # the usual one first
    days: tuple[Option, ...] = ()
    usual_days: str = ""  # the value of the option that is chosen at first
    malicious: tuple[Option, ...] = ()


@runtime_checkable
class AsksForTerms(Protocol):
    """A destination that can ask one person for the terms of a closing."""

    def ask_for_terms(self, trigger: str, form: TermsForm) -> Outcome:
        """`trigger` comes with what the person did. It can be used once, for three seconds."""
        ...
