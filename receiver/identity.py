"""Whether an event is news: event and alarm in, what was already told of the same thing out.

The platform gives its webhooks no id, fires two kinds of them for one finding, and may call twice. What is
the same is decided by conditional writes before anything is sent, so that of any number of workers one
tells it. A claim is never given back: the item that made it comes again until it is told.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import chain
from typing import Any
from urllib.parse import urlsplit

from shared.ledger import Store
from shared.models import RECOVERED, Alarm, Earlier, Event, dump, load

# What comes within this time is about the same processing run, where the platform cannot say which run it is:
# the same body is the same event, and another one about the same evidence is told if it adds something.
SAME_RUN = timedelta(minutes=15)
RUNS_KEPT = 20  # of one evidence

_ALARMS = "alarms"
_STORIES = {
    "high_severity_alarm": _ALARMS,
    "suspicious_severity_event": _ALARMS,
    "processing_with_alarms": _ALARMS,
    RECOVERED: _ALARMS,
    "processing_finished": "finished",
}


@dataclass(frozen=True)
class Claim:
    """What an event is. Neither: the first word about something."""

    merged_into: str = ""  # it adds nothing to this event
    earlier: Earlier | None = None  # it adds to what this told


def tells_of_alarms(event: Event) -> bool:
    return _STORIES.get(event.kind) == _ALARMS


def run_of(alarm: Alarm) -> str:
    """The processing run that an alarm is about, as the platform tells it; empty where it does not."""
    found = alarm.evidence
    return found.processed_at.isoformat() if found and found.processed_at else ""


class Identity:
    """`platform` is its URL: the ids of another platform are other ids."""

    def __init__(self, store: Store, platform: str) -> None:
        self._store, self._platform = store, urlsplit(platform).netloc

    def claim(self, alarm: Alarm, body: bytes | None) -> Claim:
        """What this event is, for good: the same event asks again and gets the same answer. `body` is the
        webhook as it came, the token taken out; None for an event that huntbridge raised."""
        run = run_of(alarm)
        if body is not None and (twin := self._twin(alarm.event, run, body)):
            return Claim(merged_into=twin)
        story = _STORIES.get(alarm.event.kind)
        return self._join(alarm, story, run) if story and alarm.event.evidence_id is not None else Claim()

    def _twin(self, event: Event, run: str, body: bytes) -> str:
        """The event that the same body has already brought; empty where this is the first."""
        group = hashlib.sha256(self._platform.encode() + b"\0" + body).hexdigest()
        mine = {"by": event.id, "at": event.received_at.isoformat(), "run": run}
        while True:
            record = self._store.get("body", group, "-")
            if record is not None:
                found = record.body
                if found["by"] == event.id:
                    return ""
                apart = abs(event.received_at - datetime.fromisoformat(found["at"]))
                if apart <= SAME_RUN and (run == found["run"] or not (run and found["run"])):
                    return str(found["by"])
            expect = record.version if record else 0
            if self._store.put("body", group, "-", mine, expect=expect, durable=False):
                return ""

    def _join(self, alarm: Alarm, story: str, run: str) -> Claim:
        """One message for all that is said of one evidence and run, and one more for each that adds to it."""
        event, now = alarm.event, _told(alarm)
        group, name = f"{self._platform}/{event.project_id}", f"{event.evidence_id}/{story}"
        while True:
            record = self._store.get("alarm", group, name)
            runs = record.body["runs"] if record else []
            mine = _about(event, run, runs)
            claims = mine["claims"] if mine else {}
            if event.id in claims:
                before = claims[event.id]
                return Claim(earlier=load(Earlier, before) if before else None)
            earlier = load(Earlier, mine["told"]) if mine else None
            known = {"run": run or (mine["run"] if mine else "")}
            if mine and earlier and not _adds(now, earlier):
                claim, told = Claim(merged_into=earlier.event_id), mine | known
            else:
                claim = Claim(earlier=earlier)
                told = known | {
                    "at": event.received_at.isoformat(),
                    "told": dump(_more(now, earlier) if earlier else now),
                    "claims": claims | {event.id: dump(earlier) if earlier else None},
                }
            body = {"runs": [*(one for one in runs if one is not mine), told][-RUNS_KEPT:]}
            expect = record.version if record else 0
            if told == mine or self._store.put("alarm", group, name, body, expect=expect, durable=False):
                return claim


def _about(event: Event, run: str, runs: list[dict[str, Any]]) -> dict[str, Any] | None:
    """What was told of the run that the event is about: that which holds the event, the same run, or, where
    one of both is not known, what was told just before or after."""

    def near(one: dict[str, Any]) -> bool:
        apart = abs(event.received_at - datetime.fromisoformat(one["at"]))
        return apart <= SAME_RUN and not (run and one["run"])

    newest = runs[::-1]
    found = chain(
        (one for one in newest if event.id in one["claims"]),
        (one for one in newest if run and one["run"] == run),
        filter(near, newest),
    )
    return next(found, None)


def _told(alarm: Alarm) -> Earlier:
    malicious, suspicious = alarm.malicious or 0, alarm.suspicious or 0
    total = max(malicious + suspicious, alarm.event.alarms or 0)
    return Earlier(alarm.event.id, alarm.severity, malicious, suspicious, total)


def _adds(now: Earlier, earlier: Earlier) -> bool:
    return (
        now.severity.rank > earlier.severity.rank
        or now.malicious > earlier.malicious
        or now.suspicious > earlier.suspicious
        or now.total > earlier.total
    )


def _more(now: Earlier, earlier: Earlier) -> Earlier:
    """Both together: a later webhook may know less than an earlier one, and takes nothing back."""
    return replace(
        now,
        severity=max(now.severity, earlier.severity, key=lambda severity: severity.rank),
        malicious=max(now.malicious, earlier.malicious),
        suspicious=max(now.suspicious, earlier.suspicious),
        total=max(now.total, earlier.total),
    )
