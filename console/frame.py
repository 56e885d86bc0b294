"""The frame around every screen: the navigation with its counts, and the state of the system."""

from __future__ import annotations

from dataclasses import dataclass

from console.context import ConsoleContext
from console.pages.registry import PAGES


@dataclass(frozen=True)
class Item:
    """One line of the navigation."""

    name: str
    title: str
    endpoint: str
    count: int = 0
    shape: str = "none"
    word: str = ""  # what is counted, for screen readers


@dataclass(frozen=True)
class Sign:
    """One line of the system's state."""

    name: str
    shape: str
    text: str


@dataclass(frozen=True)
class Frame:
    items: tuple[Item, ...]
    pulse: tuple[Sign, ...]


class Frames:
    def __init__(self, context: ConsoleContext) -> None:
        self._context = context

    def current(self) -> Frame:
        items = (Item(page.name, page.title, f"{page.name}.index") for page in PAGES if page.title)
        return Frame(tuple(items), ())
