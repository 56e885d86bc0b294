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
WIDTH, HEIGHT, SCALE = 390, 844, 2  # of a phone
AT = datetime(2026, 11, 22, 12, 0, 4, tzinfo=UTC)
SLACK = """<!doctype html>
<meta charset="utf-8">
<link rel="stylesheet" href="{css}">
<style>body {{ width: {width}px; margin: 12px; font-family: "Liberation Sans", sans-serif; }}</style>
{message}
<script>document.body.dataset.height = document.documentElement.offsetHeight;</script>
"""


def golden(type: str, name: str) -> Any:
    return json.loads((DESTINATIONS / type / "golden" / f"{name}.json").read_text(encoding="utf-8"))


def slack(name: str, picture: Path, folder: Path) -> None:
    message = draw("slack", golden("slack", name), Byline(AT))
    page = folder / "slack.html"
    page.write_text(SLACK.format(css=STYLE.as_uri(), message=message, width=WIDTH - 24), encoding="utf-8")
    _shoot(page.as_uri(), picture, folder)


def teams(name: str, theme: str, picture: Path, folder: Path) -> None:
    cards = {name: golden("teams", name)["attachments"][0]["content"]}
    _shoot(rendering.page(cards, theme, folder, width=WIDTH - 32), picture, folder)


def _shoot(url: str, picture: Path, folder: Path) -> None:
    """A picture as high as what a phone shows of the page, at least."""
    told = rendering.chromium(url, f"--window-size={WIDTH},{HEIGHT}", "--dump-dom", folder=folder)
    height = int(told.partition('data-height="')[2].partition('"')[0])
    size = f"--window-size={WIDTH},{height}"
    look = ("--hide-scrollbars", f"--force-device-scale-factor={SCALE}", f"--screenshot={picture}")
    rendering.chromium(url, size, *look, folder=folder)


def main() -> None:
    if missing := rendering.missing():
        sys.exit(f"no pictures: {missing}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        slack("rich.bot", PICTURES / "slack-alarm.png", folder)
        slack("rich.reply", PICTURES / "slack-thread.png", folder)
        slack("hunt_finished.webhook", PICTURES / "slack-hunt.png", folder)
        teams("rich", "light", PICTURES / "teams-alarm.png", folder)
        teams("hunt_finished", "dark", PICTURES / "teams-hunt.png", folder)


if __name__ == "__main__":
    main()
