"""The entries of each kind of document, also of documents that no version would write."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.models.captures import Capture
from shared.models.codec import dump
from shared.models.deliveries import Delivery, DeliveryState
from shared.models.holds import Hold
from shared.models.hunts import Hunt, HuntState
from shared.models.systems import System
from shared.storage import indexes, kinds
from shared.storage.audit import Entry
from shared.storage.indexes import at, entries
from shared.storage.ports import IndexEntry

FIRST = datetime(2026, 11, 29, 10, 42, tzinfo=UTC)
LAST = FIRST + timedelta(minutes=5)
SYSTEM = System("i-0aaaaaaaaaaaaaaa1", "us-east-1", "prod")


def places(kind: str, group: str, name: str, model: object) -> dict[str, str]:
    return {entry.index: entry.position for entry in entries(kind, group, name, dump(model))}


def test_positions_of_times_are_in_the_order_of_the_times():
    assert at(FIRST) == "2026-11-29T10:42:00.000000Z"
    assert at(FIRST.astimezone(timezone(timedelta(hours=9)))) == at(FIRST) == at(FIRST.replace(tzinfo=None))
    moments = [FIRST + timedelta(microseconds=each) for each in (0, 1, 10, 999_999, 1_000_000, 10**9)]
    assert sorted(map(at, reversed(moments))) == list(map(at, moments))


def test_a_hunt_is_listed_by_its_scheduled_time():
    hunt = Hunt("weekly", FIRST)
    place = "2026-11-29T10:42:00.000000Z#weekly@2026-11-29T10:42:00Z"
    for state in (HuntState.PLANNED, HuntState.RUNNING):
        found = places(kinds.HUNT, hunt.name, hunt.id, replace(hunt, state=state))
        assert found == {"hunts": place, "hunts/running": place}
    for state in set(HuntState) - {HuntState.PLANNED, HuntState.RUNNING}:
        assert places(kinds.HUNT, hunt.name, hunt.id, replace(hunt, state=state)) == {"hunts": place}


def test_a_capture_is_listed_by_the_time_of_its_request_or_else_of_its_hunt():
    capture = Capture("weekly@2026-11-29T10:42:00Z", SYSTEM)
    index, id = "captures/system/prod/us-east-1/i-0aaaaaaaaaaaaaaa1", "weekly@2026-11-29T10:42:00Z"
    place = (kinds.CAPTURE, capture.hunt_id, SYSTEM.key)
    assert places(*place, capture) == {index: f"{at(FIRST)}#{id}"}
    requested = Capture(capture.hunt_id, SYSTEM, requested_at=LAST)
    assert places(*place, requested) == {index: f"{at(LAST)}#{id}"}


@pytest.mark.parametrize(
    ("state", "attempts", "more"),
    [
        (DeliveryState.PENDING, 0, set()),
        (DeliveryState.PENDING, 1, {"deliveries/waiting"}),
        (DeliveryState.SENDING, 1, set()),
        (DeliveryState.SENDING, 2, {"deliveries/waiting"}),
        (DeliveryState.UNSURE, 1, {"deliveries/waiting"}),
        (DeliveryState.DELIVERED, 2, set()),
        (DeliveryState.IN_DIGEST, 0, set()),
    ],
)
def test_where_a_delivery_is_listed(state, attempts, more):
    delivery = Delivery("event-1", "soc", state, attempts, first_at=FIRST, last_at=LAST)
    found = places(kinds.DELIVERY, "event-1", "soc", delivery)
    assert found == dict.fromkeys({"deliveries", "deliveries/to/soc"} | more, f"{at(FIRST)}#event-1/soc")


def test_a_delivery_that_a_route_holds_is_listed_as_held():
    delivery = Delivery("event-1", "soc", DeliveryState.IN_DIGEST, first_at=FIRST, hold=Hold(until=LAST))
    found = places(kinds.DELIVERY, "event-1", "soc", delivery)
    assert found["deliveries/held"] == found["deliveries"] == f"{at(FIRST)}#event-1/soc"
    told = replace(delivery, state=DeliveryState.DELIVERED)
    assert "deliveries/held" not in places(kinds.DELIVERY, "event-1", "soc", told)


def test_a_dead_delivery_is_listed_by_the_time_when_it_died():
    delivery = Delivery("event-1", "soc", DeliveryState.DEAD, 9, first_at=FIRST, last_at=LAST)
    found = places(kinds.DELIVERY, "event-1", "soc", delivery)
    assert found["deliveries/dead"] == f"{at(LAST)}#event-1/soc"
    assert found["deliveries"] == f"{at(FIRST)}#event-1/soc"


def test_an_entry_of_the_audit_log_is_listed_by_what_it_is_about():
    entry = Entry(FIRST, "ack", "kim", "slack", "case-1")
    assert places(kinds.AUDIT, "2026-11", "name", entry) == {"audit/about/case-1": f"{at(FIRST)}#name"}
    assert places(kinds.AUDIT, "2026-11", "name", Entry(FIRST, "ack", "kim", "slack", "")) == {}


def test_a_document_without_a_time_has_no_entries_by_time():
    assert entries(kinds.DELIVERY, "event-1", "soc", {"state": "dead"}) == ()
    bad: list[Any] = ["", "yesterday", "2026-11-29T25:00:00Z", "0001-01-01T00:00:00+14:00", 5, None, []]
    for stored in bad:
        assert entries(kinds.HUNT, "weekly", "w@1", {"scheduled_at": stored}) == ()
    assert entries("a kind of a later version", "", "a", {"at": at(FIRST)}) == ()


# Bodies that no version writes

FIELDS = [
    "about",
    "account",
    "alarm",
    "at",
    "attempts",
    "case",
    "closure",
    "event",
    "facts",
    "first_at",
    "hunt_id",
    "instance",
    "last_at",
    "last_captured_at",
    "opened_at",
    "received_at",
    "region",
    "requested_at",
    "scheduled_at",
    "severity",
    "state",
    "system",
    "taken",
]
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    st.sampled_from(["dead", "pending", "malicious", "2026-11-29T10:42:00Z", "9999-12-31T23:59:59-14:00"]),
    st.datetimes().map(datetime.isoformat),
)
BODIES = st.recursive(
    VALUES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=8),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(indexes.INDEXED), st.text(), st.text(), BODIES)
def test_no_body_makes_it_raise(kind: str, group: str, name: str, body: Any):
    found = entries(kind, group, name, body)
    assert len(set(found)) == len(found)
    for entry in found:
        assert isinstance(entry, IndexEntry)
        assert 0 < len(entry.index.encode()) <= 2048 - len("index#")
        assert 0 < len(entry.position.encode()) <= 1024


@given(st.datetimes(timezones=st.just(UTC)))
def test_every_time_has_the_same_width(moment: datetime):
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", at(moment))
