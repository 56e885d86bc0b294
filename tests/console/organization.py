"""Fills a store with the coverage of a whole organization, as the last look left it."""

from __future__ import annotations

from datetime import date, timedelta

from shared.hosting.runtime import Runtime
from shared.models.coverage import Listing
from shared.models.fleet_coverage import (
    FleetRow,
    OrganizationCoverage,
    Reason,
    UnknownPlace,
    Unread,
    Why,
)

DAY = date(2026, 11, 29)
UNSELECTED = Why(Reason.UNSELECTED)


def add_organization(
    runtime: Runtime, machines: int = 3, *, name: str = "web", why: str = "no access"
) -> None:
    """So many machines in one region that were not captured, one that was, and two places that are not
    known."""
    rows = [
        FleetRow(f"i-{number:017x}", UNSELECTED, f"{name}-{number}", DAY - timedelta(days=90), old_on=DAY)
        for number in range(machines)
    ]
    captured = FleetRow("i-0fffffffffffffff1", Why(Reason.CAPTURED, "weekly"), "db-1", captured=DAY)
    runtime.ledger.fleet.save("", "", DAY)
    runtime.ledger.fleet.save("prod", "us-east-1", DAY, [*rows, captured])
    runtime.ledger.fleet.save("prod", "eu-west-1", DAY, rows, unread=Unread.NOT_READABLE, why=why)
    coverage = OrganizationCoverage(
        DAY,
        35,
        accounts=2,
        places=1,
        running=machines + 1,
        captured=1,
        reasons={Reason.UNSELECTED.value: machines},
        too_old=machines,
        unknown=(
            UnknownPlace("prod", "eu-west-1", Unread.NOT_READABLE, why, machines),
            UnknownPlace("444455556666", "", Unread.NO_ROLE, "AWS does not let this machine assume it"),
        ),
        unknown_total=2,
    )
    runtime.ledger.listings.save(Listing(runtime.now(), machines + 1, organization=coverage))
