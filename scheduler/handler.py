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
from scheduler.follow import follow
from scheduler.guardduty import SOURCE, on_finding
from scheduler.missed import look_for_missed
from scheduler.plan import open_project, prepare, start
from scheduler.recover import recover
from scheduler.remind import remind
from scheduler.watch import watch
from shared import items, lambda_runtime, lambda_start, leases, log
from shared.aws import stack
from shared.aws.clients import Clients
from shared.aws.sqs import SqsQueue
from shared.heartbeat import Heartbeats
from shared.lambda_metrics import emit
from shared.lambda_records import Context, work_records
from shared.lambda_runtime import Kept
from shared.models import Hunt, HuntState, System, load
from shared.notices import Notices
from shared.queues import CAPTURES, Dead, Handler, Item, Verdict, attempt
from shared.runtime import Runtime

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
    look_for_missed(runtime, lambda name, due: on_schedule(runtime, name, due))
    remind(runtime)
    follow(runtime)
    recover(runtime)
    watch(runtime)
    Notices(runtime).look()
    Heartbeats(runtime).look()


def captures_handler(runtime: Runtime) -> Handler:
    def handle(item: Item) -> Verdict:
        body = items.unpack(item.body)
        if "open" in body:
            return open_project(runtime, body["open"], until=body["until"], attempts=item.attempts)
        if "capture" in body:
            system = load(System, body["system"])
            return capture(runtime, body["capture"], system, until=body["until"], attempts=item.attempts)
        return Dead("not an item of [captures]")

    def handle_and_tell(item: Item) -> Verdict:
        verdict = attempt(handle, item)
        if isinstance(verdict, Dead):
            Notices(runtime).count(CAPTURES, item, verdict.reason)
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
    if event.get("source") == SOURCE:
        return on_finding(runtime, event)
    if "hunt" in event:
        name, at = event["hunt"], _scheduled_at(event.get("scheduled_at"))
        if runtime.config.hunts[name].skips(at):
            _log.info("hunt %s starts nothing on this date (skip_dates)", name)
            return {"hunt": name, "state": "skipped"}
        hunt = on_schedule(runtime, name, at)
        look_for_missed(runtime, lambda name, due: on_schedule(runtime, name, due))
        return {"hunt": hunt.id, "state": hunt.state}
    raise ValueError(
        'not an event of the scheduler; write {"hunt": …, "scheduled_at": …} or {"follow": true}'
    )


def _follow(context: Context) -> dict[str, Any]:
    """A failure is told by a metric. If it were raised, Lambda would keep the event until somebody looked at
    it, and the next ring of the timer does the same work."""
    try:
        runtime = _kept().get()
        on_timer(runtime)
        quiet = _quiet_days(runtime)
        opened = len(runtime.ledger.open_hunts())
    except Exception as error:  # noqa: BLE001  it is logged whole
        _log.exception("the follow timer failed")
        emit(context.function_name, datetime.now(UTC), TimerFailures=1)
        return {"failed": type(error).__name__}
    emit(context.function_name, runtime.now(), DaysSinceHuntFinished=quiet)
    return {"open_hunts": opened}


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
    now, (kind, group, name) = runtime.now(), ("clock", "", "@follow")  # no hunt can be called so
    first = runtime.store.get(kind, group, name)
    if first is None:
        runtime.store.put(kind, group, name, {"at": now.isoformat()}, expect=0)
    finished = [
        hunt.finished_at
        for definition in runtime.config.hunts
        for hunt in runtime.ledger.hunts(definition)
        if hunt.state is HuntState.FINISHED and hunt.finished_at
    ]
    since = max([datetime.fromisoformat(first.body["at"]) if first else now, *finished])
    return (now - since).total_seconds() / 86_400


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
