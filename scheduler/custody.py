"""The chain of custody of one hunt, from the ledger: as a page for an auditor, as CSV, or as JSON.

Every fact was recorded when it happened; the platform is not asked. Texts from the platform and from tags are
escaped, so that they cannot form a table cell, a link or a formula.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from scheduler.cost_came_to import came_to
from shared.models.captures import Capture, CaptureState, Preserved
from shared.models.codec import dump
from shared.models.cost import compared
from shared.models.hunts import COVERAGE_DAYS, Hunt, HuntReport
from shared.models.intelligence import InForce
from shared.models.systems import Kind
from shared.text import inert_cell, one_line

_NO_ALARMS = {CaptureState.PROCESSED: "none", CaptureState.FAILED: "not searched"}
_COLUMNS = (
    "hunt", "scheduled_at", "trigger", "config_hash", "project_id", "account", "region", "instance", "name",
    "capture", "state", "reason", "attempts", "requested_at", "ended_at", "pipeline_ids",
    "processing_ids", "earlier_pipeline_ids", "malicious", "suspicious", "evidence_id",
    "resource", "size_mb", "disk_hash", "preserved_at", "kind", "place", "resource_id", "intelligence",
    "cost",
)  # fmt: skip


def as_json(hunt: Hunt, report: HuntReport, captures: Iterable[Capture]) -> str:
    body = {"hunt": {"id": hunt.id, **dump(hunt)}, "report": dump(report), "captures": [*map(dump, captures)]}
    return json.dumps(body, indent=2, ensure_ascii=False) + "\n"


def as_csv(hunt: Hunt, captures: Iterable[Capture], names: dict[str, str]) -> str:
    """One line for each disk or collection that is kept, and one line for each capture of which none is
    kept."""
    out = io.StringIO()
    writer = csv.DictWriter(out, _COLUMNS)
    writer.writeheader()
    captures = list(captures)
    cost = compared(hunt.cost, came_to(hunt.cost, captures))
    for capture in captures:
        for kept in capture.preserved or (None,):
            row = _row(hunt, capture, kept, names, cost)
            writer.writerow({key: _cell(value) for key, value in row.items()})
    return out.getvalue()


def _row(
    hunt: Hunt, capture: Capture, kept: Preserved | None, names: dict[str, str], cost: str
) -> dict[str, Any]:
    """`cost`: of the hunt as a whole."""
    system = capture.system
    return {
        "hunt": hunt.id,
        "scheduled_at": _time(hunt.scheduled_at),
        "trigger": hunt.trigger,
        "config_hash": hunt.config_hash,
        "project_id": hunt.project_id,
        "account": system.account,
        "region": system.region,
        "instance": system.instance,
        "name": names.get(system.instance, ""),
        "capture": capture.mode,
        "state": capture.state.value,
        "reason": capture.reason,
        "attempts": capture.attempt,
        "requested_at": _time(capture.requested_at),
        "ended_at": _time(capture.ended_at),
        "pipeline_ids": _ids(capture.pipeline_ids),
        "processing_ids": _ids(capture.processing_ids),
        "earlier_pipeline_ids": _ids(capture.earlier_pipeline_ids),
        "malicious": capture.malicious,
        "suspicious": capture.suspicious,
        "evidence_id": kept.evidence_id if kept else "",
        "resource": kept.resource if kept else "",
        "size_mb": kept.size_mb if kept else "",
        "disk_hash": kept.disk_hash if kept else "",
        "preserved_at": kept.path if kept else "",
        "kind": system.kind.value,
        "place": system.place,
        "resource_id": _resource_id(capture),
        "intelligence": hunt.intelligence.hash if hunt.intelligence else "",
        "cost": cost,
    }


def _resource_id(capture: Capture) -> str:
    """What the provider calls the system itself: the id of a machine does not stay when it is made anew under
    the same name."""
    system, facts = capture.system, capture.facts
    if system.kind is Kind.EC2 or (facts and facts.id not in ("", system.instance)):
        return facts.id if facts and system.kind is not Kind.EC2 else system.instance
    return ""


def _cell(value: Any) -> Any:
    return inert_cell(one_line(value, 2_000)) if isinstance(value, str) else value


def as_markdown(
    hunt: Hunt,
    report: HuntReport,
    captures: list[Capture],
    names: dict[str, str],
    made_at: datetime,
    platform: str,
) -> str:
    """`platform` is its URL."""
    kept = sum(len(capture.preserved) for capture in captures)
    lines = [
        f"# Chain of custody: hunt {_text(hunt.name)}, {_time(hunt.scheduled_at)}",
        "",
        f"Written by huntbridge at {_time(made_at)} from its ledger. All times are UTC.",
        "",
        "## The hunt",
        "",
        "| | |",
        "|---|---|",
        f"| Platform | {_code(platform)} |",
        *(f"| {label} | {value} |" for label, value in _about(hunt, report) if value),
        "",
        "## What was captured",
        "",
        f"{report.systems:,} systems: {report.captured:,} captured, {report.failed:,} failed. "
        f"{report.with_alarms:,} with alarms. {kept:,} items of evidence are kept.",
        "",
        "| system | capture | asked for | ended | state | pipelines | alarms |",
        "|---|---|---|---|---|---|---|",
        *(_capture_line(capture, names) for capture in captures),
        "",
        "## What is kept",
        "",
        "| evidence | system | resource | size | disk hash, as the platform gave it | where it is kept |",
        "|---|---|---|---|---|---|",
        *(_kept_line(capture, item) for capture in captures for item in capture.preserved),
        "",
    ]
    failed = [capture for capture in captures if capture.state is CaptureState.FAILED]
    if failed:
        lines += ["## What was not captured, and why", ""]
        lines += [f"* {_system(c)}: {_text(c.reason) or 'no reason was given'}" for c in failed]
        lines += [""]
    if hunt.left_out or hunt.problems:
        lines += ["## What was left out", ""]
        lines += [f"* {_text(reason)}" for reason in (*hunt.problems, *hunt.left_out)]
        lines += [""]
    return "\n".join(lines)


def _about(hunt: Hunt, report: HuntReport) -> list[tuple[str, str]]:
    covered = (
        f"{report.covered or 0:,} of {report.systems:,} systems in the {COVERAGE_DAYS} days before its end"
    )
    return [
        ("Identity", _code(hunt.id)),
        ("Asked for by", _text(hunt.trigger) or "not recorded"),
        ("Definition (SHA-256)", _code(hunt.config_hash) or "not recorded"),
        *_intelligence(hunt.intelligence),
        ("Scheduled for", _time(hunt.scheduled_at)),
        ("Project on the platform", str(hunt.project_id or "none was opened")),
        ("Recorded", _time(hunt.created_at)),
        ("Began", _time(hunt.began_at)),
        ("Ended", _time(hunt.finished_at) or "not yet"),
        ("State", hunt.state.value + (f": {_text(hunt.reason)}" if hunt.reason else "")),
        ("Coverage", covered if report.covered is not None else ""),
        ("Cost", _text(compared(report.cost, report.came_to))),
    ]


def _intelligence(in_force: InForce | None) -> list[tuple[str, str]]:
    """What of one's own rules and indicators was in force."""
    if in_force is None:
        return []
    return [
        ("Own intelligence", _text(in_force.in_words)),
        ("Own intelligence (SHA-256)", _code(in_force.hash)),
        ("Intelligence that was missing", _text("; ".join(in_force.problems))),
    ]


