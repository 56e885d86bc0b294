"""The scheduler's three doors: a schedule is due, an item of [captures] came, the follow timer rang.

`handler` is where they open on AWS: what EventBridge Scheduler and SQS send comes in.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

import shared.aws.fleet  # noqa: F401  a hunt that selects its systems would else import it when it starts
from scheduler.capture import capture
from scheduler.guardduty import SOURCE, on_finding
from scheduler.missed import MADE_UP_FOR
from scheduler.plan import open_project, prepare, start
from scheduler.timer import MISSED, Jobs
from shared.aws import stack
from shared.aws.clients import Clients
from shared.aws.sqs import SqsQueue
from shared.hosting import lambda_runtime, lambda_start, log
from shared.hosting.lambda_records import Context, work_records
from shared.hosting.lambda_runtime import Kept
from shared.hosting.metrics import emit
from shared.hosting.runtime import Runtime
from shared.models.codec import load
from shared.models.hunts import Hunt
from shared.models.systems import System
from shared.queues import items, leases
from shared.queues.ports import CAPTURES, Dead, Done, Handler, Item, Verdict
from shared.queues.worker import attempt
from shared.storage.ports import NotNow

_log = logging.getLogger(__name__)

# What EventBridge Scheduler puts the time in for (its user guide, "Adding context attributes").
_PLACEHOLDER = "<aws.scheduler.scheduled-time>"


def on_schedule(runtime: Runtime, name: str, scheduled_at: datetime) -> Hunt:
    """Raises KeyError where the config has no hunt of this name."""
    planned = prepare(runtime, name, scheduled_at)
    schedule = runtime.config.hunts[name].schedule
    trigger = f"schedule {schedule}" if schedule else "a request to the scheduler"
    return start(runtime, planned, retry_for=runtime.config.platform.retry_for, trigger=trigger)


def on_timer(runtime: Runtime) -> None:
    """Every job of the timer, one after the other."""
    Jobs(runtime).run_all()


def captures_handler(runtime: Runtime) -> Handler:
    def handle(item: Item) -> Verdict:
        try:
            content = items.decode(item.body)
        except items.NotAnItem:
            return Dead("not an item of [captures]")
        match content:
            case items.StartHunt():
                return _start_later(runtime, content.event)
            case items.OpenProject(hunt_id, until):
                return open_project(runtime, hunt_id, until=until, attempts=item.claims)
            case items.RequestCapture(hunt_id, _, until):
                system = load(System, content.system)
                return capture(runtime, hunt_id, system, until=until, attempts=item.claims)
        return Dead("not an item of [captures]")

    def handle_and_tell(item: Item) -> Verdict:
        verdict = attempt(handle, item)
        if isinstance(verdict, Dead):
            runtime.dead_letter_notices.count(CAPTURES, item, verdict.reason)
        return verdict

    return handle_and_tell


def handler(event: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """`{"hunt": name, "scheduled_at": time}`, `{"follow": true}`, a finding of GuardDuty, or records of
    [captures].

    Raises ValueError for anything else, KeyError where there is no such hunt, ConfigError: Lambda then keeps
    the event with the error. A failure of the follow timer is not raised.
    """
    if event.get("follow") is True:
        return _follow(context)
    runtime = _kept().get()
    if "Records" in event:
        arn = event["Records"][0]["eventSourceARN"]
        if not stack.is_from(arn, CAPTURES, os.environ):
            raise ValueError(f"{arn} is no queue that the scheduler works")
        needs = leases.budget(leases.CAPTURE)
        return work_records(_captures(), captures_handler(runtime), event["Records"], context, needs=needs)
    if "hunt" in event or event.get("source") == SOURCE:
        try:
            started = _start(runtime, event)
        except NotNow as error:
            # Lambda tries again for minutes alone; the queue does until the store can be had.
            runtime.captures.put(items.encode(items.StartHunt(dict(event))))
            _log.warning("a hunt cannot be started now, and is tried again: %s", error)
            return {"state": "waits", "reason": str(error)}
        Jobs(runtime).run(MISSED)
        return started
    raise ValueError(
        'not an event of the scheduler; write {"hunt": …, "scheduled_at": …} or {"follow": true}'
    )


def _follow(context: Context) -> dict[str, Any]:
    """A failure is told by a metric. If it were raised, Lambda would keep the event until somebody looked at
    it, and the next ring of the timer does the same work."""
    try:
        runtime = _kept().get()
        Jobs(runtime).run_all(lambda: context.get_remaining_time_in_millis() / 1000)
        quiet = _quiet_days(runtime)
        opened = len(runtime.ledger.hunts.unfinished())
    except Exception as error:  # noqa: BLE001  it is logged whole
        _log.exception("the follow timer failed")
        emit(context.function_name, datetime.now(UTC), TimerFailures=1)
        return {"failed": type(error).__name__}
    emit(context.function_name, runtime.now(), DaysSinceHuntFinished=quiet)
    return {"open_hunts": opened}


def _start(runtime: Runtime, event: Mapping[str, Any]) -> dict[str, Any]:
    """Start what a schedule or a finding of GuardDuty asks for. To start it twice is to start it once."""
    if event.get("source") == SOURCE:
        return on_finding(runtime, event)
    name, at = event["hunt"], _scheduled_at(event.get("scheduled_at"))
    if runtime.config.hunts[name].skips(at):
        _log.info("hunt %s starts nothing on this date (skip_dates)", name)
        return {"hunt": name, "state": "skipped"}
    hunt = on_schedule(runtime, name, at)
    return {"hunt": hunt.id, "state": hunt.state}


def _start_later(runtime: Runtime, event: Mapping[str, Any]) -> Verdict:
    """As `_start`, for an item of [captures]. A run that is later than the configuration wants is left to
    `missed`, which tells of it."""
    name = str(event.get("hunt", ""))
    try:
        definition = runtime.config.hunts.get(name)
        if definition and not definition.catch_up:
            late = runtime.now() - _scheduled_at(event.get("scheduled_at"))
            if late > MADE_UP_FOR:
                _log.error("hunt %s was due %s ago and is left out", name, late)
                return Done()
        _start(runtime, event)
    except (KeyError, ValueError) as error:
        return Dead(f"the hunt cannot be started: {error}")
    return Done()


def _scheduled_at(text: object) -> datetime:
    """The schedule's own time and not this moment's: it is the hunt's identity when the event comes twice."""
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        raise ValueError(
            f"scheduled_at {text!r} is not a time; in a schedule write {_PLACEHOLDER}, else 2027-01-31T02:00Z"
        ) from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _quiet_days(runtime: Runtime) -> float:
    """Days since any hunt finished; before the first one, since somebody first looked."""
    now = runtime.now()
    finished = runtime.ledger.hunts.last_finished(runtime.config.hunts)
    return max(0.0, (now - finished).total_seconds()) / 86_400


@cache
def _clients() -> Clients:
    return Clients(os.environ)


@cache
def _captures() -> SqsQueue:
    return stack.queues(_clients(), os.environ)[CAPTURES]


@cache
def _kept() -> Kept[Runtime]:
    log.setup("INFO", json=True)
    return Kept(lambda runtime: runtime, os.environ, _clients())


def _prepare() -> None:
    log.setup("INFO", json=True)
    lambda_runtime.prepare(_clients(), os.environ)


lambda_start.prepare(_prepare)
