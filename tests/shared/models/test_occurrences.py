"""Findings are divided by fingerprint, and it is known whether they say where each alarm is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shared.models.evidence import Artefact, Finding
from shared.models.fingerprints import fingerprint
from shared.models.occurrences import by_fingerprint, explains_all
from shared.models.severity import Severity

TWICE = Finding(
    "PUA.NetTool",
    5,
    Severity.SUSPICIOUS,
    artefacts=(Artefact("/tmp/x.AbC123", 1), Artefact("/opt/nc", 2), Artefact("/tmp/x.XyZ789", 2)),
)


def test_places_with_the_same_fingerprint_are_one_part() -> None:
    worse = Finding("PUA.NetTool", 1, Severity.MALICIOUS, artefacts=(Artefact("/opt/nc", 1),))
    told = Finding("PUA.NetTool", 1, Severity.INFO, artefacts=(Artefact("/opt/nc", 1),))
    parts = by_fingerprint((TWICE, worse, told))
    temporary, installed = (fingerprint("PUA.NetTool", path).id for path in ("/tmp/x.AbC123", "/opt/nc"))
    assert {mark: [(part.severity, part.count) for part in found] for mark, found in parts.items()} == {
        temporary: [(Severity.SUSPICIOUS, 3)],
        installed: [(Severity.MALICIOUS, 1), (Severity.SUSPICIOUS, 2)],
    }
    assert [place.path for place in parts[temporary][0].artefacts] == ["/tmp/x.AbC123", "/tmp/x.XyZ789"]
    assert all(part.complete for found in parts.values() for part in found)


@pytest.mark.parametrize(
    ("artefacts", "known"),
    [
        ((Artefact("/opt/nc", 5),), True),
        ((Artefact("", 5),), True),  # an event of a log has no path
        ((), False),
        ((Artefact("/opt/nc", 4),), False),
        ((Artefact("/opt/nc", 4), Artefact("", 1, listed=False)), False),
        ((Artefact("/opt/nc", 6),), False),  # more than it counts: one of the two answers is wrong
    ],
)
def test_findings_explain_all_if_the_places_of_each_are_known(artefacts, known) -> None:
    assert explains_all((TWICE, replace(TWICE, artefacts=artefacts))) is known
    assert explains_all((TWICE, replace(TWICE, severity=Severity.INFO, artefacts=artefacts)))
