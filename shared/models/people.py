"""The people who act in the console and at the command line."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Person:
    """Who acts, and from where, such as the command line on a host."""

    name: str
    origin: str

    def __str__(self) -> str:
        return f"{self.name} at {self.origin}"
