"""The results of a run: what is in `results.json`, and the table of it."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from bench import alertmanager, wrk
from bench.figures import Row, best, shown, verdict
from bench.processes import ROOT
from bench.rows import ROWS, ratios

RESULTS = Path(__file__).with_name("results.json")
BEFORE = Path(__file__).with_name("before.json")
_PACKAGES = ("flask", "waitress", "uvicorn", "httptools", "requests", "slack-sdk", "boto3", "pydantic")


@dataclass(frozen=True)
class Results:
    date: str
    commit: str
    quick: bool
    seconds: float  # that all measurements took
    machine: Mapping[str, Any]
    versions: Mapping[str, str]
    values: Mapping[str, Sequence[float]]  # of each row, in the order of the runs
    skipped: Mapping[str, str] = field(default_factory=dict)  # why, by scenario
    failed: Mapping[str, str] = field(default_factory=dict)

    def measured(self) -> dict[str, float]:
        """The best value of each row, and the ratios of these."""
        found = {row.key: best(row, self.values[row.key]) for row in ROWS if self.values.get(row.key)}
        return found | ratios(found)


def read(path: Path) -> Results | None:
    """None if there is no such file."""
    return Results(**json.loads(path.read_text(encoding="utf-8"))) if path.exists() else None


def write(results: Results, path: Path) -> None:
    path.write_text(json.dumps(asdict(results), indent=1) + "\n", encoding="utf-8")


def table(results: Results, before: Results | None) -> list[list[str]]:
    """The heading and one line for each row that was measured."""
    now, then = results.measured(), before.measured() if before else {}
    lines = [["", "target", "before", "measured", ""]]
    for row in ROWS:
        if row.key in now:
            old = shown(then[row.key]) if row.key in then else "–"
            unit = f" {row.unit}".replace(" %", " %") if row.unit else ""
            lines.append(
                [row.what, _target(row), old, shown(now[row.key]) + unit, verdict(row, now[row.key])]
            )
    return lines


def _target(row: Row) -> str:
    sign = "≥" if row.better == "more" else "≤"
    return f"{sign} {shown(row.target)}" if row.target is not None else ""


def as_text(lines: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def as_markdown(lines: Sequence[Sequence[str]]) -> str:
    heading, *rest = lines
    kinds = ["---" if number in (0, 4) else "---:" for number in range(len(heading))]
    return "\n".join(f"| {' | '.join(line)} |" for line in (heading, kinds, *rest))


def machine() -> dict[str, Any]:
    cpu = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "processor": cpu[0].partition(":")[2].strip() if cpu else platform.machine(),
        "cores": os.cpu_count(),
        "memory_gb": round(pages / 2**30),
        "kernel": platform.release(),
    }


def versions() -> dict[str, str]:
    found = {"python": platform.python_version(), "client": wrk.name(), **alertmanager.versions()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def commit() -> str:
    """The commit that was measured, with a plus sign if files were changed since."""

    def git(*words: str) -> str:
        done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    changed = git("status", "--porcelain", "--untracked-files=no", "--", ".", ":!bench/*.json", ":!docs")
    return git("rev-parse", "--short=10", "HEAD") + ("+" if changed else "")
