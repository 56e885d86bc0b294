"""The parts of `huntbridge hunt plan` about how long the hunt takes and what it costs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from scheduler.expected import Expected
from shared.models.cost import CostEstimate, dollars
from shared.models.prices import source

TITLES = ("Cost of", "Low", "Likely", "High")


def capacity_lines(expected: Expected) -> Iterator[str]:
    if expected.capacity:
        yield f"Duration: {expected.capacity.text}"
        if warning := expected.capacity.warning:
            yield f"warning: {warning}"


def cost_line(cost: CostEstimate) -> str:
    if not cost.known:
        return "Cost: not known"
    return f"Cost: {cost.amount}; {cost.prices}"


def cost_rows(cost: CostEstimate) -> list[tuple[str, ...]]:
    return [(item.what, dollars(item.low), dollars(item.likely), dollars(item.high)) for item in cost.items]


def about_cost(cost: CostEstimate) -> Iterator[str]:
    """What the cost assumes, what it does not cover, and where its prices come from."""
    for text in cost.assumptions:
        yield f"assumed: {text}"
    for text in cost.not_counted:
        yield f"not counted: {text}"
    if cost.as_of:
        yield f"prices: {source()}"


def as_json(expected: Expected) -> dict[str, Any]:
    cost, capacity = expected.cost, expected.capacity
    return {
        "duration": capacity
        and {
            "hours": round(capacity.seconds / 3_600, 2),
            "at_once": capacity.slots,
            "ends": capacity.ends.isoformat(),
            "next_run": capacity.next_run.isoformat() if capacity.next_run else None,
            "fits": capacity.fits,
            "warning": capacity.warning,
        },
        "cost": {
            "usd": _range(cost.low, cost.likely, cost.high) if cost.known else None,
            "items": [{"what": item.what, **_range(item.low, item.likely, item.high)} for item in cost.items],
            "prices_of": cost.as_of,
            "own_prices": list(cost.own_prices),
            "assumptions": list(cost.assumptions),
            "not_counted": list(cost.not_counted),
        },
    }


def _range(low: float, likely: float, high: float) -> dict[str, float]:
    return {"low": round(low, 2), "likely": round(likely, 2), "high": round(high, 2)}
