"""The contract that Slack, Teams and Jira keep, and the one place that knows which class serves which type.

A destination takes a composed message and says what became of it. No exception crosses this line, and
no secret: not in a reason, not in a log, not in a repr.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from receiver.compose import Message


@dataclass(frozen=True)
class Delivered:
    ref: str = ""  # what a later message about the same case needs: a Jira key, for example
    note: str = ""  # delivered, but not quite as composed: which field was left out, and why


@dataclass(frozen=True)
class Retry:
    reason: str
    after: float | None = None  # seconds that the destination asked for; None leaves it to the backoff
    ambiguous: bool = False  # it may have arrived all the same


@dataclass(frozen=True)
class Rejected:
    reason: str  # what is wrong and what to do about it


Outcome = Delivered | Retry | Rejected


@dataclass(frozen=True)
class Check:
    """Whether a destination would work, as far as can be told without sending."""

    ok: bool
    detail: str


class Destination(Protocol):
    name: str
    thread: bool  # can follow up on an earlier message of the same case
    update: bool  # can edit an earlier message of the same case

    def deliver(self, message: Message, case_refs: Mapping[str, str]) -> Outcome: ...

    def check(self) -> Check:
        """Tell whether a delivery would work. Sends nothing that a person would see."""
        ...
