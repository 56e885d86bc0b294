"""The web application: stores an authentic webhook, or what somebody did in Slack, as an item of [events].

It does nothing else with them. A webhook is answered with 202, and a click with 200, only after its item is
durable; if the item cannot be stored the answer is 503. Each refused webhook is reported with its status, the
reason and the sender's address.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException, NotFound, ServiceUnavailable

from receiver.intake.refusal_log import log_refused
from receiver.intake.slack_request import (
    Chosen,
    Malformed,
    NotAuthentic,
    read_interaction,
    request_id,
    signed_by,
)
from receiver.intake.webhook_request import MAX_BODY
from receiver.intake.webhooks import (
    HEADERS,
    WEBHOOK,
    Refused,
    Webhooks,
    as_error,
    error_answer,
    not_stored,
    single_slashes,
)
from shared.queues import items
from shared.queues.ports import Queue, QueueError
from shared.secrets import Secret, SecretRef

log = logging.getLogger(__name__)

HEALTH_KEPT = 0.5  # seconds for which an answer of `health` is cached


def create_app(
    events: Queue,
    tokens: Callable[[], Collection[Secret]],
    now: Callable[[], datetime],
    health: Callable[[], dict[str, Any]],
    signing: Callable[[], Mapping[SecretRef, Secret]] | None = None,
    *,
    refused: Refused = log_refused,
    full: Callable[[], str] = str,
) -> Flask:
    """Make the application.

    `tokens` returns the webhook tokens, and `signing` the signing secrets of Slack apps. Both are called for
    each request, so that a rotation needs no restart. `signing` is None if no app has a signing secret; a
    click is then answered with 404. `health` returns what /health shows, with `problems` if huntbridge cannot
    do its work; it may raise QueueError. `refused` is called for each refused webhook. `full` returns why the
    queue accepts no webhooks at the moment, or an empty text.
    """
    app = Flask("huntbridge", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    app.wsgi_app = _SingleSlashes(app.wsgi_app)  # type: ignore[method-assign]

    webhooks = Webhooks(tokens, now, full, refused)

    @app.post(WEBHOOK)
    def webhook() -> tuple[dict[str, str], int]:
        encoding, authorization = (
            request.headers.get(name, "") for name in ("Content-Encoding", "Authorization")
        )
        item = webhooks.read(request.get_data(), encoding, authorization)
        return webhooks.accepted(put(item), item), 202

    @app.post("/slack/actions")
    def slack_actions() -> tuple[dict[str, str], int]:
        if signing is None:
            log.warning("click refused: no signing secret is configured", extra={"missing": _SIGNING})
            raise NotFound
        secrets = signing()
        if not secrets:
            raise ServiceUnavailable("No signing secret can be had here; see the log.")
        body = request.get_data()  # the bytes that Slack signed
        timestamp = request.headers.get("X-Slack-Request-Timestamp", "")
        signature = request.headers.get("X-Slack-Signature", "")
        try:
            ref = signed_by(body, timestamp, signature, secrets, now().timestamp())
            done = read_interaction(body)
        except NotAuthentic as error:
            log.warning("click refused", extra={"reason": error})
            return as_error("The signature is missing, wrong or too old."), 401
        except Malformed as error:
            log.warning("click refused", extra={"reason": error})
            return as_error("This is no interaction of Slack."), 400
        id = request_id(timestamp, signature)
        if isinstance(done, Chosen):
            put(items.SlackTerms(**vars(done), signed_by=ref, at=now()), id)
            log.info("terms of a closing accepted", extra={"item": id})
            return {"response_action": "clear"}, 200
        if done:
            put(items.SlackClick(done, ref, now()), id)
            log.info("click accepted", extra={"item": id, "action": done.action})
        return {}, 200

    def put(content: items.Webhook | items.SlackClick | items.SlackTerms, id: str = "") -> str:
        try:
            return events.put(items.encode(content), id=id)
        except QueueError as error:
            raise not_stored(content, error) from None

    kept: tuple[float, dict[str, Any]] | None = None

    @app.get("/health")
    def is_healthy() -> tuple[dict[str, Any], int]:
        nonlocal kept
        if kept is None or time.monotonic() - kept[0] > HEALTH_KEPT:
            kept = time.monotonic(), _healthy(health)
        answer = kept[1]
        return answer, 200 if answer["status"] == "ok" else 503

    @app.errorhandler(HTTPException)
    def refuse(error: HTTPException) -> Response:
        if request.path == WEBHOOK and request.method == "POST":
            webhooks.refused(error, request.remote_addr or "unknown")
        status, body, headers = error_answer(error)
        return Response(body, status, headers, mimetype="application/json")

    @app.after_request
    def finish(response: Response) -> Response:
        response.headers.extend(HEADERS)
        return response

    return app


class _SingleSlashes:
    """WSGI: treats `//webhooks/cado` and `/webhooks/cado/` as `/webhooks/cado`. Flask would redirect instead,
    to the host that the request names, and the token would be sent there."""

    def __init__(self, app: Callable[..., Any]) -> None:
        self._app = app

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        environ["PATH_INFO"] = single_slashes(environ.get("PATH_INFO", ""))
        return self._app(environ, start_response)


def _healthy(health: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    try:
        answer = health()
    except QueueError as error:
        log.error("not healthy: the queues cannot be read", extra={"reason": error})
        return as_error("The queues cannot be read; see the log.")
    return {"status": "failing" if answer.get("problems") else "ok", **answer}


_SIGNING = "signing_secret of the Slack destination; on AWS, SlackSigningSecrets of the stack as well"
