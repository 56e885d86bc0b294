"""What a hunt is expected to cost, and what it came to. All amounts are US dollars."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CostItem:
    """One part of the cost of a hunt, such as the hours of the platform's workers."""

    what: str
    low: float
    likely: float
    high: float


@dataclass(frozen=True)
class CostEstimate:
    """The parts of a hunt's cost. It never covers what `not_counted` names."""

    items: tuple[CostItem, ...] = ()
    as_of: str = ""  # the dates of the prices, such as "2024-07 to 2024-09"
    own_prices: tuple[str, ...] = ()  # the prices that the configuration gives, by their ids
    assumptions: tuple[str, ...] = ()  # sentences
    not_counted: tuple[str, ...] = ()  # sentences: what is missing in the sum, and why
    gib: float = 0.0  # the sizes of the disks
    written_gib: float = 0.0  # the likely part of them that holds data

    @property
    def known(self) -> bool:
        return bool(self.items)

    @property
    def low(self) -> float:
        return sum(item.low for item in self.items)

    @property
    def likely(self) -> float:
        return sum(item.likely for item in self.items)

    @property
    def high(self) -> float:
        return sum(item.high for item in self.items)
