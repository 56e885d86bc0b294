"""The web room: an authentic webhook, or an authentic click in Slack, becomes one durable item of [events],
and nothing else happens here.

The body is not parsed before it is known whose it is: a token is found in its bytes, a signature is of its
bytes. 202 (Slack wants 200) means that it is on the disk; anything that kept it from getting there is a 503.
Every webhook that is refused is reported with its status, the reason and the sender's address.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import re
import time
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime
from typing import Any

from flask import Flask, Response, request
from werkzeug.exceptions import (
    HTTPException,
    MethodNotAllowed,
    NotFound,
    RequestEntityTooLarge,
    ServiceUnavailable,
    Unauthorized,
    UnsupportedMediaType,
)

from receiver.intake.redaction import without
from receiver.intake.slack_request import Malformed, NotAuthentic, click, identity, signed_by
from shared.queues import items
from shared.queues.ports import Queue, QueueError
from shared.secrets import Secret, SecretRef

log = logging.getLogger(__name__)

MAX_BODY = 256 * 1024  # bytes, unpacked
# The token stands in a JSON string, and in JSON that a quote inside `$Event` has broken it still does.
_TOKEN = re.compile(rb'"token"\s{0,8}:\s{0,8}"((?:[^"\\]|\\.){0,512})"')
# One level of escaping, as in JSON that stands in a string of JSON.
_ESCAPED = re.compile(rb'\\(?:(["\\/])|u0022)')
_LEVELS = 3  # the body itself, JSON in a string of it, and JSON in a string of that
_TAKEN_OUT = b'"token":"<token>"'
_MAX_MEMBERS = 16  # of a gzipped body

WEBHOOK = "/webhooks/cado"
HEALTH_KEPT = 0.5  # seconds for which an answer of `health` is given again

Refused = Callable[[int, str, str], None]  # status, reason, address of the sender


def log_refused(status: int, reason: str, sender: str) -> None:
    """On AWS a metric filter counts these lines: their message and the names of their fields are fixed."""
    log.warning("webhook refused", extra={"status": status, "reason": reason, "sender": sender})


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
    """`tokens`, and `signing` for the signing secrets of Slack's apps, are asked for with every request, so
    that a rotation needs no restart. `signing` is None where no app has one: then no button works.
    `health` is shown as it is; it raises QueueError or names `problems` where huntbridge cannot do its work.
    `refused` is told of each webhook that is not taken. `full` says why the queue takes no webhook, if so."""
    app = Flask("huntbridge", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    app.wsgi_app = _SingleSlashes(app.wsgi_app)  # type: ignore[method-assign]

    @app.post(WEBHOOK)
    def webhook() -> tuple[dict[str, str], int]:
        valid = tokens()
        if not valid:
            log.error("a webhook was refused: no token is configured (webhook.tokens, or WEBHOOK_TOKEN)")
            raise ServiceUnavailable("No webhook token is configured here; see the log.")
        body = _unpacked(request.get_data(), request.headers.get("Content-Encoding", ""))
        body = _authentic(body, request.headers.get("Authorization", ""), valid)
        if reason := full():
            raise ServiceUnavailable(reason)
        id = put(items.encode(items.Webhook(body, now())), "webhook")
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
            put(items.encode(items.SlackClick(clicked, ref, now())), "click", id)
            log.info("click %s (%s) accepted", id, clicked.action)
        return {}, 200

    def put(item: bytes, what: str, id: str = "") -> str:
        try:
            return events.put(item, id=id)
        except QueueError as error:
            log.error("a %s could not be stored: %s", what, error)
            raise ServiceUnavailable("The event could not be stored; send it again later.") from None

    kept: tuple[float, dict[str, Any]] | None = None

    @app.get("/health")
    def is_healthy() -> tuple[dict[str, Any], int]:
        nonlocal kept
        if kept is None or time.monotonic() - kept[0] > HEALTH_KEPT:
            kept = time.monotonic(), _healthy(health)
        found = kept[1]
        return found, 200 if found["status"] == "ok" else 503

    @app.errorhandler(HTTPException)
    def not_taken(error: HTTPException) -> Response:
        status = error.code or 500
        message = _WORDS.get(status) or error.description or ""
        if request.path == WEBHOOK and request.method == "POST":
            refused(status, message, request.remote_addr or "unknown")
        response = Response(json.dumps(_error(message)), status=status, mimetype="application/json")
        if isinstance(error, Unauthorized):
            response.headers["WWW-Authenticate"] = "Bearer"
        if isinstance(error, MethodNotAllowed):
            response.headers["Allow"] = ", ".join(sorted(error.valid_methods or ()))
        return response

    return app


def single_slashes(path: str) -> str:
    return "/" + "/".join(filter(None, path.split("/")))


class _SingleSlashes:
    """WSGI: `//webhooks/cado` and `/webhooks/cado/` are `/webhooks/cado`. Flask would redirect to it, at the
    host that the request names, and the token would go there."""

    def __init__(self, app: Callable[..., Any]) -> None:
        self._app = app

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        environ["PATH_INFO"] = single_slashes(environ.get("PATH_INFO", ""))
        return self._app(environ, start_response)


def _healthy(health: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    try:
        found = health()
    except QueueError as error:
        log.error("not healthy: %s", error)
        return _error("The queues cannot be read; see the log.")
    return {"status": "failing" if found.get("problems") else "ok", **found}


_WORDS = {
    401: 'The token is missing or wrong: put it into the body as "token", or send Authorization: Bearer.',
    404: "There is nothing here. Webhooks go to POST /webhooks/cado.",
    405: "Webhooks are sent with POST to /webhooks/cado.",
    413: f"The body is larger than {MAX_BODY // 1024} KiB.",
    415: "The body is compressed in a way that is not known here: send it as it is, or gzipped.",
}


_SIGNING = "signing_secret of the Slack destination; on AWS, SlackSigningSecrets of the stack as well"


def _error(message: str) -> dict[str, str]:
    return {"status": "error", "message": message}


def _unpacked(body: bytes, encoding: str) -> bytes:
    """A gzipped body unpacked, as far as the limit lets it; what is no gzip as it came. Raises
    UnsupportedMediaType where the body is compressed in another way."""
    codings = [coding.strip().lower() for coding in encoding.split(",")]
    codings = [coding for coding in codings if coding not in ("", "identity")]
    if not codings:
        return body
    if codings not in (["gzip"], ["x-gzip"]):
        raise UnsupportedMediaType
    unpacked, rest = b"", body
    for _ in range(_MAX_MEMBERS):  # a gzip file may have several
        unpack = zlib.decompressobj(wbits=31)
        try:
            unpacked += unpack.decompress(rest, MAX_BODY + 1 - len(unpacked))
        except zlib.error:
            return unpacked or body
        if len(unpacked) > MAX_BODY:
            raise RequestEntityTooLarge
        rest = unpack.unused_data
        if not rest:
            return unpacked
    raise UnsupportedMediaType


def _authentic(body: bytes, authorization: str, valid: Collection[Secret]) -> bytes:
    """The body without the token. Raises Unauthorized, after the same work for a wrong and a missing one."""
    scheme, _, bearer = authorization.partition(" ")
    candidates = {_unescaped(text) for text in _candidates(body)}
    candidates.add(bearer.strip().encode() if scheme.lower() == "bearer" else b"")
    known = [hashlib.sha256(token.reveal().encode()).digest() for token in valid]
    matches = [
        hmac.compare_digest(hashlib.sha256(candidate).digest(), digest)
        for candidate in candidates
        for digest in known
    ]
    if not any(matches):
        raise Unauthorized
    return without(_TOKEN.sub(_TAKEN_OUT, body), [token.reveal() for token in valid])


def _candidates(body: bytes) -> Iterator[bytes]:
    """Whatever stands where a token may stand, in time that grows with the body and not faster."""
    for _ in range(_LEVELS):
        yield from (match[1] for match in _TOKEN.finditer(body))
        if b"\\" not in body:
            return
        body = _ESCAPED.sub(lambda match: match[1] or b'"', body)


def _unescaped(text: bytes) -> bytes:
    try:
        return str(json.loads(b'"' + text + b'"')).encode()
    except ValueError:
        return text
