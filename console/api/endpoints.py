"""Every address of the JSON API: what it takes, what it answers, and what the answer is made from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from console.api.openapi import Endpoint
from console.api.parameters import LIMIT, PAGE, moment, one_of, text, whole_number
from console.context import ConsoleContext
from console.status import Status
from console.views.dead_letters import DeadLetter, dead_letters
from console.views.mutes import MuteRow, mute_rows
from console.views.overview import NextRun, next_of_all
from console.views.rules import RulesView, rules_view
from console.views.settings import configuration_text
from shared.models.captures import Capture
from shared.models.checks import CheckResult
from shared.models.codec import load
from shared.models.hunts import Hunt
from shared.models.severity import Severity
from shared.storage import kinds
from shared.storage.audit import Entry
from shared.storage.queries import deliveries, pages
from shared.storage.queries.case_filter import Age, CaseFilter, Which
from shared.storage.queries.case_timeline import TimelineEntry
from shared.storage.queries.cases import CaseRow
from shared.storage.queries.coverage import CoverageSummary, SystemCoverage, TechniqueTrend
from shared.storage.queries.deliveries import DeliveryRow
from shared.storage.queries.event_rows import EventRow
from shared.storage.queries.events import EventDetail
from shared.storage.queries.fleet import Uncovered
from shared.storage.queries.known_good import KnownGoodRow
from shared.storage.queries.pages import Rows
from shared.storage.queries.trends import WeekTrend

SEVERITY = one_of("severity", "Only this severity.", [severity.value for severity in Severity])
SYSTEM = text("system", "Only what is about this system: account/region/instance, with - for no account.")
HUNT = text("hunt", "Only what is about this run of a hunt, such as weekly@2026-11-29T02:00:00Z.")
SINCE = moment("since", "Not before this time.")
UNTIL = moment("until", "Before this time.")
WEEKS = whole_number("weeks", "How many weeks, the present one included.", least=1, most=53, default=12)


@dataclass(frozen=True)
class HuntRun:
    """One run of a hunt, with a page of its captures."""

    hunt: Hunt
    captures: tuple[Capture, ...]
    next: str = ""  # the token of the next page of captures; empty: this is the end


@dataclass(frozen=True)
class InForce:
    """The configuration in force, and what can be said of it without asking anybody."""

    version: str  # of huntbridge
    configuration: str  # YAML without defaults; secrets are references
    checks: tuple[CheckResult, ...]


def _status(context: ConsoleContext) -> Status:
    return context.status()


def _cases(
    context: ConsoleContext,
    state: str,
    severity: str | None,
    taken_by: str,
    q: str,
    age: str | None,
    system: str,
    limit: int,
    page: str,
) -> Rows[CaseRow]:
    cases = context.queries.cases
    wanted = CaseFilter(
        Which.ALL if system else Which(state),
        Severity(severity) if severity else None,
        taken_by or None,
        q,
        Age(age) if age else None,
        system,
    )
    return cases.list(wanted, limit=limit, page=page)


def _case(context: ConsoleContext, key: str) -> CaseRow | None:
    return context.queries.cases.whole(key)


def _timeline(context: ConsoleContext, case: str, limit: int, page: str) -> Rows[TimelineEntry]:
    return context.queries.cases.timeline(case, limit=limit, page=page)


def _events(context: ConsoleContext, severity: str | None, **wanted: Any) -> Rows[EventRow]:
    return context.queries.events.list(severity=Severity(severity) if severity else None, **wanted)


def _event(context: ConsoleContext, id: str) -> EventDetail | None:
    return context.queries.events.get(id)


def _deliveries(context: ConsoleContext, state: str | None, **wanted: Any) -> Rows[DeliveryRow]:
    return context.queries.deliveries.list(state=state or "", **wanted)


def _dead(context: ConsoleContext) -> tuple[DeadLetter, ...]:
    return dead_letters(context.runtime.dead_items)


def _hunts(context: ConsoleContext, name: str, limit: int, page: str) -> Rows[Hunt]:
    return context.queries.hunts.runs(name=name, limit=limit, page=page)


def _next_runs(context: ConsoleContext) -> tuple[NextRun, ...]:
    return next_of_all(context.config, context.now())


def _hunt(context: ConsoleContext, id: str, limit: int, page: str) -> HuntRun | None:
    hunt = context.reading.ledger.hunts.get(id)
    if hunt is None:
        return None
    question = {"captures of": id}
    found = context.runtime.store.page_of_group(
        kinds.CAPTURE, id, limit=limit, after=pages.position(question, page)
    )
    captures = tuple(load(Capture, record.body) for record in found.records)
    return HuntRun(hunt, captures, pages.token(question, found.after))


def _captures(context: ConsoleContext, system: str, limit: int, page: str) -> Rows[Capture]:
    return context.queries.captures.of_system(system, limit=limit, page=page)


def _coverage(context: ConsoleContext) -> CoverageSummary:
    return context.queries.coverage.summary()


def _uncovered(context: ConsoleContext, limit: int, page: str) -> Rows[Uncovered]:
    return context.queries.fleet.uncovered(limit=limit, page=page)


def _systems(context: ConsoleContext, limit: int, page: str) -> Rows[SystemCoverage]:
    return context.queries.coverage.systems(limit=limit, page=page)


def _techniques(context: ConsoleContext, weeks: int) -> tuple[TechniqueTrend, ...]:
    return context.queries.coverage.techniques(weeks)


def _trends(context: ConsoleContext, weeks: int) -> tuple[WeekTrend, ...]:
    return context.queries.trends(weeks)


def _audit(context: ConsoleContext, limit: int, page: str) -> Rows[Entry]:
    return context.queries.audit.newest(limit=limit, page=page)


def _rules(context: ConsoleContext) -> RulesView:
    return rules_view(context.config, context.now())


def _known_good(context: ConsoleContext, limit: int, page: str) -> Rows[KnownGoodRow]:
    return context.queries.known_good.list(limit=limit, page=page)


def _mutes(context: ConsoleContext) -> tuple[MuteRow, ...]:
    return mute_rows(context.config, context.reading.ledger, context.now())


def _configuration(context: ConsoleContext) -> InForce:
    text = configuration_text(context.config)
    return InForce(context.version, text, tuple(context.checks.offline()))


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint("/status", "How huntbridge is, in a few figures, at most seconds old.", Status, _status),
    Endpoint(
        "/cases",
        "Cases: those that are not closed, worst first; the closed ones, or those of a system, newest first.",
        Rows[CaseRow],
        _cases,
        (
            one_of(
                "state",
                "Which cases; open: nobody has taken it. With `system`, it does not count.",
                [which.value for which in Which],
                Which.NOT_CLOSED.value,
            ),
            SEVERITY,
            text("taken_by", "Only those that this person has taken, and that are not closed."),
            text("q", "Only those in whose names, ids, title or findings each of these words is."),
            one_of("age", "How long ago the first alarm came; week: one to seven days.", [*map(str, Age)]),
            SYSTEM,
            LIMIT,
            PAGE,
        ),
    ),
    Endpoint(
        "/case",
        "One case, with the findings of all its alarms.",
        CaseRow,
        _case,
        (text("key", "The key of the case.", required=True),),
        may_be_missing=True,
    ),
    Endpoint(
        "/timeline",
        "What happened in a case, oldest first. Each entry has an event, a delivery, or an entry of the log.",
        Rows[TimelineEntry],
        _timeline,
        (text("case", "The key of the case.", required=True), LIMIT, PAGE),
    ),
    Endpoint(
        "/events",
        "Events, newest first.",
        Rows[EventRow],
        _events,
        (
            SEVERITY,
            text("kind", "Only this kind, such as processing_with_alarms."),
            SYSTEM,
            text("case", "Only the events of the case with this key."),
            HUNT,
            SINCE,
            UNTIL,
            LIMIT,
            PAGE,
        ),
    ),
    Endpoint(
        "/event",
        "One event with its deliveries.",
        EventDetail,
        _event,
        (text("id", "The id of the event.", required=True),),
        may_be_missing=True,
    ),
    Endpoint(
        "/deliveries",
        "Deliveries, newest first.",
        Rows[DeliveryRow],
        _deliveries,
        (
            text("destination", "Only those to this destination."),
            one_of(
                "state",
                "Only these. Waiting: tried again after a failed attempt. Held: by a route.",
                [deliveries.WAITING, deliveries.HELD, deliveries.DEAD, deliveries.DELIVERED],
            ),
            SYSTEM,
            HUNT,
            SINCE,
            UNTIL,
            LIMIT,
            PAGE,
        ),
    ),
    Endpoint("/dead", "Dead items, newest first, at most 100 of each queue.", tuple[DeadLetter, ...], _dead),
    Endpoint(
        "/hunts",
        "The runs of all hunts, newest first.",
        Rows[Hunt],
        _hunts,
        (text("name", "Only the runs of this hunt."), LIMIT, PAGE),
    ),
    Endpoint("/next-runs", "The next run of each hunt that has a schedule.", tuple[NextRun, ...], _next_runs),
    Endpoint(
        "/hunt",
        "One run of a hunt, with a page of its captures.",
        HuntRun,
        _hunt,
        (text("id", "Such as weekly@2026-11-29T02:00:00Z.", required=True), LIMIT, PAGE),
        may_be_missing=True,
    ),
    Endpoint(
        "/captures",
        "The captures of one system, newest first.",
        Rows[Capture],
        _captures,
        (text("system", "account/region/instance, with - for no account.", required=True), LIMIT, PAGE),
    ),
    Endpoint(
        "/coverage", "How many systems are hunted, and which machines are not.", CoverageSummary, _coverage
    ),
    Endpoint(
        "/uncovered",
        "The running machines of the organization that were not captured for long, by account and region. A "
        "page may have more of them than `limit`.",
        Rows[Uncovered],
        _uncovered,
        (LIMIT, PAGE),
    ),
    Endpoint(
        "/systems",
        "The known systems with twelve weeks of outcomes, the least recently captured first.",
        Rows[SystemCoverage],
        _systems,
        (LIMIT, PAGE),
    ),
    Endpoint(
        "/techniques",
        "Findings by ATT&CK technique and week.",
        tuple[TechniqueTrend, ...],
        _techniques,
        (WEEKS,),
    ),
    Endpoint("/trends", "Events by severity and week.", tuple[WeekTrend, ...], _trends, (WEEKS,)),
    Endpoint("/rules", "The routes in their order, and what is wrong with them.", RulesView, _rules),
    Endpoint(
        "/known-good",
        "Known-good entries: findings that people judged harmless, where and until when. Live ones first.",
        Rows[KnownGoodRow],
        _known_good,
        (LIMIT, PAGE),
    ),
    Endpoint(
        "/mutes",
        "Mutes of the configuration and those that people added, the one that ends first at the top.",
        tuple[MuteRow, ...],
        _mutes,
    ),
    Endpoint(
        "/configuration", "The configuration in force. Secrets are references.", InForce, _configuration
    ),
    Endpoint("/audit", "The entries of the audit log, newest first.", Rows[Entry], _audit, (LIMIT, PAGE)),
)
