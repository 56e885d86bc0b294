"""Checks a destination once a day, without sending anything: whether it would take a message, and whether its
secrets are old."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from receiver.destinations.contract import Check, Destination
from shared.config.config import Config
from shared.config.configured_values import secret_references
from shared.http.deadlines import DeadlineExceeded, within
from shared.models.checks import CheckResult, failed
from shared.queues import items
from shared.queues.check_results import CheckResults
from shared.queues.ports import Done, Verdict
from shared.secrets import SecretRef

# Seconds for all calls of one check. The rest of the lease is for recording what it found.
_BUDGET = 12.0


@dataclass(eq=False, repr=False)
class DestinationChecks:
    destinations: Mapping[str, Destination]
    config: Config
    results: CheckResults
    why_old: Callable[[SecretRef], str]  # a sentence if the secret was not changed for long; else empty

    def check(self, item: items.DailyCheck, *, claims: int) -> Verdict:
        """Handle an item that the timer put into [events]."""
        if item.part not in self.destinations:
            return Done()  # it was removed from the configuration in the meantime
        found = self._check(item.part)
        return self.results.record(item, found, claims=claims, destination=True)

    def _check(self, name: str) -> Iterator[CheckResult]:
        try:
            with within(_BUDGET):
                check = self.destinations[name].check()
        except DeadlineExceeded:
            check = Check(False, f"there was no answer within {_BUDGET:.0f} s")
        yield CheckResult(name, check.ok, check.detail)
        for ref, where in secret_references(self.config.destinations[name], f"destinations.{name}").items():
            if text := self.why_old(ref):
                yield failed(where, text)
