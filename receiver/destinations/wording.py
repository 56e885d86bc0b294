"""What the three senders say in the same words: severity, techniques, links, the warning of a repeat."""

from __future__ import annotations

import re
from dataclasses import replace
from urllib.parse import quote, urlsplit

from receiver.messages import attack
from receiver.messages.message import Link, Message
from shared.config.destinations.section import LONGEST_LINK
from shared.http.urls import is_loopback
from shared.models.evidence import Finding
from shared.models.severity import Severity

REPEAT = "This may be a repeat: an earlier attempt got no answer, and may have arrived."

# Shapes, not colours or emoji: they survive a notification, a screen reader's settings and colour blindness.
MARKS = {Severity.MALICIOUS: "▲", Severity.SUSPICIOUS: "△", Severity.INFO: "○", Severity.UNKNOWN: "◇"}

_HOST = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:\d+)?", re.ASCII)


def in_one(message: Message) -> str:
    """Title and summary, where there is room for nothing else: a notification, a card that is not drawn."""
    return f"{message.title}. {message.summary}" if message.summary else message.title


def techniques(finding: Finding) -> tuple[Link, ...]:
    """Its ATT&CK techniques and tactics by id and name, and where MITRE explains them."""
    ids = filter(attack.is_id, finding.attack)
    return tuple(Link("technique", attack.titled(id), attack.url(id)) for id in ids)


def safe_links(message: Message, *, longest: int = LONGEST_LINK) -> tuple[Link, ...]:
    """The message's links that are https (http only to this machine) and have at most `longest` characters.
    Compose takes them from the platform's own origin and AWS's; this is the last look. Whatever could end a
    link early is percent-encoded."""
    return tuple(replace(link, url=url) for link in message.links if (url := _safe(link.url, longest)))


def _safe(url: str, longest: int) -> str:
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
