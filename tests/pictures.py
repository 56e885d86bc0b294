"""`make pictures`: golden messages become the pictures in docs/pictures, as Microsoft's renderer and the
console's previews draw them. For the docs alone: what they show is checked elsewhere."""

from __future__ import annotations

import json
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from console.previews.byline import Byline
from console.previews.previews import draw
from tests.receiver.destinations.teams import rendering

DESTINATIONS = Path(__file__).parent / "receiver/destinations"
ROOT = Path(__file__).resolve().parents[1]
PICTURES = ROOT / "docs/pictures"
STYLE = ROOT / "console/static/previews.css"
PHONE, DESKTOP = 390, 740  # pixels; the desktop's as wide as a channel beside its lists
HEIGHT, SCALE = 844, 2  # of a phone
# By the name of the picture: the destination, its golden message, the width, and the theme of Teams.
MADE = {
    "slack-alarm": ("slack", "rich.bot", PHONE, ""),
    "slack-alarm-desktop": ("slack", "rich.bot", DESKTOP, ""),
    "slack-thread": ("slack", "rich.reply", PHONE, ""),
    "slack-hunt": ("slack", "hunt_finished.webhook", PHONE, ""),
    "teams-alarm": ("teams", "rich", PHONE, "light"),
    "teams-alarm-desktop": ("teams", "rich", DESKTOP, "light"),
    "teams-hunt": ("teams", "hunt_finished", PHONE, "dark"),
    "jira-issue": ("jira", "rich.cloud", PHONE, ""),
    "jira-issue-desktop": ("jira", "rich.cloud", DESKTOP, ""),
}
AT = datetime(2026, 11, 22, 12, 0, 4, tzinfo=UTC)
PAGE = """<!doctype html>
<meta charset="utf-8">
<link rel="stylesheet" href="{css}">
<style>body {{ width: {width}px; margin: 12px; font-family: "Liberation Sans", sans-serif; }}</style>
{message}
<script>document.body.dataset.height = document.documentElement.offsetHeight;</script>
"""


def golden(type: str, name: str) -> Any:
    return json.loads((DESTINATIONS / type / "golden" / f"{name}.json").read_text(encoding="utf-8"))


def preview(type: str, name: str, width: int, folder: Path) -> str:
    """The address of a page with a message as the console's preview draws it."""
    page = folder / "preview.html"
    message = draw(type, golden(type, name), Byline(AT))
    page.write_text(PAGE.format(css=STYLE.as_uri(), message=message, width=width - 24), encoding="utf-8")
    return page.as_uri()


def card(name: str, theme: str, width: int, folder: Path) -> str:
    """The address of a page with a card of Teams."""
    cards = {name: golden("teams", name)["attachments"][0]["content"]}
    return rendering.page(cards, theme, folder, width=width - 32)


def shoot(url: str, width: int, picture: Path, folder: Path) -> None:
    """A picture as high as the page."""
    told = rendering.chromium(url, f"--window-size={width},{HEIGHT}", "--dump-dom", folder=folder)
    height = int(told.partition('data-height="')[2].partition('"')[0])
    size = f"--window-size={width},{height}"
    look = ("--hide-scrollbars", f"--force-device-scale-factor={SCALE}", f"--screenshot={picture}")
    rendering.chromium(url, size, *look, folder=folder)


def main() -> None:
    if missing := rendering.missing():
        sys.exit(f"no pictures: {missing}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for picture, (type, message, width, theme) in MADE.items():
            url = card(message, theme, width, folder) if theme else preview(type, message, width, folder)
            shoot(url, width, PICTURES / f"{picture}.png", folder)


if __name__ == "__main__":
    main()
