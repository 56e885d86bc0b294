"""The records of the simulated Jira: statuses, transitions and issues."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Status:
    """`category` is a key that is the same in every language: new, indeterminate or done."""

    name: str
    category: str


@dataclass(frozen=True)
class Transition:
    """`needs`: the fields that must be set. `hidden`: a validator checks these fields, so createmeta does not
    name them."""

    id: str
    name: str
    source: str  # a status, or * for any
    to: str
    needs: tuple[str, ...] = ()
    hidden: bool = False


STATUSES = (Status("To Do", "new"), Status("In Progress", "indeterminate"), Status("Done", "done"))
TRANSITIONS = (
    Transition("11", "Start", "To Do", "In Progress"),
    Transition("21", "Close", "*", "Done"),
    Transition("31", "Reopen", "Done", "To Do"),
)


@dataclass(frozen=True)
class Change:
    """What somebody changed in an issue: of each field the value before and after, empty for none."""

    at: float
    by: str
    fields: dict[str, tuple[str, str]]


@dataclass
class Issue:
    """The present state of one issue."""

    id: int
    key: str
    created: float  # seconds since 1970
    fields: dict[str, Any]
    status: str
    comments: list[dict[str, Any]] = field(default_factory=list)
    properties: dict[str, Any] = field(default_factory=dict)
    resolution: str = ""
    resolved: float | None = None
    changed: float = 0.0  # when the category of the status last changed
    transitions: list[str] = field(
        default_factory=list
    )  # the ids of the transitions that were made, in order
    remote_links: dict[str, dict[str, Any]] = field(default_factory=dict)  # by globalId
    attachments: dict[str, bytes] = field(default_factory=dict)  # by number and file name
    links: set[tuple[str, str]] = field(default_factory=set)  # link type, key of the other issue
    former_keys: set[str] = field(default_factory=set)
    changes: list[Change] = field(default_factory=list)  # of status and resolution, the oldest first
    # The HTTP status with which comments are refused: archived, restricted, or by the workflow. 0: allowed.
    closed_to_comments: int = 0
