"""Whether an event is news: event and alarm in, what was already told of the same thing out.

The platform gives its webhooks no id, fires two kinds of them for one finding, and may call twice. What is
the same is decided by conditional writes before anything is sent, so that of any number of workers one
tells it. A claim is never given back: the item that made it comes again until it is told.

Only what the platform confirms makes an alarm a repeat that is not told. What a webhook alone says may be
wrong, or written by whoever named a file: such an alarm is told, and marked where it may be a repeat.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import chain
from typing import Any
from urllib.parse import urlsplit

from receiver.events.reconcile import platform_counts
from shared.models.alarms import Alarm, Earlier
from shared.models.codec import dump, load
from shared.models.event_kinds import ALARM_KINDS
from shared.models.events import Event
from shared.models.severity import Severity
from shared.storage import kinds
from shared.storage.ports import Body, Store

# What comes within this time is about the same processing run, where the platform cannot say which run it is:
# the same body is the same event, and another one about the same evidence is told as an update.
SAME_RUN = timedelta(minutes=15)
RUNS_KEPT, CLAIMS_KEPT = 20, 50  # of one evidence, and of one run

_ALARMS = "alarms"
_STORIES = {**dict.fromkeys(ALARM_KINDS, _ALARMS), "processing_finished": "finished"}


@dataclass(frozen=True)
class Claim:
    """What an event is. Neither: the first word about something."""

    merged_into: str = ""  # it adds nothing to this event
    earlier: Earlier | None = None  # it adds to what this told
    repeat: bool = False  # it is told, and may say nothing new


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
        twin = self._twin(alarm, body) if body is not None else ""
        story = _STORIES.get(alarm.event.kind)
        if story and alarm.event.evidence_id is not None:
            return self._join(alarm, story, twin)
        if twin and _identifies(alarm.event):
            return Claim(merged_into=twin)
        return Claim(repeat=bool(twin))

    def _twin(self, alarm: Alarm, body: bytes) -> str:
        """The event that the same body has already brought; empty where this is the first, or the first that
        the platform confirms."""
        event, run = alarm.event, run_of(alarm)
        group = hashlib.sha256(self._platform.encode() + b"\0" + body).hexdigest()
        mine = {
            "by": event.id,
            "at": event.received_at.isoformat(),
            "run": run,
            "confirmed": alarm.confirmed,
        }

        def claim(first: Body | None) -> tuple[Body | None, str]:
            if first is not None:
                if first["by"] == event.id:
                    return None, ""
                apart = abs(event.received_at - datetime.fromisoformat(first["at"]))
                same_run = run == first["run"] or not (run and first["run"])
                as_sure = first.get("confirmed", True) or not alarm.confirmed
                if apart <= SAME_RUN and same_run and as_sure:
                    return None, str(first["by"])
            return mine, ""

        return self._store.update(kinds.BODY, group, "-", claim, durable=False)

    def _join(self, alarm: Alarm, story: str, twin: str) -> Claim:
        """One message for all that the platform says of one evidence and run, one more for each that adds to
        it, and one for each that the platform does not confirm, unless it is the same body once more."""
        event, run, now, sure = alarm.event, run_of(alarm), _told(alarm), _confirmed(alarm)
        group, name = f"{self._platform}/{event.project_id}", f"{event.evidence_id}/{story}"

        def join(body: Body | None) -> tuple[Body | None, Claim]:
            runs = body["runs"] if body else []
            mine = _about(alarm, runs)
            claims = mine["claims"] if mine else {}
            if event.id in claims:
                claimed = claims[event.id]
                if not claimed:
                    return None, Claim()
                return None, Claim(earlier=load(Earlier, claimed), repeat=claimed.get("repeat", False))
            earlier, known = (load(Earlier, mine["told"]), _sure_of(mine)) if mine else (None, None)
            if sure and known and not _adds(now, known):
                return None, Claim(merged_into=known.event_id)
            # The same text once more: it is news where the platform counts more by now.
            before = known if sure else earlier
            if twin and before and not _adds(sure or now, before):
                return None, Claim(merged_into=twin)
            repeat = bool(earlier and not _adds(now, earlier))
            claimed = dump(earlier) | {"repeat": repeat} if earlier else None
            told = {
                "run": run or (mine["run"] if mine else ""),
                "at": event.received_at.isoformat(),
                "told": dump(_more(now, earlier)),
                "sure": dump(_more(sure, known)) if sure else dump(known) if known else None,
                "claims": dict([*claims.items(), (event.id, claimed)][-CLAIMS_KEPT:]),
            }
            others = [other for other in runs if other is not mine]
            return {"runs": [*others, told][-RUNS_KEPT:]}, Claim(earlier=earlier, repeat=repeat)

        return self._store.update(kinds.ALARM, group, name, join, durable=False)


def _identifies(event: Event) -> bool:
    """Whether the same body is about the same thing: without any id, two machines may have the same text."""
    return event.evidence_id is not None or bool(event.detection and event.detection.id)


def _sure_of(run: dict[str, Any]) -> Earlier | None:
    """What was told of a run with the platform's confirmation. Before this was written down, all was told
    alike, and the run was known where the platform had answered."""
    found = run.get("sure", run["told"] if run["run"] else None)
    return load(Earlier, found) if found else None


def _about(alarm: Alarm, runs: list[dict[str, Any]]) -> dict[str, Any] | None:
    """What was told of the run that the alarm is about: that which holds its event, the same run, or, where
    one of both is not known, what was told just before or after. What the platform confirms is also about
    what was told without that, however long ago."""
    event, run = alarm.event, run_of(alarm)

    def near(one: dict[str, Any]) -> bool:
        apart = abs(event.received_at - datetime.fromisoformat(one["at"]))
        unconfirmed = alarm.confirmed and _sure_of(one) is None
        return (apart <= SAME_RUN or unconfirmed) and not (run and one["run"])

    newest = runs[::-1]
    found = chain(
        (one for one in newest if event.id in one["claims"]),
        (one for one in newest if run and one["run"] == run),
        filter(near, newest),
    )
    return next(found, None)


def _told(alarm: Alarm) -> Earlier:
    malicious, suspicious = alarm.malicious or 0, alarm.suspicious or 0
    total = malicious + suspicious
    if not (alarm.confirmed and total):
        total = max(total, alarm.event.alarms or 0)
    return Earlier(alarm.event.id, alarm.severity, malicious, suspicious, total)


def _confirmed(alarm: Alarm) -> Earlier | None:
    """The platform's numbers alone; None where it does not confirm the alarm."""
    if not alarm.confirmed:
        return None
    if alarm.evidence:
        found = platform_counts(alarm.evidence, alarm.findings)
    else:  # it was raised by looking
        found = alarm.event.malicious, alarm.event.suspicious
    malicious, suspicious = found[0] or 0, found[1] or 0
    severity = Severity.SUSPICIOUS if suspicious else Severity.INFO
    severity = Severity.MALICIOUS if malicious else severity
    return Earlier(alarm.event.id, severity, malicious, suspicious, malicious + suspicious)


def _adds(now: Earlier, earlier: Earlier) -> bool:
    return (
        now.severity.rank > earlier.severity.rank
        or now.malicious > earlier.malicious
        or now.suspicious > earlier.suspicious
        or now.total > earlier.total
    )


def _more(now: Earlier, earlier: Earlier | None) -> Earlier:
    """Both together: a later webhook may know less than an earlier one, and takes nothing back."""
    if earlier is None:
        return now
    return replace(
        now,
        severity=max(now.severity, earlier.severity, key=lambda severity: severity.rank),
        malicious=max(now.malicious, earlier.malicious),
        suspicious=max(now.suspicious, earlier.suspicious),
        total=max(now.total, earlier.total),
    )
