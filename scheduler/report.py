"""Makes the report of a hunt: its result, compared with the last finished hunt of its name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta

from scheduler.cost_came_to import came_to
from shared.models.captures import Capture, CaptureState
from shared.models.hunts import COVERAGE_DAYS, MAX_REPORT_LINES, CaptureResult, Hunt, HuntReport
from shared.storage.ledger.ledger import Ledger


def report(ledger: Ledger, hunt: Hunt, captures: list[Capture], reason: str, now: datetime) -> HuntReport:
    """`captures`: all captures of the hunt. `reason`: why the hunt failed, if it did."""
    before = ledger.hunts.finished_before(hunt)
    worst_first = sorted(captures, key=_badness, reverse=True)
    new = _new(worst_first, ledger.captures.of_hunt(before.id) if before else [])
    slowest = max(captures, key=_seconds, default=None)
    covered = ledger.captures.captured_since(now - timedelta(days=COVERAGE_DAYS))

    def line(c: Capture) -> CaptureResult:
        name = ledger.instance_names.get(c.system.instance)
        disks = len(c.evidence_ids) if c.mode == "full" else 0
        return CaptureResult(
            c.system, c.state, c.malicious, c.suspicious, c.reason, name, new[c.system.key], disks
        )

    return HuntReport(
        hunt=hunt.name,
        scheduled_at=hunt.scheduled_at,
        project_id=hunt.project_id,
        systems=len(captures),
        captured=sum(capture.state is CaptureState.PROCESSED for capture in captures),
        failed=sum(capture.state is CaptureState.FAILED for capture in captures),
        with_alarms=sum(bool(_alarms(capture)) for capture in captures),
        captures=tuple(map(line, worst_first[:MAX_REPORT_LINES])),
        stopped=bool(hunt.stopped_by),
        problems=hunt.problems,
        reason=reason,
        left_out=hunt.left_out,
        intelligence=hunt.intelligence,
        since=before.scheduled_at if before else None,
        new_alarms=sum(new.values()),
        new_with=sum(count > 0 for count in new.values()),
        slowest=line(slowest) if slowest and _seconds(slowest) else None,
        slowest_seconds=_seconds(slowest) if slowest else 0.0,
        vulnerabilities=ledger.vulnerabilities.in_sum(hunt.id),
        cost=hunt.cost,
        came_to=came_to(hunt.cost, captures),
        covered=sum(capture.system.lasting_key in covered for capture in captures),
    )


def _new(worst_first: Iterable[Capture], before: Iterable[Capture]) -> dict[str, int]:
    """How many more alarms each system has than in the hunt before, by `System.key`. Pods that share what
    lasts are compared together, and what is new counts for the worst of them."""
    known, now, new = Counter[str](), Counter[str](), dict[str, int]()
    for capture in before:
        known[capture.system.lasting_key] += _alarms(capture)
    worst_first = list(worst_first)
    for capture in worst_first:
        now[capture.system.lasting_key] += _alarms(capture)
    for capture in worst_first:
        lasting = capture.system.lasting_key
        count = now.pop(lasting, 0)
        new[capture.system.key] = max(0, count - known[lasting]) if lasting in known else 0
    return new


def _alarms(capture: Capture) -> int:
    return capture.malicious + capture.suspicious


def _seconds(capture: Capture) -> float:
    """Seconds from the request to the end; 0 if the system was not captured."""
    if capture.state is not CaptureState.PROCESSED or not capture.requested_at or not capture.ended_at:
        return 0.0
    return (capture.ended_at - capture.requested_at).total_seconds()


def _badness(capture: Capture) -> tuple[int, int, bool]:
    return capture.malicious, capture.suspicious, capture.state is CaptureState.FAILED
