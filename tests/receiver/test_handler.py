"""The receiver's function: what API Gateway and SQS send in, whole answers out, with moto as AWS."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from flask import Flask, Response

from demo.base import app_of
from demo.jira.simulation import Jira
from demo.serving import serving
from demo.slack.records import Post, signed
from demo.slack.simulation import Slack
from demo.teams.simulation import Teams
from receiver import edge, handler
from receiver.destinations.slack.again_button import again_button
from receiver.destinations.slack.bot import SlackBotDestination
from receiver.destinations.slack.mute_menu import mute_menu
from receiver.intake.slack_request import CAPTURE_AGAIN
from scheduler import handler as scheduler_handler
from scheduler.daily_check import PARTS
from shared.aws.clients import Clients
from shared.aws.dynamodb import DynamoStore
from shared.aws.sqs import SqsQueue
from shared.models.codec import dump
from shared.models.decisions import Action, CaseDecision
from shared.models.event_kinds import CAPTURE_FAILED, HUNT_FINISHED
from shared.models.events import Event
from shared.models.evidence import Artefact, Finding
from shared.models.severity import Severity
from shared.models.systems import System
from shared.queues import items
from shared.queues.ports import ABANDONED
from shared.storage.ledger.ledger import Ledger
from tests.aws_function import Context, Invoked
from tests.emulated import Resources, api_event, clean, scheduled
from tests.moto_server import moto_server
from tests.queue_items import decoded

ROOT = Path(__file__).resolve().parents[2]
NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
WEBHOOK = b'{"token": "a-good-token", "event": "processing_with_alarms", "message": "5 alarms"}'
NOBODY = "http://127.0.0.1:9"  # nothing listens there


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    with moto_server() as url:
        yield url


class Stage:
    """One stack with two chat tools; both functions' work is done by `run`."""

    def __init__(self, moto: str, open_: ExitStack, monkeypatch: pytest.MonkeyPatch) -> None:
        self.slack, self.teams = Slack(rate=1000, burst=1000), Teams()
        self.url = open_.enter_context(serving(app_of(self.slack, self.teams, Jira())))
        self.resources = Resources(moto)
        self.chat = self.resources.secret("chat", office=self.url + self.teams.path, key="a key")
        self.soc = self.resources.secret("soc", url=self.url + self.slack.path)
        tokens = self.resources.secret("webhook", current="a-good-token")
        self.resources.environ["HUNTBRIDGE_WEBHOOK_TOKENS"] = f"{tokens}#current, {tokens}#previous"
        self.configure()
        self.function = Invoked(handler, self.resources, monkeypatch)
        self.edge = Invoked(edge, self.resources, monkeypatch)

    def restart(self, **environ: str) -> None:
        for function in (self.function, self.edge):
            function.restart(**environ)

    def configure(self, **more: Any) -> None:
        destinations = {
            "soc": {"type": "slack", "webhook_url": f"{self.soc}#url"},
            "office": {"type": "teams", "webhook_url": f"{self.chat}#office"},
        }
        self.resources.configure(
            {
                "platform": {"url": NOBODY, "api_key": f"{self.chat}#key"},
                "destinations": destinations,
                "default": ["soc", "office"],
                **more,
            }
        )

    def put(self, *bodies: bytes, delay: float = 0, queue: str = "events") -> None:
        urls = (self.resources.url(queue), self.resources.environ[f"HUNTBRIDGE_{queue.upper()}_DLQ"])
        clients = Clients(self.resources.environ, endpoint_url=self.resources.endpoint)
        for number, body in enumerate(bodies):
            SqsQueue(clients, queue, *urls).put(body, id=f"event-{number}", delay=delay)

    def counts(self) -> tuple[int, int]:
        return len(self.slack.messages), len(self.teams.messages)


