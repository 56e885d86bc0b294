"""One request: every status and every network error, the key, repetition of reads, pages."""

from __future__ import annotations

from typing import Any

import pytest

from shared.http.answers import Answer
from shared.http.client import Http
from shared.http.deadlines import within
from shared.http.errors import ConnectFailed, ConnectionBroken, TimedOut, TlsFailed, UnknownHost
from shared.platform.client import Cado
from shared.platform.errors import CadoError, Conflict, NotFound, Refused, Unauthorized, Unavailable
from shared.platform.transport import Transport
from shared.secrets import Secret, SecretError
from tests.shared.platform.replies import KEY, client, ok, pipeline, reply


@pytest.mark.parametrize(
    ("answer", "ambiguous", "after"),
    [
        (ConnectFailed("cado.example", sent=False), False, None),
        (UnknownHost("cado.example", sent=False), False, None),
        (TlsFailed("cado.example", sent=False), False, None),
        (TimedOut("cado.example", sent=False), False, None),
        (TimedOut("cado.example", sent=True), True, None),
        (ConnectionBroken("cado.example", sent=True), True, None),
        (reply(429, {}, {"Retry-After": "7"}), False, 7.0),
        (reply(503, b"<html>", {"retry-after": "Thu, 01 Jan 1970 00:01:00 GMT"}), False, 60.0),
        (reply(503, {}), False, None),
        (reply(500, {}), True, None),
        (reply(502, b"<html>Bad Gateway"), True, None),
        (reply(504, {}), True, None),
        (reply(408, {}), True, None),
        (reply(200, b"<html>log in"), True, None),
        (reply(200, {"status": "success", "data": {"pipeline_ids": []}}), True, None),
        (reply(200, {"status": "success", "data": {"pipeline_ids": "many"}}), True, None),
        (reply(200, {"status": "success"}), True, None),
        (reply(200, []), True, None),
    ],
)
def test_a_capture_is_sent_once_whatever_comes(answer: Any, ambiguous: bool, after: float | None) -> None:
    cado, platform, slept = client({"POST /api/v3/import/aws/ec2": answer})
    with pytest.raises(Unavailable) as caught:
        cado.capture_ec2(12, "i-0abc", "us-east-1")
    assert (caught.value.ambiguous, caught.value.after) == (ambiguous, after)
    assert (len(platform.calls), slept) == (1, [])


@pytest.mark.parametrize(
    ("status", "kind", "says"),
    [
        (302, Refused, "The platform points to another address (302); write"),
        (400, Refused, "The platform refused it (400): told [C_1]."),
        (401, Unauthorized, "The platform refused the API key (401): told [C_1]. Make a new key"),
        (403, Unauthorized, "The role of the API key may not do this (403): told [C_1]. Hunts need the role"),
        (404, NotFound, "The platform does not know instance i-0abc (404): told [C_1]."),
        (409, Conflict, "The platform has one already (409): told [C_1]."),
        (422, Refused, "The platform refused it (422): told [C_1]."),
    ],
)
def test_a_refusal_is_one_plain_sentence(status: int, kind: type[CadoError], says: str) -> None:
    body = {"status": "error", "message": "told.", "code": "C_1"}
    cado, platform, _ = client({"POST /api/v3/import/aws/ec2": (status, body)})
    with pytest.raises(CadoError) as caught:
        cado.capture_ec2(12, "i-0abc", "us-east-1")
    assert type(caught.value) is kind
    assert str(caught.value).startswith(says)
    assert caught.value.status == status
    assert len(platform.calls) == 1


def test_hostile_text_in_a_refusal() -> None:
    message = f"bad\u202e key {KEY}\x1b[31m\n" + "x" * 5_000
    cado, _, _ = client({"GET /api/v3/auth/whoami": (401, {"message": message})})
    with pytest.raises(Unauthorized) as caught:
        cado.whoami()
    text = str(caught.value)
    assert text.startswith("The platform refused the API key (401): bad key <secret>[31m xxx")
    assert (len(text) < 400, KEY in text, "\n" in text) == (True, False, False)


def test_a_key_that_cannot_be_a_header() -> None:
    cado = Cado(Transport("https://cado.example", Secret("a\nb\u20ac"), Http()))
    with pytest.raises(Refused) as caught:
        cado.whoami()
    assert "look at the key" in str(caught.value)


def test_a_read_is_tried_three_times() -> None:
    cado, platform, slept = client({"GET /api/v3/auth/whoami": (502, {})})
    with pytest.raises(Unavailable) as caught:
        cado.whoami()
    assert caught.value.ambiguous is False
    assert (len(platform.calls), slept) == (3, [0.5, 1.0])


def test_a_read_that_works_the_second_time() -> None:
    lost = ConnectionBroken("cado.example", sent=True)
    cado, _, slept = client({"GET /api/v3/auth/whoami": [lost, ok({"rbac_role": "Analyst"})]})
    assert (cado.whoami().role, slept) == ("Analyst", [0.5])


