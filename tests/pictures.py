"""`make pictures`: golden messages become the pictures in docs/pictures, as Microsoft's renderer and the
demo's page draw them. For the docs alone: what they show is checked elsewhere."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from flask import Flask, Response

from demo.page import KINDS, PAGES
from demo.serving import serving
from tests.receiver.destinations.teams import rendering

DESTINATIONS = Path(__file__).parent / "receiver/destinations"
PICTURES = Path(__file__).resolve().parents[1] / "docs/pictures"
WIDTH, SCALE = 700, 1.25
AT = "2026-11-22T12:00:04"
SLACK = """<!doctype html>
<meta charset="utf-8">
<link rel="icon" href="icon.svg">
<link rel="stylesheet" href="page.css"><link rel="stylesheet" href="tools.css">
<style>body { padding: 12px; } ol { margin: 0; }</style>
<section class="tool slack"><ol class="stream"><li class="message"></li></ol></section>
<script type="module">
  import { drawSlack } from "./slack.js";
  document.querySelector("li").append(drawSlack(GIVEN));
  document.body.dataset.height = document.documentElement.offsetHeight;
</script>
"""


def golden(type: str, name: str) -> Any:
    return json.loads((DESTINATIONS / type / "golden" / f"{name}.json").read_text(encoding="utf-8"))


def slack(name: str, picture: Path, folder: Path) -> None:
    app = Flask(__name__, static_folder=None)
    given = json.dumps({"at": AT, "body": golden("slack", name)}).replace("<", "\\u003c")

    @app.get("/")
    def page() -> str:
        return SLACK.replace("GIVEN", given, 1)

    @app.get("/<name>")
    def file(name: str) -> Response:
        return Response((PAGES / name).read_bytes(), mimetype=KINDS[Path(name).suffix])

    with serving(app) as url:
        told = rendering.chromium(url, f"--window-size={WIDTH},900", "--dump-dom", folder=folder)
        _shoot(url, int(told.partition('data-height="')[2].partition('"')[0]), picture, folder)


def teams(name: str, theme: str, picture: Path, folder: Path) -> None:
    cards = {name: golden("teams", name)["attachments"][0]["content"]}
    height = rendering.drawn(cards, theme, folder)["height"]
    _shoot(rendering.page(cards, theme, folder), height, picture, folder)


def _shoot(url: str, height: int, picture: Path, folder: Path) -> None:
    size = f"--window-size={WIDTH},{height}"
    look = ("--hide-scrollbars", f"--force-device-scale-factor={SCALE}", f"--screenshot={picture}")
    rendering.chromium(url, size, *look, folder=folder)


def main() -> None:
    if missing := rendering.missing():
        sys.exit(f"no pictures: {missing}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        slack("rich.bot", PICTURES / "slack-alarm.png", folder)
        slack("hunt_finished.webhook", PICTURES / "slack-hunt.png", folder)
        teams("rich", "light", PICTURES / "teams-alarm.png", folder)
        teams("hunt_finished", "dark", PICTURES / "teams-hunt.png", folder)


if __name__ == "__main__":
    main()
