"""What a preflight found: one notice for each thing that may keep captures from working."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from shared.models.systems import System


class Degree(StrEnum):
    FAILS = "fails"
    MAY_FAIL = "may fail"
    TAKES_LONG = "takes long"
    NOT_KNOWN = "not known"
    INFO = "note"


@dataclass(frozen=True)
class Notice:
    """One line: what, on which systems, and what to do."""

    code: str
    degree: Degree
    what: str
    do: str = ""
    systems: tuple[System, ...] = ()  # empty: it is about the hunt as a whole
    volumes: tuple[str, ...] = ()
    right: str = ""  # the permission of AWS or of the platform that was missing to look
