"""How a report names its figures, in every format."""

from __future__ import annotations

from collections.abc import Iterator

from shared.models.cost import dollars
from shared.phrases import counted, duration, percent
from shared.storage.queries.report import HuntFigures, Report

VERDICTS = {
    "true_positive": "true positive",
    "benign": "benign",
    "false_positive": "false positive",
}
HUNT_TITLES = ("Hunt", "Runs", "Finished", "Not finished", "Captured", "Failed", "Malicious", "Suspicious")
MAX_TECHNIQUES = 25


def headline(report: Report) -> str:
    """The situation in one sentence."""
    waiting, blind = report.cases.malicious_not_acknowledged, report.coverage.known - report.coverage.captured
    parts = []
    if waiting:
        parts.append(f"{counted(waiting, 'malicious case')} {_are(waiting)} not acknowledged")
    if blind > 0:
        parts.append(f"{counted(blind, 'system')} {_are(blind)} not covered")
    failed = sum(hunt.not_finished for hunt in report.hunts)
    if failed:
        parts.append(f"{counted(failed, 'hunt')} did not finish")
    return "; ".join(parts) or "All hunts finished, every known system is covered, no malicious case waits"


def title(report: Report) -> str:
    return f"Threat hunts, {report.since:%d %B %Y} to {report.until:%d %B %Y}"


def figures(report: Report) -> Iterator[tuple[str, str]]:
    """The key figures: label and value."""
    coverage, cases = report.coverage, report.cases
    yield "Runs of hunts", f"{sum(hunt.runs for hunt in report.hunts):,}"
    yield "Captures", f"{sum(hunt.captured for hunt in report.hunts):,}"
    yield "Failed captures", f"{sum(hunt.failed for hunt in report.hunts):,}"
    share = f" ({percent(coverage.captured, coverage.known)} %)" if coverage.known else ""
    yield "Systems captured in the last 30 days", f"{coverage.captured:,} of {coverage.known:,}{share}"
    if coverage.listed is not None:
        yield "Machines that no hunt selects", f"{coverage.unselected_total:,} of {coverage.listed:,}"
    if organization := coverage.organization:
        at_most = "at most " if organization.unknown_total else ""
        of = f"{organization.captured:,} of {organization.running:,}"
        share = f" ({percent(organization.captured, organization.running)} %)" if organization.running else ""
        days = organization.max_age_days
        yield f"Running machines captured in the last {days} days", f"{at_most}{of}{share}"
        yield f"Running machines not captured for more than {days} days", f"{organization.too_old:,}"
        yield "Accounts and regions that are not known", f"{organization.unknown_total:,}"
    if left := report.left_behind:
        month = f", up to {dollars(left.usd_a_month)} a month" if left.usd_a_month else ""
        yield "Left behind by the platform in AWS", f"{left.total:,}{month}"
    yield "Cases opened", f"{cases.opened:,}"
    for verdict, words in VERDICTS.items():
        yield f"Cases closed as {words}", f"{cases.closed.get(verdict, 0):,}"
    yield "Cases open now", f"{cases.open_now:,}"
    yield "Cases acknowledged now", f"{cases.acknowledged_now:,}"
    yield "Median time until acknowledged", _time(cases.seconds_to_acknowledge)
    yield "Median time until closed", _time(cases.seconds_to_close)


def hunt_cells(hunt: HuntFigures) -> tuple[str | int, ...]:
    """The cells under HUNT_TITLES."""
    return (
        hunt.name,
        hunt.runs,
        hunt.finished,
        hunt.not_finished,
        hunt.captured,
        hunt.failed,
        hunt.malicious,
        hunt.suspicious,
    )


def _time(seconds: float | None) -> str:
    return "–" if seconds is None else duration(seconds)


def _are(count: int) -> str:
    return "is" if count == 1 else "are"
