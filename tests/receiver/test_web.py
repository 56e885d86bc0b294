"""Whole requests in, whole answers out, and what is in the queue afterwards."""

from __future__ import annotations

import base64
import gzip
import json
import logging
from datetime import UTC, datetime

import pytest

from receiver.web import MAX_BODY, create_app
from shared.queues import QueueError
from shared.secrets import Secret

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
UNAUTHORIZED = {
    "status": "error",
    "message": (
        'The token is missing or wrong: put it into the body as "token", or send Authorization: Bearer.'
    ),
}
BEARER = {"Authorization": "Bearer current"}


class Events:
    """A queue that remembers, or fails."""

    name = "events"

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.broken = False

    def put(self, body: bytes, *, id: str = "", delay: float = 0) -> str:
        if self.broken:
            raise QueueError("the queue events cannot be written: database or disk is full")
        self.bodies.append(body)
        return f"event-{len(self.bodies)}"

    @property
    def raw(self) -> list[bytes]:
        return [base64.b64decode(json.loads(body)["webhook"]) for body in self.bodies]


@pytest.fixture
def events():
    return Events()


@pytest.fixture
def client(events):
    tokens = [Secret("current"), Secret("previous")]
    return create_app(events, lambda: tokens, lambda: NOW, lambda: {"events": {"waiting": 0}}).test_client()


def post(client, body, **headers):
    answer = client.post("/webhooks/cado", data=body, headers=headers)
    return answer.status_code, answer.get_json()


def test_an_authentic_webhook_is_stored_byte_for_byte_without_its_token(client, events):
    body = (
        b'{"token": "current", "title": "PROCESSING WITH ALARMS", "message": "5 alarms\xff in project id 3"}'
    )
    assert post(client, body) == (202, {"status": "accepted", "id": "event-1"})
    assert events.raw == [body.replace(b'"token": "current"', b'"token":"<token>"')]
    assert json.loads(events.bodies[0])["received_at"] == "2026-11-24T03:00:00+00:00"
    assert b"current" not in events.bodies[0]


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b'{"token":"current"}', {}),
        (b'{"token":"previous"}', {}),
        (b'{"a":[{"token" :  "current"}]}', {}),
        (b'{"token":"c\\u0075rrent"}', {}),
        (b'{"token": "current", "message": "Command "./x" failed"}', {}),  # a quote broke the JSON
        (b"not JSON at all", BEARER),
        (b"", BEARER),
        (b'{"token":"wrong"}', BEARER),
        (b'{"token":"wrong"}', {"Authorization": "bearer   previous "}),
        (b"title=a&message=b", {**BEARER, "Content-Type": "application/x-www-form-urlencoded"}),
        (b"[" * 100_000, BEARER),
        ('{"token":"current"}'.encode("utf-16"), BEARER),
    ],
)
def test_accepted(client, events, body, headers):
    assert post(client, body, **headers) == (202, {"status": "accepted", "id": "event-1"})
    assert len(events.raw) == 1


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"", {}),
        (b"{}", {}),
        (b'{"token": "wrong"}', {}),
        (b'{"token": ""}', {}),
        (b'{"token": null}', {}),
        (b'{"token": ["current"]}', {}),
        (b'{"nottoken": "current"}', {}),
        (b'{"token": "current', {}),
        (b"current", {}),
        (b"token=current", {"Content-Type": "application/x-www-form-urlencoded"}),
        (b"\xff\xfe\x00", {}),
        (b"{}", {"Authorization": "Bearer wrong"}),
        (b"{}", {"Authorization": "Bearer "}),
        (b"{}", {"Authorization": "Basic Y3VycmVudDo="}),
        (b"{}", {"Authorization": "current"}),
        (
            b'{"token":"x",' * 9 + b'"token":"current"}',
            {},
        ),  # the template puts it first; nobody looks for ever
    ],
)
def test_refused_with_the_same_answer_whatever_is_wrong(client, events, body, headers):
    assert post(client, body, **headers) == (401, UNAUTHORIZED)
    assert events.bodies == []


def test_without_a_configured_token_every_webhook_is_refused_and_the_log_says_why(events, caplog):
    client = create_app(events, list, lambda: NOW, dict).test_client()
    with caplog.at_level(logging.ERROR):
        assert post(client, b'{"token": ""}') == (
            503,
            {"status": "error", "message": "No webhook token is configured here; see the log."},
        )
    assert "no token is configured (webhook.tokens, or WEBHOOK_TOKEN)" in caplog.text
    assert events.bodies == []


def test_a_body_that_is_too_large_is_refused_and_one_of_the_limit_is_not(client, events):
    too_large = (413, {"status": "error", "message": "The body is larger than 256 KiB."})
    assert post(client, b"x" * (MAX_BODY + 1), **BEARER) == too_large
    assert post(client, b"x" * 10_000_000, **BEARER) == too_large
    assert events.bodies == []
    assert post(client, b"x" * MAX_BODY, **BEARER)[0] == 202


def test_a_gzipped_body_is_unpacked_within_the_limit(client, events):
    body = b'{"token": "current", "title": "x"}'
    assert post(client, gzip.compress(body), **{"Content-Encoding": "gzip"})[0] == 202
    assert events.raw == [b'{"token":"<token>", "title": "x"}']
    bomb = gzip.compress(b"\0" * 50_000_000)
    assert len(bomb) < MAX_BODY
    assert post(client, bomb, **{"Content-Encoding": "gzip", **BEARER})[0] == 413
    assert post(client, b"not gzip", **{"Content-Encoding": "gzip"}) == (401, UNAUTHORIZED)
    assert post(client, b"not gzip", **{"Content-Encoding": "gzip", **BEARER})[0] == 202
    assert events.raw[-1] == b"not gzip"


def test_what_could_not_be_stored_is_not_accepted(client, events):
    events.broken = True
    assert post(client, b'{"token": "current"}') == (
        503,
        {"status": "error", "message": "The event could not be stored; send it again later."},
    )
    events.broken = False
    assert post(client, b'{"token": "current"}')[0] == 202


def test_health(client, events):
    answer = client.get("/health")
    assert (answer.status_code, answer.get_json()) == (200, {"status": "ok", "events": {"waiting": 0}})

    def broken():
        raise QueueError("the queue events cannot be read: disk I/O error")

    client = create_app(events, lambda: [Secret("t")], lambda: NOW, broken).test_client()
    answer = client.get("/health")
    assert (answer.status_code, answer.get_json()) == (
        503,
        {"status": "error", "message": "The queues cannot be read; see the log."},
    )


@pytest.mark.parametrize(
    ("method", "path", "status", "message"),
    [
        ("GET", "/webhooks/cado", 405, "Webhooks are sent with POST to /webhooks/cado."),
        ("POST", "/", 404, "There is nothing here. Webhooks go to POST /webhooks/cado."),
    ],
)
def test_other_requests_are_told_where_webhooks_go(client, method, path, status, message):
    answer = client.open(path, method=method)
    assert (answer.status_code, answer.get_json()) == (status, {"status": "error", "message": message})
