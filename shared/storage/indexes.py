"""The ordered indexes of the store: which documents are in which index, and where.

The store calls `entries` with each document that it writes or reads. It keeps the entries in step with the
documents, and a reader skips an entry that its document no longer has. Nothing else writes entries.

An index is ordered by its positions, which are compared as texts. A position begins with a time of fixed
width, such as `2026-11-29T10:42:00.000000Z`, and ends with the id of the document, so no two documents have
the same position.

On AWS the entries of a deleted document stay until they expire. So a kind whose documents are often deleted
should not have entries there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from shared.models.hunts import HuntState
from shared.models.severity import Severity
from shared.models.systems import System, lasting_key
from shared.storage import kinds
from shared.storage.ports import IndexEntry

# Raise this number when the entries of a kind change. `scheduler.index_old_documents` then writes the entries
# of all stored documents again.
VERSION = 2

# Names of indexes. Those that end with / are followed by what the documents have in common.
HUNTS = "hunts"  # by scheduled time
HUNTS_RUNNING = "hunts/running"  # those that are planned or running, by scheduled time
CAPTURES_OF_SYSTEM = "captures/system/"  # + System.lasting_key, by the time of the request or of the hunt
DELIVERIES = "deliveries"  # by the time of the first attempt
DELIVERIES_TO = "deliveries/to/"  # + destination, by the time of the first attempt
# Attempted before and not done, by the time of the first attempt. A delivery whose first attempt is under way
# is not among them, so an attempt that succeeds at once does not write this index.
DELIVERIES_WAITING = "deliveries/waiting"
# The deliveries that a route holds until later, by the time when their alarm was routed.
DELIVERIES_HELD = "deliveries/held"
DELIVERIES_DEAD = "deliveries/dead"  # by the time of the last attempt
EVENTS = "events"  # by the time when it was routed, as in the three below
EVENTS_OF_SYSTEM, EVENTS_OF_CASE = "events/system/", "events/case/"  # + System.lasting_key, + case
EVENTS_OF_HUNT = "events/hunt/"  # + hunt id
# The worst first, then by the time it was opened. A position begins with `severity_digit` and #.
CASES_OPEN = "cases/open"  # not closed
CASES_ACKNOWLEDGED = "cases/acknowledged"  # those of CASES_OPEN that somebody has acknowledged
CASES_CLOSED = "cases/closed"  # by the time it was closed
CASES_OF_SYSTEM = "cases/system/"  # + System.lasting_key, by the time it was opened
SYSTEMS = "systems"  # by the time of the last successful capture; those without one come first
KNOWN_GOOD = "known-good"  # by the soonest end of the document's entries
KNOWN_GOOD_LAST = "known-good/last"  # by the end of the document's entry that ends last
KNOWN_GOOD_BY_ID = "known-good/id/"  # + id of the entry
AUDIT_ABOUT = "audit/about/"  # + what the entry is about, by its time

# What every page of the console counts. `Store.attention` reads these indexes together, in this order.
ATTENTION = (HUNTS_RUNNING, CASES_ACKNOWLEDGED, CASES_OPEN, DELIVERIES_WAITING, DELIVERIES_DEAD)

# DynamoDB's limits of a partition key and of a sort key, less what the store adds to them.
_MAX_INDEX, _MAX_POSITION = 2048 - 64, 1024 - 2  # bytes

_RUNNING = (HuntState.PLANNED, HuntState.RUNNING)

Body = Mapping[str, Any]
Entries = Iterator[tuple[str, str]]  # index and position


def entries(kind: str, group: str, name: str, body: object) -> tuple[IndexEntry, ...]:
    """The places of a document in the indexes.

    Raises nothing: a document of another version may lack any field, and then it has the entries that the
    rest of its fields allows.
    """
    if kind not in _FUNCTIONS or not isinstance(body, Mapping):
        return ()
    found = dict.fromkeys(_FUNCTIONS[kind](group, name, body))
    return tuple(IndexEntry(index, position) for index, position in found if _fits(index, position))


def is_indexed(kind: str) -> bool:
    """Whether documents of this kind may have entries."""
    return kind in _FUNCTIONS


def at(moment: datetime) -> str:
    """The beginning of the positions of a time. Also what `Store.page` takes as `since` and `until`."""
    utc = moment if moment.tzinfo in (None, UTC) else moment.astimezone(UTC)
    return f"{utc.replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


# What the functions below read of a body


def text(body: Body, field: str) -> str:
    """A field that holds a text; empty if it is missing, or is something else."""
    value = body.get(field)
    return value if isinstance(value, str) else ""


def part(body: Body, field: str) -> Body:
    """A field that holds fields; empty if it is missing, or is something else."""
    value = body.get(field)
    return value if isinstance(value, Mapping) else {}


def number(body: Body, field: str) -> int:
    """A field that holds a whole number; 0 if it is missing, or is something else."""
    value = body.get(field)
    return value if isinstance(value, int) else 0


@lru_cache(maxsize=1024)  # a document is often written several times with the same times
def moment(*stored: str) -> str:
    """The first of these stored times that can be read, as the beginning of a position; else empty."""
    for one in stored:
        try:
            return at(datetime.fromisoformat(one))
        except (ValueError, OverflowError):
            continue
    return ""


def under(prefix: str, value: str) -> str:
    """The name of the index of one value; empty, which is no index, if there is no value."""
    return f"{prefix}{value}" if value else ""


def by_time(time: str, id: str, indexes: Iterable[str]) -> Entries:
    """The same place in several indexes. Without a time there is none."""
    for index in indexes if time else ():
        if index:
            yield index, f"{time}#{id}"


# One function for each kind: yields the index and the position of each entry


def _hunt(group: str, name: str, body: Body) -> Entries:
    indexes = [HUNTS, HUNTS_RUNNING] if text(body, "state") in _RUNNING else [HUNTS]
    yield from by_time(moment(text(body, "scheduled_at")), name, indexes)


def _capture(hunt_id: str, system_key: str, body: Body) -> Entries:
    scheduled = hunt_id.rpartition("@")[2]
    time = moment(text(body, "requested_at"), scheduled)
    lasting = lasting_key(system_key)
    # One hunt may capture several pods that share what lasts.
    id = hunt_id if lasting == system_key else f"{hunt_id}/{system_key}"
    yield from by_time(time, id, [under(CAPTURES_OF_SYSTEM, lasting)])


def _delivery(event_id: str, destination: str, body: Body) -> Entries:
    state, id = text(body, "state"), f"{event_id}/{destination}"
    first, last = text(body, "first_at"), text(body, "last_at")
    indexes = [DELIVERIES, under(DELIVERIES_TO, destination)]
    attempted = number(body, "attempts") > (1 if state == "sending" else 0)
    if (attempted and state in ("pending", "sending")) or state == "unsure":
        indexes.append(DELIVERIES_WAITING)
    if state == "in digest" and part(body, "hold"):
        indexes.append(DELIVERIES_HELD)
    yield from by_time(moment(first, last), id, indexes)
    if state == "dead":
        yield from by_time(moment(last, first), id, [DELIVERIES_DEAD])


def _audit(month: str, name: str, body: Body) -> Entries:
    yield from by_time(moment(text(body, "at")), name, [under(AUDIT_ABOUT, text(body, "about"))])


def _event(event_id: str, name: str, body: Body) -> Entries:
    facts = part(body, "facts")
    indexes = [
        EVENTS,
        under(EVENTS_OF_SYSTEM, text(facts, "system")),
        under(EVENTS_OF_CASE, text(body, "case")),
        under(EVENTS_OF_HUNT, text(facts, "hunt_id")),
    ]
    yield from by_time(moment(text(body, "at")), event_id, indexes)


def _case(case_key: str, name: str, body: Body) -> Entries:
    alarm, closure = part(body, "alarm"), part(body, "closure")
    event = part(alarm, "event")
    opened = moment(text(body, "opened_at"), text(event, "received_at"))
    system = part(body, "system") or part(alarm, "system") or part(event, "system")
    if instance := text(system, "instance"):
        key = System(instance, text(system, "region"), text(system, "account")).lasting_key
        yield from by_time(opened, case_key, [under(CASES_OF_SYSTEM, key)])
    if closure:
        yield from by_time(moment(text(closure, "at")), case_key, [CASES_CLOSED])
    elif opened:
        position = f"{_digit(text(alarm, 'severity'))}#{opened}#{case_key}"
        yield CASES_OPEN, position
        if part(body, "taken"):
            yield CASES_ACKNOWLEDGED, position


def severity_digit(severity: Severity) -> str:
    """Lower is worse."""
    return str(Severity.MALICIOUS.rank - severity.rank)


def severity_of_digit(digit: str) -> Severity:
    return next((each for each in Severity if severity_digit(each) == digit), Severity.UNKNOWN)


def _digit(severity: str) -> str:
    known = severity in tuple(Severity)
    return severity_digit(Severity(severity) if known else Severity.UNKNOWN)


def _system(group: str, system_key: str, body: Body) -> Entries:
    yield SYSTEMS, f"{moment(text(body, 'last_captured_at'))}#{system_key}"


def _known_good(group: str, name: str, body: Body) -> Entries:
    entries = body.get("entries")
    known = [entry for entry in entries if isinstance(entry, Mapping)] if isinstance(entries, list) else []
    ends = [moment(text(entry, "until")) for entry in known if not text(entry, "ended_at")]
    yield from by_time(min(ends, default=""), group, [KNOWN_GOOD])
    over = [moment(text(entry, "ended_at"), text(entry, "until")) for entry in known]
    yield from by_time(max(over, default=""), group, [KNOWN_GOOD_LAST])
    for entry in known:
        yield from by_time(moment(text(entry, "at")), group, [under(KNOWN_GOOD_BY_ID, text(entry, "id"))])


_FUNCTIONS: dict[str, Callable[[str, str, Body], Entries]] = {
    kinds.HUNT: _hunt,
    kinds.CAPTURE: _capture,
    kinds.DELIVERY: _delivery,
    kinds.AUDIT: _audit,
    kinds.EVENT: _event,
    kinds.CASE_FILE: _case,
    kinds.SYSTEM: _system,
    kinds.KNOWN_GOOD: _known_good,
}
INDEXED = tuple(_FUNCTIONS)  # the kinds whose documents may have entries


def _fits(index: str, position: str) -> bool:
    """Whether both databases accept the entry. Otherwise the document could not be written at all."""
    return 0 < _length(index) <= _MAX_INDEX and 0 < _length(position) <= _MAX_POSITION


def _length(text: str) -> int:
    """Of the text in UTF-8; 0 if it contains one half of a character."""
    if text.isascii():
        return len(text)
    try:
        return len(text.encode())
    except UnicodeEncodeError:
        return 0
