"""Which project and which evidence a webhook names."""

from __future__ import annotations

import pytest

from receiver.events.parse.numbers import MAX_NUMBER
from tests.receiver.events.parse.parsing import parsed


@pytest.mark.parametrize(
    ("text", "project", "evidence"),
    [
        ("project id 3 evidence id 4", 3, 4),
        ("Evidence ID: 4 (Project ID: 3)", 3, 4),
        ("investigation id 3, evidence #4", 3, 4),
        ("Investigation *3*, evidence `4`", 3, 4),
        ("in investigation \"weekly\" (id 3), evidence 'vol-1' (ID: 4)", 3, 4),
        ("https://cado.example/projects/3/evidences/4", None, None),
        ("project_id=3&evidence_id=4", 3, 4),
        ("project weekly_scan_2026-07-06", None, None),
        ("project 2026-07-06", None, None),
        ("project 2.3", None, None),
        ("alarms in the project: 5 high severity alarms", None, None),
        ("project id 99999999999999999999999 evidence id 0", None, None),
        (f"project id {MAX_NUMBER} evidence id {MAX_NUMBER + 1}", MAX_NUMBER, None),
        ("project id -3", None, None),
        ("project id ١٢", None, None),
        ("subproject 3", None, None),
    ],
)
def test_ids_in_words(text, project, evidence):
    event = parsed({"title": "PROCESSING FAILED", "message": text})
    assert (event.project_id, event.evidence_id, event.text) == (project, evidence, text)


@pytest.mark.parametrize(
    ("value", "project"),
    [
        (3, 3),
        ("3", 3),
        (" 3 ", 3),
        (MAX_NUMBER, MAX_NUMBER),
        (MAX_NUMBER + 1, None),
        (10**30, None),
        (True, None),
        (0, None),
        (-3, None),
        (3.0, None),
        ("3.0", None),
        ("0x3", None),
        ("three", None),
        (None, None),
        ([], None),
    ],
)
def test_ids_as_values(value, project):
    assert parsed({"title": "PROCESSING FAILED", "project_id": value}).project_id == project
