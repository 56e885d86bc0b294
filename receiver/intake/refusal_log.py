"""The log lines of refused webhooks."""

from __future__ import annotations

import ipaddress
import logging
import math
import threading
import time

log = logging.getLogger(__name__)

LOG_INTERVAL = 60.0  # seconds between two log lines with the same status and reason


def log_refused(status: int, reason: str, sender: str) -> None:
    """A metric filter in template.yaml counts these lines: their sentence and keys must not change."""
    keys = {"status": status, "reason": reason, "sender": sender}
    log.warning("webhook refused", extra=keys | {"http.response.status_code": status})


class QuietRefusalLog:
    """Logs at most one line a minute for each status and reason."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # By status and reason: when the last line was logged, and the number of refusals after it.
        self._logged: dict[tuple[int, str], tuple[float, int]] = {}

    def __call__(self, status: int, reason: str, sender: str) -> None:
        with self._lock:
            at, unlogged = self._logged.get((status, reason), (-math.inf, 0))
            quiet = time.monotonic() - at < LOG_INTERVAL
            self._logged[status, reason] = (at, unlogged + 1) if quiet else (time.monotonic(), 0)
        if not quiet:
            more = f"{reason} ({unlogged} more like it since the last line)" if unlogged else reason
            log_refused(status, more, address_of(sender))


def address_of(sender: str) -> str:
    """The sender's address. Text that is not an address is not repeated, since a proxy may forward
    anything."""
    try:
        return str(ipaddress.ip_address(sender))
    except ValueError:
        return "an unknown address"
