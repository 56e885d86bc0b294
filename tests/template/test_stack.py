"""How the parts of the stack hold together: queues, schedules, the way in, alarms."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shared.hosting.metrics import NAMESPACE, cloudwatch_name
from shared.metrics.definitions import ALL
from shared.queues.worker import backoff

WEB_ACL = "arn:aws:wafv2:us-east-1:111122223333:regional/webacl/acme/1"
DEPLOYED = Callable[..., Any]
PLAIN = Callable[[Any], Any]


def of_type(template: dict[str, Any], kind: str) -> dict[str, Any]:
    return {name: one["Properties"] for name, one in template["Resources"].items() if one["Type"] == kind}


@pytest.fixture
def stack(deployed: DEPLOYED) -> dict[str, Any]:
    stack: dict[str, Any] = deployed()
    return stack


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
        "EdgeFunction": {
            **common,
            "Handler": "receiver.edge.handler",
            "LoggingConfig": {"LogFormat": "JSON", "LogGroup": "EdgeLogs"},
            "Timeout": 30,
        },
    }


def test_what_the_functions_are_told(stack: dict[str, Any], plain: PLAIN) -> None:
    functions = of_type(stack, "AWS::Lambda::Function")
    all_of_them = {
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

    assert plain(functions["SchedulerFunction"]["Environment"]["Variables"]) == all_of_them
    assert plain(functions["ReceiverFunction"]["Environment"]["Variables"]) == {
        **all_of_them,
        "HUNTBRIDGE_SLACK_SIGNING_SECRETS": "",
    }
    assert plain(functions["EdgeFunction"]["Environment"]["Variables"]) == {
        **all_of_them,
        "HUNTBRIDGE_WEBHOOK_TOKENS": f"{token}#current,{token}#previous",
        "HUNTBRIDGE_SLACK_SIGNING_SECRETS": "",
    }


def test_the_function_that_takes_clicks_is_told_the_signing_secrets(deployed: DEPLOYED, plain: PLAIN) -> None:
    refs = "aws-secretsmanager:chat#signing,aws-secretsmanager:chat#signing-previous"
    functions = of_type(deployed(SlackSigningSecrets=refs), "AWS::Lambda::Function")
    # The receiver says where the configuration names one that is not there.
    for name in ("EdgeFunction", "ReceiverFunction"):
        variables = plain(functions[name]["Environment"]["Variables"])
        assert variables["HUNTBRIDGE_SLACK_SIGNING_SECRETS"] == refs


def test_a_failed_start_is_repeated_and_what_fails_for_good_is_kept(
    stack: dict[str, Any], plain: PLAIN
) -> None:
    found = {
        one["FunctionName"]["Ref"]: one for one in of_type(stack, "AWS::Lambda::EventInvokeConfig").values()
    }

    # Nobody starts the edge without waiting for its answer.
    assert {*found, "EdgeFunction"} == set(of_type(stack, "AWS::Lambda::Function"))
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
    assert found["FollowTimer"]["Target"]["DeadLetterConfig"] == {"Arn": "TimerMissed.Arn"}


def test_everything_that_is_started_without_waiting_has_a_dead_letter_queue(
    deployed: DEPLOYED, plain: PLAIN
) -> None:
    template = deployed(GuardDutyFindings="on")
    targets = [one["Target"] for one in of_type(template, "AWS::Scheduler::Schedule").values()]
    rules = of_type(template, "AWS::Events::Rule")
    targets += [target for rule in rules.values() for target in rule["Targets"]]
    queues, policies = of_type(template, "AWS::SQS::Queue"), of_type(template, "AWS::SQS::QueuePolicy")

    assert len(targets) == 3
    for target in targets:
        assert plain(target["DeadLetterConfig"]["Arn"]).removesuffix(".Arn") in queues
    # EventBridge has no role here: the queue must let it in. (The schedules have ScheduleRole.)
    [policy] = policies.values()
    [statement] = plain(policy["PolicyDocument"]["Statement"])
    assert list(rules) == ["GuardDutyRule"]
    assert (plain(policy["Queues"]), statement["Action"]) == (["Missed"], "sqs:SendMessage")
    assert statement["Principal"] == {"Service": "events.amazonaws.com"}
    assert statement["Condition"] == {"ArnEquals": {"aws:SourceArn": "GuardDutyRule.Arn"}}


@pytest.mark.parametrize("types", ["", "Security Hub Findings - Imported,Case Created"])
def test_events_of_other_services_go_to_the_scheduler_if_they_are_wanted(
    deployed: DEPLOYED, plain: PLAIN, types: str
) -> None:
    assert "TriggerRule" not in deployed()["Resources"]
    template = deployed(TriggerSources="aws.securityhub,aws.security-ir", TriggerDetailTypes=types)
    rule = template["Resources"]["TriggerRule"]["Properties"]
    wanted = {"source": ["aws.securityhub", "aws.security-ir"]}
    assert rule["EventPattern"] == wanted | ({"detail-type": types.split(",")} if types else {})
    (target,) = rule["Targets"]
    assert plain([target["Arn"], target["DeadLetterConfig"]["Arn"]]) == [
        "SchedulerFunction.Arn",
        "Missed.Arn",
    ]
    permission = template["Resources"]["TriggerPermission"]["Properties"]
    assert plain(permission["SourceArn"]) == "TriggerRule.Arn"
    [policy] = of_type(template, "AWS::SQS::QueuePolicy").values()
    [statement] = plain(policy["PolicyDocument"]["Statement"])
    assert statement["Condition"] == {"ArnEquals": {"aws:SourceArn": "TriggerRule.Arn"}}


def test_what_the_follow_timer_missed_goes_by_itself_and_rings_nothing(stack: dict[str, Any]) -> None:
    """The next ring does its work. What needs somebody is in Missed, and its alarm stays until then."""
    assert of_type(stack, "AWS::SQS::Queue")["TimerMissed"]["MessageRetentionPeriod"] == 3_600
    assert "TimerMissed" not in json.dumps(of_type(stack, "AWS::CloudWatch::Alarm"))


@pytest.mark.parametrize("protection", ["on", "off"])
def test_the_ledger_outlives_its_stack_and_is_protected(deployed: DEPLOYED, protection: str) -> None:
    ledger = deployed(LedgerProtection=protection)["Resources"]["Ledger"]

    assert ledger["Properties"]["DeletionProtectionEnabled"] is (protection == "on")
    assert (ledger["DeletionPolicy"], ledger["UpdateReplacePolicy"]) == ("Retain", "Retain")


# What the version before had, as CloudFormation knows it: another id or type would be a new one, without what
# is in it, or with another address.
KEPT = {
    **dict.fromkeys(
        ["Captures", "CapturesDead", "Events", "EventsDead", "Deliveries", "DeliveriesDead", "Missed"],
        "AWS::SQS::Queue",
    ),
    "Ledger": "AWS::DynamoDB::Table",
    "Configuration": "AWS::S3::Bucket",
    "WebhookSecret": "AWS::SecretsManager::Secret",
    "HttpApi": "AWS::ApiGatewayV2::Api",
    "Alarms": "AWS::SNS::Topic",
    "Schedules": "AWS::Scheduler::ScheduleGroup",
    "SchedulerFunction": "AWS::Lambda::Function",
    "ReceiverFunction": "AWS::Lambda::Function",
    "SchedulerRole": "AWS::IAM::Role",
    "ReceiverRole": "AWS::IAM::Role",
}
OUTPUTS = {
    *("WebhookUrl", "SlackActionsUrl", "RegisterWebhook", "ConfigLocation", "LedgerTable", "CapturesQueue"),
    *("CapturesDeadQueue", "EventsQueue", "EventsDeadQueue", "DeliveriesQueue", "DeliveriesDeadQueue"),
    *("MissedQueue", "MissedQueueArn", "ScheduleGroup", "ScheduleRoleArn", "SchedulerFunctionArn"),
    *("ReceiverFunctionArn", "SchedulerRoleArn", "ReceiverRoleArn", "AlarmTopic", "DashboardUrl"),
}
PARAMETERS = {
    *("AlarmEmail", "PlatformSecretArns", "DestinationSecretArns", "WebhookTokens", "SlackSigningSecrets"),
    *("ConfigBucket", "ConfigKey", "ConfigParameter", "HuntName", "HuntSchedule", "HuntTimezone"),
    *("GuardDutyFindings", "ApiType", "AllowedIps", "VpcEndpointId", "ApiGatewayLogRole", "ThrottleRate"),
    *("ThrottleBurst", "SubnetIds", "SecurityGroupIds", "KmsKeyArn", "MemberRoleName"),
    *("CaptureConcurrency", "EventConcurrency", "DeliveryConcurrency", "ReceiverReservedConcurrency"),
    *("LogRetentionDays", "QuietDays", "AlarmTopicArn"),
}


def test_a_stack_of_the_version_before_is_updated_in_place(
    stack: dict[str, Any], template: dict[str, Any]
) -> None:
    names = {one: one.lower() for one in ("Captures", "Events", "Deliveries", "Missed")}

    assert {name: stack["Resources"][name]["Type"] for name in KEPT} == KEPT
    assert set(stack["Outputs"]) >= OUTPUTS
    assert template["Parameters"].keys() >= PARAMETERS
    for queue, name in names.items():  # a new name is a new queue
        found = of_type(stack, "AWS::SQS::Queue")
        assert found[queue]["QueueName"] == {"Fn::Sub": f"${{AWS::StackName}}-{name}"}


def test_the_receiver_is_changed_only_when_the_api_calls_another_function(
    deployed: DEPLOYED, plain: PLAIN
) -> None:
    for kind, way_in in (("HTTP", "${HttpIntegration}"), ("REST", "${RestApiv1Stage}")):
        resources = deployed(ApiType=kind)["Resources"]
        assert way_in in plain(resources["ReceiverRole"]["Properties"]["Description"])
    assert deployed()["Resources"]["HttpIntegration"]["DependsOn"] == "HttpPermission"


@pytest.mark.parametrize("kind", ["HTTP", "REST"])
def test_a_snapshot_is_made_of_each_version_and_the_api_calls_the_newest(
    deployed: DEPLOYED, plain: PLAIN, kind: str
) -> None:
    template = deployed(ApiType=kind, SnapStart="on")
    functions = of_type(template, "AWS::Lambda::Function")
    [(name, version)] = of_type(template, "AWS::Lambda::Version").items()
    calls = json.dumps([one for one in template["Resources"].values() if "ApiGateway" in one["Type"]])
    [permission] = of_type(template, "AWS::Lambda::Permission").values()

    assert set(functions) == {"SchedulerFunction", "ReceiverFunction", "EdgeSnapFunction"}
    # A snapshot of the others would begin with an old configuration.
    assert {name: one["SnapStart"] for name, one in functions.items() if "SnapStart" in one} == {
        "EdgeSnapFunction": {"ApplyOn": "PublishedVersions"}
    }
    assert (version["FunctionName"], template["Resources"][name]["DeletionPolicy"]) == (
        {"Ref": "EdgeSnapFunction"},
        "Delete",
    )
    assert "EdgeSnapFunctionAliaslive" in calls
    assert plain(permission["FunctionName"]) == "EdgeSnapFunctionAliaslive"


@pytest.mark.parametrize("kind", ["HTTP", "REST"])
def test_the_api_calls_the_edge(deployed: DEPLOYED, plain: PLAIN, kind: str) -> None:
    template = deployed(ApiType=kind)
    calls = json.dumps([one for one in template["Resources"].values() if "ApiGateway" in one["Type"]])
    [permission] = of_type(template, "AWS::Lambda::Permission").values()

    assert "EdgeFunction" in calls
    assert "ReceiverFunction" not in calls
    assert plain(permission["FunctionName"]) == "EdgeFunction.Arn"
    assert of_type(template, "AWS::Lambda::Version") == {}


def test_a_firewall_limits_each_address_where_it_is_asked_for(deployed: DEPLOYED, plain: PLAIN) -> None:
    assert of_type(deployed(ApiType="REST"), "AWS::WAFv2::WebACL") == {}
    template = deployed(ApiType="REST", Firewall="on", FirewallLimit="2000")
    [acl] = of_type(template, "AWS::WAFv2::WebACL").values()
    [rule] = acl["Rules"]
    [association] = of_type(template, "AWS::WAFv2::WebACLAssociation").values()

    assert (acl["Scope"], acl["DefaultAction"]) == ("REGIONAL", {"Allow": {}})
    assert rule["Action"] == {"Block": {}}
    assert rule["Statement"] == {"RateBasedStatement": {"Limit": "2000", "AggregateKeyType": "IP"}}
    assert "${RestApi}/stages/${RestApiv1Stage}" in plain(association["ResourceArn"])


@pytest.mark.parametrize(
    ("parameters", "acl"), [({"Firewall": "on"}, "WebAcl.Arn"), ({"WebAclArn": WEB_ACL}, WEB_ACL), ({}, None)]
)
def test_the_api_has_the_web_acl_of_the_stack_or_the_given_one(
    deployed: DEPLOYED, plain: PLAIN, parameters: dict[str, str], acl: str | None
) -> None:
    found = of_type(deployed(ApiType="REST", **parameters), "AWS::WAFv2::WebACLAssociation").values()

    assert [plain(one["WebACLArn"]) for one in found] == ([acl] if acl else [])


def test_every_role_has_the_permissions_boundary(deployed: DEPLOYED) -> None:
    boundary = "arn:aws:iam::111122223333:policy/boundary"
    ways = {"ApiType": "REST", "ApiGatewayLogRole": "create"}
    with_one = of_type(deployed(PermissionsBoundaryArn=boundary, **ways), "AWS::IAM::Role")
    without = of_type(deployed(**ways), "AWS::IAM::Role")

    assert len(with_one) == 5
    assert {one["PermissionsBoundary"] for one in with_one.values()} == {boundary}
    assert not [name for name, one in without.items() if "PermissionsBoundary" in one]


@pytest.mark.parametrize(
    ("api", "mapped"), [("HTTP", ("HttpApi", "HttpStage")), ("REST", ("RestApi", "RestApiv1Stage"))]
)
def test_a_name_of_its_own_leads_to_the_api_and_stands_in_the_outputs(
    deployed: DEPLOYED, plain: PLAIN, api: str, mapped: tuple[str, str]
) -> None:
    certificate = "arn:aws:acm:us-east-1:111122223333:certificate/1"
    template = deployed(ApiType=api, DomainName="hunt.acme.example", CertificateArn=certificate)
    [domain] = of_type(template, "AWS::ApiGatewayV2::DomainName").values()
    [mapping] = of_type(template, "AWS::ApiGatewayV2::ApiMapping").values()
    outputs = template["Outputs"]

    assert domain["DomainName"] == "hunt.acme.example"
    assert domain["DomainNameConfigurations"][0]["CertificateArn"] == certificate
    assert (plain(mapping["ApiId"]), plain(mapping["Stage"])) == mapped
    assert outputs["WebhookUrl"]["Value"] == "https://hunt.acme.example/webhooks/cado"
    assert outputs["SlackActionsUrl"]["Value"] == "https://hunt.acme.example/slack/actions"
    assert plain(outputs["DomainTarget"]["Value"]) == "Domain.RegionalDomainName"
    assert "DomainTarget" not in deployed(ApiType=api)["Outputs"]


def test_what_an_api_cannot_do_is_refused_and_not_ignored(template: dict[str, Any]) -> None:
    refused = {one["AssertDescription"] for rule in template["Rules"].values() for one in rule["Assertions"]}

    assert len(refused) == 6
    for parameter in (
        "VpcEndpointId",
        "AllowedIps",
        "WAF",
        "WebAclArn",
        "CertificateArn",
        "DomainName counts",
    ):
        assert [text for text in refused if parameter in text], parameter


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
        "path",
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


def test_the_alarms(deployed: DEPLOYED, plain: PLAIN) -> None:
    """(metric, where, more than) of each; all of them tell the topic."""
    alarms = of_type(deployed(ApiType="REST"), "AWS::CloudWatch::Alarm")
    found = {
        name: (
            plain(one["MetricName"]),
            plain(one.get("Dimensions", [{"Value": ""}])[0]["Value"]).removesuffix(".QueueName"),
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
        "EventsRetriedAlarm": ("OldestEventsSeconds", "ReceiverFunction", 300),
        "DeliveriesWaitAlarm": ("OldestDeliveriesSeconds", "ReceiverFunction", 3600),
        "DeliveriesIdleAlarm": ("ApproximateAgeOfOldestMessage", "Deliveries", 3600),
        "TimerAlarm": ("TimerFailures", "SchedulerFunction", 0),
        "SchedulerErrorsAlarm": ("Errors", "SchedulerFunction", 0),
        "SchedulerThrottlesAlarm": ("Throttles", "SchedulerFunction", 0),
        "ReceiverErrorsAlarm": ("Errors", "ReceiverFunction", 0),
        "ReceiverThrottlesAlarm": ("Throttles", "ReceiverFunction", 0),
        "EdgeErrorsAlarm": ("Errors", "EdgeFunction", 0),
        "EdgeThrottlesAlarm": ("Throttles", "EdgeFunction", 0),
        "WebhooksRefusedAlarm": ("${StackName}-webhooks-refused", "", 0),
        "WebhooksThrottledAlarm": ("${StackName}-webhooks-throttled", "", 0),
        "WebhooksForbiddenAlarm": ("${StackName}-webhooks-forbidden", "", 0),
        "WebhooksFailedAlarm": ("5XXError", "AWS::StackName", 0),
        "NoHuntAlarm": ("DaysSinceHuntFinished", "SchedulerFunction", 8),
    }
    for one in alarms.values():
        assert one["AlarmActions"] == [{"Ref": "Alarms"}]
        # CloudWatch looks back one day, or seven where a period is an hour or longer.
        assert one["Period"] * one["EvaluationPeriods"] <= (604_800 if one["Period"] >= 3600 else 86_400)
    assert alarms["NoHuntAlarm"]["InsufficientDataActions"] == [{"Ref": "Alarms"}]


def test_an_alarm_on_a_figure_of_our_own_outlasts_the_pause_between_two_attempts(
    stack: dict[str, Any],
) -> None:
    """A figure comes with each attempt, so at least every five minutes (shared/queues/worker.py, backoff)."""
    alarms = of_type(stack, "AWS::CloudWatch::Alarm")
    for name in ("EventsRetriedAlarm", "DeliveriesWaitAlarm"):
        one = alarms[name]
        assert one["Namespace"] == NAMESPACE
        assert (one["DatapointsToAlarm"], one["TreatMissingData"]) == (1, "notBreaching")
        assert one["Period"] * one["EvaluationPeriods"] > 2 * max(backoff(100) for _ in range(100))


def test_refused_webhooks_are_counted_where_they_are_answered(deployed: DEPLOYED, plain: PLAIN) -> None:
    template = deployed(ApiType="REST")
    filters = of_type(template, "AWS::Logs::MetricFilter")
    found = {
        name: (plain(one["LogGroupName"]), one["FilterPattern"].strip(), one["MetricTransformations"])
        for name, one in filters.items()
    }
    told = {plain(one["MetricName"]) for one in of_type(template, "AWS::CloudWatch::Alarm").values()}

    assert {name: one[:2] for name, one in found.items()} == {
        # The words of receiver/intake/refusal_log.py.
        "RefusedFilter": (
            "EdgeLogs",
            '{ $.message = "webhook refused" && ($.status = 401 || $.status = 413 || $.status = 415) }',
        ),
        "ThrottledFilter": ("AccessLogs", '{ $.status = "429" }'),
        "ForbiddenFilter": ("AccessLogs", '{ $.status = "403" && $.path = "*/webhooks/cado" }'),
    }
    for _, _, [change] in found.values():
        assert (change["MetricNamespace"], change["MetricValue"]) == (NAMESPACE, "1")
        assert plain(change["MetricName"]) in told
    assert "ForbiddenFilter" not in of_type(deployed(), "AWS::Logs::MetricFilter")


@pytest.mark.parametrize(
    ("partition", "host"),
    [
        ("aws", "console.aws.amazon.com"),
        ("aws-cn", "console.amazonaws.cn"),
        ("aws-us-gov", "console.amazonaws-us-gov.com"),
    ],
)
def test_the_dashboards_address_in_each_partition(
    deployed: DEPLOYED, plain: PLAIN, partition: str, host: str
) -> None:
    url = plain(deployed(partition)["Outputs"]["DashboardUrl"]["Value"])

    assert (
        url == f"https://${{Region}}.{host}/cloudwatch/home?region=${{Region}}#dashboards:name=${{Dashboard}}"
    )


@pytest.mark.parametrize("kind", ["HTTP", "REST"])
def test_the_dashboard_shows_every_alarm(deployed: DEPLOYED, kind: str) -> None:
    template = deployed(ApiType=kind)
    [dashboard] = of_type(template, "AWS::CloudWatch::Dashboard").values()
    body = dashboard["DashboardBody"]["Fn::Sub"]
    body, names = (body, {}) if isinstance(body, str) else body
    for name, value in names.items():
        body = body.replace(
            f"${{{name}}}", value["Fn::Sub"] if "Fn::Sub" in value else f"${{{value['Ref']}}}"
        )
    widgets = json.loads(body)["widgets"]
    used = set(re.findall(r"\$\{(\w+)[.}]", body))

    assert {one.partition(".")[0][2:] for one in widgets[0]["properties"]["alarms"]} == set(
        of_type(template, "AWS::CloudWatch::Alarm")
    )
    assert used <= set(template["Resources"])


def test_the_page_about_it_names_every_parameter_alarm_and_output(
    template: dict[str, Any], root: Path
) -> None:
    page = (root / "docs/operate/aws.md").read_text()
    alarms = [name for name, one in template["Resources"].items() if one["Type"] == "AWS::CloudWatch::Alarm"]
    missing = [
        name
        for name in [*template["Parameters"], *alarms, "WebhookUrl", "RegisterWebhook", "ConfigLocation"]
        if f"`{name}`" not in page
    ]

    assert missing == []


# CloudWatch knows these by figures of its own, such as those of SQS.
NOT_IN_CLOUDWATCH = {
    *("QueueItems", "QueueOldestItemAgeSeconds", "QueueDeadItems", "ProblemThreads"),
    *("TimerJobLastRunAgeSeconds", "TimerJobLastSuccessAgeSeconds", "StartAgeSeconds", "BuildInfo"),
}


def test_the_dashboard_shows_every_metric(deployed: DEPLOYED) -> None:
    [dashboard] = of_type(deployed(), "AWS::CloudWatch::Dashboard").values()
    body = dashboard["DashboardBody"]["Fn::Sub"]
    body = body if isinstance(body, str) else body[0].replace("${Forbidden}", "")
    text = re.sub(r"\$\{[\w.:]+\}", "x", body)
    widgets = json.loads(text)["widgets"]
    metrics = [metric for widget in widgets for metric in widget["properties"].get("metrics", ())]
    searches = [metric[0]["expression"] for metric in metrics if isinstance(metric[0], dict)]
    shown = {metric[1]: ["Function"] for metric in metrics if metric[0] == NAMESPACE}
    for search in searches:
        found = re.fullmatch(
            r"""SEARCH\('\{huntbridge,([\w,]+)\} MetricName="(\w+)" Function="x"', '\w+', 300\)""", search
        )
        assert found, search
        shown[found[2]] = found[1].split(",")

    wanted = {
        cloudwatch_name(metric): ["Function", *(camel(label.name) for label in metric.labels)]
        for metric in ALL
        if cloudwatch_name(metric) not in NOT_IN_CLOUDWATCH
    }
    ours = {name: dimensions for name, dimensions in shown.items() if name in wanted}
    assert ours == wanted
    places = [tuple(widget[key] for key in ("x", "y")) for widget in widgets]
    assert len(places) == len(set(places))


def camel(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("_"))
