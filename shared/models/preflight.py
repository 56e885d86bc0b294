"""What is known before a hunt about captures that will fail, may fail or take long."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Degree(StrEnum):
    FAILS = "fails"
    MAY_FAIL = "may fail"
    TAKES_LONG = "takes long"
    NOT_KNOWN = "not known"  # it could not be looked up
    INFO = "info"


@dataclass(frozen=True)
class Notice:
    """One thing that was found, on all systems that have it."""

    code: str  # stable; docs/targets.md lists all
    degree: Degree
    what: str  # a sentence
    systems: tuple[str, ...] = ()  # some of them, by `System.key`
    systems_total: int = 0  # 0: it is about the platform and no single system
    do: str = ""  # what a person does about it
    volumes: tuple[str, ...] = ()
    right: str = ""  # the permission that was missing to look, such as kms:GetKeyPolicy