@pytest.fixture
def stage(moto: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    with ExitStack() as open_:
        yield Stage(moto, open_, monkeypatch)


def finished(id: str = "event-0") -> bytes:
    return items.encode(items.OwnEvent(dump(Event(id, HUNT_FINISHED, NOW))))


# The web room


@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_a_webhook_from_api_gateway_is_answered_when_it_is_in_the_queue(stage, version):
    answer = stage.edge(api_event(version, "POST", "/webhooks/cado", WEBHOOK))
    (record,) = stage.function.receive("events")
    id = record["messageAttributes"]["id"]["stringValue"]
    body = json.dumps({"id": id, "status": "accepted"}, separators=(",", ":")) + "\n"
    headers = {
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
        "X-Content-Type-Options": "nosniff",
    }
    single = {"headers": {name.lower(): value for name, value in headers.items()}}
    many = {"multiValueHeaders": {name: [value] for name, value in headers.items()}}
    assert answer == {
        "statusCode": 202,
        "isBase64Encoded": False,
        "body": body,
        **({"cookies": []} if version == "2.0" else {}),
        **(single if version == "2.0" else many),
    }
    webhook = decoded(items.Webhook, record["body"].encode())
    assert webhook.body == WEBHOOK.replace(b'"token": "a-good-token"', b'"token":"<token>"')


@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("name", ["Zoë 李雷", "ada"])
def test_a_click_from_api_gateway_is_verified_by_the_bytes_that_slack_signed(stage, version, packed, name):
    secret = stage.resources.secret("app", signing="a-signing-secret")
    stage.restart(HUNTBRIDGE_SLACK_SIGNING_SECRETS=f"{secret}#previous, {secret}#signing")
    user = {"id": "U012AB3CD", "name": name}
    click = {
        "type": "block_actions",
        "user": user,
        "channel": {"id": "C0123456789"},
        "container": {"message_ts": "1764000000.000001"},
        "actions": [{"action_id": "acknowledge", "value": "project/3/-/us-east-1/i-0aaaaaaaaaaaaaaa1"}],
    }
    # A space as + and as %20, and an order that no library would choose again: only the raw bytes fit.
    body = b"payload=" + quote(json.dumps(click, ensure_ascii=False)).replace("%20", "+", 1).encode()
    request = signed(body, "a-signing-secret", time.time())
    event = api_event(version, "POST", "/slack/actions", body, request.headers)
    if not packed:
        event |= {"body": body.decode(), "isBase64Encoded": False}
    answer = stage.edge(event)
    assert (answer["statusCode"], answer["body"]) == (200, "{}\n")
    (record,) = stage.function.receive("events")
    content = decoded(items.SlackClick, record["body"].encode())
    assert (content.click.name, content.signed_by) == (name, f"{secret}#signing")

    forged = signed(body + b"+", "a-signing-secret", time.time())
    event = api_event(version, "POST", "/slack/actions", body, forged.headers)
    assert stage.edge(event)["statusCode"] == 401
    assert stage.resources.depth("events") == 1


@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_without_a_signing_secret_no_click_is_taken(stage, version, caplog):
    request = signed(b"payload=%7B%7D", "a-signing-secret", time.time())
    event = api_event(version, "POST", "/slack/actions", request.body, request.headers)
    assert stage.edge(event)["statusCode"] == 404
    assert "SlackSigningSecrets of the stack" in caplog.text


@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/webhooks/cado", b'{"token": "another"}', 401),
        ("POST", "/webhooks/cado", b"{}", 401),
        ("POST", "/webhooks/cado", b"x" * 262_145, 413),
        ("GET", "/webhooks/cado", b"", 405),
        ("POST", "/", b"{}", 404),
        ("GET", "/health", b"", 200),
    ],
)
def test_other_requests(stage, version, method, path, body, status):
    answer = stage.edge(api_event(version, method, path, body))
    assert answer["statusCode"] == status
    if status == 200:
        assert json.loads(answer["body"]) == {"status": "ok", "problems": []}
    # Of a refused webhook nothing but its count is stored.
    records = stage.function.receive("events")
    refused = [decoded(items.RefusedWebhooks, record["body"].encode()) for record in records]
    counts = [(each["status"], each["count"]) for item in refused for each in item.counts]
    assert counts == ([(status, 1)] if (method, path) == ("POST", "/webhooks/cado") else [])


def test_health_asks_no_queue_and_says_when_no_token_can_be_read(stage):
    health = api_event("2.0", "GET", "/health", b"")
    stage.edge.restart(AWS_ENDPOINT_URL_SQS=NOBODY)
    assert stage.edge(health)["statusCode"] == 200
    stage.edge.restart(HUNTBRIDGE_WEBHOOK_TOKENS="aws-secretsmanager:nowhere#current")
    answer = stage.edge(health)
    assert answer["statusCode"] == 503
    assert json.loads(answer["body"])["problems"] == ["no webhook token can be read"]


@pytest.mark.parametrize(
    ("version", "path", "more"),
    [
        ("1.0", "/hb/webhooks/cado", {"resource": "/webhooks/cado"}),
        (
            "1.0",
            "/hb/webhooks/cado",
            {"resource": "/{proxy+}", "pathParameters": {"proxy": "webhooks/cado"}},
        ),
        ("1.0", "/webhooks/cado", {"resource": None}),
        ("1.0", "/prod/webhooks/cado", {"resource": "$default", "stage": "prod"}),
        ("2.0", "/prod/webhooks/cado", {"routeKey": "POST /webhooks/cado", "stage": "prod"}),
        ("2.0", "/prod/webhooks/cado", {"routeKey": "$default", "stage": "prod"}),
        (
            "2.0",
            "/hb/webhooks/cado",
            {"routeKey": "ANY /{proxy+}", "pathParameters": {"proxy": "webhooks/cado"}},
        ),
        ("2.0", "/webhooks/cado", {"routeKey": "$default", "stage": "$default"}),
    ],
)
def test_a_webhook_is_taken_behind_a_base_path_and_at_a_named_stage(stage, version, path, more):
    event = api_event(version, "POST", path, WEBHOOK)
    stage_of_api = more.pop("stage", None)
    event |= {name: value for name, value in more.items() if value is not None}
    if stage_of_api:
        event["requestContext"] = {**event["requestContext"], "stage": stage_of_api}
    if more.get("resource", "") is None:
        event.pop("resource", None)
    assert stage.edge(event)["statusCode"] == 202


