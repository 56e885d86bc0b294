"""What is found of a system in documents that are read in any order, and what stays of the others."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from shared.models.systems import System
from shared.storage import kinds
from shared.storage.selection import ERASED, Piece, Selection, Selector
from shared.storage.sweep import Document

WEB, OTHER = System("i-0aaaaaaaaaaaaaaa1", "us-east-1"), System("i-0bbbbbbbbbbbbbbb2", "us-east-1")
CASE = f"project/3/{WEB.key}"
NOTE = (kinds.NOTE, kinds.LEFTOVER_NOTES, "found")


def pieces(*documents: Document) -> dict[tuple[str, str, str], Piece]:
    selection = Selection.find(Selector(system=WEB), lambda: documents)
    return {piece.document.key: piece for piece in selection.pieces(documents)}


def whole_alarm(event: str, system: System | None, name: str) -> Document:
    body: dict[str, Any] = {"instance": {"name": name}, "event": {}}
    if system:
        body["system"] = {"instance": system.instance}
    return Document((kinds.WHOLE_ALARM, event, "-"), body)


def test_an_event_that_only_its_case_names_is_found_in_any_order():
    documents = [
        Document((kinds.EVENT, "e1", "routed"), {"case": CASE, "facts": {}}),
        Document((kinds.CASE_FILE, CASE, "-"), {"system": {"instance": WEB.instance}, "closure": {"at": ""}}),
        whole_alarm("e1", None, "web-1"),
        Document(NOTE, {"text": "seen by web-1, and by web-10"}),
    ]
    for order in permutations(documents):
        found = pieces(*order)
        assert len(found) == 4
        assert found[NOTE].after == {"text": f"seen by {ERASED}, and by web-10"}


def test_a_name_that_another_system_has_too_does_not_identify():
    note = Document(NOTE, {"text": "ubuntu"})
    alarms = whole_alarm("e1", WEB, "ubuntu"), whole_alarm("e2", OTHER, "ubuntu")
    assert pieces(*alarms, note).keys() == {alarms[0].key}


@pytest.mark.parametrize(
    ("body", "after"),
    [
        ({"all": [WEB.instance, OTHER.instance]}, {"all": [OTHER.instance]}),
        ({"all": [{"of": WEB.key, "n": 1}, {"of": OTHER.key}]}, {"all": [{"of": OTHER.key}]}),
        ({"all": [[WEB.instance, 3], [OTHER.instance, 4]]}, {"all": [[OTHER.instance, 4]]}),
        ({"by": {WEB.key: 1, OTHER.key: 2}}, {"by": {OTHER.key: 2}}),
        (
            {"runs": [{"run": "r1", "systems": [WEB.key, OTHER.key]}]},
            {"runs": [{"run": "r1", "systems": [OTHER.key]}]},
        ),
        ({"text": f"disk of {WEB.instance}-vol"}, {"text": f"disk of {ERASED}-vol"}),
    ],
)
def test_what_stays_of_a_document_about_several_systems(body, after):
    assert pieces(Document(NOTE, body))[NOTE].after == after
