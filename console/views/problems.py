"""What needs a person: each problem is one line, with one action. The overview lists them, worst first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from console import urls
from console.filters import spelled
from console.views.cases import system_name
from scheduler.job_failures import Failing
from shared.models.hunts import Hunt, HuntState
from shared.models.severity import Severity
from shared.phrases import counted
from shared.storage.queries.cases import CaseRow
from shared.storage.queries.coverage import CoverageSummary
from shared.storage.queries.overview import DestinationState
from shared.text import one_line

MOST_CASES = 5  # malicious cases with a line of their own
_REASON = 200  # characters of a reason in a line


@dataclass(frozen=True)
class Action:
    """The button of a problem. With `fields` it is the form of a POST, else a link."""

    text: str
    url: str
    fields: Mapping[str, str] | None = None
    role: str = ""  # that a person needs to press it


@dataclass(frozen=True)
class Problem:
    """One line: `before`, then a link, then `after`; then, less loudly, `more`."""

    mark: str  # malicious, or fault
    url: str
    link: str
    before: str = ""
    after: str = ""
    more: str = ""
    since: datetime | None = None
    action: Action | None = None


def listed(names: Sequence[str]) -> str:
    """Such as "soc, office and siem"."""
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


def of_cases(not_taken: Sequence[CaseRow], count: int) -> Iterator[Problem]:
    """Problems about malicious cases that are not acknowledged. `not_taken` holds the oldest of these cases,
    and `count` is the number of all of them."""
    for row in not_taken[:MOST_CASES]:
        yield Problem(
            "malicious",
            urls.case(row.key),
            system_name(row),
            after=" has a malicious alarm, and nobody has taken the case.",
            more=row.worst,
            since=row.opened_at,
            action=Action("Take it", urls.case(row.key), {"do": "take"}, "responder"),
        )
    shown = len(not_taken[:MOST_CASES])
    if count > shown:
        url = urls.cases(state="open", severity=Severity.MALICIOUS.value)
        yield Problem(
            "malicious",
            url,
            f"{counted(count - shown, 'more malicious case')}",
            after=" not taken.",
            action=Action("See all", url),
        )


def of_destinations(health: Mapping[str, DestinationState], types: Mapping[str, str]) -> Iterator[Problem]:
    """Destinations that fail, the longest first, and those with dead messages. `types`: such as "Jira"."""
    failing = [(each.failing_since, name) for name, each in health.items() if each.failing_since]
    for since, name in sorted(failing):
        each = health[name]
        reason = one_line(each.reason, _REASON).rstrip(".")
        yield Problem(
            "fault",
            urls.deliveries(destination=name),
            name,
            after=f" ({types.get(name, 'not configured')}) is failing{f': {reason}' if reason else ''}.",
            more=f"{counted(each.waiting, 'message')} {'waits' if each.waiting == 1 else 'wait'} and will be "
            "tried again without anybody’s help; nothing is lost.",
            since=since,
            action=Action("See why", urls.deliveries(destination=name) + "#waiting"),
        )
    for name, each in health.items():
        if each.dead:
            yield Problem(
                "fault",
                urls.deliveries(destination=name) + "#dead",
                name,
                before=f"{counted(each.dead, 'message')} to ",
                after=" could not be delivered.",
                more="Each is kept until somebody retries or discards it.",
                action=Action("See it" if each.dead == 1 else "See them", urls.deliveries() + "#dead"),
            )


def of_other_dead_items(count: int) -> Iterator[Problem]:
    """Dead items that are not messages: webhooks that could not be handled, captures."""
    if count:
        url = urls.deliveries() + "#dead"
        yield Problem(
            "fault",
            url,
            counted(count, "item"),
            after=" of the queues failed for good: webhooks or captures that could not be handled.",
            more="Each is kept until somebody retries or discards it.",
            action=Action("See why", url),
        )


_HUNT_FAILED = {
    HuntState.FAILED: "failed",
    HuntState.EMPTY: "captured nothing",
    HuntState.SKIPPED: "was skipped",
}


def of_hunts(latest: Sequence[Hunt]) -> Iterator[Problem]:
    """`latest`: the last run of each hunt."""
    for hunt in latest:
        if word := _HUNT_FAILED.get(hunt.state):
            yield Problem(
                "fault",
                urls.hunt(hunt.id),
                hunt.name,
                before="The last run of ",
                after=f" {word}.",
                more=one_line(hunt.reason, _REASON),
                since=hunt.finished_at or hunt.scheduled_at,
                action=Action("See the run", urls.hunt(hunt.id)),
            )
        elif hunt.problems and not hunt.over:
            yield Problem(
                "fault",
                urls.hunt(hunt.id),
                hunt.name,
                after=" could not use a part of its definition.",
                more=one_line(hunt.problems[0], _REASON),
                since=hunt.scheduled_at,
                action=Action("See the run", urls.hunt(hunt.id)),
            )


def of_webhook(broken: bool) -> Iterator[Problem]:
    """`broken`: the last check of the platform's webhooks found that alarms cannot arrive."""
    if broken:
        yield Problem(
            "fault",
            "/settings#webhook",
            "webhooks",
            before="The platform’s ",
            after=" do not lead here as they should.",
            more="Alarms are still found, by polling, but later.",
            action=Action("See the checks", "/settings#webhook"),
        )