@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_a_refused_webhook_is_logged_with_the_address_that_api_gateway_saw(stage, caplog, version):
    event = api_event(version, "POST", "/webhooks/cado", b"{}", {"X-Forwarded-For": "10.0.0.1, 192.0.2.1"})
    key = "identity" if version == "1.0" else "http"
    context = event["requestContext"]
    event["requestContext"] = {**context, key: {**context.get(key, {}), "sourceIp": "203.0.113.7"}}
    assert stage.edge(event)["statusCode"] == 401
    (line,) = [record for record in caplog.records if record.message == "webhook refused"]
    assert (line.status, line.sender) == (401, "203.0.113.7")


def test_a_token_that_can_be_guessed_is_not_accepted(stage, caplog):
    short = stage.resources.secret("short", current="abc1234")
    stage.edge.restart(HUNTBRIDGE_WEBHOOK_TOKENS=f"{short}#current")
    event = api_event("2.0", "POST", "/webhooks/cado", b'{"token": "abc1234"}')
    assert stage.edge(event)["statusCode"] == 503
    assert "it has fewer than 8 characters" in caplog.text
    assert "abc1234" not in caplog.text


def test_a_webhook_that_sqs_does_not_take_is_answered_503(stage):
    stage.restart(AWS_ENDPOINT_URL_SQS=NOBODY)
    answer = stage.edge(api_event("2.0", "POST", "/webhooks/cado", WEBHOOK))
    assert (answer["statusCode"], stage.resources.depth("events")) == (503, 0)


@pytest.mark.parametrize("tokens", ["", "aws-secretsmanager:nowhere#current"])
def test_without_a_token_that_can_be_had_every_webhook_is_refused(stage, caplog, tokens):
    stage.restart(HUNTBRIDGE_WEBHOOK_TOKENS=tokens)
    answer = stage.edge(api_event("2.0", "POST", "/webhooks/cado", WEBHOOK))
    assert answer["statusCode"] == 503
    assert (
        "there is no such secret in AWS" in caplog.text if tokens else "no token is configured" in caplog.text
    )


# The queues


def test_an_event_becomes_a_message_at_each_destination(stage):
    stage.put(finished())
    assert stage.function.work("events") == []
    assert stage.function.work("deliveries") == []
    assert stage.counts() == (1, 1)
    assert [stage.resources.depth(name) for name in ("events", "deliveries")] == [0, 0]


def test_one_bad_record_does_not_fail_the_others(stage, caplog):
    stage.put(finished("event-0"), b"not one of ours", finished("event-2"))
    assert stage.function.work("events") == ["not one of ours"]
    assert stage.function.work("deliveries") == []
    assert stage.counts() == (2, 2)
    assert "item failed unexpectedly item=event-1 surprises=1" in caplog.text


def test_what_would_not_fit_into_the_time_that_remains_is_handed_back_and_comes_at_once(stage):
    stage.put(finished("event-0"), finished("event-1"), finished("event-2"))
    # The first is always begun; 30 s are left for the second, and too little for the third.
    context = Context(50, per_look=20)
    (body,) = stage.function.work("events", context)
    assert stage.function.work("events") == []
    assert stage.function.work("deliveries") == []
    assert stage.counts() == (3, 3)
    assert decoded(items.OwnEvent, body.encode()).event["kind"] == HUNT_FINISHED


def test_an_item_that_comes_too_early_is_hidden_until_it_is_due(stage):
    stage.put(finished(), delay=3_600)
    (record,) = _at_once(stage)
    answer = stage.function({"Records": [record]})
    assert answer == {"batchItemFailures": [{"itemIdentifier": record["messageId"]}]}
    assert stage.function.receive("events") == []
    assert stage.counts() == (0, 0)


def _at_once(stage: Stage) -> list[dict[str, Any]]:
    """SQS delays for 15 minutes; this is what it sends then."""
    sqs, url = stage.resources.client("sqs"), stage.resources.url("events")
    due = {"DataType": "String", "StringValue": str(datetime.now(UTC).timestamp() + 3_600)}
    sqs.send_message(QueueUrl=url, MessageBody=finished().decode(), MessageAttributes={"due": due})
    return stage.function.receive("events")


