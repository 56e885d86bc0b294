"""The log lines of one alarm, from the web room to the destination: all of them name its event."""

from __future__ import annotations

import json
import random
from importlib.metadata import version
from typing import Any

import pytest
import requests

from demo.serving import serving
from demo.slack.simulation import Slack
from tests.chaos.faults import Fault, Faulty
from tests.test_serve import TOKEN, environ, eventually, serve, slack  # noqa: F401  fixtures

pytestmark = pytest.mark.timeout(120)
# The rooms through which an alarm passes, and what is logged there.
ROOMS = {
    "receiver.intake.webhooks": "webhook accepted",
    "receiver.events.worker": "event routed",
    "shared.queues.worker": "item tried again later",
    "receiver.deliveries.record": "delivered",
}


def lines(tmp_path: Any) -> list[dict[str, Any]]:
    texts = (tmp_path / "serve.log").read_text().splitlines()
    return [json.loads(text) for text in texts if text.startswith("{") and text.endswith("}")]


def test_every_line_about_an_alarm_names_its_event(environ, tmp_path):  # noqa: F811
    tool = Slack(path="T/B/X", rate=None)
    app = tool.app
    faulty = Faulty(app.wsgi_app, lambda path: "slack", random.Random(1))
    app.wsgi_app = faulty  # type: ignore[method-assign]
    faulty.set("slack", Fault("503", times=1))
    with serving(app) as url:
        environ["SLACK_WEBHOOK_URL"] = url + tool.path
        with serve(environ, tmp_path, "--log-json", "--log-level", "debug") as (webhook, _):
            body = {"token": TOKEN, "event": "processing_with_alarms", "message": "2 alarms in project 7"}
            event = requests.post(webhook, json=body, timeout=10).json()["id"]
            eventually(lambda: any(line["message"] == "delivered" for line in lines(tmp_path)))
            wrong = requests.post(webhook, json={**body, "token": "wrong"}, timeout=10)
            assert wrong.status_code == 401
            eventually(lambda: any(line["message"] == "webhook refused" for line in lines(tmp_path)))

    found = lines(tmp_path)
    about = [line for line in found if line["logger"] in ROOMS]
    for logger, message in ROOMS.items():
        assert [line for line in about if (line["logger"], line["message"]) == (logger, message)], logger
    assert {line["event"] for line in about} == {event}
    (again,) = [line for line in about if "error.type" in line]
    assert (again["destination"], again["error.type"]) == ("slack", "server_error")
    assert {line["service.name"] for line in found} == {"huntbridge"}
    assert {line["service.version"] for line in found} == {version("huntbridge")}
    (refused,) = [line for line in found if line["message"] == "webhook refused"]
    assert refused["http.response.status_code"] == 401
    assert "event" not in refused


def test_the_level_of_the_log(environ, tmp_path):  # noqa: F811
    with serve(environ, tmp_path, "--log-json", "--log-level", "warning") as (webhook, _):
        body = {"token": TOKEN, "event": "processing_with_alarms", "message": "2 alarms in project 7"}
        assert requests.post(webhook, json=body, timeout=10).status_code == 202
    assert "webhook accepted" not in (tmp_path / "serve.log").read_text()
