"""Bodies as structures: what is decoded, and what stays text."""

from __future__ import annotations

import pytest

from shared.models.event_notes import NOT_JSON_NOTE
from tests.receiver.events.parse.parsing import parsed


@pytest.mark.parametrize("depth", [33, 10_000, 100_000])
def test_deep_nesting_is_read_as_text(depth):
    body = '{"title": "PROCESSING FAILED", "message": "project id 3", "x": ' + "[" * depth + "]" * depth + "}"
    event = parsed(body)
    assert (event.kind, event.project_id, event.note) == ("processing_failed", 3, NOT_JSON_NOTE)
