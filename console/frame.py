"""The frame around every screen: the navigation with its counts, and the state of the system."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from console.context import ConsoleContext
from console.pages.registry import PAGES
from console.status import Badge, Sign, badges, signs, unavailable
from shared.storage.ports import StoreError

log = logging.getLogger(__name__)
_NO_BADGE = Badge(0, "none", "")


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
class Frame:
    items: tuple[Item, ...]
    pulse: tuple[Sign, ...]


class Frames:
    def __init__(self, context: ConsoleContext) -> None:
        self._context = context

    def current(self) -> Frame:
        """Without counts if the ledger does not answer, since a page about that needs its frame too."""
        found: Mapping[str, Badge] = {}
        shown: Sequence[Sign] = unavailable()
        try:
            pulse = self._context.status.pulse()
            found, shown = badges(pulse), tuple(signs(pulse, self._context.now()))
        except StoreError as error:
            log.warning("the status cannot be read", extra={"reason": error})
        items = []
        for page in PAGES:
            badge = found.get(page.name, _NO_BADGE)
            if page.title:
                name = f"{page.name}.index"
                items.append(Item(page.name, page.title, name, badge.count, badge.shape, badge.word))
        return Frame(tuple(items), tuple(shown))
