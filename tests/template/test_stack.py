"""How the parts of the stack hold together: queues, schedules, the way in, alarms."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

DEPLOYED = Callable[..., Any]
PLAIN = Callable[[Any], Any]


def of_type(template: dict[str, Any], kind: str) -> dict[str, Any]:
    return {name: one["Properties"] for name, one in template["Resources"].items() if one["Type"] == kind}


@pytest.fixture
def stack(deployed: DEPLOYED) -> dict[str, Any]:
    return deployed()  # type: ignore[no-any-return]


def test_the_functions(stack: dict[str, Any], plain: PLAIN) -> None:
    names = ["Handler", "Runtime", "Architectures", "TracingConfig", "LoggingConfig", "Timeout"]
    found = {
        name: plain({key: one[key] for key in names})
        for name, one in of_type(stack, "AWS::Lambda::Function").items()
    }
    common = {"Runtime": "python3.13", "Architectures": ["arm64"], "TracingConfig": {"Mode": "Active"}}

    assert found == {
        "SchedulerFunction": {
            **common,
            "Handler": "scheduler.handler.handler",
            "LoggingConfig": {"LogFormat": "JSON", "LogGroup": "SchedulerLogs"},
            "Timeout": 300,
        },
        "ReceiverFunction": {
            **common,
            "Handler": "receiver.handler.handler",
            "LoggingConfig": {"LogFormat": "JSON", "LogGroup": "ReceiverLogs"},
            "Timeout": 60,
        },
    }


def test_what_the_functions_are_told(stack: dict[str, Any], plain: PLAIN) -> None:
    functions = of_type(stack, "AWS::Lambda::Function")
    both = {
        "HUNTBRIDGE_CONFIG": "s3://${Configuration}/huntbridge.yaml",
        "HUNTBRIDGE_TABLE": "Ledger",
        "HUNTBRIDGE_CAPTURES": "Captures",
        "HUNTBRIDGE_CAPTURES_DLQ": "CapturesDead",
        "HUNTBRIDGE_EVENTS": "Events",
        "HUNTBRIDGE_EVENTS_DLQ": "EventsDead",
        "HUNTBRIDGE_DELIVERIES": "Deliveries",
        "HUNTBRIDGE_DELIVERIES_DLQ": "DeliveriesDead",
    }
    token = "aws-secretsmanager:${WebhookSecret}"

    assert plain(functions["SchedulerFunction"]["Environment"]["Variables"]) == both
    assert plain(functions["ReceiverFunction"]["Environment"]["Variables"]) == {
        **both,
        "HUNTBRIDGE_WEBHOOK_TOKENS": f"{token}#current,{token}#previous",
        "HUNTBRIDGE_SLACK_SIGNING_SECRETS": "",
    }


def test_the_function_that_takes_clicks_is_told_the_signing_secrets(deployed: DEPLOYED, plain: PLAIN) -> None:
    refs = "aws-secretsmanager:chat#signing,aws-secretsmanager:chat#signing-previous"
    functions = of_type(deployed(SlackSigningSecrets=refs), "AWS::Lambda::Function")
    variables = plain(functions["ReceiverFunction"]["Environment"]["Variables"])

    assert variables["HUNTBRIDGE_SLACK_SIGNING_SECRETS"] == refs


def test_a_failed_start_is_repeated_and_what_fails_for_good_is_kept(
    stack: dict[str, Any], plain: PLAIN
) -> None:
    found = {
        one["FunctionName"]["Ref"]: one for one in of_type(stack, "AWS::Lambda::EventInvokeConfig").values()
    }

    assert set(found) == set(of_type(stack, "AWS::Lambda::Function"))
    assert found["SchedulerFunction"]["MaximumRetryAttempts"] == 2
    assert found["SchedulerFunction"]["MaximumEventAgeInSeconds"] == 21_600
    for one in found.values():
        assert plain(one["DestinationConfig"]) == {"OnFailure": {"Destination": "Missed.Arn"}}


def test_every_queue_outlasts_its_function_and_has_its_dead_letters(
    stack: dict[str, Any], plain: PLAIN
) -> None:
    queues, functions = of_type(stack, "AWS::SQS::Queue"), of_type(stack, "AWS::Lambda::Function")
    mappings = of_type(stack, "AWS::Lambda::EventSourceMapping")

    assert {plain(one["EventSourceArn"]) for one in mappings.values()} == {
        "Captures.Arn",
        "Events.Arn",
        "Deliveries.Arn",
    }
    for mapping in mappings.values():
        name = plain(mapping["EventSourceArn"]).removesuffix(".Arn")
        queue, function = queues[name], functions[mapping["FunctionName"]["Ref"]]
        assert queue["VisibilityTimeout"] >= 6 * function["Timeout"]
        assert plain(queue["RedrivePolicy"]["deadLetterTargetArn"]) == f"{name}Dead.Arn"
        assert queue["RedrivePolicy"]["maxReceiveCount"] >= 5
        # Else a poisoned item would be gone before it is put aside.
        tries = queue["RedrivePolicy"]["maxReceiveCount"] * queue["VisibilityTimeout"]
        assert tries < queue["MessageRetentionPeriod"]
        [source] = plain(queues[f"{name}Dead"]["RedriveAllowPolicy"])["sourceQueueArns"]
        assert source.rpartition(":")[2] == plain(queue["QueueName"])
        assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    for queue in queues.values():
        assert queue["SqsManagedSseEnabled"] is True


def test_the_queues_leave_room_for_the_web_path(stack: dict[str, Any]) -> None:
    """A new account runs ten invocations at once."""
    mappings = of_type(stack, "AWS::Lambda::EventSourceMapping").values()

    assert sum(int(one["ScalingConfig"]["MaximumConcurrency"]) for one in mappings) <= 6


def test_the_customer_key_is_everywhere(deployed: DEPLOYED) -> None:
    key = "arn:aws:kms:us-east-1:111122223333:key/11111111-2222-3333-4444-555555555555"
    resources = deployed(KmsKeyArn=key)["Resources"]
    stores = {
        "AWS::SQS::Queue",
        "AWS::DynamoDB::Table",
        "AWS::S3::Bucket",
        "AWS::SecretsManager::Secret",
        "AWS::Logs::LogGroup",
        "AWS::SNS::Topic",
        "AWS::Lambda::Function",
    }
    without = [
        name for name, one in resources.items() if one["Type"] in stores and key not in json.dumps(one)
    ]

    assert without == []
    assert not [one for one in resources.values() if "SqsManagedSseEnabled" in one["Properties"]]


def test_the_schedules(stack: dict[str, Any], plain: PLAIN) -> None:
    hunt = {
        "Name": "stack-hunt",
        "GroupName": "Schedules",
        "Description": "The hunt weekly, scheduled by the stack ${StackName}.",
        "ScheduleExpression": "cron(0 2 ? * SUN *)",
        "ScheduleExpressionTimezone": "Etc/UTC",
        "FlexibleTimeWindow": {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 15},
        "Target": {
            "Arn": "SchedulerFunction.Arn",
            "RoleArn": "ScheduleRole.Arn",
            "Input": '{"hunt": "weekly", "scheduled_at": "<aws.scheduler.scheduled-time>"}',
            "RetryPolicy": {"MaximumRetryAttempts": 30, "MaximumEventAgeInSeconds": 21600},
            "DeadLetterConfig": {"Arn": "Missed.Arn"},
        },
    }
    found = plain(of_type(stack, "AWS::Scheduler::Schedule"))

    assert found["HuntSchedules"] == hunt
    assert found["FollowTimer"]["ScheduleExpression"] == "rate(5 minutes)"
    assert json.loads(found["FollowTimer"]["Target"]["Input"]) == {"follow": True}
    assert found["FollowTimer"]["Target"]["DeadLetterConfig"] == {"Arn": "Missed.Arn"}


def test_no_hunt_is_scheduled_where_none_is_named(deployed: DEPLOYED) -> None:
    assert set(of_type(deployed(HuntName=""), "AWS::Scheduler::Schedule")) == {"FollowTimer"}


def test_the_http_api(stack: dict[str, Any]) -> None:
    routes = [one["RouteKey"] for one in of_type(stack, "AWS::ApiGatewayV2::Route").values()]
    [stage] = of_type(stack, "AWS::ApiGatewayV2::Stage").values()
    [integration] = of_type(stack, "AWS::ApiGatewayV2::Integration").values()

    assert sorted(routes) == ["GET /health", "POST /slack/actions", "POST /webhooks/cado"]
    assert integration["PayloadFormatVersion"] == "2.0"
    assert stage["DefaultRouteSettings"] == {"ThrottlingRateLimit": "50", "ThrottlingBurstLimit": "100"}
    assert of_type(stack, "AWS::ApiGateway::RestApi") == {}


@pytest.mark.parametrize(
    ("parameters", "condition"),
    [
        ({"ApiType": "REST"}, None),
        (
            {"ApiType": "REST", "AllowedIps": "192.0.2.1,198.51.100.0/24"},
            {"IpAddress": {"aws:SourceIp": ["192.0.2.1", "198.51.100.0/24"]}},
        ),
        (
            {"ApiType": "PRIVATE", "VpcEndpointId": "vpce-0abc"},
            {"StringEquals": {"aws:SourceVpce": "vpce-0abc"}},
        ),
    ],
)
def test_who_may_call_a_rest_api(
    deployed: DEPLOYED, parameters: dict[str, str], condition: dict[str, Any] | None
) -> None:
    template = deployed(**parameters)
    [rest] = of_type(template, "AWS::ApiGateway::RestApi").values()
    policy = rest["Body"].get("x-amazon-apigateway-policy", {"Statement": [{}]})
    [statement] = policy["Statement"]
    private = parameters["ApiType"] == "PRIVATE"

    assert statement.get("Condition") == condition
    assert sorted(rest["Body"]["paths"]) == ["/health", "/slack/actions", "/webhooks/cado"]
    assert rest["EndpointConfiguration"] == (
        {"Types": ["PRIVATE"], "VpcEndpointIds": ["vpce-0abc"]} if private else {"Types": ["REGIONAL"]}
    )
    assert of_type(template, "AWS::ApiGatewayV2::Api") == {}


@pytest.mark.parametrize("kind", ["HTTP", "REST"])
def test_the_access_log_holds_no_query_and_no_body(deployed: DEPLOYED, kind: str) -> None:
    template = deployed(ApiType=kind)
    if kind == "HTTP":
        [stage] = of_type(template, "AWS::ApiGatewayV2::Stage").values()
        shape = stage["AccessLogSettings"]["Format"]
    else:
        [stage] = of_type(template, "AWS::ApiGateway::Stage").values()
        shape = stage["AccessLogSetting"]["Format"]
        assert [one["DataTraceEnabled"] for one in stage["MethodSettings"]] == [False]
    variables = {found.rpartition(".")[2] for found in re.findall(r"\$context\.[\w.]+", shape)}

    assert json.loads(shape)
    assert variables <= {
        "requestTime",
        "requestId",
        "sourceIp",
        "routeKey",
        "httpMethod",
        "resourcePath",
        "status",
        "responseLength",
        "responseLatency",
        "integrationErrorMessage",
    }


@pytest.mark.parametrize(
    ("parameters", "url"),
    [
        ({}, "https://${HttpApi}.execute-api.${Region}.${URLSuffix}/webhooks/cado"),
        ({"ApiType": "REST"}, "https://${RestApi}.execute-api.${Region}.${URLSuffix}/v1/webhooks/cado"),
        (
            {"ApiType": "PRIVATE", "VpcEndpointId": "vpce-0abc"},
            "https://${RestApi}-vpce-0abc.execute-api.${Region}.${URLSuffix}/v1/webhooks/cado",
        ),
    ],
)
def test_the_outputs(deployed: DEPLOYED, plain: PLAIN, parameters: dict[str, str], url: str) -> None:
    outputs = deployed(**parameters)["Outputs"]
    words, names = outputs["RegisterWebhook"]["Value"]["Fn::Sub"]

    assert plain(outputs["WebhookUrl"]["Value"]) == url
    # Slack is outside of every VPC.
    slack = plain(outputs["SlackActionsUrl"]["Value"])
    assert slack == url.replace("/webhooks/cado", "/slack/actions").replace("-vpce-0abc", "")
    assert words == "huntbridge webhook register --url ${Url} --token-ref ${Token}"
    assert plain(names) == {"Url": url, "Token": "aws-secretsmanager:${WebhookSecret}#current"}


def test_the_alarms(stack: dict[str, Any], plain: PLAIN) -> None:
    """(metric, where, more than) of each; all of them tell the topic."""
    alarms = of_type(stack, "AWS::CloudWatch::Alarm")
    found = {
        name: (
            one["MetricName"],
            plain(one["Dimensions"][0]["Value"]).removesuffix(".QueueName"),
            int(one["Threshold"]),
        )
        for name, one in alarms.items()
    }

    assert found == {
        "CapturesDeadAlarm": ("ApproximateNumberOfMessagesVisible", "CapturesDead", 0),
        "EventsDeadAlarm": ("ApproximateNumberOfMessagesVisible", "EventsDead", 0),
        "DeliveriesDeadAlarm": ("ApproximateNumberOfMessagesVisible", "DeliveriesDead", 0),
        "MissedAlarm": ("ApproximateNumberOfMessagesVisible", "Missed", 0),
        "EventsWaitAlarm": ("ApproximateAgeOfOldestMessage", "Events", 300),
        "DeliveriesWaitAlarm": ("ApproximateAgeOfOldestMessage", "Deliveries", 3600),
        "SchedulerErrorsAlarm": ("Errors", "SchedulerFunction", 0),
        "SchedulerThrottlesAlarm": ("Throttles", "SchedulerFunction", 0),
        "ReceiverErrorsAlarm": ("Errors", "ReceiverFunction", 0),
        "ReceiverThrottlesAlarm": ("Throttles", "ReceiverFunction", 0),
        "WebhooksFailedAlarm": ("5xx", "HttpApi", 0),
        "NoHuntAlarm": ("DaysSinceHuntFinished", "SchedulerFunction", 8),
    }
    for one in alarms.values():
        assert one["AlarmActions"] == [{"Ref": "Alarms"}]
        # CloudWatch looks back one day, or seven where a period is an hour or longer.
        assert one["Period"] * one["EvaluationPeriods"] <= (604_800 if one["Period"] >= 3600 else 86_400)
    assert alarms["NoHuntAlarm"]["InsufficientDataActions"] == [{"Ref": "Alarms"}]


@pytest.mark.parametrize("kind", ["HTTP", "REST"])
def test_the_dashboard_shows_every_alarm(deployed: DEPLOYED, kind: str) -> None:
    template = deployed(ApiType=kind)
    [dashboard] = of_type(template, "AWS::CloudWatch::Dashboard").values()
    body = dashboard["DashboardBody"]["Fn::Sub"]
    widgets = json.loads(body)["widgets"]
    used = set(re.findall(r"\$\{(\w+)[.}]", body))

    assert {one.partition(".")[0][2:] for one in widgets[0]["properties"]["alarms"]} == set(
        of_type(template, "AWS::CloudWatch::Alarm")
    )
    assert used <= set(template["Resources"])


def test_the_page_about_it_names_every_parameter_alarm_and_output(
    template: dict[str, Any], root: Path
) -> None:
    page = (root / "docs/deploy-aws.md").read_text()
    alarms = [name for name, one in template["Resources"].items() if one["Type"] == "AWS::CloudWatch::Alarm"]
    missing = [
        name
        for name in [*template["Parameters"], *alarms, "WebhookUrl", "RegisterWebhook", "ConfigLocation"]
        if f"`{name}`" not in page
    ]

    assert missing == []
