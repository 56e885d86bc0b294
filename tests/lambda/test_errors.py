"""What can go wrong on AWS, in Lambda's runtime emulator: nothing is lost, and nobody else is harmed."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
import requests

from demo.base import app_of
from demo.jira.simulation import Jira
from demo.serving import serving
from demo.slack.simulation import Slack
from demo.teams.simulation import Teams
from shared.aws.clients import Clients
from shared.aws.sqs import SqsQueue
from shared.models.codec import dump
from shared.models.event_kinds import HUNT_FINISHED
from shared.models.events import Event
from shared.queues import items
from shared.queues.worker import MAX_SURPRISES
from tests.emulated import Resources, Stack

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
REPEAT = "may be a repeat"


@contextmanager
def chat():
    slack, teams = Slack(rate=100, burst=100), Teams()
    with serving(app_of(slack, teams, Jira())) as url:
        yield slack, teams, url
        slack.release()


def configured(resources: Resources, url: str, slack: Slack, teams: Teams) -> Resources:
    secrets = resources.secret("chat", soc=url + slack.path, office=url + teams.path, key="a key")
    resources.configure(
        {
            # Nothing listens there: what the platform would say is named as missing.
            "platform": {"url": "http://127.0.0.1:9", "api_key": f"{secrets}#key"},
            "destinations": {
                "soc": {"type": "slack", "webhook_url": f"{secrets}#soc"},
                "office": {"type": "teams", "webhook_url": f"{secrets}#office"},
            },
            "default": ["soc", "office"],
        }
    )
    tokens = resources.secret("webhook", current="a-good-token")
    resources.environ["HUNTBRIDGE_WEBHOOK_TOKENS"] = f"{tokens}#current"
    return resources


def events(resources: Resources) -> SqsQueue:
    clients = Clients(resources.environ, endpoint_url=resources.endpoint)
    urls = (resources.environ["HUNTBRIDGE_EVENTS"], resources.environ["HUNTBRIDGE_EVENTS_DLQ"])
    return SqsQueue(clients, "events", *urls)


def ids(tool: Slack | Teams) -> list[str]:
    return [json.dumps(message.body) for message in tool.messages]


@pytest.mark.timeout(120)
def test_a_poison_message_ends_among_the_dead_and_the_others_are_delivered(moto, tmp_path, wait):
    resources = Resources(moto, visibility=10)
    sqs = resources.client("sqs")
    with chat() as (slack, teams, url):
        configured(resources, url, slack, teams)
        # In one batch: what nobody understands and has failed often already, and two real ones around it.
        queue = events(resources)
        for number in range(3):
            event = Event(f"event-{number}", HUNT_FINISHED, NOW, title=f"event-{number}")
            if number != 1:
                queue.put(items.encode(items.OwnEvent(dump(event))), id=event.id)
                continue
            known = {"id": event.id, "surprises": str(MAX_SURPRISES - 1)}
            sqs.send_message(
                QueueUrl=resources.url("events"),
                MessageBody="not one of ours",
                MessageAttributes={
                    name: {"DataType": "String", "StringValue": value} for name, value in known.items()
                },
            )
        with Stack(resources, tmp_path, batch=10, captures=0) as stack:
            # Slack is told of the dead one as well.
            wait(lambda: (len(slack.messages), len(teams.messages)) == (3, 2))
            wait(lambda: resources.depth("events", dead=True) == 1)
            wait(lambda: not resources.depth("events"))
            errors = [source.errors for source in stack.sources.values()]
        log = stack.log()

    assert errors == [[], []]  # the function itself never failed
    (dead,) = sqs.receive_message(QueueUrl=resources.environ["HUNTBRIDGE_EVENTS_DLQ"])["Messages"]
    assert dead["Body"] == "not one of ours"
    assert resources.depth("deliveries", dead=True) == 0
    assert log.count('"item": "event-1", "surprises": ') == 1
    for name in ("event-0", "event-2"):
        assert [name in text for text in ids(slack)].count(True) == 1


@pytest.mark.timeout(120)
def test_a_destination_that_does_not_answer_in_time_costs_the_function_nothing_and_is_told_of_the_repeat(
    moto, tmp_path, wait
):
    resources = Resources(moto, visibility=40)
    with chat() as (slack, teams, url):
        configured(resources, url, slack, teams)
        slack.hang(60, after=True)  # Slack has taken the message, and its answer does not come
        event = Event("event-1", HUNT_FINISHED, NOW)
        events(resources).put(items.encode(items.OwnEvent(dump(event))), id=event.id)
        with Stack(resources, tmp_path, timeout=30, captures=0) as stack:
            wait(lambda: len(slack.messages) == 2, 60)
            wait(lambda: not resources.depth("deliveries"))
            errors = stack.sources["deliveries"].errors

    assert errors == []  # the call ended before the function's own time did
    assert [REPEAT in text for text in ids(slack)] == [False, True]
    assert [REPEAT in text for text in ids(teams)] == [False]


@pytest.mark.timeout(120)
def test_webhooks_of_both_kinds_of_api_are_accepted_refused_and_never_lost(moto, tmp_path, wait):
    resources = Resources(moto)
    good = {"token": "a-good-token", "event": "processing_with_alarms", "message": "5 alarms in project id 3"}
    with chat() as (slack, teams, url):
        configured(resources, url, slack, teams)
        with Stack(resources, tmp_path, captures=0) as stack:

            def post(body: dict[str, str], path: str = "/webhooks/cado") -> tuple[int, str]:
                answer = requests.post(stack.url + path, json=body, timeout=60)
                return answer.status_code, answer.json()["status"]

            # In turn an HTTP API and a REST API.
            assert [post(good) for _ in range(2)] == [(202, "accepted")] * 2
            assert [post(good | {"token": "bad"}) for _ in range(2)] == [(401, "error")] * 2
            assert [post({**good, "text": "x" * 300_000}) for _ in range(2)] == [(413, "error")] * 2
            assert [post(good, "/elsewhere") for _ in range(2)] == [(404, "error")] * 2
            wait(lambda: len(slack.messages) == len(teams.messages) == 1)  # twice the same is one event
            wait(lambda: not resources.depth("events"))
        log = stack.log()
    assert "a-good-token" not in log
    assert "the platform" in ids(slack)[0].lower()  # what could not be found out


@pytest.mark.timeout(120)
def test_a_webhook_that_cannot_be_stored_is_answered_503(moto, tmp_path):
    resources = Resources(moto)
    with chat() as (slack, teams, url):
        configured(resources, url, slack, teams)
        resources.environ["AWS_ENDPOINT_URL_SQS"] = "http://127.0.0.1:9"
        began = time.monotonic()
        with Stack(resources, tmp_path, captures=0) as stack:
            for _ in range(2):
                answer = requests.post(
                    f"{stack.url}/webhooks/cado", json={"token": "a-good-token"}, timeout=60
                )
                assert (answer.status_code, answer.json()["status"]) == (503, "error")
        assert time.monotonic() - began < 29  # API Gateway would not have waited for longer
        assert resources.depth("events") == 0
