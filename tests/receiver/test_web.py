"""Whole requests in, whole answers out, and what is in the queue afterwards."""

from __future__ import annotations

import base64
import gzip
import json
import logging
import zlib
from datetime import UTC, datetime

import pytest

from receiver.intake.webhook_request import MAX_BODY
from receiver.web import create_app
from shared.queues.ports import QueueError
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
def refused():
    return []


@pytest.fixture
def client(events, refused):
    return create_app(
        events,
        lambda: [Secret("current"), Secret("previous")],
        lambda: NOW,
        lambda: {"events": {"waiting": 0}},
        refused=lambda *what: refused.append(what),
    ).test_client()


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
    "body",
    [
        b'{"token": "current", "message": "see current"}',
        b'{"token": "current", "title": "previous", "x": {"current": ["current"]}}',
        b'{"token": "current", "link": "https://x.example/?t=curren%74&u=%63urrent"}',
        b'{"token": "current", "message": "{\\"token\\": \\"c\\u0075rrent\\"}"}',
        json.dumps({"message": "current"}).encode("utf-16"),
    ],
)
def test_the_token_is_not_stored_wherever_the_body_repeats_it(client, events, body):
    assert post(client, body, **BEARER)[0] == 202
    (raw,) = events.raw
    for form in (b"current", b"previous", b"urrent", b"curren", "current".encode("utf-16-le")):
        assert form not in raw


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
        (b'{"token":"x",' * 9_000 + b'"token":"current"}', {}),
        (json.dumps({"payload": json.dumps({"token": "current"})}).encode(), {}),
        (json.dumps({"a": json.dumps({"b": json.dumps({"token": "current"}, indent=1)})}).encode(), {}),
        (rb'{"payload": "{\u0022token\u0022:\u0022current\u0022}"}', {}),
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
        (rb'{"token":"{\"token\":\"wrong\"}"}', {}),
        (b'{"token":"x",' * 9 + b"}", {}),
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


def test_a_gzipped_body_may_have_several_members_but_not_any_number(client, events):
    body = b'{"title": "a long title", "token": "current"}'
    members = gzip.compress(body[:20]) + gzip.compress(body[20:])
    assert post(client, members, **{"Content-Encoding": "gzip"})[0] == 202
    assert events.raw == [b'{"title": "a long title", "token":"<token>"}']
    assert post(client, gzip.compress(b"") * 9_000, **{"Content-Encoding": "gzip", **BEARER})[0] == 415


@pytest.mark.parametrize("coding", ["deflate", "br", "zstd", "gzip, gzip", "aes128gcm"])
def test_a_body_that_is_compressed_in_another_way_is_refused_as_such(client, events, refused, coding):
    status, answer = post(client, zlib.compress(b'{"token": "current"}'), **{"Content-Encoding": coding})
    assert (status, answer["message"][:46]) == (415, "The body is compressed in a way that is not kn")
    assert refused == [(415, answer["message"], "127.0.0.1")]
    assert events.bodies == []


@pytest.mark.parametrize("coding", ["", "identity", "Identity"])
def test_a_body_that_is_not_compressed_may_be_said_to_be_so(client, coding):
    assert post(client, b'{"token": "current"}', **{"Content-Encoding": coding})[0] == 202