def test_the_age_of_what_could_not_be_delivered_is_a_metric_and_of_what_was_is_none(stage, capsys):
    stage.slack.fail(503, times=10)
    stage.put(finished())
    stage.function.work("events")
    records = stage.function.receive("deliveries")
    for record in records:
        # As often as SQS's own figure no longer counts it.
        record["attributes"]["ApproximateReceiveCount"] = "40"
        sent = datetime.now(UTC) - timedelta(hours=2)
        record["attributes"]["SentTimestamp"] = str(int(sent.timestamp() * 1000))
        stage.function({"Records": [record]})
    assert stage.counts() == (0, 1)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (line,) = [line for line in lines if "OldestDeliveriesSeconds" in line]
    (metric,) = line["_aws"]["CloudWatchMetrics"]
    assert metric["Metrics"] == [{"Name": "OldestDeliveriesSeconds", "Unit": "None"}]
    assert (metric["Namespace"], metric["Dimensions"]) == ("huntbridge", [["Function"]])
    assert line["OldestDeliveriesSeconds"] == pytest.approx(7_200, abs=60)


def test_a_destination_whose_secret_is_not_there_keeps_only_its_own_messages_waiting(stage, caplog):
    stage.resources.client("secretsmanager").delete_secret(
        SecretId=f"{stage.resources.name}/soc", ForceDeleteWithoutRecovery=True
    )
    stage.put(finished())
    stage.function.work("events")
    (waiting,) = stage.function.work("deliveries")
    assert (json.loads(waiting)["destination"], stage.counts()) == ("soc", (0, 1))
    assert f"{stage.soc}#url: there is no such secret in AWS" in caplog.text

    stage.resources.secret("soc", url=stage.url + stage.slack.path)
    wait_for(stage, 1)
    assert stage.counts() == (1, 1)


def wait_for(stage: Stage, slack: int) -> None:
    """Until the backoff of a first attempt, a second at most, is over."""
    end = time.monotonic() + 10
    while len(stage.slack.messages) < slack and time.monotonic() < end:
        stage.function.work("deliveries")
        time.sleep(0.1)


def test_a_secret_that_was_changed_counts_at_once_where_the_old_one_is_refused(stage, caplog):
    caplog.set_level("INFO")
    gone = stage.url + "/services/T00000000/B00000000/" + "x" * 24
    secrets, name = stage.resources.client("secretsmanager"), f"{stage.resources.name}/soc"
    secrets.put_secret_value(SecretId=name, SecretString=json.dumps({"url": gone}))
    stage.put(finished("event-0"))
    stage.function.work("events")
    stage.function.work("deliveries")
    assert (stage.counts(), stage.resources.depth("deliveries", dead=True)) == ((0, 1), 1)
    assert len(stage.slack.refused) == 1  # what has not changed is not tried again

    secrets.put_secret_value(SecretId=name, SecretString=json.dumps({"url": stage.url + stage.slack.path}))
    stage.put(finished("event-0").replace(b"event-0", b"event-9"))
    stage.function.work("events")
    stage.function.work("deliveries")
    assert len(stage.slack.messages) == 1
    assert len(stage.slack.refused) == 2  # once more with the one that was kept
    assert "which has changed" in caplog.text


def test_a_role_that_cannot_be_assumed_is_named_in_the_message(stage):
    denied = Flask("tests.sts")

    @denied.post("/")
    def deny() -> Response:
        error = "<Error><Type>Sender</Type><Code>AccessDenied</Code><Message>no</Message></Error>"
        body = f"<ErrorResponse>{error}<RequestId>1</RequestId></ErrorResponse>"
        return Response(body, status=403, mimetype="text/xml")

    role = "arn:aws:iam::111122223333:role/huntbridge-read"
    stage.configure(accounts={"prod": {"id": "111122223333", "role": role}})
    system = System("i-0aaaaaaaaaaaaaaa1", "eu-west-1", "prod")
    event = Event("event-0", CAPTURE_FAILED, NOW, text="no snapshot", system=system, hunt_id="a")
    with serving(denied) as url:
        stage.restart(AWS_ENDPOINT_URL_STS=url)
        stage.put(items.encode(items.OwnEvent(dump(event))))
        assert stage.function.work("events") == []
    assert stage.function.work("deliveries") == []
    (message,) = stage.slack.messages
    text = json.dumps(message.body).replace("`", "")  # the role holds a mark, and stands in code
    assert f"AWS does not let this machine assume the role {role}" in text


