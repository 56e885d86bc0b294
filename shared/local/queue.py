"""A queue on one machine: items in a table of the SQLite file, dead items in another."""

from __future__ import annotations

import json
import math
import secrets
import sqlite3
import time
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from typing import TypeVar

from shared.local.database import Database, Row, Values
from shared.local.inbox import Record
from shared.queues.ports import DeadItem, Depth, Item, QueueError
from shared.storage import kinds

T = TypeVar("T")

_DUE = "SELECT rowid, urgent, due FROM items WHERE queue=:queue AND due<=:now"
# Of a lane with thousands of items, only the first of each urgency are looked at.
_DUE_IN_LANE = " UNION ALL ".join(
    "SELECT * FROM (SELECT rowid, urgent, due FROM items WHERE queue=:queue AND lane=:lane AND "  # noqa: S608
    f"urgent={urgent} AND due<=:now ORDER BY due, rowid LIMIT :most)"
    for urgent in (1, 0)
)
# An item may be claimed before others of its lane: the most urgent that waits longest, or that which waits
# longest.
_BY_URGENCY, _BY_AGE = "urgent DESC, due, rowid", "due, rowid"
# The latest time that the queue has seen, which shows whether the clock was set back since.
_LATEST = "SELECT body FROM documents WHERE kind=? AND \"group\"='' AND name=?"
_SAVE_LATEST = (
    'INSERT INTO documents (kind, "group", name, version, body) '
    "VALUES (?, '', ?, 1, ?) ON CONFLICT DO UPDATE SET body=excluded.body"
)
# Seconds. Clocks are often corrected by less than this, and no item needs to move for that.
_CORRECTION = 5.0
# Seconds after which the latest time is stored anew. That it is older than it could be does no harm.
_STORED_EVERY = 1.0

Noticed = Callable[[str, float], None]  # the lane of an item, and the seconds until it may be claimed


