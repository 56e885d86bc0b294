"""What the page about rules says of the mutes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from receiver.events.mutes import mutes_of
from shared.config.config import Config
from shared.models.mutes import Mute
from shared.storage.ledger.ledger import Ledger


@dataclass(frozen=True)
class MuteRow:
    mute: Mute
    what: str  # its matchers in words
    hits: int  # how many events it has covered
    last_hit: datetime | None


def mute_rows(config: Config, ledger: Ledger, now: datetime) -> tuple[MuteRow, ...]:
    """Those of the configuration and the stored ones that are not over, the one that ends first at the top.
    Raises StoreError."""
    mutes = [each for each in mutes_of(config, ledger) if each.until > now]
    hits = ledger.mutes.hits_of(each.id for each in mutes)
    return tuple(
        MuteRow(each, each.match.words, hits[each.id].count, hits[each.id].last)
        for each in sorted(mutes, key=lambda each: each.until)
    )
