"""The kinds of alarm of one event → a CSV file (RFC 4180, UTF-8) that no spreadsheet runs."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable

from receiver import attack
from shared.models import Finding
from shared.text import defang, one_line

MAX_ROWS = 5_000
_COLUMNS = ("severity", "count", "alarm", "ATT&CK", "path")
# Where a cell may begin: at its start, and after each character that separates cells in some locale or in an
# import dialog. There stands what a spreadsheet takes for a formula: one of = + - @, or a form of these that
# East Asian keyboards have. Quotation marks and white space before it do not count.
_FORMULA = re.compile(r"(^|[,;|\t])(?=[\s\"]*[=+\-@\u2212\ufe62\ufe63\ufe66\ufe6b\uff0b\uff0d\uff1d\uff20])")


def name_of(event_id: str) -> str:
    """A file name by which the file of an event is found again."""
    return f"alarms-{re.sub(r'[^A-Za-z0-9._-]+', '-', event_id)[:120]}.csv"


def content(findings: Iterable[Finding]) -> bytes:
    """With a byte order mark, without which Excel does not take it for UTF-8."""
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
        writer.writerow(map(_inert, cells))
    return file.getvalue().encode("utf-8-sig")


def _inert(cell: str) -> str:
    """The cell with an apostrophe before each formula, which makes it text (owasp.org, "CSV Injection").

    Quoting the cell would not do: a program that splits at `;` ends the quoted part at the next comma.
    """
    return _FORMULA.sub(r"\1'", cell)