# What stands still while a job of the timer fails.
_JOBS = {
    "missed": "missed hunts are not noticed",
    "remind": "no reminders are sent, and nothing is escalated",
    "notices": "dead items are not announced",
    "heartbeats": "no heartbeats are sent",
    "jobs": "failing jobs are not announced",
    "checks": "nothing is checked once a day",
    "watch": "the platform’s webhooks are not checked",
    "follow": "captures are not followed",
    "recover": "lost webhooks are not recovered",
    "clock": "no hunt is started",
}


def of_jobs(failing: Mapping[str, Failing], now: datetime) -> Iterator[Problem]:
    for name, job in sorted(failing.items(), key=lambda each: each[1].since_by(now)):
        if job.recovered_at is None:
            yield Problem(
                "fault",
                "/settings#timer",
                name,
                before="The timer’s job ",
                after=f" has failed {counted(job.times, 'time')}"
                + (f": {_JOBS[name]}." if name in _JOBS else "."),
                more=f"{one_line(job.reason, _REASON)}. It is tried again by itself.",
                since=job.since_by(now),
                action=Action("See the timer", "/settings#timer"),
            )


def title_of(problems: Sequence[Problem]) -> str:
    """The answer to "is all well?"."""
    count = len(problems)
    if not count:
        return "All is well"
    return f"{spelled(count)} thing{' needs' if count == 1 else 's need'} you"


def delivering(health: Mapping[str, DestinationState]) -> str:
    """Which destinations deliver, as one of the lines about what is fine; empty if none does."""
    good = [name for name, each in health.items() if not each.failing_since and each.last_delivered_at]
    if not good:
        return ""
    if len(good) == len(health) and len(good) > 1:
        return f"All {len(good)} destinations are delivering"
    names = listed([*good[:5], *(["others"] if len(good) > 5 else [])])
    return f"{names} {'is' if len(good) == 1 else 'are'} delivering"


def of_coverage(coverage: CoverageSummary) -> Iterator[Problem]:
    names = [each.name or each.system.title for each in coverage.unselected]
    if coverage.unselected_total:
        yield Problem(
            "fault",
            "/coverage#never",
            counted(coverage.unselected_total, "machine"),
            after=f" {'is' if coverage.unselected_total == 1 else 'are'} in no hunt.",
            more=listed([*names[:3], *(["others"] if len(names) > 3 else [])]) + ".",
            since=None,
            action=Action("See which", "/coverage#never"),
        )
    missed = coverage.known - coverage.captured
    if missed > 0:
        yield Problem(
            "fault",
            "/coverage",
            f"{missed:,} of {counted(coverage.known, 'system')}",
            after=f" {'was' if missed == 1 else 'were'} not captured within 30 days.",
            action=Action("See which", "/coverage"),
        )
    organization = coverage.organization
    if organization and organization.too_old:
        were = "was" if organization.too_old == 1 else "were"
        yield Problem(
            "fault",
            "/coverage/machines",
            counted(organization.too_old, "running machine"),
            after=f" {were} not captured for more than {organization.max_age_days} days.",
            action=Action("See which", "/coverage/machines"),
        )
    if coverage.problems and coverage.listed is not None:  # else EC2 need not be asked, or not yet
        yield Problem(
            "fault",
            "/coverage",
            "EC2",
            after=" could not be asked for all machines.",
            more=one_line(coverage.problems[0], _REASON),
            since=None,
            action=Action("See why", "/coverage"),
        )
