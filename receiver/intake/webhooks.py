"""Decides about a webhook's request, for every server: an item to store, or a refusal.

The Flask application and the loop of the web process (`cli/web_process.py`) share every line of this. It
imports little, so that both start fast.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Collection
from datetime import datetime

from werkzeug.exceptions import HTTPException, MethodNotAllowed, ServiceUnavailable, Unauthorized

from receiver.intake.webhook_request import MAX_BODY, read_webhook
from shared.metrics.definitions import ACCEPTED, NO_TOKEN, NOT_STORED, QUEUE_FULL, WEBHOOKS, refusal_of
from shared.queues import items
from shared.queues.content import Content
from shared.queues.ports import QueueError
from shared.secrets import Secret

log = logging.getLogger(__name__)

WEBHOOK = "/webhooks/cado"
# Of every answer. A browser shows it as it is, and runs nothing in it.
HEADERS = (
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ("X-Content-Type-Options", "nosniff"),
)

Refused = Callable[[int, str, str], None]  # status, reason, address of the sender

_MESSAGES = {
    401: 'The token is missing or wrong: put it into the body as "token", or send Authorization: Bearer.',
    404: "There is nothing here. Webhooks go to POST /webhooks/cado.",
    405: "Webhooks are sent with POST to /webhooks/cado.",
    413: f"The body is larger than {MAX_BODY // 1024} KiB.",
    415: "The body is compressed in a way that is not known here: send it as it is, or gzipped.",
}


class Unavailable(ServiceUnavailable):
    """A 503. `outcome` is its value in the metric WEBHOOKS, since its status does not say why."""

    def __init__(self, outcome: str, description: str) -> None:
        super().__init__(description)
        self.outcome = outcome


class Webhooks:
    def __init__(
        self,
        tokens: Callable[[], Collection[Secret]],
        now: Callable[[], datetime],
        full: Callable[[], str],
        refused: Refused,
    ) -> None:
        """As in `receiver.web.create_app`."""
        self._tokens, self._now, self._full, self._refused = tokens, now, full, refused

    def read(self, data: bytes, content_encoding: str, authorization: str) -> items.Webhook:
        """The item of a webhook. The strings are headers of the request. Raises HTTPException."""
        valid = self._tokens()
        if not valid:
            log.error("webhook refused: no token is configured (webhook.tokens, or WEBHOOK_TOKEN)")
            raise Unavailable(NO_TOKEN, "No webhook token is configured here; see the log.")
        body = read_webhook(data, content_encoding, authorization, valid)
        if reason := self._full():
            raise Unavailable(QUEUE_FULL, reason)
        return items.Webhook(body, self._now())

    def accepted(self, id: str, webhook: items.Webhook) -> dict[str, str]:
        """Count a webhook that is stored. Returns the answer, whose status is 202."""
        WEBHOOKS.add(outcome=ACCEPTED)
        log.info("webhook accepted", extra={"event": id, "bytes": len(webhook.body)})
        return {"status": "accepted", "id": id}

    def refused(self, error: HTTPException, sender: str) -> None:
        """Count a webhook that is answered with this error, and report it."""
        status = error.code or 500
        WEBHOOKS.add(outcome=error.outcome if isinstance(error, Unavailable) else refusal_of(status))
        self._refused(status, message_of(error), sender)

    def refused_early(self, path: str, status: int, reason: str, sender: str) -> None:
        """The same for a POST to any path that a server refuses before its request is complete."""
        if single_slashes(path) == WEBHOOK:
            WEBHOOKS.add(outcome=refusal_of(status))
            self._refused(status, reason, sender)


def not_stored(content: Content, error: QueueError) -> Unavailable:
    log.error("item not stored", extra={"kind": content.kind, "reason": error})
    return Unavailable(NOT_STORED, "The event could not be stored; send it again later.")


def message_of(error: HTTPException) -> str:
    return _MESSAGES.get(error.code or 500) or error.description or ""


def error_answer(error: HTTPException) -> tuple[int, bytes, list[tuple[str, str]]]:
    """Status, body in JSON and own headers of the answer."""
    headers = []
    if isinstance(error, Unauthorized):
        headers.append(("WWW-Authenticate", "Bearer"))
    if isinstance(error, MethodNotAllowed):
        headers.append(("Allow", ", ".join(sorted(error.valid_methods or ()))))
    return error.code or 500, json.dumps(as_error(message_of(error))).encode(), headers


def as_error(message: str) -> dict[str, str]:
    return {"status": "error", "message": message}


def single_slashes(path: str) -> str:
    return "/" + "/".join(filter(None, path.split("/")))
