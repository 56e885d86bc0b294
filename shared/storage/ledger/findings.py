"""The record of what each system's alarms found, over all hunts, and of what was withheld in each hunt."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from shared.models.codec import dump_short, load
from shared.models.judgements import Judgement
from shared.models.occurrences import Occurrence
from shared.models.quiet_findings import MOST_NAMED, Quiet
from shared.models.system_findings import Status, SystemFindings
from shared.models.systems import System
from shared.storage import kinds
from shared.storage.ports import Body, Store
from shared.text import one_line

_MOST_OF_SYSTEM = 200  # findings of one system in one hunt


class Findings:
    def __init__(self, store: Store) -> None:
        self._store = store

    def of_system(self, lasting: str) -> SystemFindings:
        """The findings of the system with this `System.lasting`."""
        return self.read(lasting)[0]

    def of_systems(self, lasting: Iterable[str]) -> dict[str, SystemFindings]:
        """The findings of each of these systems that has any, read together."""
        keys = {name: (kinds.SYSTEM_FINDINGS, name, "-") for name in lasting}
        read = self._store.read_many(list(keys.values())) if keys else {}
        return {name: load(SystemFindings, read[key].body) for name, key in keys.items() if key in read}

    def read(self, lasting: str) -> tuple[SystemFindings, int]:
        """The findings of a system, and the version of their document; 0 if there is none."""
        record = self._store.get(kinds.SYSTEM_FINDINGS, lasting, "-")
        return (load(SystemFindings, record.body), record.version) if record else (SystemFindings(), 0)

    def save(self, lasting: str, findings: SystemFindings, version: int) -> bool:
        """False, and nothing is written, if another worker has changed the document since it was read."""
        return self._store.put(
            kinds.SYSTEM_FINDINGS, lasting, "-", dump_short(findings), expect=version, durable=False
        )

    def judged(self, lasting: str, case: str, at: datetime, again: Sequence[Occurrence]) -> None:
        """Record that a closed case was reopened, as `SystemFindings.judged` says. Again changes nothing."""
        while True:
            before, version = self.read(lasting)
            after = before.judged(case, at, again)
            if after == before or self.save(lasting, after, version):
                return

    def save_quiet(self, hunt_id: str, lasting: str, judgement: Judgement) -> None:
        """Record which findings of a system a hunt found, and people were not told of. Again changes
        nothing."""
        marks: dict[str, list[str]] = {
            name: [each.fingerprint for each in judgement.findings if each.status is status]
            for name, status in _QUIET.items()
        }
        marks["first"] = [
            f"{one_line(each.description, 100)} on {System(lasting, '').title}"
            for each in judgement.findings
            if each.status is Status.KNOWN and each.first
        ]
        if not any(marks.values()):
            return

        def added(body: Body | None) -> tuple[Body, None]:
            before = body or {}
            return {
                name: list(dict.fromkeys((*before.get(name, ()), *new)))[:_MOST_OF_SYSTEM]
                for name, new in marks.items()
            }, None

        self._store.update(kinds.QUIET_FINDINGS, hunt_id, lasting, added, durable=False)

    def quiet(self, hunt_id: str) -> Quiet:
        """What people were not told of in a hunt. Reads one document for each system that had such
        findings."""
        total = Quiet()
        for record in self._store.scan(kinds.QUIET_FINDINGS, hunt_id):
            counts = {name: len(record.body.get(name, ())) for name in _QUIET}
            total = Quiet(
                total.known + counts["known"],
                total.muted + counts["muted"],
                total.still + counts["still"],
                total.systems + bool(counts["known"] or counts["muted"]),
                (*total.first, *record.body.get("first", ()))[:MOST_NAMED],
                total.first_total + len(record.body.get("first", ())),
            )
        return total


_QUIET = {"known": Status.KNOWN, "muted": Status.MUTED, "still": Status.SEEN}
