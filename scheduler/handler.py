"""The scheduler's Lambda function: EventBridge Scheduler, EventBridge and SQS invoke it.

Its events are triggers of hunts, the follow timer, and items of [captures].
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

# The first event would wait for these imports: hunts, their cost, preflights and the timer use them.
import shared.aws.fleet
import shared.aws.inspection
import shared.aws.leftovers
import shared.hosting.import_without_gc as import_without_gc
import shared.platform.browse
import shared.platform.readiness
import shared.platform.vulnerabilities
import shared.platform.webhooks  # noqa: F401
from scheduler.timer import MISSED, Jobs
from scheduler.triggers import is_trigger, on_event
from scheduler.worker import captures_handler
from shared.aws import stack
from shared.aws.clients import Clients
from shared.aws.sqs import SqsQueue
from shared.hosting import lambda_runtime, lambda_start, log, metrics
from shared.hosting.lambda_records import Context, work_records
from shared.hosting.lambda_runtime import Reloading
from shared.hosting.readings import Readings
from shared.hosting.runtime import Runtime
from shared.http.deadlines import within
from shared.queues import items, leases
from shared.queues.ports import CAPTURES
from shared.storage.ports import NotNow

_log = logging.getLogger(__name__)

_READING = 10.0  # seconds for reading open cases, coverage and the destinations


def handler(event: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """The event is `{"hunt": name, "scheduled_at": time}`, `{"follow": true}`, an event of EventBridge, or
    has records of [captures].

    Raises ValueError for any other event, KeyError if there is no such hunt, and ConfigError; Lambda then
    puts the event into the queue `missed`, with the error. A failure of the follow timer is not raised.
    """
    with metrics.flushed(context.function_name):
        return _handle(event, context)


def _handle(event: Mapping[str, Any], context: Context) -> dict[str, Any]:
    if event.get("follow") is True:
        return _follow(context)
    runtime = _reloading().get()
    if "Records" in event:
        arn = event["Records"][0]["eventSourceARN"]
        if not stack.is_from(arn, CAPTURES, os.environ):
            raise ValueError(f"{arn} is no queue of the scheduler")
        needs = leases.budget(leases.CAPTURE)
        return work_records(_captures(), captures_handler(runtime), event["Records"], context, needs=needs)
    if is_trigger(event):
        try:
            started = on_event(runtime, event)
        except NotNow as error:
            # Lambda would only retry for some minutes. The queue retries until the store can be used.
            runtime.captures.put(items.encode(items.StartHunt(dict(event))))
            _log.warning("hunt not started yet; it is tried again", extra={"reason": error})
            return {"state": "waits", "reason": str(error)}
        Jobs(runtime).run(MISSED)
        return started
    raise ValueError(
        'not an event of the scheduler; write {"hunt": …, "scheduled_at": …} or {"follow": true}'
    )


def _follow(context: Context) -> dict[str, Any]:
    """Run the jobs of the follow timer. A failure is reported by a metric. It is not raised: Lambda would
    keep the event for a person, although the next run of the timer does the same work."""
    try:
        runtime = _reloading().get()
        Jobs(runtime).run_all(lambda: context.get_remaining_time_in_millis() / 1000)
        quiet_days = _quiet_days(runtime)
        open_hunts = len(runtime.ledger.hunts.unfinished())
    except Exception as error:  # noqa: BLE001  logged with its traceback
        _log.exception("the follow timer failed")
        metrics.emit(context.function_name, datetime.now(UTC), TimerFailures=1)
        return {"failed": type(error).__name__}
    metrics.emit(context.function_name, runtime.now(), DaysSinceHuntFinished=quiet_days)
    _read_gauges(runtime)
    return {"open_hunts": open_hunts}


def _read_gauges(runtime: Runtime) -> None:
    """CloudWatch knows the queues itself. Everything else is read here, once for all functions."""
    with within(_READING):
        metrics.read(Readings(runtime, queues=False)())


def _quiet_days(runtime: Runtime) -> float:
    """Days since a hunt last finished. If none has finished yet, days since the first call of this
    function."""
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
def _reloading() -> Reloading[Runtime]:
    log.setup("INFO", json=True)
    metrics.record()
    return Reloading(lambda runtime: runtime, os.environ, _clients())


def _prepare() -> None:
    log.setup("INFO", json=True)
    metrics.record()
    lambda_runtime.prepare(_clients(), _reloading())


lambda_start.prepare(_prepare)
import_without_gc.resume()
