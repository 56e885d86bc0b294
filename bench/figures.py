"""The arithmetic of the bench: percentiles, the best of several runs, and how far a target was missed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Figures = dict[str, float]  # by the key of a row


@dataclass(frozen=True)
class Row:
    """One line of the table. `better` says which of two measurements is the better one."""

    key: str
    what: str
    unit: str = ""
    better: Literal["more", "less"] = "less"
    target: float | None = None


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share (0 to 1) of the values do not exceed.

    Raises ValueError if there are no values.
    """
    if not values:
        raise ValueError("there are no values")
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def best(row: Row, values: Sequence[float]) -> float:
    return max(values) if row.better == "more" else min(values)


def is_met(row: Row, value: float) -> bool:
    """Raises TypeError if the row has no target."""
    if row.target is None:
        raise TypeError(f"{row.key} has no target")
    return value >= row.target if row.better == "more" else value <= row.target


def verdict(row: Row, value: float) -> str:
    """`met`, or by how much the target was missed; empty if the row has no target."""
    if row.target is None:
        return ""
    if is_met(row, value):
        return "met"
    missed = f"missed by {shown(abs(value - row.target))}"
    if not row.target:
        return missed
    ratio = value / row.target
    return f"{missed} ({abs(ratio - 1):.0%})" if ratio < 2 else f"{missed} ({shown(ratio)} times the target)"


def shown(value: float) -> str:
    """The value with three digits that matter."""
    if value == 0 or math.isinf(value):
        return f"{value:g}"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def merged(rows: Sequence[Row], runs: Sequence[Mapping[str, float]]) -> dict[str, list[float]]:
    """The values of every row in the order of the runs. Raises KeyError for a figure without a row."""
    known = {row.key for row in rows}
    found: dict[str, list[float]] = {}
    for run in runs:
        for key, value in run.items():
            if key not in known:
                raise KeyError(f"no row has the key {key}")
            found.setdefault(key, []).append(value)
    return found
