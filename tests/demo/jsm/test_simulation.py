"""The simulated Jira Service Management refuses what its alert API refuses, and keeps alerts as it does."""

from __future__ import annotations

import json
from typing import Any

import pytest

from demo.jsm.simulation import ALERTS, DEMO_KEY, Jsm, stands
from tests.demo.asking import Clock, post

KEY = {"Authorization": f"GenieKey {DEMO_KEY}"}
GOOD: dict[str, Any] = {"message": "5 malicious on web-01", "alias": "a-case", "tags": ["huntbridge"]}


def send(jsm: Jsm, body: Any, path: str = "", headers: Any = KEY) -> tuple[int, Any]:
    status, text = post(jsm, ALERTS + path, body, headers)
    return status, json.loads(text)


def outcome(jsm: Jsm, id: str) -> tuple[int, Any]:
    answer = jsm.app.test_client().get(f"{ALERTS}/requests/{id}", headers=KEY)
    return answer.status_code, answer.get_json()


def done(jsm: Jsm, body: Any, path: str = "") -> Any:
    """What became of a request that was accepted."""
    status, answer = send(jsm, body, path)
    assert (status, answer["result"]) == (202, "Request will be processed")
    status, answer = outcome(jsm, answer["requestId"])
    assert status == 200
    return answer["data"]


def change(what: str) -> str:
    return f"/a-case/{what}?identifierType=alias"


def test_an_alert_is_opened_acknowledged_and_closed_and_a_new_one_made() -> None:
    jsm = Jsm()
    made = done(jsm, GOOD)
    assert made["isSuccess"]
    (alert,) = jsm.alerts
    assert made["alertId"] == alert.id
    assert done(jsm, GOOD)["alertId"] == alert.id  # while it is open it is only counted
    assert alert.count == 2
    assert done(jsm, {"note": "Taken by ada", "user": "ada"}, change("acknowledge"))["isSuccess"]
    assert done(jsm, {"note": "Update"}, change("notes"))["isSuccess"]
    assert [text for _, text in alert.notes] == ["Taken by ada", "Update"]
    assert stands(alert) == "acknowledged"
    assert done(jsm, {}, change("close"))["isSuccess"]
    assert stands(alert) == "closed"
    assert done(jsm, GOOD)["alertId"] != alert.id
    assert jsm.pages == ["5 malicious on web-01"] * 2


def test_nothing_can_be_done_about_an_alert_that_is_not_open() -> None:
    jsm = Jsm()
    for what in ("acknowledge", "close", "notes"):
        data = done(jsm, {"note": "x"}, change(what))
        assert (data["isSuccess"], data["status"]) == (False, "Alert does not exist")


def test_a_request_is_processed_after_a_while() -> None:
    jsm = Jsm(slow=2)
    _, answer = send(jsm, GOOD)
    asked = [outcome(jsm, answer["requestId"])[0] for _ in range(3)]
    assert asked == [404, 404, 200]
    assert "might not be processed, yet" in outcome(jsm, "no-such-request")[1]["message"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"alias": "a"}, "message"),
        ({"message": " "}, "message"),
        ({**GOOD, "message": "m" * 131}, "message"),
        ({**GOOD, "alias": "a" * 513}, "alias"),
        ({**GOOD, "description": "d" * 15_001}, "description"),
        ({**GOOD, "tags": ["t" * 51]}, "tags"),
        ({**GOOD, "tags": ["t"] * 21}, "tags"),
        ({**GOOD, "details": {"a": 1}}, "details"),
        ({**GOOD, "priority": "P6"}, "priority"),
        ({**GOOD, "severity": "high"}, "severity"),
    ],
)
def test_an_alert_that_is_not_valid_is_refused(body: Any, field: str) -> None:
    jsm = Jsm()
    status, answer = send(jsm, body)
    assert status == 422
    assert field in answer["errors"]
    assert (jsm.alerts, jsm.messages) == ([], [])


def test_a_note_needs_a_text() -> None:
    assert send(Jsm(), {}, change("notes"))[0] == 422


def test_an_alias_must_be_called_one() -> None:
    jsm = Jsm()
    done(jsm, GOOD)
    assert send(jsm, {}, "/a-case/close")[0] == 422


@pytest.mark.parametrize(
    ("headers", "status"),
    [({}, 401), ({"Authorization": f"Bearer {DEMO_KEY}"}, 401), ({"Authorization": "GenieKey other"}, 403)],
)
def test_a_request_without_the_key_is_refused(headers: Any, status: int) -> None:
    jsm = Jsm()
    assert send(jsm, GOOD, headers=headers)[0] == status
    assert jsm.app.test_client().get(f"{ALERTS}/requests/x", headers=headers).status_code == status


def test_what_is_no_json_object_is_refused() -> None:
    for body in (b"{", b"[]", b"[" * 100_000):
        assert send(Jsm(), body)[0] == 400
    assert send(Jsm(), {**GOOD, "description": "x" * 600_000})[0] == 413


def test_the_rate_is_limited_for_a_minute() -> None:
    clock = Clock()
    jsm = Jsm(rate=2, now=clock)
    assert [send(jsm, GOOD)[0] for _ in range(3)] == [202, 202, 429]
    clock.time += 60
    assert send(jsm, GOOD)[0] == 202
