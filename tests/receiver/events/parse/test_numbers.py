"""Numbers that are no ids and no counts."""

from __future__ import annotations

import json

import pytest

from shared.models.codec import dump
from tests.receiver.events.parse.parsing import parsed


@pytest.mark.parametrize(
    "name", ["malicious", "suspicious", "alarms", "project_id", "evidence_id", "severity"]
)
@pytest.mark.parametrize(
    "number",
    ["9" * 20, "9" * 401, "9" * 4_300, "9" * 5_000, "-" + "9" * 5_000, "-1", "1.5", "1e999", "-1e999", "NaN",
     "Infinity", "-Infinity", '"' + "9" * 5_000 + '"', '"NaN"', "1" + "0" * 200_000],
)  # fmt: skip
def test_an_absurd_number_is_not_known_and_costs_nothing_else(name, number):
    inside = f'"{name}": {number}, "details": {{"{name}": {number}}}'
    bare, wrapped = number.strip('"'), json.dumps(f"{{{inside}}}")
    for rest in (
        f'"x": "4 alarms in project id 3", {inside}',
        f'"x": "4 alarms in project id 3", "y": {wrapped}',
        f'"message": "4 alarms in project id 3; {name}: {bare}"',
    ):
        event = parsed(f'{{"title": "PROCESSING FAILED", {rest}}}')
        assert (event.kind, event.project_id, event.alarms) == ("processing_failed", 3, 4)
        assert (event.evidence_id, event.malicious, event.suspicious) == (None, None, None)
        assert event.detection is None
        json.dumps(dump(event))