@pytest.mark.parametrize(("wait", "slept"), [("12", [12.0, 12.0]), ("31", [])])
def test_a_read_waits_as_long_as_it_is_told_within_reason(wait: str, slept: list[float]) -> None:
    cado, _, paused = client({"GET /api/v3/auth/whoami": reply(429, {}, {"Retry-After": wait})})
    with pytest.raises(Unavailable) as caught:
        cado.whoami()
    assert (caught.value.after, paused) == (float(wait), slept)


@pytest.mark.parametrize(
    "answer", [TlsFailed("cado.example", sent=False, detail="expired"), reply(200, b"<html>")]
)
def test_a_read_that_cannot_get_better_is_not_repeated(answer: Any) -> None:
    cado, platform, _ = client({"GET /api/v3/auth/whoami": answer})
    with pytest.raises(Unavailable):
        cado.whoami()
    assert len(platform.calls) == 1


def test_pages_of_the_default_size_where_a_large_one_is_refused() -> None:
    pages = [(400, {"message": "per_page"}), ok([pipeline(1)], pages=2), ok([pipeline(2)], pages=2)]
    cado, platform, _ = client({"GET /api/v3/pipelines": pages})
    assert [listed.id for listed in cado.pipelines(12)] == [1, 2]
    assert [params for _, _, params, _ in platform.calls] == [
        {"project_id": 12, "per_page": 100, "page": 1},
        {"project_id": 12, "page": 1},
        {"project_id": 12, "page": 2},
    ]


def test_pages_without_end_are_given_up() -> None:
    cado, platform, _ = client({"GET /api/v3/pipelines": ok([], pages=10**9)})
    with pytest.raises(Refused, match="more than 2000 pages"):
        list(cado.pipelines(12))
    assert len(platform.calls) == 2_000


class Keys:
    """A place in which the key is kept, and in which somebody else puts a newer one."""

    def __init__(self, *keys: str) -> None:
        self.keys, self.current, self.renewed = list(keys), keys[0], 0

    def read(self) -> Secret:
        if not self.current:
            raise SecretError("env:API_KEY: the environment variable API_KEY is not set")
        return Secret(self.current)

    def renew(self) -> None:
        self.renewed += 1
        self.current = self.keys.pop(0)


class Gate(Http):
    """A platform that takes one key alone."""

    def __init__(self, key: str) -> None:
        super().__init__()
        self.key, self.seen = key, []  # type: tuple[str, list[str]]

    def request(self, method: str, url: str, **sent: Any) -> Answer:
        self.seen.append(sent["headers"]["Authorization"].removeprefix("Bearer "))
        return reply(*ok({"pipeline_ids": [{"id": 7}]})) if self.seen[-1] == self.key else reply(401, {})


def capture(keys: Keys, gate: Gate) -> tuple[int, ...]:
    cado = Cado(Transport("https://cado.example", keys.read, gate, renew=keys.renew))
    return cado.capture_ec2(1, "i-0abc", "us-east-1")


def test_a_key_is_looked_up_with_every_request() -> None:
    keys, gate = Keys("old"), Gate("old")
    cado = Cado(Transport("https://cado.example", keys.read, gate))
    cado.capture_ec2(1, "i-0abc", "us-east-1")
    keys.current = gate.key = "new"
    cado.capture_ec2(1, "i-0abc", "us-east-1")
    assert gate.seen == ["old", "new"]


def test_a_refused_key_is_read_again_and_the_request_sent_once_more() -> None:
    keys, gate = Keys("old", "new"), Gate("new")
    keys.keys = ["new"]
    assert capture(keys, gate) == (7,)
    assert gate.seen == ["old", "new"]


@pytest.mark.parametrize("after", ["old", ""])
def test_a_refused_key_without_a_newer_one_is_refused(after: str) -> None:
    keys, gate = Keys("old"), Gate("another")
    keys.keys = [after]
    with pytest.raises(Unauthorized):
        capture(keys, gate)
    assert (gate.seen, keys.renewed) == (["old"], 1)


def test_a_key_that_cannot_be_read_now_is_an_outage_and_nothing_was_sent() -> None:
    keys, gate = Keys(""), Gate("any")
    with pytest.raises(Unavailable) as caught:
        capture(keys, gate)
    assert (caught.value.ambiguous, gate.seen) == (False, [])
    assert "API_KEY is not set" in str(caught.value)


def test_a_page_in_the_place_of_the_platform_is_an_outage() -> None:
    page = Answer(200, {"Content-Type": "text/html"}, b"<!DOCTYPE html><title>Sign in</title>")
    cado, _, _ = client({"GET /api/v3/auth/whoami": page})
    with pytest.raises(Unavailable) as caught:
        cado.whoami()
    assert "is a web page, such as a proxy puts in its place" in str(caught.value)


def test_a_pause_that_outlasts_the_budget_is_not_begun() -> None:
    cado, platform, slept = client({"GET /api/v3/auth/whoami": (502, {})})
    with within(0.4), pytest.raises(Unavailable):
        cado.whoami()
    assert (len(platform.calls), slept) == (1, [])
