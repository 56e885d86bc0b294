"""Stores what a later alarm needs to know about a case in Slack: where its thread is, and its worst alarm.

A CaseThread is stored as the ref of a delivery. `format` writes it and `parse` reads it.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, replace
from typing import Any

from receiver.messages.message import UPDATE, Message
from shared.config.destinations.slack import SLACK_CHANNEL_ID
from shared.models.event_kinds import NO_NEWS
from shared.models.severity import Severity

_TS = re.compile(r"\d{1,12}\.\d{1,9}", re.ASCII)


@dataclass(frozen=True)
class CaseThread:
    """The thread of a case in Slack, and the worst alarm of the case."""

    to: str  # the channel, as the configuration named it
    channel: str  # the channel's id
    ts: str  # Slack's id of the thread's first message
    severity: Severity  # of the worst alarm; so are the counts and the title
    malicious: int
    suspicious: int
    alarms: int  # how many there were
    title: str

    @classmethod
    def parse(cls, ref: str) -> CaseThread | None:
        """None if `ref` was not written by `format`."""
        try:
            fields = json.loads(ref)
            thread = cls(**{**fields, "severity": Severity(fields["severity"])})
        except (ValueError, TypeError, KeyError, RecursionError):
            return None
        texts = (thread.to, thread.channel, thread.ts, thread.title)
        numbers = (thread.malicious, thread.suspicious, thread.alarms)
        sound = all(isinstance(text, str) for text in texts) and all(isinstance(n, int) for n in numbers)
        return thread if sound and is_message(thread.channel, thread.ts) else None

    def format(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def begin(cls, to: str, message: Message) -> CaseThread:
        """The thread that this message opens. Its channel and `ts` are still empty; `at` fills them in from
        Slack's answer."""
        told = message.case_overview
        return cls(to, "", "", told.severity, told.malicious, told.suspicious, 1, without_update(told.title))

    def at(self, to: str, channel: str, ts: str) -> CaseThread:
        return replace(self, to=to, channel=channel, ts=ts)

    def is_worsened_by(self, message: Message) -> bool:
        return message.severity.rank > self.severity.rank or message.malicious > self.malicious

    def after(self, message: Message) -> CaseThread:
        """The thread after one more alarm. Of two equally bad alarms, the title is that of the newer one."""
        if _is_no_alarm(message):
            return self
        thread, told = replace(self, alarms=self.alarms + 1), message.case_overview
        if _badness(told) < _badness(self):
            return thread
        return replace(
            thread,
            severity=told.severity,
            malicious=told.malicious,
            suspicious=told.suspicious,
            title=without_update(told.title),
        )


def is_message(channel: Any, ts: Any) -> bool:
    """Whether these are a channel's id and a message's id of Slack."""
    return (
        isinstance(channel, str)
        and isinstance(ts, str)
        and bool(re.fullmatch(SLACK_CHANNEL_ID, channel) and _TS.fullmatch(ts))
    )


def without_update(title: str) -> str:
    return title.removeprefix(UPDATE)


def _is_no_alarm(message: Message) -> bool:
    """Whether the message is about the case, or repeats an alarm that was counted before."""
    return message.silent or message.sent_again or message.kind in NO_NEWS


def _badness(alarm: Message | CaseThread) -> tuple[int, int, int]:
    return alarm.severity.rank, alarm.malicious, alarm.suspicious
