"""Which backups were made of the data of one machine, and from which of them it was restored last.

Both are notes in the database. A backup holds the list up to itself, so its last entry is about the backup.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.models.codec import dump, load
from shared.models.event_kinds import HEARTBEAT, OWN_KINDS, RECOVERED, TEST
from shared.models.events import Event
from shared.storage import kinds
from shared.storage.ports import Store

_LAST = "last"
# For so long after a restoration, messages may repeat what was told after the backup. The platform sends a
# webhook at once. A job of the timer finds its news again within a day.
_WEBHOOKS, _OWN_NEWS = timedelta(hours=1), timedelta(days=1)
_CASES = timedelta(days=60)  # for which a destination may hold a case that the backup does not know


@dataclass(frozen=True)
class Backup:
    """A file with the data of one moment."""

    at: datetime
    file: str  # with its whole path


@dataclass(frozen=True)
class Restored:
    """The last restoration."""

    at: datetime
    taken_at: datetime  # the time of the backup

    def may_have_been_told(self, event: Event) -> bool:
        """Whether a message about this event may have been sent after the backup and before the
        restoration."""
        if event.kind in (TEST, HEARTBEAT):
            return False
        is_own = event.kind in OWN_KINDS or event.kind == RECOVERED
        return event.received_at <= self.at + (_OWN_NEWS if is_own else _WEBHOOKS)

    def may_hide_cases(self, now: datetime) -> bool:
        """Whether a destination may hold an issue that this database does not know."""
        return now <= self.at + _CASES


def listed(store: Store) -> list[Backup]:
    """The backups, the oldest first. Raises StoreError."""
    return [load(Backup, record.body) for record in store.scan(kinds.NOTE, kinds.BACKUP_NOTES)]


def add(store: Store, backup: Backup) -> None:
    """Raises StoreError."""
    store.put(kinds.NOTE, kinds.BACKUP_NOTES, _name(backup), dump(backup))


def remove(store: Store, backup: Backup) -> None:
    """Remove it from the list. The file stays. Raises StoreError."""
    store.delete(kinds.NOTE, kinds.BACKUP_NOTES, _name(backup))


def last_restored(store: Store) -> Restored | None:
    """None if the data was never restored from a backup. Raises StoreError."""
    record = store.get(kinds.NOTE, kinds.RESTORE_NOTES, _LAST)
    return load(Restored, record.body) if record else None


def record_restored(store: Store, restored: Restored) -> None:
    """Raises StoreError."""
    store.put(kinds.NOTE, kinds.RESTORE_NOTES, _LAST, dump(restored))


def _name(backup: Backup) -> str:
    return backup.at.isoformat()
