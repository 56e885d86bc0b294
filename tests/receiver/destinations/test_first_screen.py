"""What a decision needs is on the first screen of a phone, as Microsoft's renderer and the console's previews
draw it: 390 px wide and 844 px high, of which the bars of phone and app take their part."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from console.previews.previews import draw
from tests.receiver.destinations.teams import rendering

HERE = Path(__file__).parent
STYLE = Path(__file__).resolve().parents[3] / "console/static/previews.css"
WIDTH, HEIGHT, BARS = 390, 844, 150  # pixels
NAMES = (
    *("rich", "minimal", "many_findings", "recovered", "update", "back", "unacknowledged", "sent_again"),
    *("acknowledged", "closed", "reopened", "capture_failed", "hunt_finished", "worded", "check_failed"),
)
PAGE = """<!doctype html>
<meta charset="utf-8">
<link rel="stylesheet" href="{style}">
<style>body {{ width: {width}px; margin: 0; font-family: "Liberation Sans", sans-serif; }}</style>
{messages}
<script type="application/json" id="told"></script>
<script>
  const ends = {{}};
  for (const message of document.querySelectorAll("section")) {{
    const last = [...message.querySelectorAll("{last}")].at(-1);
    const first = message.querySelector("{first}");
    ends[message.id] = last ? last.getBoundingClientRect().bottom - first.getBoundingClientRect().top : 0;
  }}
  document.getElementById("told").textContent = JSON.stringify(ends);
</script>
"""
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(rendering.missing()), reason=rendering.missing()),
    pytest.mark.skipif(bool(rendering.missing_font()), reason=rendering.missing_font()),
]


def golden(type: str, name: str) -> Any:
    return json.loads((HERE / type / "golden" / f"{name}.json").read_text(encoding="utf-8"))


def told(url: str, folder: Path) -> Any:
    text = rendering.chromium(url, f"--window-size={2 * WIDTH},{HEIGHT}", "--dump-dom", folder=folder)
    match = re.search(r'<script type="application/json" id="told">(.*?)</script>', text, re.DOTALL)
    assert match
    return json.loads(match[1])


def ends(type: str, first: str, last: str, names: Mapping[str, str], folder: Path) -> dict[str, float]:
    """From the top of the first element to the end of the last one of each message, in pixels."""
    messages = "".join(
        f'<section id="{name}">{draw(type, golden(type, file))}</section>' for name, file in names.items()
    )
    page = folder / f"{type}.html"
    given = PAGE.format(style=STYLE.as_uri(), width=WIDTH, messages=messages, first=first, last=last)
    page.write_text(given, encoding="utf-8")
    found: dict[str, float] = told(page.as_uri(), folder)
    return found


def too_long(found: Mapping[str, float]) -> dict[str, float]:
    return {name: end for name, end in found.items() if not 0 < end <= HEIGHT - BARS}


def test_the_buttons_of_slack_are_on_the_first_screen(tmp_path: Path) -> None:
    files = {f"{name}-{form}": f"{name}.{form}" for name in NAMES for form in ("bot", "webhook")}
    assert too_long(ends("slack", "article", ".acts", files, tmp_path)) == {}


def test_a_card_of_teams_fits_the_first_screen(tmp_path: Path) -> None:
    cards = {name: golden("teams", name)["attachments"][0]["content"] for name in NAMES}
    found = told(rendering.page(cards, "light", tmp_path, width=WIDTH), tmp_path)["drawn"]
    assert too_long({name: card["height"] for name, card in found.items()}) == {}
    assert [name for name, card in found.items() if card["wider"]] == []


def test_an_issue_of_jira_shows_its_links_on_the_first_screen(tmp_path: Path) -> None:
    """From the beginning of its description. Links to techniques stand in lists."""
    files = {name: f"{name}.cloud" for name in NAMES}
    assert too_long(ends("jira", ".top", "p:not(td p, li p) > a", files, tmp_path)) == {}
