"""How many alarms a webhook counts."""

from __future__ import annotations

import pytest

from tests.receiver.events.parse.parsing import parsed


@pytest.mark.parametrize(
    ("text", "malicious", "suspicious", "alarms"),
    [
        ("5 high severity alarms", 5, None, None),
        ("7 malicious and 8 suspicious alarms", 7, 8, None),
        ("15 alarms: malicious: 7, suspicious=8", 7, 8, 15),
        ("Malicious alarms: 7. Suspicious events: 8.", 7, 8, None),
        ("1,234 alarms", None, None, 1234),
        ("0 alarms", None, None, 0),
        ("evidence id 4 alarms", None, None, None),
        ("5.5 alarms", None, None, None),
        ("99999999999999999999 alarms", None, None, None),
        ("alarms", None, None, None),
    ],
)
def test_counts_in_words(text, malicious, suspicious, alarms):
    event = parsed({"title": "PROCESSING WITH ALARMS", "message": text})
    assert (event.malicious, event.suspicious, event.alarms) == (malicious, suspicious, alarms)


def test_a_number_at_the_end_of_a_line_counts_nothing_of_the_next_line():
    text = "Evidence ID: 4\nProject ID: 3\nMalicious: 5\nSuspicious: 2"
    event = parsed({"event": "processing_with_alarms", "message": text})
    assert (event.project_id, event.evidence_id, event.malicious, event.suspicious) == (3, 4, 5, 2)


def test_a_count_behind_a_bold_label():
    text = "**Evidence ID:** 4\n**Malicious alarms:** 5"
    event = parsed({"event": "processing_with_alarms", "message": text})
    assert (event.evidence_id, event.malicious) == (4, 5)
