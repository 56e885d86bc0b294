"""The web room: an authentic webhook, or an authentic click in Slack, becomes one durable item of [events],
and nothing else happens here.

The body is not parsed before it is known whose it is: a token is found in its bytes, a signature is of its
bytes. 202 (Slack wants 200) means that it is on the disk; anything that kept it from getting there is a 503.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import re
import zlib
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

from flask import Flask, Response, request
from werkzeug.exceptions import (
    HTTPException,
    NotFound,
    RequestEntityTooLarge,
    ServiceUnavailable,
    Unauthorized,
)

from receiver.slack_request import Malformed, NotAuthentic, click, identity, signed_by
from shared import items
from shared.log import redact
from shared.queues import Queue, QueueError
from shared.secrets import Secret, SecretError, SecretRef

log = logging.getLogger(__name__)

MAX_BODY = 256 * 1024  # bytes, unpacked
# The token stands in a JSON string, and in JSON that a quote inside `$Event` has broken it still does.
_TOKEN = re.compile(rb'"token"\s{0,8}:\s{0,8}"((?:[^"\\]|\\.){0,512})"')
_MAX_CANDIDATES = 8
_TAKEN_OUT = b'"token":"<token>"'


def create_app(
    events: Queue,
    tokens: Callable[[], Collection[Secret]],
    now: Callable[[], datetime],
    health: Callable[[], dict[str, Any]],
    signing: Callable[[], Mapping[SecretRef, Secret]] | None = None,
) -> Flask:
    """`tokens`, and `signing` for the signing secrets of Slack's apps, are asked for with every request, so
    that a rotation needs no restart. `signing` is None where no app has one: then no button works.
    `health` is shown as it is; it raises where huntbridge cannot do its work."""
    app = Flask("huntbridge")
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY

    @app.post("/webhooks/cado")
    def webhook() -> tuple[dict[str, str], int]:
        valid = tokens()
        if not valid:
            log.error("a webhook was refused: no token is configured (webhook.tokens, or WEBHOOK_TOKEN)")
            raise ServiceUnavailable("No webhook token is configured here; see the log.")
        body = _unpacked(request.get_data(), request.headers.get("Content-Encoding", ""))
        body = _authentic(body, request.headers.get("Authorization", ""), valid)
        id = put(items.webhook(body, now().isoformat()), "webhook")
        log.info("webhook accepted as event %s, %d bytes", id, len(body))
        return {"status": "accepted", "id": id}, 202

    @app.post("/slack/actions")
    def slack_actions() -> tuple[dict[str, str], int]:
        if signing is None:
            log.warning("a click in Slack was refused: no signing secret is configured (%s)", _SIGNING)
            raise NotFound
        secrets = signing()
        if not secrets:
            raise ServiceUnavailable("No signing secret can be had here; see the log.")
        body = request.get_data()  # as it was signed: before anything is parsed or unpacked
        timestamp = request.headers.get("X-Slack-Request-Timestamp", "")
        signature = request.headers.get("X-Slack-Signature", "")
        try:
            ref = signed_by(body, timestamp, signature, secrets, now().timestamp())
            clicked = click(body)
        except NotAuthentic as error:
            log.warning("a click in Slack was refused: %s", error)
            return _error("The signature is missing, wrong or too old."), 401
        except Malformed as error:
            log.warning("a click in Slack was refused: %s", error)
            return _error("This is no interaction of Slack."), 400
        if clicked:
            id = identity(timestamp, signature)
            put(items.click(clicked, ref, now().isoformat()), "click", id)
            log.info("click %s (%s) accepted", id, clicked["action"])
        return {}, 200

    def put(item: bytes, what: str, id: str = "") -> str:
        try:
            return events.put(item, id=id)
        except QueueError as error:
            log.error("a %s could not be stored: %s", what, error)
            raise ServiceUnavailable("The event could not be stored; send it again later.") from None

    @app.get("/health")
    def is_healthy() -> dict[str, Any]:
        try:
            return {"status": "ok", **health()}
        except QueueError as error:
            log.error("not healthy: %s", error)
            raise ServiceUnavailable("The queues cannot be read; see the log.") from None

    @app.errorhandler(HTTPException)
    def refused(error: HTTPException) -> Response:
        response = Response(
            json.dumps(_error(_WORDS.get(error.code or 0) or error.description or "")),
            status=error.code,
            mimetype="application/json",
        )
        if isinstance(error, Unauthorized):
            response.headers["WWW-Authenticate"] = "Bearer"
        return response

    return app


_WORDS = {
    401: 'The token is missing or wrong: put it into the body as "token", or send Authorization: Bearer.',
    404: "There is nothing here. Webhooks go to POST /webhooks/cado.",
    405: "Webhooks are sent with POST to /webhooks/cado.",
    413: f"The body is larger than {MAX_BODY // 1024} KiB.",
}


_SIGNING = "signing_secret of the Slack destination; on AWS, SlackSigningSecrets of the stack as well"


def _error(message: str) -> dict[str, str]:
    return {"status": "error", "message": message}


def readable(
    refs: Iterable[SecretRef], secret: Callable[[SecretRef], Secret], what: str = "webhook token"
) -> dict[SecretRef, Secret]:
    """Those that can be had. One that cannot is only told of where there is no other: during a rotation the
    previous one may be gone already, and without one it was never there."""
    found, errors = {}, []
    for ref in refs:
        try:
            found[ref] = secret(ref)
        except SecretError as missing:
            errors.append(missing)
        else:
            redact(found[ref])
    if not found:
        for error in errors:
            log.error("a %s cannot be had: %s", what, error)
    return found


def depths(queues: Iterable[Queue]) -> dict[str, Any]:
    """For `health`. Raises QueueError."""
    depth = {queue.name: queue.depth() for queue in queues}
    return {name: {"waiting": found.living, "dead": found.dead} for name, found in depth.items()}


def _unpacked(body: bytes, encoding: str) -> bytes:
    """A gzipped body unpacked, as far as the limit lets it; a broken one as it came."""
    if encoding.strip().lower() not in ("gzip", "x-gzip"):
        return body
    unpack = zlib.decompressobj(wbits=31)
    try:
        unpacked = unpack.decompress(body, MAX_BODY + 1)
    except zlib.error:
        return body
    if len(unpacked) > MAX_BODY:
        raise RequestEntityTooLarge
    return unpacked


def _authentic(body: bytes, authorization: str, valid: Collection[Secret]) -> bytes:
    """The body without the token. Raises Unauthorized, after the same work for a wrong and a missing one."""
    scheme, _, bearer = authorization.partition(" ")
    found = [match[1] for match in _TOKEN.finditer(body)][:_MAX_CANDIDATES]
    candidates = [_unescaped(text) for text in found]
    candidates.append(bearer.strip().encode() if scheme.lower() == "bearer" else b"")
    known = [hashlib.sha256(token.reveal().encode()).digest() for token in valid]
    matches = [
        hmac.compare_digest(hashlib.sha256(candidate).digest(), digest)
        for candidate in candidates
        for digest in known
    ]
    if not any(matches):
        raise Unauthorized
    return _TOKEN.sub(_TAKEN_OUT, body)


def _unescaped(text: bytes) -> bytes:
    try:
        return str(json.loads(b'"' + text + b'"')).encode()
    except ValueError:
        return text
