"""What the page "Left behind" says: what the platform left behind in AWS, and how to delete it."""

from __future__ import annotations

from dataclasses import dataclass

from shared.models.cost import dollars
from shared.models.leftovers import LeftBehind
from shared.phrases import counted


@dataclass(frozen=True)
class LeftoversView:
    title: str
    sub: str
    found: LeftBehind | None  # None: nobody has looked yet


def leftovers_view(found: LeftBehind | None) -> LeftoversView:
    if found is None:
        return LeftoversView("Nobody has looked yet", "The daily check looks once a day.", None)
    if not found.total:
        title = "The platform left nothing behind" if found.places else "AWS was not looked at"
    else:
        month = f", up to {dollars(found.usd_a_month)} a month" if found.usd_a_month else ""
        title = f"The platform left {counted(found.total, 'thing')} behind{month}"
    used = f" {counted(found.in_use, 'other thing')} may be in use." if found.in_use else ""
    return LeftoversView(
        title,
        f"What carries the platform’s marks in {counted(found.places, 'region')} of all accounts and is "
        f"needed by no capture.{used} huntbridge deletes nothing.",
        found,
    )
