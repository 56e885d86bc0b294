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
from shared.secrets import Secret, SecretRef, Secrets

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

    from receiver.tokens import accepted, readable
    from receiver.web import create_app

    secrets = Secrets(os.environ, AwsSecrets(_clients()))
    refs, signing = (_refs(name) for name in (stack.WEBHOOK_TOKENS, stack.SLACK_SIGNING_SECRETS))

    def tokens() -> list[Secret]:
        return accepted(refs, secrets.get)

    def health() -> dict[str, Any]:
        """What this function alone can tell, since anybody may ask: no queue is asked. The dashboard shows
        the queues."""
        return {"problems": [] if tokens() else ["no webhook token can be read"]}

    app = create_app(
        _queues()[EVENTS],
        tokens,
        lambda: datetime.now(UTC),
        health,
        (lambda: readable(signing, secrets.get, "signing secret")) if signing else None,
    )
    answer = make_lambda_handler(_with_source(app))
    return lambda event, context: answer(_at_root(event), context)


def _with_source(app: Callable[..., Any]) -> Callable[..., Any]:
    """WSGI: the sender's address as API Gateway saw it; the sender can write `X-Forwarded-For` itself."""

    def with_source(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        request = environ.get("apig_wsgi.request_context", {})
        environ["REMOTE_ADDR"] = (request.get("identity") or request.get("http") or {}).get("sourceIp", "")
        return app(environ, start_response)

    return with_source


def _at_root(event: Event) -> Event:
    """The event with the path that the API's routes know: a custom domain's base path stands before it in
    `path` (REST API), and a named stage in `rawPath` (HTTP API)."""
    if event.get("version") == "2.0":
        stage = event.get("requestContext", {}).get("stage", "")
        path = event["rawPath"]
        route = event.get("routeKey", "").partition(" ")[2]
        if not route and path.startswith(f"/{stage}/"):  # the route $default says nothing of the path
            route = path.removeprefix(f"/{stage}")
        return event | {"rawPath": _filled_in(route, event) or path}
    return event | {"path": _filled_in(event.get("resource", ""), event) or event["path"]}


def _filled_in(route: str, event: Event) -> str:
    """`/{proxy+}` with the path that it stands for. Empty where a part is not known."""
    for name, value in (event.get("pathParameters") or {}).items():
        route = route.replace(f"{{{name}+}}", value).replace(f"{{{name}}}", value)
    return "" if "{" in route else route


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
