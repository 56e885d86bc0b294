"""Microsoft's renderer draws every golden card and some hostile ones completely, and text stays text."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from receiver.destinations.teams import card as teams
from receiver.messages.compose import compose
from shared.models.alarms import Alarm
from shared.models.owners import Owner, TeamsUser
from tests.receiver.destinations.teams import rendering

GOLDEN = Path(__file__).parent / "golden"
CARDS = {
    path.stem: json.loads(path.read_text(encoding="utf-8"))["attachments"][0]["content"]
    for path in sorted(GOLDEN.glob("*.json"))
}
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(rendering.missing()), reason=rendering.missing()),
]


@pytest.fixture(scope="module", params=rendering.THEMES)
def told(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return rendering.drawn(CARDS, request.param, tmp_path_factory.mktemp("cards"))


def walk(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
    for item in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from walk(item)


def texts(card: Any, type: str) -> list[str]:
    return [node["text"] for node in walk(card) if node.get("type") == type]


def test_the_page_itself_is_sound(told: Any) -> None:
    assert told["errors"] == []
    assert set(told["drawn"]) == set(CARDS)


@pytest.mark.parametrize("name", CARDS)
def test_a_golden_card_is_drawn_as_it_is_written(name: str, told: Any) -> None:
    card, drawn = CARDS[name], told["drawn"][name]
    assert drawn["events"] == []
    assert drawn["runs"] == texts(card, "TextRun")  # no run is dropped, or read as Markdown or a template
    assert drawn["texts"] == texts(card, "TextBlock")
    assert (drawn["hidden"], drawn["wider"]) == (0, False)
    actions = card.get("actions", [])
    behind = [more for action in actions for more in action.get("card", {}).get("actions", [])]
    assert drawn["buttons"] == [action["title"] for action in (*actions, *behind)]
    assert len(drawn["links"]) == sum("selectAction" in node for node in walk(card))
    assert {urlsplit(link).hostname for link in drawn["links"]} <= {"attack.mitre.org"}
    assert set(drawn["tags"]) <= {"div", "span", "a", "button", "p"}


MACROS = "{{DATE(2026-01-01T00:00:00Z)}} {{TIME(2026-01-01T00:00:00Z)}} {{DATE(2026-01-01T00:00:00Z, LONG)}}"


def test_the_renderers_macros_stay_text(alarms: dict[str, Alarm], tmp_path: Path) -> None:
    hostile = alarms["hostile"]
    assert hostile.instance
    instance = replace(hostile.instance, name=MACROS, tags={MACROS: MACROS})
    jane = TeamsUser("jane@acme.example", "Jane O’Doe, SOC (nights)")
    message = compose(replace(hostile, instance=instance, owner=Owner(teams=jane)))
    card = json.loads(teams.payload(message))["attachments"][0]["content"]
    told = rendering.drawn({"macros": card}, "light", tmp_path)
    drawn = told["drawn"]["macros"]
    assert (told["errors"], drawn["events"]) == ([], [])
    assert drawn["runs"] == texts(card, "TextRun")
    assert "DATE(2026-01-01T00:00:00Z" in "".join(drawn["runs"])
    assert list(map(str.strip, drawn["texts"])) == ["Owner: <at>Jane O’Doe, SOC (nights)</at>"]
