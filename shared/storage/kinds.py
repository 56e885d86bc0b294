"""The kinds of documents in the ledger, and for how many days each is kept after its last write.

A document that prevents something (a second message, a second hunt) is kept for longer than what it
prevents could still come: an item may wait in a queue for 14 days, die, and wait as long among the dead, more
than once. What prevents old alarms from being news is kept for ever, since the platform keeps their evidence
for as long as it likes. DynamoDB takes away what is past its time; SQLite keeps everything.
"""

from __future__ import annotations

_EVER = None
_YEAR = 400
_HALF_YEAR = 180  # longer than any item lives

KEPT: dict[str, int | None] = {
    # Hunts: a schedule's time starts one hunt, and reports compare it with those of a year.
    "hunt": _YEAR,
    "capture": _YEAR,
    "open-hunt": _EVER,  # taken away when the hunt is over
    "turn": _EVER,  # one for each name of a hunt
    "clock": _EVER,  # one for each schedule
    "project": _EVER,  # an alarm may come from an old project
    "checked-project": _EVER,  # taken away when it is no longer looked at
    "quiet": _YEAR,
    "hunted": _YEAR,
    "captured": _YEAR,
    "past-hunts": _YEAR,
    # Alarms: what was received and told, so that it is no news.
    "alarm-run": _EVER,
    "note": _EVER,  # also which projects on the platform were looked at
    "alarm": _EVER,
    "body": 60,  # the same body again within 15 minutes: as long as both may wait in the queue
    "event": _HALF_YEAR,
    "project-event": _YEAR,
    "whole-alarm": _HALF_YEAR,
    "system-alarms": _YEAR,
    "name": _YEAR,
    # Cases: a second issue or thread.
    "case": _YEAR,
    "case-file": _YEAR,
    "unacknowledged": _EVER,  # taken away when somebody takes the case, or after the last reminder
    # Deliveries: a second message.
    "delivery": _HALF_YEAR,
    "digest": _HALF_YEAR,
    "digest-entry": _HALF_YEAR,
    "digest-now": _HALF_YEAR,
    "pace": 2,  # no destination is left alone for so long
    "notice": _EVER,  # one for each destination: the number in it names the next notice
    "heartbeat": _EVER,  # one for each destination
    "audit": _YEAR,
}


def seconds_kept(kind: str) -> int | None:
    """None means for ever. A kind that is not listed is kept for ever too."""
    days = KEPT.get(kind)
    return None if days is None else days * 86_400
