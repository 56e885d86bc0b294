"""The receiver's Lambda function: SQS invokes it with items of [events] and [deliveries].

Everything that the first item needs is imported and made beforehand. API Gateway calls another function,
which is in receiver/edge.py.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import shared.hosting.import_without_gc as import_without_gc
from receiver.assemble import Handlers, work
from receiver.destinations import registry
from shared.aws import stack
from shared.aws.clients import Clients
from shared.aws.sqs import SqsQueue
from shared.hosting import lambda_runtime, lambda_start, log, metrics
from shared.hosting.lambda_records import Context, work_records
from shared.hosting.lambda_runtime import Reloading
from shared.hosting.runtime import Runtime
from shared.models import codec
from shared.models.alarms import Alarm
from shared.models.cases import Case
from shared.queues import leases
from shared.queues.ports import DELIVERIES, EVENTS

_log = logging.getLogger(__name__)

Event = dict[str, Any]


def handler(event: Event, context: Context) -> dict[str, Any]:
    _logging()
    if "Records" in event:
        with metrics.flushed(context.function_name):
            return _work(event["Records"], context)
    # While a stack is updated, its API still calls this function for a moment.
    from receiver import edge

    return edge.handler(event, context)


def _work(records: Sequence[Event], context: Context) -> dict[str, Any]:
    """All records of one invocation come from one queue. Raises LookupError for a queue of another
    function."""
    handlers, arn = _reloading().get(), records[0]["eventSourceARN"]
    queues = ((EVENTS, handlers.event, leases.EVENT), (DELIVERIES, handlers.delivery, leases.DELIVERY))
    for name, handle, lease in queues:
        if stack.is_from(arn, name, os.environ):
            needs = leases.budget(lease)
            return work_records(_queues()[name], handle, records, context, needs=needs)
    raise LookupError(f"{arn} is no queue of the receiver")


@cache
def _logging() -> None:
    log.setup("INFO", json=True)
    metrics.record()


@cache
def _clients() -> Clients:
    return Clients(os.environ)


@cache
def _queues() -> Mapping[str, SqsQueue]:
    return stack.queues(_clients(), os.environ)


@cache
def _reloading() -> Reloading[Handlers]:
    def assemble(runtime: Runtime) -> Handlers:
        known = stack.refs(os.environ, stack.SLACK_SIGNING_SECRETS)
        for ref in runtime.config.slack_signing_secrets:
            if ref not in known:
                _log.error(
                    "clicks in Slack are refused: the stack's parameter SlackSigningSecrets lacks a secret",
                    extra={"secret": ref},
                )
        registry.load(section.type for section in runtime.config.destinations.values())
        return work(runtime)

    return Reloading(assemble, os.environ, _clients())


def _prepare() -> None:
    _logging()
    codec.prepare(Alarm, Case)
    lambda_runtime.prepare(_clients(), _reloading())


lambda_start.prepare(_prepare)
import_without_gc.resume()
