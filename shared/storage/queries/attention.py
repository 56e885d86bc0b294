"""What needs somebody's attention, in one reading of the store: cases that are not closed, deliveries that
wait or are dead, and hunts that are running."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.storage import indexes
from shared.storage.ports import Place, Store


@dataclass(frozen=True)
class DeliveryPlace:
    """What the place of a delivery says."""

    at: datetime
    place: Place


@dataclass(frozen=True)
class Attention:
    """The first 10,000 places, of which those of cases come before those of deliveries."""

    open: Sequence[Place]  # cases that are not closed, worst first
    acknowledged: Collection[str]  # those positions of `open` that somebody has acknowledged
    waiting: Mapping[str, Sequence[DeliveryPlace]]  # by destination, oldest first
    dead: Mapping[str, Sequence[DeliveryPlace]]
    hunts: Sequence[Place]  # that are planned or running, oldest first


def read_attention(store: Store) -> Attention:
    """With one request to DynamoDB for each MB of places. Raises StoreError."""
    of = store.attention().of
    return Attention(
        open=of[indexes.CASES_OPEN],
        acknowledged=frozenset(place.position for place in of[indexes.CASES_ACKNOWLEDGED]),
        waiting=_by_destination(of[indexes.DELIVERIES_WAITING]),
        dead=_by_destination(of[indexes.DELIVERIES_DEAD]),
        hunts=of[indexes.HUNTS_RUNNING],
    )


def _by_destination(places: Iterable[Place]) -> Mapping[str, Sequence[DeliveryPlace]]:
    found: dict[str, list[DeliveryPlace]] = defaultdict(list)
    for place in places:
        _, _, destination = place.key
        time = place.position.partition("#")[0]
        found[destination].append(DeliveryPlace(datetime.fromisoformat(time), place))
    return found
