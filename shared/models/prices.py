"""The prices that a hunt's cost is estimated with. prices.json has each with its date and its source; the
configuration can replace any of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

WORKER = "worker"
_TRANSFER, _US_EAST = "transfer", ("us-east-1", "us-east-2")


@dataclass(frozen=True)
class Price:
    """One price in US dollars."""

    id: str
    what: str
    usd: float
    unit: str  # "GB a month", "hour"
    where: str  # the regions that it was published for, as patterns
    date: str  # when it was the price: "2024-07", "2024"
    source: str
    own: bool = False  # the configuration gives it


class Prices:
    """All prices, by their ids. It remembers which of them were asked for."""

    def __init__(self, own: Mapping[str, float] = {}) -> None:
        """`own`: the prices of the configuration, by their ids."""
        self._prices = dict(_shipped())
        for id, usd in own.items():
            self._prices[id] = replace(self._prices[id], usd=usd, own=True)
        self._used: set[str] = set()

    def usd(self, id: str) -> float:
        self._used.add(id)
        return self._prices[id].usd

    def worker(self, instance_type: str) -> float:
        """For an hour. A price of the configuration is used for workers of every type."""
        own_type = f"{WORKER}_{instance_type.replace('.', '_')}"
        return self.usd(WORKER if self._prices[WORKER].own or own_type not in self._prices else own_type)

    def knows_worker(self, instance_type: str) -> bool:
        """Whether there is a price for workers of this type."""
        return (
            self._prices[WORKER].own
            or instance_type in self._prices[WORKER].what
            or f"{WORKER}_{instance_type.replace('.', '_')}" in self._prices
        )

    def transfer(self, origin: str, to: str) -> float | None:
        """For a GB that leaves the region `origin` for another one. None: no price is known."""
        if origin == to:
            return 0.0
        if {origin, to} == {*_US_EAST}:
            return self.usd("transfer_us_east")
        for price in self._prices.values():
            if price.id.startswith(_TRANSFER) and price.id != "transfer_us_east" and _is_for(price, origin):
                return self.usd(price.id)
        return None

    @property
    def used(self) -> tuple[Price, ...]:
        """The prices that were asked for so far, in the order of their ids."""
        return tuple(self._prices[id] for id in sorted(self._used))

    def __iter__(self) -> Iterator[Price]:
        return iter(self._prices.values())


def price_ids() -> tuple[str, ...]:
    return tuple(_shipped())


def dates(prices: Iterable[Price]) -> str:
    """From the oldest to the newest of those that the configuration does not give: "2024-07 to 2026-11"."""
    known = sorted({price.date for price in prices if not price.own})
    return " to ".join(dict.fromkeys((known[0], known[-1]))) if known else ""


def source() -> str:
    """What the sources of the prices are, in words."""
    return str(_file()["source"])


def _is_for(price: Price, region: str) -> bool:
    return any(fnmatchcase(region, pattern.strip()) for pattern in price.where.split(","))


@cache
def _shipped() -> Mapping[str, Price]:
    prices = _file()["prices"]
    assert isinstance(prices, list)
    return {price["id"]: Price(**price) for price in prices}


@cache
def _file() -> Mapping[str, object]:
    data: Mapping[str, object] = json.loads(
        Path(__file__).with_name("prices.json").read_text(encoding="utf-8")
    )
    return data