class SqliteQueue:
    def __init__(self, database: Database, name: str, now: Callable[[], float] = time.time) -> None:
        self.name = name
        self.database = self._db = database
        self._now = now
        self._clock = (kinds.QUEUE_CLOCK, name)
        self._notice: Noticed = _nobody

    def notify(self, notice: Noticed) -> None:
        """Call `notice` whenever this process adds an item or hands one back."""
        self._notice = notice

    def put(
        self,
        body: bytes,
        *,
        id: str = "",
        delay: float = 0,
        urgent: bool = False,
        durable: bool = True,
        lane: str = "",
    ) -> str:
        id = id or secrets.token_hex(8)

        def change(db: sqlite3.Connection) -> None:
            now = self._tick(db)
            db.execute(
                "INSERT INTO items (queue, id, body, added, due, urgent, lane) VALUES (?, ?, ?, ?, ?, ?, ?) "
                "ON CONFLICT DO NOTHING",
                (self.name, id, body, now, now + delay, urgent, lane),
            )

        self._write(change, durable=durable)
        self._notice(lane, delay)
        return id

    def add(self, db: sqlite3.Connection, records: list[Record]) -> None:
        """Add records of the inbox as items, within a transaction. An item with the same id stays as it is.
        Raises sqlite3.Error."""
        now = self._tick(db)
        db.executemany(
            "INSERT INTO items (queue, id, body, added, due, urgent) VALUES (?, ?, ?, ?, ?, ?) "
            "ON CONFLICT DO NOTHING",
            [
                (self.name, record.id, record.body, min(record.at, now), now, record.urgent)
                for record in records
            ],
        )

    def wake(self) -> None:
        """Have items claimed that were put in another way than by `put`."""
        self._notice("", 0.0)

    def claim(
        self, limit: int = 1, *, lease: float, lane: str | None = None, oldest_first: bool = False
    ) -> list[Item]:
        """As in `Queue`. `lane`: only items of this lane. `oldest_first`: also ahead of urgent items."""
        due = _DUE if lane is None else _DUE_IN_LANE
        values = {"queue": self.name, "lane": lane, "now": self._now(), "most": limit}
        # A claim that finds nothing must not cost a write.
        is_due = self._read(f"SELECT 1 FROM ({due}) LIMIT 1", values)  # noqa: S608
        if not is_due and not _was_set_back(self._now(), self._read(_LATEST, self._clock)):
            return []
        receipt = secrets.token_hex(8)
        order = _BY_AGE if oldest_first else _BY_URGENCY

        def change(db: sqlite3.Connection) -> list[Row]:
            now = self._tick(db)
            return db.execute(
                "UPDATE items SET due=:until, attempts=attempts+1, receipt=:receipt WHERE rowid IN "  # noqa: S608
                f"(SELECT rowid FROM ({due}) ORDER BY {order} LIMIT :most) "
                "RETURNING id, body, attempts, added, surprises",
                {**values, "now": now, "until": now + lease, "receipt": receipt},
            ).fetchall()

        rows = self._write(change, durable=False)
        return [
            Item(id, bytes(body), claims, _moment(added), receipt, surprises)
            for id, body, claims, added, surprises in sorted(rows, key=lambda row: row[3])
        ]

    def lanes(self) -> dict[str, float]:
        """The lanes that have items, and for each the seconds until one of them may be claimed."""
        found: dict[str, float] = {}
        lane = self._next_lane("")
        while lane is not None:
            found[lane] = self.until_due(lane)
            lane = self._next_lane(f"{lane}\0")
        return found

    def _next_lane(self, at_least: str) -> str | None:
        query = "SELECT min(lane) FROM items WHERE queue=? AND lane>=?"
        ((lane,),) = self._read(query, (self.name, at_least))
        return lane  # type: ignore[no-any-return]

    def until_due(self, lane: str) -> float:
        """Seconds until an item of the lane may be claimed; infinite if it has none."""
        now = self._now()
        ((due,),) = self._read(
            "SELECT min(due) FROM (SELECT min(due) AS due FROM items WHERE queue=? AND lane=? AND urgent=0 "
            "UNION ALL SELECT min(due) FROM items WHERE queue=? AND lane=? AND urgent=1)",
            (self.name, lane, self.name, lane),
        )
        if _was_set_back(now, self._read(_LATEST, self._clock)):
            return 0.0  # a claim moves what is due
        return math.inf if due is None else max(due - now, 0.0)

    def done(self, item: Item) -> bool:
        return self._write(lambda db: self._remove(db, item), durable=False)

    def _remove(self, db: sqlite3.Connection, item: Item) -> bool:
        cursor = db.execute(
            "DELETE FROM items WHERE queue=? AND id=? AND receipt=?", (self.name, item.id, item.receipt)
        )
        return cursor.rowcount == 1

    def retry(self, item: Item, *, delay: float, surprise: bool = False) -> bool:
        def change(db: sqlite3.Connection) -> list[Row]:
            due = self._tick(db) + delay
            return db.execute(
                "UPDATE items SET due=?, receipt=NULL, surprises=surprises+? "
                "WHERE queue=? AND id=? AND receipt=? RETURNING lane",
                (due, surprise, self.name, item.id, item.receipt),
            ).fetchall()

        handed_back = self._write(change, durable=False)
        for (lane,) in handed_back:
            self._notice(lane, delay)
        return bool(handed_back)

    def dead(self, item: Item, *, reason: str) -> bool:
        now = self._now()

        def change(db: sqlite3.Connection) -> bool:
            if not self._remove(db, item):
                return False
            db.execute(
                "INSERT OR REPLACE INTO dead VALUES (?, ?, ?, ?, ?, ?, ?)",
                (self.name, item.id, item.body, item.added_at.timestamp(), now, item.claims, reason),
            )
            return True

        return self._write(change)

    def adopt(self, tell: Callable[[Item], None]) -> None:
        """Does nothing: in this queue only `dead` puts items aside."""

    def dead_items(self, limit: int = 100) -> list[DeadItem]:
        rows = self._read(
            "SELECT id, body, attempts, added, died, reason FROM dead WHERE queue=? "
            "ORDER BY died DESC LIMIT ?",
            (self.name, limit),
        )
        return [
            DeadItem(id, bytes(body), claims, _moment(added), _moment(died), reason)
            for id, body, claims, added, died, reason in rows
        ]

    def revive(self, ids: Collection[str]) -> list[str]:
        now = self._now()

        def change(db: sqlite3.Connection) -> list[str]:
            revived = []
            for id in ids:
                row = db.execute(
                    "DELETE FROM dead WHERE queue=? AND id=? RETURNING body", (self.name, id)
                ).fetchone()
                if row is None:
                    continue
                db.execute(
                    "INSERT INTO items (queue, id, body, added, due, lane) VALUES (?, ?, ?, ?, ?, ?) "
                    "ON CONFLICT DO NOTHING",
                    (self.name, id, row[0], now, now, _lane_of(row[0])),
                )
                revived.append(id)
            return revived

        return self._write(change)

    def discard(self, ids: Collection[str]) -> list[str]:
        def change(db: sqlite3.Connection) -> list[str]:
            query = "DELETE FROM dead WHERE queue=? AND id=? RETURNING id"
            return [id for id in ids if db.execute(query, (self.name, id)).fetchall()]

        return self._write(change)

    def depth(self) -> Depth:
        now = self._now()
        ((ready, delayed, leased, oldest),) = self._read(
            "SELECT total(due<=?), total(due>? AND receipt IS NULL), total(due>? AND receipt IS NOT NULL), "
            "min(added) FROM items WHERE queue=?",
            (now, now, now, self.name),
        )
        ((dead,),) = self._read("SELECT count(*) FROM dead WHERE queue=?", (self.name,))
        return Depth(int(ready), int(delayed), int(leased), dead, _moment(oldest) if oldest else None)

    def _tick(self, db: sqlite3.Connection) -> float:
        """The current time. It is read within every transaction that writes a due time.

        If the clock was set back since the last call, all due times move back with it. So no item waits
        longer than it should, and no lease ends early. The time when an item was added moves only if it would
        be in the future: items that were added before the clock was wrong do not become older.
        """
        now, latest = self._now(), db.execute(_LATEST, self._clock).fetchall()
        if _was_set_back(now, latest):
            step = float(latest[0][0]) - now
            db.execute(
                "UPDATE items SET due=due-?, added=CASE WHEN added>? THEN added-? ELSE added END "
                "WHERE queue=?",
                (step, now, step, self.name),
            )
        elif latest and now < float(latest[0][0]) + _STORED_EVERY:
            return max(now, float(latest[0][0]))
        db.execute(_SAVE_LATEST, (*self._clock, repr(now)))
        return now

    def _read(self, query: str, values: Values) -> list[Row]:
        try:
            return self._db.read(query, values)
        except sqlite3.Error as error:
            raise QueueError(f"the queue {self.name} cannot be read: {error}") from error

    def _write(self, change: Callable[[sqlite3.Connection], T], *, durable: bool = True) -> T:
        try:
            return self._db.write(change, durable=durable)
        except sqlite3.Error as error:
            raise QueueError(f"the queue {self.name} cannot be written: {error}") from error


def _lane_of(body: bytes) -> str:
    """The lane that the item was put into. Dead items do not have it in a column."""
    try:
        return str(json.loads(body).get("destination", ""))
    except (ValueError, AttributeError):
        return ""


def _nobody(lane: str, delay: float) -> None:
    """Nobody waits for items in this process."""


def _was_set_back(now: float, latest: list[Row]) -> bool:
    return bool(latest) and now < float(latest[0][0]) - _CORRECTION


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