def _capture_line(capture: Capture, names: dict[str, str]) -> str:
    # Only the id of an EC2 instance says nothing of its name.
    name = _text(names.get(capture.system.instance, "")) if capture.system.kind is Kind.EC2 else ""
    pipelines = _ids(capture.pipeline_ids)
    if capture.processing_ids:
        pipelines += f", processing {_ids(capture.processing_ids)}"
    if capture.earlier_pipeline_ids:
        pipelines += f" (attempt {capture.attempt}; before: {_ids(capture.earlier_pipeline_ids)})"
    alarms = f"{capture.malicious:,} malicious, {capture.suspicious:,} suspicious"
    cells = (
        f"{name} {_system(capture)}".strip(),
        capture.mode,
        _time(capture.requested_at),
        _time(capture.ended_at),
        capture.state.value,
        pipelines,
        alarms if capture.malicious or capture.suspicious else _NO_ALARMS.get(capture.state, ""),
    )
    return f"| {' | '.join(cell or '–' for cell in cells)} |"


def _kept_line(capture: Capture, kept: Preserved) -> str:
    size = f"{kept.size_mb / 1024:,.4g} GB" if kept.size_mb else ""
    cells = (
        str(kept.evidence_id),
        _code(capture.system.title),
        _code(kept.resource),
        size,
        _code(kept.disk_hash) or "the platform gave none",
        _code(kept.path) or "the platform gave none",
    )
    return f"| {' | '.join(cell or '–' for cell in cells)} |"


def _system(capture: Capture) -> str:
    system = capture.system
    place = _text(f"{system.account}, {system.place}" if system.account else system.place)
    return f"{_code(system.title)} ({place})"


def _text(text: str) -> str:
    """The text as one line of Markdown, with everything escaped that would format it."""
    return "".join(f"\\{c}" if c in "\\`*_[]<>|#!~&" else c for c in one_line(text, 2_000))


def _code(text: str) -> str:
    """The text as one line of code. Backticks and bars are replaced, since they would end the code or the
    cell."""
    line = one_line(text, 2_000).replace("`", "'").replace("|", "¦")
    return f"`{line}`" if line else ""


def _ids(ids: Iterable[int]) -> str:
    return " ".join(map(str, ids))


def _time(moment: datetime | None) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z" if moment else ""
