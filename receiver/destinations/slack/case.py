"""A case in Slack: what is kept of it between two alarms, and what its parent message says.

Nothing here is sent or asked.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, replace
from typing import Any

from receiver.messages.message import UPDATE, Message
from shared.config.destinations.slack import SLACK_CHANNEL_ID
from shared.models.event_kinds import ACKNOWLEDGED, UNACKNOWLEDGED
from shared.models.severity import Severity
from shared.text import one_line

_TS = re.compile(r"\d{1,12}\.\d{1,9}", re.ASCII)


@dataclass(frozen=True)
class Thread:
    """The record of a case: where its first message is, and the worst severity it had."""

    to: str  # the channel, as the configuration named it
    channel: str  # its id
    ts: str
    severity: Severity
    malicious: int
    suspicious: int
    alarms: int
    title: str  # of the worst one

    @classmethod
    def read(cls, ref: str) -> Thread | None:
        """None where this is no reference that `written` gave."""
        try:
            found = json.loads(ref)
            thread = cls(**{**found, "severity": Severity(found["severity"])})
        except (ValueError, TypeError, KeyError, RecursionError):
            return None
        texts = (thread.to, thread.channel, thread.ts, thread.title)
        numbers = (thread.malicious, thread.suspicious, thread.alarms)
        sound = all(isinstance(text, str) for text in texts) and all(isinstance(n, int) for n in numbers)
        return thread if sound and is_place(thread.channel, thread.ts) else None

    def written(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False, separators=(",", ":"))

    def worsened_by(self, message: Message) -> bool:
        return message.severity.rank > self.severity.rank or message.malicious > self.malicious

    def after(self, message: Message) -> Thread:
        """With one more alarm; the newest of two that are equally bad gives the title."""
        if _is_about_the_case(message):
            return self
        now = replace(self, alarms=self.alarms + 1)
        if _how_bad(message) < _how_bad(self):
            return now
        return replace(
            now,
            severity=message.severity,
            malicious=message.malicious,
            suspicious=message.suspicious,
            title=current(message.title),
        )


def _is_about_the_case(message: Message) -> bool:
    """Whether it is no alarm of its own."""
    return message.silent or message.kind in (ACKNOWLEDGED, UNACKNOWLEDGED)


def _how_bad(alarm: Message | Thread) -> tuple[int, int, int]:
    return alarm.severity.rank, alarm.malicious, alarm.suspicious


def is_place(channel: Any, ts: Any) -> bool:
    return (
        isinstance(channel, str)
        and isinstance(ts, str)
        and bool(re.fullmatch(SLACK_CHANNEL_ID, channel) and _TS.fullmatch(ts))
    )


def current(title: str) -> str:
    return title.removeprefix(UPDATE)


def parent(message: Message, case: Thread) -> Message:
    """What the case's parent says once something followed: how bad it was at worst, and all that the latest
    alarm knows."""
    message = message.case_overview
    latest = current(message.title)
    told = f"{case.alarms:,} alarms so far, each in the thread." if case.alarms > 1 else ""
    if latest != case.title:
        told = f"{told} The latest: {latest}."
    return replace(
        message,
        severity=case.severity,
        title=case.title,
        summary=one_line(f"{told} {message.summary}".strip(), 600),
        maybe_repeat=False,
    )


def to_nobody(message: Message) -> Message:
    """In the thread of a case its owner is not called; who has taken it is named in his own thread."""
    return message if message.kind == ACKNOWLEDGED else replace(message, owner=None)


def stands_alone(message: Message) -> bool:
    """Whether no other alarm can belong to its case: then the thread would hold a copy and nothing else."""
    return not message.case_key or message.case_key.endswith(f"/{message.id}")