def test_the_token_is_taken_out_wherever_it_stands_in_an_authentic_body(events):
    token = 'tok-"en"-1234567890'
    client = create_app(events, lambda: [Secret(token)], lambda: NOW, dict).test_client()
    inner = json.dumps({"token": token, "text": f"echo {token}"})
    body = json.dumps({"token": token, "message": f"a quote of {token}", "inner": inner}).encode()
    assert post(client, body)[0] == 202
    assert b"1234567890" not in events.raw[0]
    assert events.raw[0].count(b"<token>") == 4


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
        ("HEAD", "/webhooks/cado", 405, None),
        ("OPTIONS", "/webhooks/cado", 405, "Webhooks are sent with POST to /webhooks/cado."),
        ("TRACE", "/webhooks/cado", 405, "Webhooks are sent with POST to /webhooks/cado."),
        ("OPTIONS", "/health", 405, "Webhooks are sent with POST to /webhooks/cado."),
        ("POST", "/", 404, "There is nothing here. Webhooks go to POST /webhooks/cado."),
        ("GET", "/static/x.txt", 404, "There is nothing here. Webhooks go to POST /webhooks/cado."),
        ("POST", "/webhooks/cado/x", 404, "There is nothing here. Webhooks go to POST /webhooks/cado."),
    ],
)
def test_other_requests_are_told_where_webhooks_go(client, method, path, status, message):
    answer = client.open(path, method=method)
    said = None if message is None else {"status": "error", "message": message}
    assert (answer.status_code, answer.get_json(silent=True)) == (status, said)


@pytest.mark.parametrize(
    "path", ["//webhooks/cado", "/webhooks//cado", "/webhooks/cado/", "///webhooks///cado//"]
)
def test_a_doubled_slash_is_taken_as_one_and_never_redirected(client, path):
    answer = client.post("/", data=b'{"token": "current"}', environ_overrides={"PATH_INFO": path})
    assert (answer.status_code, "Location" in answer.headers) == (202, False)


def test_a_browser_runs_nothing_in_an_answer(client):
    for answer in (client.get("/"), client.get("/health"), client.post("/webhooks/cado", data=b"{}")):
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"


def test_each_refused_webhook_is_reported_with_its_reason_and_sender(client, events, refused):
    sender = {"REMOTE_ADDR": "203.0.113.7"}
    client.post(
        "/webhooks/cado", data=b"{}", headers={"X-Forwarded-For": "1.2.3.4"}, environ_overrides=sender
    )
    client.post("/webhooks/cado", data=b"x" * (MAX_BODY + 1), environ_overrides=sender)
    events.broken = True
    client.post("/webhooks/cado", data=b'{"token": "current"}', environ_overrides=sender)
    client.post("/elsewhere", data=b"{}", environ_overrides=sender)
    client.get("/webhooks/cado", environ_overrides=sender)
    assert refused == [
        (401, UNAUTHORIZED["message"], "203.0.113.7"),
        (413, "The body is larger than 256 KiB.", "203.0.113.7"),
        (503, "The event could not be stored; send it again later.", "203.0.113.7"),
    ]


def test_by_default_a_refused_webhook_is_one_line_of_the_log_that_a_metric_filter_can_count(events, caplog):
    client = create_app(events, lambda: [Secret("current")], lambda: NOW, dict).test_client()
    client.post("/webhooks/cado", data=b"{}")
    (line,) = [record for record in caplog.records if record.message == "webhook refused"]
    assert (line.status, line.reason, line.sender) == (401, UNAUTHORIZED["message"], "127.0.0.1")


def test_a_full_queue_refuses_what_is_authentic_with_the_reason_and_tells_nobody_else(events):
    client = create_app(
        events, lambda: [Secret("current")], lambda: NOW, dict, full=lambda: "The queue is full."
    ).test_client()
    assert post(client, b'{"token": "current"}') == (
        503,
        {"status": "error", "message": "The queue is full."},
    )
    assert post(client, b'{"token": "wrong"}') == (401, UNAUTHORIZED)
    assert events.bodies == []


def test_health_that_names_problems_is_503_and_is_not_asked_again_at_once(events):
    asked = []

    def health():
        asked.append(1)
        return {"problems": ["the thread events-0 has ended"]}

    client = create_app(events, list, lambda: NOW, health).test_client()
    answers = [client.get("/health") for _ in range(5)]
    assert {answer.status_code for answer in answers} == {503}
    assert answers[0].get_json() == {"status": "failing", "problems": ["the thread events-0 has ended"]}
    assert len(asked) == 1
