"""One finding of `huntbridge check` or of the console: what was checked, and whether it works."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CheckResult:
    what: str
    ok: bool
    detail: str
    warning: bool = False  # it works, but probably not as it was meant

    @property
    def mark(self) -> str:
        return "FAIL" if not self.ok else "warn" if self.warning else "ok  "


def passed(what: str, detail: str) -> CheckResult:
    return CheckResult(what, True, detail)


def warned(what: str, detail: str) -> CheckResult:
    return CheckResult(what, True, detail, warning=True)


def failed(what: str, detail: str) -> CheckResult:
    return CheckResult(what, False, detail)
