"""Alarm → Message: what is said, in which order, before it is Slack, Teams or Jira.

Every string in a message is plain text that was cleaned here (no control or bidirectional characters);
escaping it is the destination's business, since each has its own rules.
"""

from __future__ import annotations

from dataclasses import dataclass

from shared.models import Finding, Severity


@dataclass(frozen=True)
class Fact:
    label: str
    value: str
    code: bool = False  # an identifier or a path: shown as code where the destination can


@dataclass(frozen=True)
class Link:
    text: str
    url: str


@dataclass(frozen=True)
class Message:
    """One alarm, composed for people. Facts come most important first: the last are dropped first."""

    id: str  # the event's id, shown small, so that a repeat can be recognised
    kind: str  # the event's kind
    severity: Severity
    title: str  # one line: what, where, how bad
    summary: str  # one or two sentences in words
    facts: tuple[Fact, ...] = ()
    findings: tuple[Finding, ...] = ()  # worst first
    findings_total: int = 0  # how many kinds there are, shown or not
    lines: tuple[str, ...] = ()  # a list, worst first: the systems of a finished hunt
    quote: str = ""  # raw text from outside, shown as text: the body of an unknown event, a failure's reason
    gaps: tuple[str, ...] = ()  # "Instance details: access denied by EC2"
    link: Link | None = None
    labels: tuple[str, ...] = ()  # lower case, no spaces: hunt, severity, system
    case_key: str = ""
    maybe_repeat: bool = False  # an earlier attempt may have arrived
