"""An exception with which a destination's inner functions end a delivery."""

from __future__ import annotations

from receiver.destinations.contract import Rejected, Retry


class Stopped(Exception):
    """Ends a delivery early, with its outcome. The destination catches it: it never crosses the contract."""

    def __init__(self, outcome: Retry | Rejected) -> None:
        super().__init__(outcome.reason)
        self.outcome = outcome

    @property
    def refused(self) -> bool:
        """Whether the destination said no. Otherwise it cannot be asked now."""
        return isinstance(self.outcome, Rejected)
