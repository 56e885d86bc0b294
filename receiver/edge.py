"""The Lambda function that faces the internet: API Gateway calls it, and the web application answers.

Everything that the first request needs is imported and made beforehand. It contains no secret, open
connection or time, so a snapshot of it (SnapStart) can be used at any later time.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from typing import Any

from apig_wsgi import make_lambda_handler

import shared.hosting.import_without_gc as import_without_gc
from receiver.intake.refusal_items import RefusalItems
from receiver.intake.sender_secrets import accepted, readable
from receiver.web import create_app
from shared.aws import stack
from shared.aws.clients import Clients
from shared.aws.secrets import AwsSecrets, service_of
from shared.hosting import lambda_start, log, metrics
from shared.hosting.lambda_records import Context
from shared.queues.ports import EVENTS
from shared.secrets import Secret, Secrets

Event = dict[str, Any]

_SECRETS = (stack.WEBHOOK_TOKENS, stack.SLACK_SIGNING_SECRETS)


def handler(event: Event, context: Context) -> dict[str, Any]:
    with metrics.flushed(context.function_name):
        return _web()(event, context)


@cache
def _clients() -> Clients:
    return Clients(os.environ)


@cache
def _web() -> Callable[[Event, Context], dict[str, Any]]:
    log.setup("INFO", json=True)
    metrics.record()
    secrets = Secrets(os.environ, lambda: AwsSecrets(_clients()))
    refs, signing = (stack.refs(os.environ, name) for name in _SECRETS)

    def tokens() -> list[Secret]:
        return accepted(refs, secrets.get)

    def health() -> dict[str, Any]:
        """Anybody may call this, so it reads no queue. The dashboard shows the queues."""
        return {"problems": [] if tokens() else ["no webhook token can be read"]}

    def now() -> datetime:
        return datetime.now(UTC)

    events = stack.queue(_clients(), EVENTS, os.environ)
    app = create_app(
        events,
        tokens,
        now,
        health,
        (lambda: readable(signing, secrets.get, "signing secret")) if signing else None,
        refused=RefusalItems(events, now),
    )
    answer = make_lambda_handler(_with_source(app))
    return lambda event, context: answer(_at_root(event), context)


def _with_source(app: Callable[..., Any]) -> Callable[..., Any]:
    """WSGI: sets the sender's address from API Gateway. The sender could forge `X-Forwarded-For`."""

    def with_source(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        request = environ.get("apig_wsgi.request_context", {})
        environ["REMOTE_ADDR"] = (request.get("identity") or request.get("http") or {}).get("sourceIp", "")
        return app(environ, start_response)

    return with_source


def _at_root(event: Event) -> Event:
    """The event with the path that the application's routes know. API Gateway puts the base path of a custom
    domain before it in `path` (REST API), and a named stage before it in `rawPath` (HTTP API)."""
    second = event.get("version") == "2.0"
    key = "rawPath" if second else "path"
    path, stage = event[key], (event.get("requestContext") or {}).get("stage", "")
    route = event.get("routeKey", "").partition(" ")[2] if second else event.get("resource") or ""
    if not route.startswith("/"):  # the route $default, or a missing route, does not contain the path
        route = path.removeprefix(f"/{stage}") if path.startswith(f"/{stage}/") else path
    return event | {key: _filled_in(route, event) or path}


def _filled_in(route: str, event: Event) -> str:
    """The route with its parameters filled in, such as `/{proxy+}`. Empty if a parameter is missing."""
    for name, value in (event.get("pathParameters") or {}).items():
        route = route.replace(f"{{{name}+}}", value).replace(f"{{{name}}}", value)
    return "" if "{" in route else route


def _prepare() -> None:
    refs = [ref for name in _SECRETS for ref in stack.refs(os.environ, name)]
    _web()
    _clients().prepare("sqs", *{service for ref in refs if (service := service_of(ref))})


lambda_start.prepare(_prepare)
import_without_gc.resume()
