"""How bad an alarm is."""

from __future__ import annotations

from enum import StrEnum


class Severity(StrEnum):
    """The platform counts `malicious` (1) and `suspicious` (3) alarms; `info` is neither."""

    MALICIOUS = "malicious"
    SUSPICIOUS = "suspicious"
    INFO = "info"
    UNKNOWN = "unknown"

    @property
    def rank(self) -> int:
        """Higher is worse. `unknown` is above `info`, since it may be bad."""
        return (Severity.INFO, Severity.UNKNOWN, Severity.SUSPICIOUS, Severity.MALICIOUS).index(self)
