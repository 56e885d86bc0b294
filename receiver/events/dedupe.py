"""Decides whether two webhooks are one alarm, so that people get one message.

The platform gives its webhooks no id, sends webhooks of two kinds for one finding, and may send one twice. An
event is "told" if messages about it are sent. Otherwise it is merged into an earlier event, and no message is
sent.

Two events about one evidence and one processing run, both about its alarms or both about its end:
1. The platform confirms the later event, and the event adds nothing to what the platform confirmed before:
   merged.
2. The later event has the same body, within 15 minutes, and its counts are not larger: merged.
3. Otherwise the later event is told, as an update. If it adds nothing to what was told before, its message
   says that it may be a repeat.

Two events of any other kind, or about no evidence, with the same body within 15 minutes:
4. The body names an evidence or a detection: merged.
5. The body names neither, and so may be about another machine: told, and the message says that it may be a
   repeat.

Two events are about the same run if the platform says the same time of processing for both. If it does not
say one of these times, events within 15 minutes of each other are about the same run. Events further apart
may be about the same run or not, so the later one is told as a new alarm. If it adds nothing to what was told
before, its message says that it may be a repeat.

Rule 1 needs the platform's confirmation, since a text alone may be wrong, or written by an attacker. For the
same reason the first event that the platform confirms is told, even if its text was told before. If the
platform counts more alarms than it lists, it has confirmed those in its list.

Each decision is stored by a conditional write before anything is sent, so that of any number of workers only
one tells. A decision is final: the same event, handled again, gets the same decision.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import chain
from typing import Any
from urllib.parse import urlsplit

from receiver.events.platform_over_webhook import platform_counts
from shared.models.alarms import Alarm, Earlier
from shared.models.codec import dump, load
from shared.models.event_kinds import ALARM_KINDS
from shared.models.events import Event
from shared.models.severity import Severity
from shared.storage import kinds
from shared.storage.ports import Body, Store

SAME_RUN = timedelta(minutes=15)
RUNS_KEPT = 20  # of one evidence
DECISIONS_KEPT = 50  # of one run

# An event can only be merged into an event on the same subject: the alarms, or the end of the run.
_STORIES = {**dict.fromkeys(ALARM_KINDS, "alarms"), "processing_finished": "finished"}


@dataclass(frozen=True)
class Decision:
    """What to do with an event. Without any of these, it is told as a new alarm."""

    merged_into: str = ""  # the id of the event that it is merged into
    earlier: Earlier | None = None  # what was told before; this event is told as an update
    may_repeat: bool = False  # its message says that it may be a repeat


def run_of(alarm: Alarm) -> str:
    """The processing run that an alarm is about, as the platform names it; empty if the platform does not."""
    evidence = alarm.evidence
    return evidence.processed_at.isoformat() if evidence and evidence.processed_at else ""


class Dedupe:
    def __init__(self, store: Store, platform_url: str) -> None:
        """`platform_url` distinguishes the ids of one platform from those of another."""
        self._store, self._platform = store, urlsplit(platform_url).netloc

    def decide(self, alarm: Alarm, body: bytes | None) -> Decision:
        """`body` is the webhook's, without its token; None if huntbridge raised the event. Raises
        StoreError."""
        twin = self._event_with_same_body(alarm, body) if body is not None else ""
        story = _STORIES.get(alarm.event.kind)
        if story and alarm.event.evidence_id is not None:
            return self._decide_by_run(alarm, story, twin)
        if twin and _names_subject(alarm.event):
            return Decision(merged_into=twin)
        return Decision(may_repeat=bool(twin))

    def _event_with_same_body(self, alarm: Alarm, body: bytes) -> str:
        """The id of the event that brought the same body before; empty if there is none. If the platform
        confirms this event, an earlier event that it did not confirm does not count."""
        event, run = alarm.event, run_of(alarm)
        group = hashlib.sha256(self._platform.encode() + b"\0" + body).hexdigest()
        mine = {
            "by": event.id,
            "at": event.received_at.isoformat(),
            "run": run,
            "confirmed": alarm.confirmed,
        }

        def change(stored: Body | None) -> tuple[Body | None, str]:
            if stored is None:
                return mine, ""
            if stored["by"] == event.id:
                return None, ""
            apart = abs(event.received_at - datetime.fromisoformat(stored["at"]))
            same_run = run == stored["run"] or not (run and stored["run"])
            counts = stored.get("confirmed", True) or not alarm.confirmed
            if apart <= SAME_RUN and same_run and counts:
                return None, str(stored["by"])
            return mine, ""

        return self._store.update(kinds.BODY, group, "-", change, durable=False)

    def _decide_by_run(self, alarm: Alarm, story: str, twin: str) -> Decision:
        event, told_now, confirmed_now = alarm.event, _told(alarm), _confirmed(alarm)

        def change(stored: Body | None) -> tuple[Body | None, Decision]:
            runs = [_Run(run) for run in stored["runs"]] if stored else []
            mine = _same_run(alarm, runs)
            if mine and (decision := mine.decision(event.id)):
                return None, decision
            told, confirmed = (mine.told, mine.confirmed) if mine else (None, None)
            if confirmed_now and confirmed and not _adds(told_now, confirmed):
                return None, Decision(merged_into=confirmed.event_id)
            # The same body is told again if the platform now counts more alarms.
            before = confirmed if confirmed_now else told
            if twin and before and not _adds(confirmed_now or told_now, before):
                return None, Decision(merged_into=twin)
            perhaps = [run.told for run in runs if not (run.run and run_of(alarm))]
            last = told or (perhaps[-1] if perhaps else None)
            decision = Decision(earlier=told, may_repeat=bool(last and not _adds(told_now, last)))
            after = _Run.made(
                run=run_of(alarm) or (mine.run if mine else ""),
                at=event.received_at,
                told=_combined(told_now, told),
                confirmed=_combined(confirmed_now, confirmed) if confirmed_now else confirmed,
                decisions=(mine.raw["claims"] if mine else {}) | {event.id: _dumped(decision)},
            )
            kept = [run.raw for run in (*(run for run in runs if run is not mine), after)]
            return {"runs": kept[-RUNS_KEPT:]}, decision

        group, name = f"{self._platform}/{event.project_id}", f"{event.evidence_id}/{story}"
        return self._store.update(kinds.ALARM, group, name, change, durable=False)


@dataclass(frozen=True)
class _Run:
    """What was told about one processing run, as it is stored. Only the parts that are used are decoded."""

    raw: dict[str, Any]

    @classmethod
    def made(
        cls,
        *,
        run: str,
        at: datetime,
        told: Earlier,
        confirmed: Earlier | None,
        decisions: dict[str, Any],
    ) -> _Run:
        return cls(
            {
                "run": run,
                "at": at.isoformat(),
                "told": dump(told),
                "sure": dump(confirmed) if confirmed else None,
                "claims": dict(list(decisions.items())[-DECISIONS_KEPT:]),
            }
        )

    @property
    def run(self) -> str:
        return str(self.raw["run"])

    @property
    def at(self) -> datetime:
        return datetime.fromisoformat(self.raw["at"])

    @property
    def told(self) -> Earlier:
        return load(Earlier, self.raw["told"])

    @property
    def confirmed(self) -> Earlier | None:
        """What was told and confirmed by the platform. Earlier versions did not store this. In their
        documents, everything that was told about a known run counts as confirmed."""
        raw = self.raw.get("sure", self.raw["told"] if self.raw["run"] else None)
        return load(Earlier, raw) if raw else None

    def decision(self, event_id: str) -> Decision | None:
        """None if this event has no decision yet."""
        if event_id not in self.raw["claims"]:
            return None
        raw = self.raw["claims"][event_id]
        if not raw:
            return Decision()
        earlier = load(Earlier, raw) if "event_id" in raw else None
        return Decision(earlier=earlier, may_repeat=raw.get("repeat", False))


def _dumped(decision: Decision) -> dict[str, Any] | None:
    if decision == Decision():
        return None
    return (dump(decision.earlier) if decision.earlier else {}) | {"repeat": decision.may_repeat}


def _names_subject(event: Event) -> bool:
    """Whether two equal bodies are about the same thing. Without any id, two machines may cause the same
    text."""
    return event.evidence_id is not None or bool(event.detection and event.detection.id)


def _same_run(alarm: Alarm, runs: list[_Run]) -> _Run | None:
    """The stored run that the alarm is about; the newest, if there are several.

    The first of these that exists:

    1. The run that already has a decision for this event.
    2. The run that the platform names.
    3. A run close in time, if the platform does not name one of the two.

    A confirmed alarm also belongs to a run that was told without confirmation, however long ago.
    """
    event, run = alarm.event, run_of(alarm)

    def is_near(stored: _Run) -> bool:
        apart = abs(event.received_at - stored.at)
        unconfirmed = alarm.confirmed and stored.confirmed is None
        return (apart <= SAME_RUN or unconfirmed) and not (run and stored.run)

    newest_first = runs[::-1]
    matches = chain(
        (stored for stored in newest_first if event.id in stored.raw["claims"]),
        (stored for stored in newest_first if run and stored.run == run),
        filter(is_near, newest_first),
    )
    return next(matches, None)


def _told(alarm: Alarm) -> Earlier:
    """The numbers in the message, whether the platform confirms them or not."""
    malicious, suspicious = alarm.malicious or 0, alarm.suspicious or 0
    total = malicious + suspicious
    if not (alarm.confirmed and total):
        total = max(total, alarm.event.alarms or 0)
    return Earlier(alarm.event.id, alarm.severity, malicious, suspicious, total)


def _confirmed(alarm: Alarm) -> Earlier | None:
    """Only the platform's numbers; None if it does not confirm the alarm. If it lists alarms, those in the
    list count. So an alarm that was counted too early to be listed adds something when it is listed."""
    if not alarm.confirmed:
        return None
    if alarm.evidence:
        counts = platform_counts(None if alarm.findings else alarm.evidence, alarm.findings)
    else:  # huntbridge raised the event, from the platform's answers
        counts = alarm.event.malicious, alarm.event.suspicious
    malicious, suspicious = counts[0] or 0, counts[1] or 0
    severity = Severity.SUSPICIOUS if suspicious else Severity.INFO
    severity = Severity.MALICIOUS if malicious else severity
    return Earlier(alarm.event.id, severity, malicious, suspicious, malicious + suspicious)


def _adds(now: Earlier, before: Earlier) -> bool:
    return (
        now.severity.rank > before.severity.rank
        or now.malicious > before.malicious
        or now.suspicious > before.suspicious
        or now.total > before.total
    )


def _combined(now: Earlier, before: Earlier | None) -> Earlier:
    """The larger of both numbers, for each kind. A later webhook may know less, and that withdraws
    nothing."""
    if before is None:
        return now
    return replace(
        now,
        severity=max(now.severity, before.severity, key=lambda severity: severity.rank),
        malicious=max(now.malicious, before.malicious),
        suspicious=max(now.suspicious, before.suspicious),
        total=max(now.total, before.total),
    )