def test_a_throttled_table_holds_an_item_back_and_kills_it_never(stage, caplog):
    throttled, asked = Flask("tests.dynamodb"), []

    @throttled.post("/")
    def throttle() -> tuple[dict[str, str], int]:
        asked.append(1)
        return {"__type": "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException"}, 400

    with serving(throttled) as url:
        stage.restart(AWS_ENDPOINT_URL_DYNAMODB=url)
        stage.put(finished())
        (record,) = stage.function.receive("events")
        record["attributes"]["ApproximateReceiveCount"] = "19"  # an outage that lasts
        answer = stage.function({"Records": [record]})
    assert answer == {"batchItemFailures": [{"itemIdentifier": record["messageId"]}]}
    assert asked
    assert "DynamoDB is throttling requests" in caplog.text
    assert "unexpectedly" not in caplog.text
    assert stage.resources.depth("events", dead=True) == 0

    stage.restart()
    stage.resources.client("sqs").change_message_visibility(
        QueueUrl=stage.resources.url("events"), ReceiptHandle=record["receiptHandle"], VisibilityTimeout=0
    )
    stage.function.work("events")
    stage.function.work("deliveries")
    assert stage.counts() == (1, 1)


def test_what_sqs_has_put_aside_itself_is_told_at_the_next_follow(stage, monkeypatch):
    """Its worker died each time, or could not be started."""
    stage.put(finished())
    stage.function.work("events")
    sqs, url = stage.resources.client("sqs"), stage.resources.url("deliveries")
    policy = json.loads(
        sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]["RedrivePolicy"]
    )
    policy["maxReceiveCount"] = 1
    sqs.set_queue_attributes(
        QueueUrl=url, Attributes={"VisibilityTimeout": "0", "RedrivePolicy": json.dumps(policy)}
    )
    for _ in range(4):
        stage.function.receive("deliveries")
    assert stage.resources.depth("deliveries", dead=True) == 2
    timer = Invoked(scheduler_handler, stage.resources, monkeypatch)
    for _ in range(3):
        timer({"follow": True})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "60"})
    receiver = Invoked(handler, stage.resources, monkeypatch)
    for _ in range(3):
        receiver.work("events")
        receiver.work("deliveries")
    assert stage.counts() == (1, 1)  # each is told of the other
    for tool, name in ((stage.slack, "office"), (stage.teams, "soc")):
        text = json.dumps(tool.messages[0].body)
        assert f"1 message could not be delivered to {name}" in text
        assert ABANDONED in text
    assert stage.resources.depth("deliveries", dead=True) == 2


def test_records_of_a_queue_that_is_not_the_receivers_are_refused(stage):
    stage.put(finished())
    (record,) = stage.function.receive("events")
    with pytest.raises(LookupError, match="no queue of the receiver"):
        stage.function({"Records": [record | {"eventSourceARN": stage.resources.arns["captures"]}]})


# A case that somebody takes


