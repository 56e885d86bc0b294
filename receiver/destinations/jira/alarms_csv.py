"""Writes the alarms of one event as a CSV file (RFC 4180, UTF-8) that no spreadsheet runs as formulas."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable

from shared.models import attack
from shared.models.evidence import Finding
from shared.text import defang, inert_cell, one_line

MAX_ROWS = 5_000
_COLUMNS = ("severity", "count", "alarm", "ATT&CK", "path")


def name_of(event_id: str) -> str:
    """The name of the file of an event. It is always the same for one event."""
    return f"alarms-{re.sub(r'[^A-Za-z0-9._-]+', '-', event_id)[:120]}.csv"


def content(findings: Iterable[Finding]) -> bytes:
    """The file, with the byte order mark that Excel needs to read UTF-8."""
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow(_COLUMNS)
    for finding, _ in zip(findings, range(MAX_ROWS), strict=False):
        techniques = " ".join(filter(attack.is_id, finding.attack))
        path = one_line(finding.path, 500)
        cells = (
            finding.severity.value,
            str(finding.count),
            defang(one_line(finding.description, 500)),
            techniques,
            defang(path) if "://" in path else path,
        )
        writer.writerow(map(inert_cell, cells))
    return file.getvalue().encode("utf-8-sig")
