"""Paths into events: what they find, and that what several paths find belongs together."""

from __future__ import annotations

import pytest

from shared.models.event_paths import ANYWHERE, EventPath, TooManyPlaces, belongs_to, joined

EVENT = {
    "account": "111122223333",
    "detail": {
        "critical": True,
        "score": 7.5,
        "none": None,
        "findings": [
            {"label": "HIGH", "resources": [{"id": "a"}, {"id": "b"}]},
            {"label": "LOW", "resources": [{"id": "c"}]},
            "no finding",
        ],
    },
}


def texts(path):
    return [found.text for found in EventPath.parse(path).find(EVENT)]


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("account", ["111122223333"]),
        ("detail.critical", ["true"]),
        ("detail.score", ["7.5"]),
        ("detail.none", []),
        ("detail.findings", []),
        ("detail.findings.*.label", ["HIGH", "LOW"]),
        ("detail.findings.*.resources.*.id", ["a", "b", "c"]),
        ("detail.*.label", []),
        ("detail.nothing.at.all", []),
    ],
)
def test_what_is_at_a_path(path, found):
    assert texts(path) == found


@pytest.mark.parametrize(
    "path", ["", "findings.*.x", "detail..x", "detail.a b", "detail.x*", "detail" + ".a" * 20]
)
def test_what_is_no_path(path):
    with pytest.raises(ValueError, match="path"):
        EventPath.parse(path)


def test_what_is_found_belongs_to_the_same_element():
    high = [
        found.place
        for found in EventPath.parse("detail.findings.*.label").find(EVENT)
        if found.text == "HIGH"
    ]
    places = joined([ANYWHERE], high)
    ids = EventPath.parse("detail.findings.*.resources.*.id").find(EVENT)
    assert [each.text for each in ids if any(belongs_to(each.place, place) for place in places)] == ["a", "b"]
    assert joined(places, []) == []


def test_an_event_with_too_many_values_is_not_read():
    event = {"detail": {"x": [{"y": number} for number in range(1_001)]}}
    with pytest.raises(TooManyPlaces):
        EventPath.parse("detail.x.*.y").find(event)
