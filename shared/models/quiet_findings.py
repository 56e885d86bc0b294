"""What people were not told of in one hunt."""

from __future__ import annotations

from dataclasses import dataclass

MOST_NAMED = 50


@dataclass(frozen=True)
class Quiet:
    """How many findings people were not told of, in one hunt."""

    known: int = 0  # known good
    muted: int = 0
    still: int = 0  # of cases that are not closed, and told before
    systems: int = 0  # that had findings which are known good or muted
    # What a known-good entry with a wide scope withheld on systems that never had it, such as
    # "PUA.NetTool on i-0abc"; at most MOST_NAMED of `first_total`.
    first: tuple[str, ...] = ()
    first_total: int = 0
