"""The web process of `huntbridge serve`: accepts all connections, and stores webhooks in the inbox.

`shared.local.web_process` starts it as `python -m cli.web_process DESCRIPTOR`. It never opens the database.
It reads neither the configuration nor anything else that only the other process needs, so it starts fast.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from werkzeug.exceptions import HTTPException

from receiver.intake.refusal_log import QuietRefusalLog
from receiver.intake.sender_secrets import accepted
from receiver.intake.webhook_request import MAX_BODY
from receiver.intake.webhooks import (
    HEADERS,
    WEBHOOK,
    Webhooks,
    error_answer,
    not_stored,
    single_slashes,
)
from shared.hosting import log as logs
from shared.hosting.local_secrets import local_secrets
from shared.local import web_messages
from shared.local.inbox import Inbox, Record
from shared.local.web_counts import WebCounts
from shared.local.web_loop import Answer, Request, WebLoop
from shared.local.web_parent import Parent
from shared.metrics.instruments import install
from shared.queues import items
from shared.queues.ports import QueueError
from shared.secrets import Secret, SecretRef

# The loggers whose warnings anybody may cause.
TALKATIVE = ("receiver.intake.refusal_log", "receiver.intake.sender_secrets", "receiver.intake.webhooks")
_JSON = ("Content-Type", "application/json")


@dataclass(frozen=True)
class Given:
    """What `serve` tells its web process."""

    inbox: str  # the folder
    tokens: list[str]  # references to the webhook tokens; the only part that may change later
    proxy: str | None
    log_level: str
    log_json: bool
    version: str

    def encode(self) -> bytes:
        return json.dumps(asdict(self)).encode()

    @classmethod
    def decode(cls, text: bytes) -> Given:
        return cls(**json.loads(text))


class _Accepting:
    """The decisions about webhooks, for the loop."""

    def __init__(self, webhooks: Webhooks, inbox: Inbox, stored: Callable[[], None]) -> None:
        self._webhooks, self._inbox, self._stored = webhooks, inbox, stored

    def each_second(self) -> None:
        if self._inbox.close_if_idle():
            self._stored()  # the segment can be deleted

    def takes(self, method: str, path: str) -> bool:
        return method == "POST" and single_slashes(path) == WEBHOOK

    def store(self, requests: Sequence[Request]) -> list[Callable[[str], Answer]]:
        read = [self._read(request) for request in requests]
        accepted = {number: item for number, item in enumerate(read) if isinstance(item, items.Webhook)}
        records = {number: _record(item) for number, item in accepted.items()}
        failed: HTTPException | None = None
        if records:
            try:
                self._inbox.append(list(records.values()))
            except QueueError as error:
                failed = not_stored(next(iter(accepted.values())), error)
            else:
                self._stored()

        def answer(number: int, result: items.Webhook | HTTPException) -> Callable[[str], Answer]:
            if isinstance(result, HTTPException):
                return lambda sender: self._refuse(result, sender)
            if failed:
                return lambda sender: self._refuse(failed, sender)
            return lambda _: self._accept(records[number].id, result)

        return [answer(number, result) for number, result in enumerate(read)]

    def _read(self, request: Request) -> items.Webhook | HTTPException:
        try:
            return self._webhooks.read(request.body, request.content_encoding, request.authorization)
        except HTTPException as error:
            return error

    def _accept(self, id: str, webhook: items.Webhook) -> Answer:
        body = json.dumps(self._webhooks.accepted(id, webhook)).encode()
        return Answer("202 Accepted", [_JSON, *HEADERS], body)

    def _refuse(self, error: HTTPException, sender: str) -> Answer:
        self._webhooks.refused(error, sender)
        status, body, headers = error_answer(error)
        return Answer(f"{status} {error.name}", [_JSON, *HEADERS, *headers], body)


def _record(webhook: items.Webhook) -> Record:
    return Record(secrets.token_hex(8), webhook.received_at.timestamp(), items.encode(webhook))


class _Senders:
    """The webhook tokens of the configuration in force. Secrets in AWS are read anew with each of them."""

    def __init__(self, given: Given) -> None:
        self.renew(given)

    def renew(self, given: Given) -> None:
        self._refs, self._secrets = [SecretRef(ref) for ref in given.tokens], local_secrets(os.environ)

    def tokens(self) -> list[Secret]:
        return accepted(self._refs, self._secrets.get)


def main() -> None:
    """Runs until the pair of sockets ends, or `serve` says so."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):  # `serve` gets them as well
        signal.signal(number, signal.SIG_IGN)
    pair = socket.socket(fileno=int(sys.argv[1]))
    message, descriptors, _, _ = socket.recv_fds(pair, web_messages.MOST_BYTES, 64)
    if not message:
        return
    given = Given.decode(message)
    sockets = [socket.socket(fileno=descriptor) for descriptor in descriptors]
    logs.setup(given.log_level, json=given.log_json, version=given.version)
    with logs.once_a_minute(*TALKATIVE):
        _serve(given, pair, sockets)


def _serve(given: Given, pair: socket.socket, sockets: list[socket.socket]) -> None:
    counts, quiet, inbox = WebCounts(), QuietRefusalLog(), Inbox(Path(given.inbox))
    install(counts)
    senders = _Senders(given)

    def refused(status: int, reason: str, sender: str) -> None:
        counts.refused(status, reason, sender)
        quiet(status, reason, sender)

    parent = Parent(pair, counts, lambda message: senders.renew(Given.decode(message)))

    def room() -> str:
        return parent.full or inbox.full()

    webhooks = Webhooks(senders.tokens, lambda: datetime.now(UTC), room, refused)
    WebLoop(
        _Accepting(webhooks, inbox, parent.stored),
        parent,
        sockets,
        max_body=MAX_BODY,
        proxy=given.proxy,
        on_refusal=webhooks.refused_early,
    ).run()
    inbox.close()
    parent.tell_counts()


if __name__ == "__main__":
    main()
