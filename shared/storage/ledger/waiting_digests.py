"""The record of digests that are not due yet: those for which a route holds alarms."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

from shared.models.codec import dump, load
from shared.models.holds import Hold, WaitingDigest
from shared.storage import kinds
from shared.storage.ports import Store


class WaitingDigests:
    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        self._store, self._now = store, now

    def save(self, destination: str, hold: Hold) -> None:
        """Record that an alarm is about to be put into the digest of this hold."""
        waiting = WaitingDigest(destination, hold.digest_id, hold, self._now())
        # When a hunt's digest is due may depend on its last alarm; an opening does not.
        expect = 0 if hold.until else None
        self._store.put(kinds.WAITING_DIGEST, "", _name(waiting), dump(waiting), expect=expect)

    def all(self) -> Iterator[WaitingDigest]:
        for record in self._store.scan(kinds.WAITING_DIGEST, ""):
            yield load(WaitingDigest, record.body)

    def remove(self, waiting: WaitingDigest) -> None:
        """Record that the digest is due. An alarm that is put into it meanwhile records it again, which does
        no harm: a digest that was told is not told twice."""
        self._store.delete(kinds.WAITING_DIGEST, "", _name(waiting))


def _name(waiting: WaitingDigest) -> str:
    return f"{waiting.destination}/{waiting.id}"
