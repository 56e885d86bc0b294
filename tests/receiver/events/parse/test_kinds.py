"""Which kind of event a webhook is."""

from __future__ import annotations

import pytest

from shared.models.event_kinds import PLATFORM_KINDS
from tests.receiver.events.parse.parsing import parsed


@pytest.mark.parametrize("kind", PLATFORM_KINDS)
def test_every_kind_is_known_by_its_key_and_by_its_words(kind):
    assert parsed({"event": kind, "title": "t"}).kind == kind
    assert parsed({"event_type": kind, "title": "t"}).kind == kind
    assert parsed({"title": kind.replace("_", " ").upper(), "message": "x"}).kind == kind


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Processing finished with alarms", "processing_with_alarms"),
        ("Processing has completed with 5 alarms in project id 3", "processing_with_alarms"),
        ("Processing finished with no alarms", "processing_finished"),
        ("Processing finished with 0 alarms", "processing_finished"),
    ],
)
def test_what_finished_with_alarms_is_an_alarm(text, kind):
    assert parsed({"message": text}).kind == kind
