"""Finds all that is stored about a system or a case, or before a day, and erases it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from shared.queues import items
from shared.storage.ports import Store
from shared.storage.selection import Piece, Selection, Selector
from shared.storage.sweep import Document, StoredItem, Sweep, replace_document


@dataclass(frozen=True)
class Found:
    """What a selector finds."""

    selection: Selection
    pieces: tuple[Piece, ...]
    items: tuple[StoredItem, ...]

    @property
    def whole(self) -> Counter[str]:
        """How many documents are erased, by kind."""
        return Counter(piece.document.key[0] for piece in self.pieces if piece.after is None)

    @property
    def changed(self) -> Counter[str]:
        """How many documents only lose a mention, by kind."""
        return Counter(piece.document.key[0] for piece in self.pieces if piece.after is not None)

    def lines(self) -> Iterator[dict[str, Any]]:
        """What is exported. A document that is not about it alone has a `mention`: true."""
        for piece in self.pieces:
            kind, group, name = piece.document.key
            yield {
                "kind": kind,
                "group": group,
                "name": name,
                "mention": piece.after is not None,
                "body": piece.document.body,
            }
        for item in self.items:
            yield {
                "queue": item.queue,
                "id": item.id,
                "dead": item.died_at is not None,
                "body": _text(item),
            }


def find(selector: Selector, sweep: Sweep) -> Found:
    """Read everything. Raises StoreError and QueueError."""
    selection = Selection.find(selector, sweep.documents)
    until = selector.before.timestamp() if selector.before else None
    return Found(
        selection,
        tuple(selection.pieces(sweep.documents())),
        tuple(
            item
            for item in sweep.items()
            if any(map(selection.mentions, (item.id, _text(item))))
            or (until is not None and item.died_at is not None and item.died_at < until)
        ),
    )


def erase(found: Found, store: Store, sweep: Sweep) -> None:
    """Erase what was found. No worker may run on one machine. Raises StoreError and QueueError; what was
    erased until then is gone, and the rest is found again."""
    deleted = [piece.document.key for piece in found.pieces if piece.after is None]
    for piece in found.pieces:
        if piece.after is not None:
            replace_document(store, Document(piece.document.key, piece.after))
    sweep.delete(deleted, found.items)
    sweep.scrub(deleted, found.selection.mentions)


def _text(item: StoredItem) -> str:
    """The item as text, with the body of a webhook in plain."""
    text = item.body.decode(errors="replace")
    try:
        content = items.decode(item.body)
    except ValueError:
        return text
    return content.body.decode(errors="replace") if isinstance(content, items.Webhook) else text
