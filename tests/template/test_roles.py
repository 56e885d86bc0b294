"""What each function may do, word for word: whoever widens a role has to widen this page."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from shared.aws import inspection, leftovers

PLATFORM = "arn:aws:secretsmanager:us-east-1:111122223333:secret:huntbridge/cado-AbCdEf"
SLACK = "arn:aws:secretsmanager:us-east-1:111122223333:secret:huntbridge/slack-GhIjKl"
JIRA = "arn:aws:ssm:us-east-1:111122223333:parameter/huntbridge/jira"
KEY = "arn:aws:kms:us-east-1:111122223333:key/11111111-2222-3333-4444-555555555555"

SECRETS = {"PlatformSecretArns": PLATFORM, "DestinationSecretArns": f"{SLACK},{JIRA}"}
EVERYTHING = {
    **SECRETS,
    "KmsKeyArn": KEY,
    "SubnetIds": "subnet-11111111",
    "SecurityGroupIds": "sg-11111111",
}

TOKENS = "arn:aws:secretsmanager:us-east-1:111122223333:secret:huntbridge/tokens-JkLmNo"

# (action, resource) with `${…}` for what only AWS can put in; `Name.Arn` is a resource of the stack.
BOTH = {
    ("dynamodb:GetItem", "Ledger.Arn"),
    ("dynamodb:BatchGetItem", "Ledger.Arn"),
    ("dynamodb:BatchWriteItem", "Ledger.Arn"),
    ("dynamodb:Query", "Ledger.Arn"),
    ("dynamodb:UpdateItem", "Ledger.Arn"),
    ("dynamodb:DeleteItem", "Ledger.Arn"),
    ("s3:GetObject", "arn:${Partition}:s3:::${Configuration}/huntbridge.yaml"),
    ("secretsmanager:GetSecretValue", PLATFORM),
    ("ssm:GetParameter", PLATFORM),
    ("ec2:DescribeInstances", "*"),
    ("sts:AssumeRole", "arn:${Partition}:iam::*:role/huntbridge-read"),
    ("xray:PutTraceSegments", "*"),
    ("xray:PutTelemetryRecords", "*"),
    ("sqs:SendMessage", "Missed.Arn"),
}
# Of whichever organization: it belongs to another account.
A_UNIT = "arn:${Partition}:organizations::*:ou/o-*/ou-*"
A_ROOT = "arn:${Partition}:organizations::*:root/o-*/r-*"
ANY_KEY, ANY_ROLE = "arn:${Partition}:kms:*:${AccountId}:key/*", "arn:${Partition}:iam::${AccountId}:role/*"
# What a preflight and the look for leftovers read, action by action.
PREFLIGHT = {
    ("ec2:DescribeInstanceTypes", "*"),
    ("ec2:DescribeSnapshots", "*"),
    ("ec2:DescribeVolumes", "*"),
    ("kms:ListAliases", "*"),
    ("ssm:DescribeInstanceInformation", "*"),
    ("kms:DescribeKey", ANY_KEY),
    ("kms:GetKeyPolicy", ANY_KEY),
    ("kms:ListGrants", ANY_KEY),
    ("iam:SimulatePrincipalPolicy", ANY_ROLE),
}
SCHEDULER = BOTH | {
    ("dynamodb:Scan", "Ledger.Arn"),
    ("logs:CreateLogStream", "SchedulerLogs.Arn"),
    ("logs:PutLogEvents", "SchedulerLogs.Arn"),
    ("sqs:ReceiveMessage", "Captures.Arn"),
    ("sqs:DeleteMessage", "Captures.Arn"),
    ("sqs:ChangeMessageVisibility", "Captures.Arn"),
    ("sqs:GetQueueAttributes", "Captures.Arn"),
    ("sqs:GetQueueAttributes", "Events.Arn"),
    ("sqs:GetQueueAttributes", "Deliveries.Arn"),
    *(
        (f"sqs:{action}", f"{queue}Dead.Arn")
        for action in (
            "GetQueueAttributes",
            "ReceiveMessage",
            "ChangeMessageVisibility",
            "SendMessage",
            "DeleteMessage",
        )
        for queue in ("Captures", "Events", "Deliveries")
    ),
    ("sqs:SendMessage", "Captures.Arn"),
    ("sqs:SendMessage", "Events.Arn"),
    ("ec2:DescribeRegions", "*"),
    ("autoscaling:DescribeAutoScalingGroups", "*"),
    ("organizations:ListAccountsForParent", A_UNIT),
    ("organizations:ListAccountsForParent", A_ROOT),
    ("organizations:ListOrganizationalUnitsForParent", A_UNIT),
    ("organizations:ListOrganizationalUnitsForParent", A_ROOT),
    *PREFLIGHT,
}
RECEIVER = BOTH | {
    ("logs:CreateLogStream", "ReceiverLogs.Arn"),
    ("logs:PutLogEvents", "ReceiverLogs.Arn"),
    ("sqs:ReceiveMessage", "Events.Arn"),
    ("sqs:DeleteMessage", "Events.Arn"),
    ("sqs:ChangeMessageVisibility", "Events.Arn"),
    ("sqs:ReceiveMessage", "Deliveries.Arn"),
    ("sqs:DeleteMessage", "Deliveries.Arn"),
    ("sqs:ChangeMessageVisibility", "Deliveries.Arn"),
    ("sqs:SendMessage", "Captures.Arn"),  # what people ask for from a case: to capture its system again
    ("sqs:SendMessage", "Events.Arn"),
    ("sqs:SendMessage", "EventsDead.Arn"),
    ("sqs:SendMessage", "Deliveries.Arn"),
    ("sqs:SendMessage", "DeliveriesDead.Arn"),
    ("sqs:GetQueueAttributes", "Events.Arn"),
    ("sqs:GetQueueAttributes", "Deliveries.Arn"),
    ("secretsmanager:GetSecretValue", SLACK),
    ("ssm:GetParameter", SLACK),
    ("secretsmanager:GetSecretValue", JIRA),
    ("ssm:GetParameter", JIRA),
}
# It faces the internet.
EDGE = {
    ("logs:CreateLogStream", "EdgeLogs.Arn"),
    ("logs:PutLogEvents", "EdgeLogs.Arn"),
    ("sqs:SendMessage", "Events.Arn"),
    ("secretsmanager:GetSecretValue", "WebhookSecret"),
    ("xray:PutTraceSegments", "*"),
    ("xray:PutTelemetryRecords", "*"),
}
ANY_INTERFACE = "arn:${Partition}:ec2:${Region}:${AccountId}:*/*"
OPTIONS = {
    ("kms:Decrypt", KEY),
    ("kms:GenerateDataKey", KEY),
    ("ec2:CreateNetworkInterface", ANY_INTERFACE),
    ("ec2:DeleteNetworkInterface", ANY_INTERFACE),
    ("ec2:AssignPrivateIpAddresses", ANY_INTERFACE),
    ("ec2:UnassignPrivateIpAddresses", ANY_INTERFACE),
    ("ec2:DescribeNetworkInterfaces", "*"),
    ("ec2:DescribeSubnets", "*"),
}

Allowed = Callable[[dict[str, Any], str], set[tuple[str, str]]]


@pytest.fixture
def allowed(plain: Callable[[Any], Any]) -> Allowed:
    def of(template: dict[str, Any], role: str) -> set[tuple[str, str]]:
        return {
            (action, resource)
            for statement in statements(template, role)
            if statement["Effect"] == "Allow"
            for action in listed(statement["Action"])
            for resource in listed(plain(statement["Resource"]))
        }

    return of


def statements(template: dict[str, Any], role: str) -> list[dict[str, Any]]:
    properties = template["Resources"][role]["Properties"]
    assert "ManagedPolicyArns" not in properties
    return [one for policy in properties["Policies"] for one in policy["PolicyDocument"]["Statement"]]


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def test_what_each_function_may_do(deployed: Callable[..., Any], allowed: Allowed) -> None:
    template = deployed(**SECRETS)
    role_of = {
        name: one["Properties"]["Role"]["Fn::GetAtt"][0]
        for name, one in template["Resources"].items()
        if one["Type"] == "AWS::Lambda::Function"
    }

    assert role_of == {
        "SchedulerFunction": "SchedulerRole",
        "ReceiverFunction": "ReceiverRole",
        "EdgeFunction": "EdgeRole",
    }
    assert allowed(template, "SchedulerRole") == SCHEDULER
    assert allowed(template, "ReceiverRole") == RECEIVER
    assert allowed(template, "EdgeRole") == EDGE


def test_a_preflight_reads_what_its_code_asks_for_and_can_be_switched_off(
    deployed: Callable[..., Any], allowed: Allowed
) -> None:
    assert {action for action, _ in PREFLIGHT} == {*inspection.RIGHTS, *leftovers.RIGHTS}
    assert allowed(deployed(**SECRETS, Preflight="off"), "SchedulerRole") == SCHEDULER - PREFLIGHT


def test_which_secrets_the_edge_reads(deployed: Callable[..., Any], allowed: Allowed) -> None:
    own = {"WebhookTokens": "aws-secretsmanager:huntbridge/tokens#current"}
    token = {("secretsmanager:GetSecretValue", "WebhookSecret")}
    read = {("secretsmanager:GetSecretValue", TOKENS), ("ssm:GetParameter", TOKENS)}

    given = deployed(**SECRETS, **own, EdgeSecretArns=TOKENS)
    assert allowed(given, "EdgeRole") == EDGE - token | read
    signing = deployed(**SECRETS, SlackSigningSecrets="aws-ssm:/huntbridge/signing", EdgeSecretArns=TOKENS)
    assert allowed(signing, "EdgeRole") == EDGE | read


def test_a_stack_of_the_version_before_goes_on_reading_its_own_tokens(
    deployed: Callable[..., Any], allowed: Allowed
) -> None:
    """There was no EdgeSecretArns, and the page said to name them in DestinationSecretArns."""
    own = {"WebhookTokens": "aws-ssm:/huntbridge/jira"}
    destinations = {one for one in RECEIVER if SLACK in one or JIRA in one}
    token = {("secretsmanager:GetSecretValue", "WebhookSecret")}

    assert allowed(deployed(**SECRETS, **own), "EdgeRole") == EDGE - token | destinations


def test_what_a_key_and_a_vpc_add(deployed: Callable[..., Any], allowed: Allowed) -> None:
    template = deployed(**EVERYTHING)

    assert allowed(template, "SchedulerRole") == SCHEDULER | OPTIONS
    assert allowed(template, "ReceiverRole") == RECEIVER | OPTIONS
    assert allowed(template, "EdgeRole") == EDGE | {one for one in OPTIONS if one[1] == KEY}


def test_the_code_in_a_vpc_may_not_touch_network_interfaces(
    deployed: Callable[..., Any], plain: Callable[[Any], Any]
) -> None:
    template = deployed(**EVERYTHING)
    for role in ("scheduler", "receiver"):
        [denied] = [one for one in statements(template, f"{role.title()}Role") if one["Effect"] == "Deny"]
        assert plain(denied["Condition"]) == {
            "ArnEquals": {
                "lambda:SourceFunctionArn": "arn:${Partition}:lambda:${Region}:${AccountId}"
                f":function:${{StackName}}-{role}"
            }
        }
        assert set(denied["Action"]) == {action for action, _ in OPTIONS if action.startswith("ec2:")}


def test_the_configuration_from_a_parameter(deployed: Callable[..., Any], allowed: Allowed) -> None:
    template = deployed(**SECRETS, ConfigParameter="/huntbridge/config")
    parameter = "arn:${Partition}:ssm:${Region}:${AccountId}:parameter/huntbridge/config"
    bucket = {one for one in BOTH if one[0] == "s3:GetObject"}

    assert allowed(template, "SchedulerRole") == SCHEDULER - bucket | {("ssm:GetParameter", parameter)}


def test_what_the_scheduler_service_may_do(deployed: Callable[..., Any], allowed: Allowed) -> None:
    assert allowed(deployed(), "ScheduleRole") == {
        ("lambda:InvokeFunction", "SchedulerFunction.Arn"),
        ("sqs:SendMessage", "Missed.Arn"),
        ("sqs:SendMessage", "TimerMissed.Arn"),
    }


def test_the_role_in_other_accounts_is_one_by_name(template: dict[str, Any]) -> None:
    pattern = template["Parameters"]["MemberRoleName"]["AllowedPattern"]

    for name in ("huntbridge-read", "security/huntbridge-read"):
        assert re.fullmatch(pattern, name)
    for name in ("*", "huntbridge-*", "huntbridge-rea?", "", "${aws:username}"):
        assert not re.fullmatch(pattern, name)


def test_everything_stands_for_descriptions_and_traces_only(
    deployed: Callable[..., Any], allowed: Allowed
) -> None:
    template = deployed(**EVERYTHING)
    roles = [name for name, one in template["Resources"].items() if one["Type"] == "AWS::IAM::Role"]
    wide = {action for role in roles for action, resource in allowed(template, role) if resource == "*"}

    # X-Ray's two actions, and those of Auto Scaling, KMS and Systems Manager, know no resources.
    assert {one for one in wide if not one.startswith("ec2:Describe")} == {
        "autoscaling:DescribeAutoScalingGroups",
        "kms:ListAliases",
        "ssm:DescribeInstanceInformation",
        "xray:PutTraceSegments",
        "xray:PutTelemetryRecords",
    }
    assert not [one for role in roles for one, _ in allowed(template, role) if "*" in one]


def test_the_role_in_another_account_reads_and_lets_in_two_roles(
    read: Callable[[str], Any], plain: Callable[[Any], Any]
) -> None:
    [role] = read("deploy/member-account-role.yaml")["Resources"].values()
    [trust] = role["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    [policy] = role["Properties"]["Policies"]

    always, *optional = policy["PolicyDocument"]["Statement"]
    assert always == {
        "Effect": "Allow",
        "Action": [
            "ec2:DescribeInstances",
            "ec2:DescribeRegions",
            "autoscaling:DescribeAutoScalingGroups",
        ],
        "Resource": "*",
    }
    for one in optional:
        condition, _, otherwise = one["Fn::If"]
        assert (condition, otherwise) == ("LooksBefore", {"Ref": "AWS::NoValue"})
    assert {
        (action, plain(statement["Resource"]))
        for statement in (one["Fn::If"][1] for one in optional)
        for action in listed(statement["Action"])
        if statement["Effect"] == "Allow"
    } == PREFLIGHT
    assert plain(trust) == {
        "Effect": "Allow",
        "Principal": {"AWS": "arn:${Partition}:iam::${HubAccountId}:root"},
        "Action": "sts:AssumeRole",
        "Condition": {
            "StringEquals": {"sts:ExternalId": "ExternalId"},
            "ArnLike": {
                "aws:PrincipalArn": [
                    "arn:${Partition}:iam::${HubAccountId}:role/${HubStackName}-SchedulerRole-*",
                    "arn:${Partition}:iam::${HubAccountId}:role/${HubStackName}-ReceiverRole-*",
                ]
            },
        },
    }
