"""What the page about a run says of vulnerabilities: how many there are, and the systems that have the
worst."""

from __future__ import annotations

from dataclasses import dataclass

from shared.hosting.runtime import Runtime
from shared.models.vulnerabilities import FoundVulnerabilities, SystemVulnerabilities
from shared.phrases import counted, utc_minute
from shared.storage import kinds


@dataclass(frozen=True)
class Vulnerable:
    """A system with vulnerabilities."""

    found: SystemVulnerabilities
    name: str  # empty if it is not known

    @property
    def title(self) -> str:
        return self.found.system.title if self.found.system else "other evidence"


@dataclass(frozen=True)
class VulnerabilitiesView:
    words: str  # all of them, in one sentence
    worst: tuple[Vulnerable, ...]


def vulnerabilities_view(runtime: Runtime, run_id: str) -> VulnerabilitiesView | None:
    """None if the platform did not say, or found none. Raises StoreError."""
    whole = runtime.ledger.vulnerabilities.worst(run_id)
    if whole is None or not whole.found.total:
        return None
    keys = [(kinds.NAME, "", each.system.instance) for each in whole.worst if each.system]
    records = runtime.store.read_many(list(dict.fromkeys(keys)))
    names = {name: str(record.body["name"]) for (_, _, name), record in records.items()}
    worst = tuple(
        Vulnerable(each, names.get(each.system.instance, "") if each.system else "") for each in whole.worst
    )
    return VulnerabilitiesView(in_words(whole.found), worst)


def in_words(found: FoundVulnerabilities) -> str:
    """Such as "3 critical and 12 high on 4 systems, 5 of them in packages in use"."""
    at_least = "" if found.complete else "at least "
    new = f", {found.new:,} new since {utc_minute(found.since)}" if found.new is not None else ""
    systems = counted(found.systems, "system")
    return (
        f"{at_least}{found.critical:,} critical and {found.high:,} high on {systems}, "
        f"{found.in_use:,} of them in packages in use{new}"
    )
