"""The screens of the demo that `make console-pictures` takes, and the names of their pictures."""

from __future__ import annotations

from typing import Literal

SCREENS = ("overview", "cases", "case", "run", "coverage", "deliveries")
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
DEMO = "demo.png"
PHONE = "pictures/console-case-phone.png"


def picture(screen: str, scheme: str) -> str:
    """Relative to docs/, as the other names."""
    return f"pictures/console-{screen}-{scheme}.png"


MADE = {DEMO, PHONE, *(picture(screen, scheme) for screen in SCREENS for scheme in SCHEMES)}
