"""An exception with which a destination's inner functions end a delivery."""

from __future__ import annotations

from receiver.destinations.contract import Rejected, Retry


class Stopped(Exception):
    """Ends a delivery early, with its outcome. The destination catches it, so its callers never see it."""

    def __init__(self, outcome: Retry | Rejected) -> None:
        super().__init__(outcome.reason)
        self.outcome = outcome

    @property
    def refused(self) -> bool:
        """True if the destination refused; False if it could not be reached or asks to wait."""
        return isinstance(self.outcome, Rejected)
