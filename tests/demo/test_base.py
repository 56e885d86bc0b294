"""Faults and hangs that all simulated tools have, and several tools behind one server."""

from __future__ import annotations

import pytest
import requests

from demo.base import app_of
from demo.jira.simulation import Jira
from demo.serving import serving
from demo.slack.simulation import Slack
from demo.teams.simulation import Teams
from tests.demo.asking import API, BASIC, GOOD_CARD, ask, envelope, issue_fields, post


def test_a_failure_comes_before_the_work_or_after_it() -> None:
    slack = Slack(rate=None)
    slack.fail(503, {"Retry-After": "7"}, "busy", times=2)
    slack.fail(502, body="gone", after=True)
    client = slack.app.test_client()
    answers = [client.post(slack.path, json={"text": str(n)}) for n in range(4)]
    assert [(a.status_code, a.text) for a in answers] == [
        (503, "busy"),
        (503, "busy"),
        (502, "gone"),
        (200, "ok"),
    ]
    assert answers[0].headers["Retry-After"] == "7"
    assert [m.body["text"] for m in slack.messages] == ["2", "3"]


def test_a_failure_can_be_meant_for_one_kind_of_request() -> None:
    jira = Jira()
    jira.fail(500, on="POST /rest/api/3/issue")
    assert ask(jira, "GET", f"{API}/myself")[0] == 200
    assert ask(jira, "POST", f"{API}/issue", {"fields": issue_fields()})[0] == 500
    assert jira.messages == []


def test_a_hang_waits_and_then_fails() -> None:
    waits: list[float] = []
    teams = Teams(sleep=waits.append)
    teams.hang(30)
    teams.hang(40, after=True)
    body = envelope(GOOD_CARD)
    assert [post(teams, teams.path, body)[0] for _ in range(3)] == [504, 504, 202]
    assert (waits, len(teams.messages)) == ([30, 40], 2)


def test_three_tools_share_one_server() -> None:
    slack, teams, jira = Slack(), Teams(), Jira()
    slack.hang(60)
    with serving(app_of(slack, teams, jira)) as base:
        with pytest.raises(requests.ReadTimeout):
            requests.post(base + slack.path, json={"text": "t"}, timeout=0.1)
        slack.release()
        answers = [
            requests.post(base + slack.path, json={"text": "t"}, timeout=5),
            requests.post(base + teams.path, json=envelope(GOOD_CARD), timeout=5),
            requests.post(f"{base}{API}/issue", json={"fields": issue_fields()}, headers=BASIC, timeout=5),
        ]
    assert [a.status_code for a in answers] == [200, 202, 201]
    assert [len(s.messages) for s in (slack, teams, jira)] == [1, 1, 1]
