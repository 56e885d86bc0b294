"""Previews in a real browser: no part is wider than a phone, in the console and in the demo."""

from __future__ import annotations

import html
import json
from pathlib import Path

import pytest

from console.previews.previews import draw
from tests.console.previews.payloads import golden
from tests.receiver.destinations.teams import rendering

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
STYLES = {
    "console": ("console/static/console.css", "console/static/previews.css"),
    "demo": ("demo/web/static/demo.css", "console/static/previews.css"),
}
FRAME = """<!doctype html><html><head><meta name="viewport" content="width=device-width">{styles}</head>
<body><main>{messages}</main></body></html>"""
WIDTHS = (320, 390)
PAGE = """<!doctype html><body>{frames}<script>
addEventListener("load", () => {{
  const seen = [...document.querySelectorAll("iframe")].map((frame) => {{
    const page = frame.contentDocument;
    const root = page.documentElement;
    const wide = [...page.querySelectorAll("[data-name]")].filter((message) => {{
      const right = (part) => part.getBoundingClientRect().right;
      const most = right(message.firstElementChild) + 1;
      return [...message.querySelectorAll("*")].some((part) => right(part) > most);
    }}).map((message) => message.dataset.name);
    return {{
      scrolls: root.scrollWidth > root.clientWidth, wide, count: page.querySelectorAll("article.view").length,
    }};
  }});
  document.body.dataset.seen = JSON.stringify(seen);
}});
</script></body>"""


@pytest.mark.skipif(not rendering.CHROMIUM, reason="there is no Chromium")
@pytest.mark.skipif(bool(rendering.missing_font()), reason=rendering.missing_font())
@pytest.mark.parametrize("place", STYLES)
def test_no_preview_is_wider_than_a_phone(place: str, tmp_path: Path) -> None:
    styles = "".join(f'<link rel="stylesheet" href="{(ROOT / path).as_uri()}">' for path in STYLES[place])
    shown = golden()
    messages = "".join(
        f'<div data-name="{name}">{draw(type, payload)}</div>' for name, (type, payload) in shown.items()
    )
    content = html.escape(FRAME.format(styles=styles, messages=messages))
    frames = "".join(
        f'<iframe width="{width}" height="2000" srcdoc="{content}"></iframe>' for width in WIDTHS
    )
    page = tmp_path / "page.html"
    page.write_text(PAGE.format(frames=frames), encoding="utf-8")
    told = rendering.chromium(page.as_uri(), "--allow-file-access-from-files", "--dump-dom", folder=tmp_path)
    seen = json.loads(html.unescape(told.partition('data-seen="')[2].partition('"')[0]))
    assert seen == [{"scrolls": False, "wide": [], "count": len(shown)}] * len(WIDTHS)