@pytest.fixture
def with_buttons(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """Its Slack has a bot token and buttons as well; what goes to slack.com goes to the simulation."""

    def at_the_simulation(*args: Any, **settings: Any) -> SlackBotDestination:
        return SlackBotDestination(*args, **settings | {"base_url": f"{stage.url}/api/"})

    monkeypatch.setattr("receiver.destinations.slack.destination.SlackBotDestination", at_the_simulation)
    app = stage.resources.secret("app", signing=stage.slack.signing_secret, bot=stage.slack.token)
    stage.configure(
        destinations={
            "ir": {
                "type": "slack",
                "token": f"{app}#bot",
                "channel": "C0123456789",
                "signing_secret": f"{app}#signing",
                "pace": 1_000,
            },
            "office": {"type": "teams", "webhook_url": f"{stage.chat}#office"},
        },
        default=["ir"],
        reminders={"after": 3_600, "to": "office"},
    )
    stage.restart(HUNTBRIDGE_SLACK_SIGNING_SECRETS=f"{app}#signing")
    alarm = b'{"token": "a-good-token", "event": "high_severity_alarm", "message": "5 high severity alarms"}'
    assert stage.edge(api_event("2.0", "POST", "/webhooks/cado", alarm))["statusCode"] == 202
    work_off(stage)
    return stage


def work_off(stage: Stage) -> None:
    while stage.resources.depth("events") or stage.resources.depth("deliveries"):
        stage.function.work("events")
        stage.function.work("deliveries")


def test_a_click_takes_the_case_once_however_often_sqs_hands_it_out(with_buttons):
    stage = with_buttons
    (parent,) = (post for post in stage.slack.posts if not post.thread_ts)
    request = stage.slack.click(parent, "acknowledge")
    event = api_event("1.0", "POST", "/slack/actions", request.body, request.headers)
    for _ in range(2):
        assert stage.edge(event)["statusCode"] == 200
    records = stage.function.receive("events")
    assert len(records) == 2  # SQS knows nothing of ids
    for _ in range(2):
        assert stage.function({"Records": records}) == {"batchItemFailures": []}
    for record in records:
        stage.resources.client("sqs").delete_message(
            QueueUrl=stage.resources.url("events"), ReceiptHandle=record["receiptHandle"]
        )
    work_off(stage)
    taken = [post for post in stage.slack.posts if "Taken by ada" in json.dumps(post.body["blocks"][0])]
    assert len(taken) == 1
    assert taken[0].thread_ts == parent.ts
    assert "Acknowledge" not in json.dumps(parent.body)
    assert stage.slack.ephemerals == []
    assert stage.slack.refused == []


def test_a_choice_that_mutes_does_so_once_however_often_sqs_hands_it_out(with_buttons):
    stage = with_buttons
    clients = Clients(stage.resources.environ, endpoint_url=stage.resources.endpoint)
    ledger = Ledger(DynamoStore(clients, stage.resources.name), lambda: datetime.now(UTC))
    (key,) = (waiting.case_key for waiting in ledger.cases.unacknowledged())
    found = Finding("User accessing sudo", 2, Severity.SUSPICIOUS, artefacts=(Artefact("", 2),))
    system = System("i-0aaaaaaaaaaaaaaa1", "us-east-1", "")
    case = ledger.cases.change(key, lambda case: case and replace(case, system=system))
    assert case is not None
    ledger.events.save_whole_alarm(replace(case.alarm, findings=(found,)))
    menu = {"type": "actions", "block_id": key, "elements": [mute_menu(next_hunt=False)]}
    post = Post("C0123456789", "1764000000.000009", NOW, {"text": "x", "blocks": [menu]})
    request = stage.slack.click(post, "mute", "7d")
    event = api_event("2.0", "POST", "/slack/actions", request.body, request.headers)
    assert [stage.edge(event)["statusCode"] for _ in range(2)] == [200, 200]
    work_off(stage)
    (mute,) = ledger.mutes.stored()
    assert (mute.match.instance, mute.match.finding) == ((system.instance,), ("User accessing sudo",))
    assert (mute.until - mute.at).days == 7
    (answer,) = stage.slack.ephemerals
    assert answer.body["text"].startswith("You muted 1 finding")
    assert len([post for post in stage.slack.posts if "Muted: " in json.dumps(post.body["blocks"][0])]) == 1
    assert stage.slack.refused == []


def test_a_click_that_has_a_system_captured_again_asks_the_scheduler(with_buttons):
    stage = with_buttons
    clients = Clients(stage.resources.environ, endpoint_url=stage.resources.endpoint)
    ledger = Ledger(DynamoStore(clients, stage.resources.name), lambda: datetime.now(UTC))
    (key,) = (waiting.case_key for waiting in ledger.cases.unacknowledged())
    system = System("i-0aaaaaaaaaaaaaaa1", "us-east-1")
    ledger.cases.change(key, lambda case: case and replace(case, system=system))
    button = {"type": "actions", "elements": [again_button(key)]}
    post = Post("C0123456789", "1764000000.000009", NOW, {"text": "x", "blocks": [button]})
    request = stage.slack.click(post, CAPTURE_AGAIN)
    event = api_event("2.0", "POST", "/slack/actions", request.body, request.headers)
    assert [stage.edge(event)["statusCode"] for _ in range(2)] == [200, 200]
    work_off(stage)
    assert stage.resources.depth("captures") == 1
    (answer,) = stage.slack.ephemerals
    assert answer.body["text"].startswith("i-0aaaaaaaaaaaaaaa1 will be captured again, in full: run again-")


def test_a_stack_that_was_not_told_a_signing_secret_says_so(with_buttons, caplog):
    stage = with_buttons
    stage.restart()
    stage.put(finished())
    stage.function.work("events")
    assert (
        "the stack's parameter SlackSigningSecrets lacks a secret secret=aws-secretsmanager:" in caplog.text
    )


def test_the_follow_timer_reminds_of_a_case_once_and_of_none_that_was_taken(with_buttons, monkeypatch):
    stage = with_buttons
    clients = Clients(stage.resources.environ, endpoint_url=stage.resources.endpoint)
    store = DynamoStore(clients, stage.resources.name)
    ledger = Ledger(store, lambda: datetime.now(UTC))
    (waiting,) = ledger.cases.unacknowledged()
    body = {"since": waiting.since.isoformat(), "due": NOW.isoformat(), "reminded": 0}
    scheduler = Invoked(scheduler_handler, stage.resources, monkeypatch)
    for _ in range(2):  # two timers that have read the same
        store.put("unacknowledged", "", waiting.case_key, body)
        assert scheduler({"follow": True}) == {"open_hunts": 0}
    assert stage.resources.depth("events") == 2
    work_off(stage)
    (card,) = stage.teams.messages
    assert "Nobody has taken this yet: 5 malicious" in json.dumps(card.body)

    store.put("unacknowledged", "", waiting.case_key, body | {"reminded": 0})
    ledger.cases.decide(waiting.case_key, CaseDecision("ack-1", Action.ACKNOWLEDGE, "ada", NOW))
    scheduler({"follow": True})
    work_off(stage)
    assert len(stage.teams.messages) == 1


# What is loaded, and when


SCRIPT = """
import json, os, sys
from importlib import import_module
handler = import_module(sys.argv[1]).handler
from botocore.loaders import JSONFileLoader
before, read, real = set(sys.modules), [], JSONFileLoader.load_file
def load_file(self, path):
    found = real(self, path)
    if found is not None:
        read.append(os.path.basename(os.path.dirname(path)) + "/" + os.path.basename(path))
    return found
JSONFileLoader.load_file = load_file
class Context:
    function_name = "f"
    def get_remaining_time_in_millis(self): return 300_000
answer = handler(json.loads(sys.argv[2]), Context())
print(json.dumps([answer, sorted(sys.modules), sorted(set(sys.modules) - before), read]))
"""
HEAVY = {
    "pydantic", "pydantic_core", "requests", "slack_sdk", "yaml", "shared.aws.ec2", "shared.aws.dynamodb",
    "shared.platform.client", "shared.config.config", "shared.storage.ledger.ledger", "shared.models.codec",
    "shared.models.alarms",
    "shared.hosting.runtime", "receiver.messages.compose", "receiver.destinations.contract",
    "receiver.events.enrich", "receiver.events.worker", "receiver.deliveries.worker", "prometheus_client",
}  # fmt: skip
OURS = ("receiver", "scheduler", "shared", "boto3", "botocore", "flask", "werkzeug", "jinja2", "slack_sdk")


@dataclass(frozen=True)
class First:
    """The first invocation of a process that Lambda started."""

    answer: Any
    modules: set[str]
    imported: list[str]  # by the invocation itself: modules of the project and of its larger packages
    read: list[str]  # by the invocation itself: files of botocore
    stderr: str


def first(stage: Stage, module: str, event: dict[str, Any]) -> First:
    process = subprocess.run(
        [sys.executable, "-c", SCRIPT, module, json.dumps(event)],
        cwd=ROOT,
        env={**clean(os.environ), **stage.resources.environ, "AWS_LAMBDA_FUNCTION_NAME": "f"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    answer, modules, imported, read = json.loads(process.stdout.splitlines()[-1])
    ours = [name for name in imported if name.split(".")[0] in OURS]
    return First(answer, set(modules), ours, read, process.stderr)


@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_the_edge_loads_nothing_of_the_work_and_logs_json_once(stage, version):
    event = api_event(version, "POST", "/webhooks/cado", WEBHOOK)
    invocation = first(stage, "receiver.edge", event)
    assert invocation.answer["statusCode"] == 202
    assert invocation.modules & HEAVY == set()
    assert (invocation.imported, invocation.read) == ([], [])
    lines = [json.loads(line) for line in invocation.stderr.splitlines()]
    assert [(line["message"], line["event"] != "") for line in lines] == [("webhook accepted", True)]


def test_an_edge_that_is_started_holds_no_secret_and_has_asked_nobody(stage):
    """A snapshot of it (SnapStart) may be of any age."""
    script = (
        "from receiver import edge\n"
        "assert edge._web.cache_info().currsize == 1\n"
        "from shared.hosting import log_redaction\n"
        "print(sorted(log_redaction._registry._forms))"
    )
    process = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={
            **clean(os.environ),
            **stage.resources.environ,
            "AWS_ENDPOINT_URL": NOBODY,
            "AWS_LAMBDA_FUNCTION_NAME": "f",
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert (process.stdout, process.stderr) == ("[]\n", "")


RESTORED = """
import json, os, sys, time
from receiver import edge
class Context:
    function_name = "f"
    def get_remaining_time_in_millis(self): return 30_000
for number in range(2):
    child = os.fork()
    if child == 0:
        time.time = lambda real=time.time: real() + 86_400
        time.monotonic = lambda real=time.monotonic: real() - 86_400
        print(json.dumps(edge.handler(json.loads(sys.argv[1]), Context())["body"]), flush=True)
        os._exit(0)
    os.waitpid(child, 0)
"""


def test_two_functions_restored_from_one_snapshot_give_different_ids(stage):
    """A fork stands for a restore (SnapStart), and the clocks have jumped meanwhile."""
    event = json.dumps(api_event("2.0", "POST", "/webhooks/cado", WEBHOOK))
    process = subprocess.run(
        [sys.executable, "-c", RESTORED, event],
        cwd=ROOT,
        env={**clean(os.environ), **stage.resources.environ, "AWS_LAMBDA_FUNCTION_NAME": "f"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    lines = process.stdout.splitlines()  # among them the metrics, which are objects
    bodies = [json.loads(json.loads(line)) for line in lines if line.startswith('"')]
    assert [body["status"] for body in bodies] == ["accepted"] * 2
    assert len({body["id"] for body in bodies}) == 2
    assert stage.resources.depth("events") == 2


def test_the_work_loads_no_flask_and_imports_nothing_in_its_first_invocation(stage):
    stage.put(finished())
    events = stage.function.receive("events")
    invocation = first(stage, "receiver.handler", {"Records": events})
    assert invocation.answer == {"batchItemFailures": []}
    assert invocation.modules & {"flask", "werkzeug", "apig_wsgi", "receiver.web"} == set()
    assert (invocation.imported, invocation.read) == ([], [])

    for record in stage.function.receive("deliveries"):
        invocation = first(stage, "receiver.handler", {"Records": [record]})
        assert invocation.answer == {"batchItemFailures": []}
        assert (invocation.imported, invocation.read) == ([], [])
    assert stage.counts() == (1, 1)
    loaded = {name.split(".")[2] for name in invocation.modules if name.endswith(".destination")}
    assert loaded >= {"slack", "teams"}  # those that are configured
    assert loaded & {"jira", "pagerduty", "jsm"} == set()


DAY = "2026-11-24"
FINDING = {
    "source": "aws.guardduty",
    "detail-type": "GuardDuty Finding",
    "account": "123456789012",
    "time": "2026-11-24T02:00:00Z",
    "region": "us-east-1",
    "detail": {
        "id": "f-1",
        "type": "CryptoCurrency:EC2/BitcoinTool.B!DNS",
        "severity": 8,
        "accountId": "123456789012",
        "region": "us-east-1",
        "resource": {
            "resourceType": "Instance",
            "instanceDetails": {"instanceId": "i-0aaaaaaaaaaaaaaa1"},
        },
    },
}
BY_EVENT = {
    "the timer": scheduled("FollowTimer"),
    "a schedule": scheduled("HuntSchedules", "weekly", "2026-11-22T02:00:00Z"),
    "a finding of GuardDuty": FINDING,
    "an event of another service": {
        **FINDING, "source": "aws.securityhub", "detail-type": "Imported", "id": "e-1",
        "detail": {"instance": "i-0aaaaaaaaaaaaaaa1"},
    },
}  # fmt: skip
SYSTEM = System("i-0aaaaaaaaaaaaaaa1", "us-east-1")
BY_ITEM: dict[str, items.Content] = {
    "a hunt that waited": items.StartHunt({"hunt": "weekly", "scheduled_at": f"{DAY}T02:00:00Z"}),
    "a project to open": items.OpenProject("weekly@2026-11-22T02:00:00Z", 0.0),
    "a capture": items.RequestCapture("weekly@2026-11-22T02:00:00Z", dump(SYSTEM), 0.0),
    "the whole organization": items.CoverAccounts(DAY, 0, ()),
    "a preflight": items.PreflightHunt("weekly", DAY),
    "leftovers": items.Leftovers(DAY),
    **{f"the check of {part}": items.DailyCheck(part, DAY) for part in PARTS},
}


@pytest.mark.parametrize("kind", [*BY_EVENT, *BY_ITEM])
def test_the_scheduler_imports_nothing_in_its_first_invocation(stage, kind):
    stage.configure(
        hunts={
            "weekly": {
                "targets": [
                    {"instance": "i-0aaaaaaaaaaaaaaa1", "region": "us-east-1"},
                    {"tags": {"Env": "prod"}, "regions": ["us-east-1"]},
                ]
            }
        },
        guardduty={"min_severity": 7},
        triggers={
            "hub": {
                "source": "aws.securityhub",
                "detail_type": "Imported",
                "system": {"instance": "detail.instance"},
            }
        },
    )
    if kind in BY_ITEM:
        stage.put(items.encode(BY_ITEM[kind]), queue="captures")
        event = {"Records": stage.function.receive("captures")}
    else:
        event = BY_EVENT[kind]
    invocation = first(stage, "scheduler.handler", event)
    assert "Traceback" not in invocation.stderr
    assert invocation.imported == []
    # Leftovers are looked for once a day, and nobody waits for them. They need a client of KMS.
    assert invocation.read == [] or kind == "leftovers"


def test_while_its_stack_is_updated_the_receiver_still_takes_webhooks(stage):
    """Its API calls this function until it is told of the other one."""
    answer = stage.function(api_event("2.0", "POST", "/webhooks/cado", WEBHOOK))
    assert (answer["statusCode"], stage.resources.depth("events")) == (202, 1)
