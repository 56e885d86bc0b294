"""One finding of `huntbridge check`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    what: str
    ok: bool
    detail: str
    warning: bool = False  # it works, and hardly as it was meant

    @property
    def mark(self) -> str:
        return "FAIL" if not self.ok else "warn" if self.warning else "ok  "
