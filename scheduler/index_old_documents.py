"""Writes the index entries of documents that an earlier version of huntbridge stored.

The store keeps its indexes up to date with each write. An earlier version wrote no entries, or entries in
other places. So all documents of the indexed kinds are read once and indexed, a part of them in each run of
the timer. A note says how far this has come, and afterwards that it is done.

During a deployment, functions of the earlier version still run for some minutes and store documents. So there
are two passes, and the second begins an hour after the first.
"""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from shared.hosting.runtime import Runtime
from shared.http.deadlines import lasts
from shared.storage import indexes, kinds
from shared.storage.ledger.ledger import Ledger
from shared.storage.stored_times import is_future

log = logging.getLogger(__name__)

PASSES = 2
BETWEEN = timedelta(hours=1)  # from the begin of one pass to that of the next
_ON_A_PAGE = 500  # documents, which is what one call of the store reads
_TO_SPARE = 4.0  # seconds of the budget in which no further page is begun
_NOTE = "documents"


@dataclass(frozen=True)
class Progress:
    """How far the documents are indexed."""

    version: int  # of the indexes
    passes: int = 0  # that are done
    began: str = ""  # when the present pass began, or else the last one
    kind: str = ""  # the kind that is read; empty between two passes
    after: str = ""  # where its next page begins
    documents: int = 0  # that this pass has read


def index_old_documents(runtime: Runtime) -> None:
    """Index as many documents as fit into the budget. Several timers may do this at once. Raises
    StoreError."""
    progress = _load(runtime.ledger.notes.get(kinds.INDEX_NOTES, _NOTE))
    while progress.passes < PASSES and lasts(_TO_SPARE):
        if not progress.kind:
            now = runtime.now()
            if not _may_begin(progress, now):
                return
            progress = replace(progress, kind=indexes.INDEXED[0], began=now.isoformat(), documents=0)
        progress = _next_page(runtime, progress)
        runtime.ledger.notes.save(kinds.INDEX_NOTES, _NOTE, asdict(progress))


def are_indexed(ledger: Ledger) -> bool:
    """Whether all documents that an earlier version stored have been read once."""
    return _load(ledger.notes.get(kinds.INDEX_NOTES, _NOTE)).passes > 0


def _load(note: dict[str, Any]) -> Progress:
    """The progress in the note, unless the indexes have changed since."""
    known = note.get("version") == indexes.VERSION and note["kind"] in ("", *indexes.INDEXED)
    return Progress(**note) if known else Progress(indexes.VERSION)


def _may_begin(progress: Progress, now: datetime) -> bool:
    if not progress.began:
        return True
    began = datetime.fromisoformat(progress.began)
    return is_future(began, now) or now - began >= BETWEEN


def _next_page(runtime: Runtime, progress: Progress) -> Progress:
    """Index one page of documents. Returns the progress after it."""
    page = runtime.store.every(progress.kind, limit=_ON_A_PAGE, after=progress.after)
    if page.records:
        runtime.store.reindex(progress.kind, page.records)
    progress = replace(progress, after=page.after, documents=progress.documents + len(page.records))
    if page.after:
        return progress
    rest = indexes.INDEXED[indexes.INDEXED.index(progress.kind) + 1 :]
    if rest:
        return replace(progress, kind=rest[0])
    if progress.passes + 1 == PASSES:
        runtime.store.all_are_indexed()
    log.info("documents indexed", extra={"documents": progress.documents, "pass": progress.passes + 1})
    return replace(progress, kind="", passes=progress.passes + 1)
