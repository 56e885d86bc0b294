"""Cards as Microsoft's own renderer draws them, in a headless Chromium with the colours of Teams.

The renderer and the host's two themes come from npm, into .cache/render (`make test` puts them there).
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

THEMES = ("light", "dark")
PACKAGES = Path(__file__).resolve().parents[4] / ".cache" / "render" / "node_modules"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), "")
WITHIN = 60  # seconds

_PAGE = """<!doctype html>
<meta charset="utf-8">
<style>
  body { margin: 0; padding: 16px; background: var(--around); font-family: "Segoe UI", sans-serif; }
  section { max-width: WIDTHpx; background: var(--card); border-radius: 6px; overflow: hidden;
            box-shadow: 0 1px 3px rgba(0, 0, 0, .3); }
  section + section { margin-top: 16px; }
  a { color: var(--link); }
  .ac-pushButton { font: 600 14px "Segoe UI", sans-serif; padding: 4px 16px; color: var(--text);
                   background: none; border: 1px solid var(--border); border-radius: 4px; }
  .at { color: var(--link); font-weight: 600; }
</style>
<body>
<script src="adaptivecards.js"></script>
<script src="markdown-it.js"></script>
<script type="application/json" id="given">GIVEN</script>
<script>
  const errors = [];
  addEventListener("error", (event) => errors.push(String(event.message)));
  for (const level of ["error", "warn"]) console[level] = (...words) => errors.push(words.join(" "));
  const { cards, host, colors, expand } = JSON.parse(document.getElementById("given").textContent);
  for (const [name, color] of Object.entries(colors)) document.body.style.setProperty(name, color);
  const markdown = window.markdownit();
  AdaptiveCards.AdaptiveCard.onProcessMarkdown = (text, result) => {
    result.outputHtml = markdown.render(text);
    result.didProcess = true;
  };
  const drawn = {};
  for (const [name, content] of Object.entries(cards)) {
    const card = new AdaptiveCards.AdaptiveCard();
    card.hostConfig = new AdaptiveCards.HostConfig(host);
    const context = new AdaptiveCards.SerializationContext();
    card.parse(content, context);
    const events = card.validateProperties().validationEvents.map((event) => event.message);
    for (let n = 0; n < context.eventCount; n++) events.push(context.getEventAt(n).message);
    const section = document.createElement("section");
    section.append(card.render());
    document.body.append(section);
    if (expand) for (const button of section.querySelectorAll("button[aria-expanded=false]")) button.click();
    const all = (selector) => [...section.querySelectorAll(selector)];
    drawn[name] = {
      events,
      tags: [...new Set(all("*").map((node) => node.tagName.toLowerCase()))],
      runs: all(".ac-textRun").map((node) => node.textContent),
      hidden: all(".ac-textRun").filter((node) => !node.getClientRects().length).length,
      texts: all(".ac-textBlock").map((node) => node.textContent),
      links: all("a").map((node) => node.href),
      buttons: all("button").map((node) => node.textContent),
      height: section.getBoundingClientRect().height,
      wider: section.scrollWidth > section.clientWidth,
    };
  }
  // Teams puts the name of whom a card calls in the place of the tag.
  for (const node of document.querySelectorAll(".ac-textBlock p")) {
    const parts = node.textContent.split(/<at>(.*?)<\\/at>/);
    node.replaceChildren(...parts.map((part, n) => {
      const span = document.createElement("span");
      span.textContent = part;
      if (n % 2) span.className = "at";
      return span;
    }));
  }
  const told = document.createElement("script");
  told.type = "application/json";
  told.id = "told";
  const height = document.documentElement.offsetHeight;
  document.body.dataset.height = height;
  told.textContent = JSON.stringify({ errors, drawn, height }).replaceAll("<", "\\u003c");
  document.body.append(told);
</script>
"""
_COLORS = {
    "light": {"--around": "#f5f5f5", "--card": "#fff", "--border": "#d1d1d1", "--text": "#242424"},
    "dark": {"--around": "#1f1f1f", "--card": "#292929", "--border": "#666", "--text": "#fff"},
}
_LINKS = {"light": "#5b5fc7", "dark": "#9299f7"}


def missing() -> str:
    """What of this is not on the machine, in words; empty where all is there."""
    if not CHROMIUM:
        return "there is no Chromium"
    if not (PACKAGES / "adaptivecards").is_dir():
        return "Microsoft's renderer is not there: `make test` installs it where npm is"
    return ""


def missing_font() -> str:
    """Why widths cannot be compared with those of people's devices; empty if they can."""
    command = ["fc-match", "--format=%{family}", "Arial"]
    try:
        family = subprocess.run(command, capture_output=True, text=True, timeout=WITHIN).stdout
    except OSError:
        return "fontconfig does not say which fonts there are"
    is_as_wide = any(name in family for name in ("Arial", "Arimo", "Liberation Sans"))
    return "" if is_as_wide else "there is no font as wide as Arial: install fonts-liberation"


def drawn(cards: Mapping[str, Any], theme: str, folder: Path) -> dict[str, Any]:
    """What the page says of itself: `errors`, `height` in pixels, and `drawn`, by the name of each card."""
    text = chromium(
        page(cards, theme, folder, expand=True), "--window-size=700,900", "--dump-dom", folder=folder
    )
    match = re.search(r'<script type="application/json" id="told">(.*?)</script>', text, re.DOTALL)
    assert match, text[-2_000:]
    told: dict[str, Any] = json.loads(match[1])
    return told


def page(
    cards: Mapping[str, Any], theme: str, folder: Path, *, expand: bool = False, width: int = 900
) -> str:
    """The address of a page that draws the cards, in `folder`. `expand`: with what their buttons show;
    `width`: of a card, in pixels."""
    shutil.copy(PACKAGES / "adaptivecards/dist/adaptivecards.min.js", folder / "adaptivecards.js")
    shutil.copy(PACKAGES / "markdown-it/dist/markdown-it.min.js", folder / "markdown-it.js")
    config = PACKAGES / f"adaptivecards-designer/lib/hostConfigs/microsoft-teams-{theme}.json"
    host = json.loads(config.read_text(encoding="utf-8"))
    colors = {**_COLORS[theme], "--link": _LINKS[theme]}
    given = json.dumps({"cards": dict(cards), "host": host, "colors": colors, "expand": expand}).replace(
        "<", "\\u003c"
    )
    path = folder / f"{theme}.html"
    path.write_text(_PAGE.replace("WIDTH", str(width), 1).replace("GIVEN", given, 1), encoding="utf-8")
    return path.as_uri()


def chromium(url: str, *options: str, folder: Path) -> str:
    """What Chromium prints. It asks nobody but `url`."""
    command = [
        *(CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"),
        *("--disable-background-networking", "--disable-component-update"),
        f"--user-data-dir={folder / 'chromium'}",
        *("--virtual-time-budget=3000", *options, url),
    ]
    return subprocess.run(command, capture_output=True, text=True, timeout=WITHIN, check=True).stdout
