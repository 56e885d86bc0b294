"""Makes HTML elements for the previews. Every text is escaped here, and nowhere else.

The names of tags, attributes and classes come from the code of this package alone. Values from a payload are
children or values of attributes. A class that depends on a payload is chosen from a fixed set (`one_of`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from markupsafe import Markup, escape

from shared.text import clean

Child = str | Markup | None

_EMPTY = frozenset({"br", "hr", "input", "rect"})  # elements without an end
_MAX_TEXT = 40_000  # characters of one text; a longer one is cut


def el(tag: str, classes: str, *children: Child, **attributes: str | int | None) -> Markup:
    """An element. An attribute that is None is left out; `for_` becomes `for`, `data_x` becomes `data-x`."""
    named = {"class": classes or None, **attributes}
    written = Markup("").join(
        Markup(' {}="{}"').format(name.rstrip("_").replace("_", "-"), str(value))
        for name, value in named.items()
        if value is not None
    )
    start = Markup("<{}{}>").format(tag, written)
    return start if tag in _EMPTY else Markup("{}{}</{}>").format(start, joined(children), tag)


def joined(children: Iterable[Child]) -> Markup:
    return Markup("").join(escape(child) for child in children if child is not None)


def lines(text: str) -> Markup:
    """The text with its line breaks."""
    return Markup("<br>").join(escape(line) for line in text.split("\n"))


def unknown(what: str, kind: Any) -> Markup:
    """Stands for a part of a payload that this package cannot draw."""
    return el("p", "unknown", f"Not drawn: {what} of type “{text(kind) or 'none'}”")


@dataclass(frozen=True)
class Pen:
    """How a message is drawn where it stands.

    `opens`: whether a link leads somewhere from here. `click`: draws a button of Slack that sends a click;
    without it such a button is only shown.
    """

    opens: Callable[[str], bool] = lambda url: True
    click: Callable[[Mapping[str, Any]], Markup] | None = None

    def link(self, url: Any, label: Child, classes: str = "") -> Markup:
        """A link, or only its label if the address is not one that may be opened."""
        address = web_address(url)
        if not address:
            return el("span", classes, label)
        if not self.opens(address):
            return el("span", f"{classes} outside".strip(), label, title=f"Outside of this demo: {address}")
        return el("a", classes, label, href=address, rel="noreferrer")


def web_address(url: Any) -> str:
    """The address if it is http or https and names a host; otherwise empty."""
    if not isinstance(url, str) or any(char <= " " or char == "\x7f" for char in url):
        return ""
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return ""
    return url if parts.scheme in ("http", "https") and host else ""


# A payload comes from JSON and may hold anything. These read it without an error.


def text(value: Any) -> str:
    """A text of a payload, without control and bidirectional characters."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return clean(str(value), _MAX_TEXT)


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def objects(value: Any) -> list[Mapping[str, Any]]:
    """The objects of a list. Anything else in it becomes an empty object, which is drawn as unknown."""
    return [entry if isinstance(entry, dict) else {} for entry in listed(value)]


def mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def one_of(value: Any, known: Collection[str], otherwise: str) -> str:
    """The value in lower case if it is known, for a class name."""
    lower = value.lower() if isinstance(value, str) else ""
    return lower if lower in known else otherwise
