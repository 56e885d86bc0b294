"""What the page about the whole organization says: which machines were not captured for long, and why, and
which accounts and regions are not known."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass

from shared.hosting.runtime import Runtime
from shared.models.fleet_coverage import OrganizationCoverage
from shared.storage.queries.fleet import Uncovered, reasons_in_words, share_in_words
from shared.storage.queries.pages import Rows
from shared.text import inert_cell, one_line

PAGE = 100  # machines of one page, or some more
NOT_KNOWN = "not known"
_COLUMNS = (
    "instance",
    "name",
    "account",
    "region",
    "reason",
    "hunt",
    "days",
    "running_since",
    "too_old",
    "why",
)


@dataclass(frozen=True)
class UncoveredView:
    title: str
    coverage: OrganizationCoverage | None  # None: there was no look yet, or it is not configured
    is_configured: bool
    is_first: bool
    reasons: tuple[tuple[str, int], ...]
    machines: Rows[Uncovered]


def uncovered_view(runtime: Runtime, *, page: str = "", limit: int = PAGE) -> UncoveredView:
    """Raises StoreError and BadToken."""
    fleet = runtime.queries.fleet
    coverage = fleet.coverage()
    return UncoveredView(
        title=capitalised(share_in_words(coverage)) if coverage else "The organization was not looked at yet",
        coverage=coverage,
        is_configured=runtime.config.coverage is not None,
        is_first=not page,
        reasons=tuple(reasons_in_words(coverage)) if coverage else (),
        machines=fleet.uncovered(limit=limit, page=page),
    )


def capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]


def uncovered_csv(runtime: Runtime) -> str:
    """One line for each account and region that is not known, and one for each machine that was not captured
    for long."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(_COLUMNS)
    coverage = runtime.queries.fleet.coverage()
    for place in coverage.unknown if coverage else ():
        cells = ("", "", place.account, place.region, NOT_KNOWN, "", "", "", "", place.why)
        writer.writerow(map(_cell, cells))
    for machine in runtime.queries.fleet.every_uncovered():
        system = machine.system
        cells = (
            system.instance,
            machine.name,
            system.account,
            system.region,
            machine.reason,
            machine.hunt,
            "" if machine.days is None else str(machine.days),
            machine.running_since.isoformat() if machine.running_since else "",
            "yes" if machine.too_old else "",
            machine.why,
        )
        writer.writerow(map(_cell, cells))
    return out.getvalue()


def _cell(text: str) -> str:
    return inert_cell(one_line(text, 500))
