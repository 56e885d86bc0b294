"""The ledger of the tests of enriching: one hunt with two captures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.local.database import Database
from shared.local.store import SqliteStore
from shared.models.captures import Capture
from shared.models.systems import System
from shared.storage.ledger.ledger import Ledger
from tests.receiver.events.stubs import AT, HUNT, OTHER, SYSTEM


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    database = Database(tmp_path / "ledger.db")
    ledger = Ledger(SqliteStore(database), lambda: AT)
    ledger.hunts.open(HUNT)
    ledger.hunts.start(HUNT.id, 12)
    for system in (System(OTHER, "eu-west-1"), SYSTEM):
        ledger.captures.plan(Capture(HUNT.id, system))
    yield ledger
    database.close()
