"""The receiver's Lambda function: API Gateway → the web room, SQS → the work of [events] and [deliveries].

What one way needs is loaded when the first event takes it: the web room must answer quickly and does without
the configuration; the queues do without Flask.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from shared import log
from shared.aws import stack
from shared.aws.clients import Clients
from shared.aws.secrets import AwsSecrets
from shared.lambda_records import Context, work_records
from shared.queues import DELIVERIES, EVENTS
from shared.secrets import SecretRef, Secrets

if TYPE_CHECKING:
    from receiver.work import Work
    from shared.aws.sqs import SqsQueue
    from shared.lambda_runtime import Kept
    from shared.runtime import Runtime

_log = logging.getLogger(__name__)

# Seconds that an item can take: an enrichment of at most 10 s and some writes; a delivery of two requests.
EVENT_NEEDS, DELIVERY_NEEDS = 20.0, 45.0

Event = dict[str, Any]


def handler(event: Event, context: Context) -> dict[str, Any]:
    _logging()
    if "Records" in event:
        return _work(event["Records"], context)
    return _web()(event, context)


def _work(records: Sequence[Event], context: Context) -> dict[str, Any]:
    """The records of one invocation are all of one queue. Raises LookupError where it is none of these."""
    work, arn = _kept().get(), records[0]["eventSourceARN"]
    doors = ((EVENTS, work.event, EVENT_NEEDS), (DELIVERIES, work.delivery, DELIVERY_NEEDS))
    for name, handle, needs in doors:
        if stack.is_from(arn, name, os.environ):
            return work_records(_queues()[name], handle, records, context, needs=needs)
    raise LookupError(f"{arn} is no queue that the receiver works")


@cache
def _logging() -> None:
    log.setup("INFO", json=True)


@cache
def _clients() -> Clients:
    return Clients(os.environ)


@cache
def _queues() -> Mapping[str, SqsQueue]:
    return stack.queues(_clients(), os.environ)


@cache
def _web() -> Callable[[Event, Context], dict[str, Any]]:
    from apig_wsgi import make_lambda_handler

    from receiver.web import create_app, depths, readable

    secrets = Secrets(os.environ, AwsSecrets(_clients()))
    tokens, signing = (_refs(name) for name in (stack.WEBHOOK_TOKENS, stack.SLACK_SIGNING_SECRETS))
    queues = _queues()
    app = create_app(
        queues[EVENTS],
        lambda: readable(tokens, secrets.get).values(),
        lambda: datetime.now(UTC),
        lambda: depths(queues.values()),
        (lambda: readable(signing, secrets.get, "signing secret")) if signing else None,
    )
    return make_lambda_handler(app)


def _refs(variable: str) -> list[SecretRef]:
    texts = os.environ.get(variable, "").split(",")
    return [SecretRef.parse(text.strip()) for text in texts if text.strip()]


@cache
def _kept() -> Kept[Work]:
    from receiver.assemble import work
    from shared.lambda_runtime import Kept

    def assemble(runtime: Runtime) -> Work:
        told = _refs(stack.SLACK_SIGNING_SECRETS)
        for ref in runtime.config.slack_signing_secrets:
            if ref not in told:
                _log.error("clicks in Slack are refused: SlackSigningSecrets of the stack lacks %s", ref)
        return work(runtime)

    return Kept(assemble, os.environ, _clients())
