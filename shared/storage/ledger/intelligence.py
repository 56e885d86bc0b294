"""What huntbridge keeps of intelligence: the set that was pushed last, and the platform's texts that pushes
replaced.

Both may be larger than a document can be, so they are compressed and cut into parts. The document that lists
the parts is written last: whoever finds it finds all of them.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from shared.models.codec import dump, load
from shared.models.intelligence import IntelligenceSet
from shared.storage import kinds
from shared.storage.ports import Record, Store

KEPT_TEXTS = 3
_PART = 200_000  # characters of a document
_SETS, _TEXTS = "set", "text"
_CURRENT = "current"


@dataclass(frozen=True)
class KeptText:
    """A text of the platform that a push replaced."""

    id: str
    at: datetime


class KeptIntelligence:
    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        self._store, self._now = store, now

    def save_set(self, intelligence: IntelligenceSet) -> None:
        self._save(_SETS, _CURRENT, json.dumps(dump(intelligence)))

    def current_set(self) -> IntelligenceSet | None:
        text = self._read(_SETS, _CURRENT)
        return None if text is None else load(IntelligenceSet, text)

    def keep_text(self, text: str) -> None:
        """Keep a text that is about to be replaced, and forget the oldest."""
        self._save(_TEXTS, self._now().isoformat(timespec="milliseconds"), text)
        for kept in self.kept_texts()[KEPT_TEXTS:]:
            self._forget(_TEXTS, kept.id)

    def kept_texts(self) -> list[KeptText]:
        """The newest first."""
        names = sorted((record.name for record in self._store.scan(kinds.INTELLIGENCE, _TEXTS)), reverse=True)
        return [KeptText(name, datetime.fromisoformat(name)) for name in names]

    def text(self, kept: KeptText) -> str | None:
        return self._read(_TEXTS, kept.id)

    def _save(self, group: str, name: str, text: str) -> None:
        packed = base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()
        parts = [packed[at : at + _PART] for at in range(0, len(packed), _PART)]
        stored = f"{self._now().isoformat()} {hashlib.sha256(packed.encode()).hexdigest()[:16]}"
        for number, part in enumerate(parts):
            self._store.put(kinds.INTELLIGENCE, stored, f"{number:04}", {"part": part})
        before = self._store.get(kinds.INTELLIGENCE, group, name)
        self._store.put(kinds.INTELLIGENCE, group, name, {"stored": stored, "parts": len(parts)})
        if before and before.body["stored"] != stored:
            self._forget_parts(before)

    def _read(self, group: str, name: str) -> str | None:
        """None if there is none. A reader that is overtaken by a newer one reads that instead."""
        for _ in range(3):
            record = self._store.get(kinds.INTELLIGENCE, group, name)
            if record is None:
                return None
            names = (f"{number:04}" for number in range(record.body["parts"]))
            parts = [self._store.get(kinds.INTELLIGENCE, record.body["stored"], name) for name in names]
            if all(parts):
                packed = "".join(part.body["part"] for part in parts if part)
                return gzip.decompress(base64.b64decode(packed)).decode()
        return None

    def _forget(self, group: str, name: str) -> None:
        record = self._store.get(kinds.INTELLIGENCE, group, name)
        self._store.delete(kinds.INTELLIGENCE, group, name)
        if record:
            self._forget_parts(record)

    def _forget_parts(self, record: Record) -> None:
        for number in range(record.body["parts"]):
            self._store.delete(kinds.INTELLIGENCE, record.body["stored"], f"{number:04}")
