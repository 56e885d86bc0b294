"""The record of vulnerabilities: what each hunt found on each of its systems, and in sum."""

from __future__ import annotations

from collections.abc import Iterable

from shared.models.codec import dump, dump_short, load
from shared.models.vulnerabilities import (
    FoundVulnerabilities,
    HuntVulnerabilities,
    SystemVulnerabilities,
    worst_of,
)
from shared.storage import kinds
from shared.storage.ledger.documents import read
from shared.storage.ports import Store

_IN_SUM = "-"  # no key of a system
_OF_NO_SYSTEM = "--"


class VulnerabilityRecords:
    def __init__(self, store: Store) -> None:
        self._store = store

    def save(
        self, hunt_id: str, found: FoundVulnerabilities, systems: Iterable[SystemVulnerabilities]
    ) -> None:
        of_hunt = list(systems)
        for each in of_hunt:
            self._store.put(kinds.VULNERABILITIES, hunt_id, _name(each), dump_short(each), durable=False)
        whole = HuntVulnerabilities(found, worst_of(of_hunt))
        self._store.put(kinds.VULNERABILITIES, hunt_id, _IN_SUM, dump(whole))

    def worst(self, hunt_id: str) -> HuntVulnerabilities | None:
        """None if the platform did not say."""
        return read(self._store, HuntVulnerabilities, kinds.VULNERABILITIES, hunt_id, _IN_SUM)

    def in_sum(self, hunt_id: str) -> FoundVulnerabilities | None:
        whole = self.worst(hunt_id)
        return whole.found if whole else None

    def of_hunt(self, hunt_id: str) -> dict[str, SystemVulnerabilities]:
        """What was found on each system that has any, by `System.lasting_key`; under the empty text what
        belongs to no system."""
        records = self._store.scan(kinds.VULNERABILITIES, hunt_id)
        found = [load(SystemVulnerabilities, record.body) for record in records if record.name != _IN_SUM]
        return {each.system.lasting_key if each.system else "": each for each in found}


def _name(found: SystemVulnerabilities) -> str:
    return found.system.lasting_key if found.system else _OF_NO_SYSTEM
