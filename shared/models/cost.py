"""What a hunt is expected to cost, and what it came to. All amounts are US dollars."""

from __future__ import annotations

from dataclasses import dataclass

WORKERS = "the platform’s workers"  # the `what` of an item


@dataclass(frozen=True)
class CostItem:
    """One part of the cost of a hunt, such as the blocks that are read."""

    what: str
    low: float
    likely: float
    high: float


@dataclass(frozen=True)
class CostEstimate:
    """The parts of a hunt's cost, and what they were computed from."""

    items: tuple[CostItem, ...] = ()
    as_of: str = ""  # the dates of the prices, such as "2024-07 to 2024-09"
    own_prices: tuple[str, ...] = ()  # the prices that the configuration gives, by their ids
    assumptions: tuple[str, ...] = ()  # sentences
    not_counted: tuple[str, ...] = ()  # what is missing in the sum, and why
    systems: int = 0
    copied: int = 0  # systems whose disks are copied
    gib: float = 0.0  # the sizes of these disks
    worker_seconds: float = 0.0  # likely

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

    @property
    def amount(self) -> str:
        """Such as "about $41 (28 to 96)"; "about $41" if it is known exactly."""
        likely, low, high = dollars(self.likely), dollars(self.low), dollars(self.high)
        return f"about {likely}" + (f" ({low[1:]} to {high[1:]})" if low != high else "")

    @property
    def prices(self) -> str:
        """Such as "prices of 2024-07 to 2026-11; your price for worker"."""
        dated = f"prices of {self.as_of}" if self.as_of else ""
        own = f"your price for {', '.join(self.own_prices)}" if self.own_prices else ""
        return "; ".join(filter(None, (dated, own)))


def dollars(usd: float) -> str:
    """Such as "$3,072" and, below ten dollars, "$0.37"."""
    return f"${usd:,.2f}" if round(usd, 2) < 10 else f"${usd:,.0f}"


def compared(expected: CostEstimate | None, came_to: CostEstimate | None) -> str:
    """What a hunt came to and what was expected, for people; empty if neither is known."""
    if expected is None or not expected.known:
        return ""
    words = f"{expected.amount} expected"
    if came_to:
        words = f"{came_to.amount}, {words}"
    missing = "; not all of it is counted" if expected.not_counted else ""
    return f"{words}; {expected.prices}{missing}"
