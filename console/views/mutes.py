"""What the page about rules says of the mutes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from shared.config.config import Config
from shared.models.mutes import Mute
from shared.storage.ledger.ledger import Ledger


@dataclass(frozen=True)
class MuteRow:
    mute: Mute
    what: str  # its matchers in words
    where: str  # its place in the configuration, which alone can end it; empty if people added it
    hits: int  # how many events it has covered
    last_hit: datetime | None


def mute_rows(config: Config, ledger: Ledger, now: datetime) -> tuple[MuteRow, ...]:
    """Those of the configuration and the stored ones that are not over, the one that ends first at the top.
    Raises StoreError."""
    mutes = [(section.mute(), f"mutes[{number}]") for number, section in enumerate(config.mutes)]
    mutes += [(mute, "") for mute in ledger.mutes.stored()]
    mutes = [(mute, where) for mute, where in mutes if mute.until > now]
    hits = ledger.mutes.hits_of(mute.id for mute, _ in mutes)
    return tuple(
        MuteRow(mute, mute.match.words, where, hits[mute.id].count, hits[mute.id].last)
        for mute, where in sorted(mutes, key=lambda each: each[0].until)
    )
