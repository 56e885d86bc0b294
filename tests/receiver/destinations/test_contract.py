"""Runs every destination over real sockets through every kind of answer, and through no answer."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from email.utils import format_datetime
from http import HTTPStatus
from typing import Any

import pytest

from receiver.destinations.contract import (
    NEW_CASE,
    CaseRef,
    Delivered,
    Destination,
    Outcome,
    Rejected,
    Retry,
)
from receiver.destinations.registry import PACKAGES
from receiver.messages.compose import compose
from tests.receiver.destinations.at_peer import (
    BOT,
    CHANNEL,
    GENIE_KEY,
    NOW,
    ROUTING_KEY,
    SECRETS,
    SIGNING,
    SLACK_PATH,
    TEAMS_PATH,
    TOKEN,
    TS,
    WEBHOOK_PATH,
    bot,
    cloud,
    datacenter,
    jsm,
    pagerduty,
    slack,
    teams,
    webhook,
)


@dataclass
class Kind:
    make: Callable[..., Destination]
    status: int  # of a success
    body: str
    delivered: Delivered
    secrets: tuple[str, ...]
    calls: int = 1  # of a success


ISSUE = json.dumps({"id": "1", "key": "SEC-1"})
EVENT = json.dumps({"status": "success", "message": "Event processed", "dedup_key": "a case"})
PROCESSED = {"isSuccess": True, "status": "Created alert", "alertId": "alert-1"}
ALERT = json.dumps({"result": "Request will be processed", "requestId": "r-1", "data": PROCESSED})
KINDS = {
    "slack": Kind(slack, 200, "ok", Delivered(), (SLACK_PATH, "s3cr3tS3cr3tS3cr3tS3cr")),
    "teams": Kind(teams, 202, "", Delivered(), (TEAMS_PATH, "SigSecretSigSecretSigSecretSigSecretSigSecr")),
    # The issue, and its link to the platform.
    "cloud": Kind(cloud, 201, ISSUE, Delivered(ref="SEC-1"), (TOKEN,), calls=2),
    "datacenter": Kind(datacenter, 201, ISSUE, Delivered(ref="SEC-1"), (TOKEN,), calls=2),
    "bot": Kind(
        bot,
        200,
        json.dumps({"ok": True, "channel": CHANNEL, "ts": TS}),
        Delivered(
            ref='{"to":"C0123456789","channel":"C0123456789","ts":"1763812800.000100","severity":"malicious",'
            '"malicious":7,"suspicious":8,"alarms":1,'
            '"title":"7 malicious, 8 suspicious on web-01 (prod, i-0123456789abcdef0)"}'
        ),
        (BOT,),
        calls=2,  # the parent and its first reply
    ),
    "webhook": Kind(webhook, 202, "", Delivered(), (SIGNING, WEBHOOK_PATH, "7h3-w4y-1n")),
    "pagerduty": Kind(pagerduty, 202, EVENT, Delivered(), (ROUTING_KEY,)),
    # The alert, and the question what became of it.
    "jsm": Kind(jsm, 202, ALERT, Delivered(ref="alert-1"), (GENIE_KEY,), calls=2),
}


def test_every_registered_type_is_tested_here() -> None:
    modules = [type(kind.make("http://127.0.0.1:9")).__module__ for kind in KINDS.values()]
    for name, package in PACKAGES.items():
        assert any(module.startswith(f"{package}.") for module in modules), name


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    return KINDS[request.param]


@pytest.fixture(autouse=True)
def _nothing_leaks(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    caplog.set_level(logging.DEBUG)
    # The libraries log at their lowest level. urllib3 would then log paths, so the product's logging keeps it
    # at WARNING, and so does this test.
    logging.getLogger("urllib3").setLevel(logging.WARNING)
    yield
    assert_no_secret(caplog.text)


def assert_no_secret(*texts: str) -> None:
    for text in texts:
        for secret in SECRETS:
            assert secret.lower() not in text.lower()


def deliver(destination: Destination, alarms: dict[str, Any]) -> Outcome:
    outcome = destination.deliver(compose(alarms["rich"]), NEW_CASE)
    assert_no_secret(repr(outcome), repr(destination), repr(vars(destination)))
    return outcome


def test_success(kind: Kind, peer: Any, reply: Any, alarms: dict[str, Any]) -> None:
    peer.answers(reply(kind.status, kind.body))
    assert deliver(kind.make(peer.origin), alarms) == kind.delivered
    assert len(peer.requests) == kind.calls


ODD = (299, 306, 420, 430, 499, 509, 520, 529, 599)
STATUSES = sorted({status.value for status in HTTPStatus if status >= 200} | set(ODD))


def test_every_status(kind: Kind, peer: Any, reply: Any, alarms: dict[str, Any]) -> None:
    destination = kind.make(peer.origin)
    for status in STATUSES:
        bodiless = status in (204, 205, 304)
        peer.answers(reply(status, "" if bodiless else kind.body if status < 300 else "<b>it is late</b>"))
        outcome = deliver(destination, alarms)
        refused = 2 if status == 413 else 1  # a message that is too large is sent again, shorter
        assert len(peer.requests) == (kind.calls if isinstance(outcome, Delivered) else refused), status
        if status < 300:
            expected: type = Rejected if bodiless and kind.body else Delivered
        elif status in (408, 425, 429) or status >= 500:
            expected = Retry
        else:
            expected = Rejected
        assert isinstance(outcome, expected), (status, outcome)
        if isinstance(outcome, Retry):
            assert (outcome.after, outcome.ambiguous) == (None, status >= 500 and status != 503)
            assert "it is late" in outcome.reason
            assert "<b>" not in outcome.reason


def test_a_message_that_is_refused_for_its_size_is_sent_again_shorter(
    kind: Kind, peer: Any, reply: Any, alarms: dict[str, Any]
) -> None:
    """A proxy in between may accept less than the destination."""
    peer.answers(reply(413, "too large"), reply(kind.status, kind.body))
    outcome = kind.make(peer.origin).deliver(compose(alarms["many_findings"]), NEW_CASE)
    assert isinstance(outcome, Delivered)
    assert outcome.ref == kind.delivered.ref or kind.make is bot
    assert "size" in outcome.note or "413" in outcome.note
    first, second = peer.requests[:2]
    assert first.path == second.path
    assert len(second.body) < len(first.body)


NUMBERS = "1" * 3_000_000
HUGE = [
    {"key": f"SEC-{NUMBERS}", "id": NUMBERS, "ok": True, "channel": "C0123456789", "ts": f"1.{NUMBERS}"},
    {"key": "A" * 3_000_000 + "-1", "ok": True, "channel": f"C{'A' * 3_000_000}", "ts": "1.1"},
    {"requestId": "r", "data": {"isSuccess": True, "alertId": NUMBERS, "status": NUMBERS}, "status": NUMBERS},
    {"requestId": NUMBERS, "status": "success", "dedup_key": NUMBERS, "message": NUMBERS},
    {"ok": True, "channel": {}, "ts": [], "key": {}, "channels": [{"id": f"C{NUMBERS}", "name": "soc"}] * 99},
]


@pytest.mark.slow
def test_the_kept_part_of_an_answer_is_bounded(
    kind: Kind, peer: Any, reply: Any, alarms: dict[str, Any]
) -> None:
    for body in HUGE:
        peer.answers(reply(kind.status, json.dumps(body)))
        outcome = kind.make(peer.origin).deliver(compose(alarms["rich"]), NEW_CASE)
        assert len(repr(outcome)) < 2_000


ENDLESS = {
    "channels": [{"id": "C0000000001", "name": "soc"}],
    "response_metadata": {"next_cursor": "more"},
    "transitions": [
        {"id": str(n), "name": "Open", "to": {"statusCategory": {"key": "new"}}} for n in range(300)
    ],
    "fields": {"status": {"statusCategory": {"key": "done"}}},
    "issues": [{"key": f"SEC-{n}"} for n in range(2, 300)],
    "isLast": False,
    "total": 10**9,
    "issueTypes": [{"id": "1", "name": "Task"}] * 200,
    "requestId": "r-1",
    "data": {"isSuccess": True, "alertId": "alert-1"},
    "errors": {"labels": "no"},
    "errorMessages": ["no"],
}
WORDS = ("", "channel_not_found", "is_inactive", "message_not_found", "invalid_blocks", "cant_update_message")


@pytest.mark.slow
def test_the_number_of_requests_is_bounded(kind: Kind, peer: Any, reply: Any, alarms: dict[str, Any]) -> None:
    """Also where every answer is the same, and asks for another step."""
    thread = json.loads(KINDS["bot"].delivered.ref) | {"to": "#soc"}
    words = WORDS if kind in (KINDS["slack"], KINDS["bot"]) else WORDS[:1]  # Slack's error codes
    for status in (200, 201, 204, 400, 403, 404, 409, 413):
        for word in words:
            body = json.dumps(ENDLESS | {"ok": not word, "error": word or None, "ts": TS, "channel": CHANNEL})
            for ref in ("", json.dumps(thread), "SEC-1", "alert-1"):
                peer.answers(reply(status, "" if status == 204 else body))
                destination = kind.make(peer.origin)
                destination.deliver(compose(alarms["rich"], maybe_repeat=True), CaseRef(ref, exclusive=True))
                assert len(peer.requests) <= 40, (status, word, ref)


RETRY_AFTER = [
    ("30", 30.0),
    ("0", 0.0),
    ("-5", 0.0),
    ("1.5", 1.5),
    (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90.0),
    (format_datetime(NOW - timedelta(seconds=90), usegmt=True), 0.0),
    (format_datetime(NOW + timedelta(days=9), usegmt=True), 3_600.0),
    ("9223372036854775807", 3_600.0),
    ("soon", None),
    ("", None),
    ("nan", None),
    ("1e9", None),
]


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after(kind: Kind, peer: Any, reply: Any, alarms: dict[str, Any], status: int) -> None:
    destination = kind.make(peer.origin)
    for text, seconds in RETRY_AFTER:
        for name in ("Retry-After", "retry-after"):
            peer.answers(reply(status, "rate_limited", {name: text}))
            outcome = deliver(destination, alarms)
            assert isinstance(outcome, Retry)
            assert outcome.after == seconds, text


def test_a_redirect_is_not_followed(kind: Kind, peer: Any, reply: Any, alarms: dict[str, Any]) -> None:
    for status in (301, 302, 303, 307, 308):
        peer.answers(reply(status, "", {"Location": f"{peer.origin}/elsewhere"}), reply(200, kind.body))
        outcome = deliver(kind.make(peer.origin), alarms)
        assert outcome == Rejected(
            f"the address redirects elsewhere ({status}), which is not followed: check the URL"
        )
        assert len(peer.requests) == 1


def test_no_answer(kind: Kind, peer: Any, alarms: dict[str, Any], no_answers: tuple[Any, Any]) -> None:
    for silence, words in zip(no_answers, ("time", "the connection broke"), strict=True):
        peer.answers(silence)
        outcome = deliver(kind.make(peer.origin, 0.2), alarms)
        assert isinstance(outcome, Retry)
        assert outcome.ambiguous
        assert words in outcome.reason
        assert len(peer.requests) == 1  # no library repeats the request


def test_a_refused_connection(kind: Kind, dead_port: int, alarms: dict[str, Any]) -> None:
    outcome = deliver(kind.make(f"http://127.0.0.1:{dead_port}"), alarms)
    assert isinstance(outcome, Retry)
    assert not outcome.ambiguous


def test_a_certificate_that_does_not_verify(kind: Kind, peer: Any, alarms: dict[str, Any], tls: Any) -> None:
    tls(peer)
    outcome = deliver(kind.make(peer.origin.replace("http", "https")), alarms)
    assert isinstance(outcome, Retry)
    assert not outcome.ambiguous
    assert "certificate" in outcome.reason
    assert "does not mend by itself" in outcome.reason
    assert peer.requests == []


HOSTILE_BODIES = [
    b"\xff\xfe\x00" * 1_000,
    b"[" * 100_000,
    b'{"a":' * 20_000,
    b'{"errors": 5, "errorMessages": {"a": 1}, "error": [], "message": {}}',
    b'{"error": {"code": "\\ud800"}, "errorMessages": ["\\ud800"]}',
    b"null",
    b"5",
    b'"ok"',
]


@pytest.mark.parametrize("status", [200, 201, 400, 404, 429, 500])
def test_a_hostile_body(kind: Kind, peer: Any, reply: Any, alarms: dict[str, Any], status: int) -> None:
    destination = kind.make(peer.origin)
    repeated = [f"no route {s} {s[:9]}\u200b{s[9:]} <p>{s}</p>" * n for s in kind.secrets for n in (1, 2_000)]
    for body in (*HOSTILE_BODIES, *repeated):
        peer.answers(reply(status, body, {"Content-Type": "text/html; charset=no-such-charset"}))
        outcome = deliver(destination, alarms)
        assert len(getattr(outcome, "reason", "")) < 500
        assert "\x00" not in repr(outcome)
        assert not isinstance(outcome, Delivered) or status < 300


INSIDE = [
    ("bot", 200, '{"ok":false,"error":"channel_not_found"}', Rejected),
    ("bot", 200, '{"ok":false,"error":"something_new"}', Rejected),
    ("bot", 200, '{"ok":false,"error":"ratelimited"}', Retry),
    ("bot", 200, '{"ok":false,"error":"fatal_error"}', Retry),
    ("bot", 200, '{"ok":"true"}', Rejected),
    ("bot", 200, "ok", Rejected),
    ("bot", 200, "<html>log in</html>", Retry),
    ("bot", 200, "", Rejected),
    ("slack", 200, "no_service", Rejected),
    ("slack", 200, '{"ok":false,"error":"channel_not_found"}', Rejected),
    ("slack", 200, "rollup_error", Retry),
    ("slack", 200, "<html>log in</html>", Retry),
    ("slack", 200, "", Rejected),
    ("slack", 404, "channel_is_archived", Rejected),
    ("slack", 500, "no_active_hooks", Rejected),
    ("teams", 200, "Microsoft Teams endpoint returned HTTP error 429 with ContextId 1", Retry),
    ("teams", 200, "Microsoft Teams endpoint returned HTTP error 413 with ContextId 1", Rejected),
    ("teams", 202, '{"error":{"code":"WorkflowTriggerIsNotEnabled","message":"off"}}', Rejected),
    ("cloud", 200, '{"errorMessages":["no"],"errors":{}}', Rejected),
    ("cloud", 201, '{"errorMessages":["no"],"errors":{}}', Rejected),
    ("cloud", 200, "<html>log in</html>", Retry),
    ("datacenter", 200, '{"key": "../evil"}', Rejected),
    ("pagerduty", 202, '{"status": "invalid event", "errors": ["no"]}', Rejected),
    ("pagerduty", 200, "{}", Rejected),
    ("pagerduty", 200, "<html>log in</html>", Retry),
    ("jsm", 202, '{"result": "Request will be processed"}', Rejected),
    ("jsm", 202, '{"requestId": "../../evil"}', Rejected),
    ("jsm", 202, '{"requestId": "r-1"}', Retry),
    ("jsm", 202, '{"requestId": "r-1", "data": {"isSuccess": false, "status": "no"}}', Rejected),
    ("jsm", 200, "<html>log in</html>", Retry),
]


@pytest.mark.parametrize(("name", "status", "body", "expected"), INSIDE)
def test_an_error_inside_a_success(
    name: str, status: int, body: str, expected: type, peer: Any, reply: Any, alarms: dict[str, Any]
) -> None:
    peer.answers(reply(status, body))
    assert isinstance(deliver(KINDS[name].make(peer.origin), alarms), expected)
