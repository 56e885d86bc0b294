"""Texts that all destinations share: severity marks, ATT&CK techniques, links, the warning of a repeat."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import groupby
from urllib.parse import quote, urlsplit

from receiver.messages.message import Line, Link, Message
from shared.config.destinations.section import LONGEST_LINK
from shared.http.urls import is_loopback
from shared.models import attack
from shared.models.event_kinds import CLOSED
from shared.models.evidence import Finding
from shared.models.severity import Severity

REPEAT = "This may be a repeat: the same message may have arrived before."

# Shapes instead of colours or emoji: notifications, screen readers and colour-blind people keep them apart.
MARKS = {Severity.MALICIOUS: "▲", Severity.SUSPICIOUS: "△", Severity.INFO: "○", Severity.UNKNOWN: "◇"}

_HOST = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:\d+)?", re.ASCII)


def one_line_of(message: Message) -> str:
    """Title and summary in one line: for a notification, and for a client that cannot draw the card."""
    return f"{message.title}. {message.summary}" if message.summary else message.title


def path_of(finding: Finding, message: Message) -> str:
    """The finding's path for the list of alarms; empty if the summary ends with it."""
    return "" if finding.path and message.summary.endswith(f" at {finding.path}") else finding.path


def grouped(lines: Iterable[Line]) -> Iterator[tuple[str, list[Line]]]:
    """The lines of each group, and its heading."""
    for group, found in groupby(lines, lambda line: line.group):
        yield group, list(found)


def techniques(finding: Finding) -> tuple[Link, ...]:
    """Links to MITRE's pages of the finding's ATT&CK techniques and tactics, by id and name."""
    ids = filter(attack.is_id, finding.attack)
    return tuple(Link("technique", attack.titled(id), attack.url(id)) for id in ids)


def safe_links(message: Message, *, longest: int = LONGEST_LINK) -> tuple[Link, ...]:
    """The message's links that are https (http only to this machine) and have at most `longest` characters.
    Links lead to the platform's origin and to the consoles of cloud providers alone; this is the last check
    before sending. Characters that could end a link early are percent-encoded."""
    safe = ((link, _safe_url(link.url, longest)) for link in message.links)
    return tuple(link if url == link.url else replace(link, url=url) for link, url in safe if url)


def _safe_url(url: str, longest: int) -> str:
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return ""
    rest = quote(parts._replace(scheme="", netloc="").geturl(), safe="/:?#@!$&'()*+,;=%-._~")
    url = f"{parts.scheme}://{parts.netloc}{rest}"
    if not _HOST.fullmatch(parts.netloc) or len(url) > longest:
        return ""
    return url if parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host)) else ""


def is_over(message: Message) -> bool:
    """Whether the message says that a case is closed. It is not drawn in the colour of an alarm."""
    return message.kind == CLOSED
