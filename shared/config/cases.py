"""The section `cases`: how long a case lives, and how long what is harmless is known good."""

from __future__ import annotations

from pydantic import Field

from shared.config.types import Section
from shared.models.known_good import MOST_DAYS


class CasesConfig(Section):
    """Cases and known-good findings."""

    across_hunts: bool = Field(
        default=True,
        strict=True,
        description="a case lives until somebody closes it, over as many hunts as that takes; false: each "
        "hunt opens cases of its own, and nothing is known good",
    )
    known_good_days: int = Field(
        90,
        ge=1,
        le=MOST_DAYS,
        strict=True,
        description="days for which the findings of a case that was closed as harmless are known good, "
        "unless the person who closes it says otherwise",
    )
