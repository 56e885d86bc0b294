"""The gates of the template, on what CloudFormation gets: cfn-lint does not translate SAM any more (1.54)."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

KEY = "arn:aws:kms:us-east-1:111122223333:key/11111111-2222-3333-4444-555555555555"
SECRET = "arn:aws:secretsmanager:us-east-1:111122223333:secret:huntbridge/cado-AbCdEf"
BOUNDARY = "arn:aws:iam::111122223333:policy/boundary"
CERTIFICATE = "arn:aws:acm:us-east-1:111122223333:certificate/11111111-2222-3333-4444-555555555555"
WEB_ACL = "arn:aws:wafv2:us-east-1:111122223333:regional/webacl/acme/11111111-2222-3333-4444-555555555555"
WAYS = {
    "as it comes": {},
    "http, everything": {
        "AlarmEmail": "soc@acme.example",
        "PlatformSecretArns": SECRET,
        "DestinationSecretArns": f"{SECRET},{SECRET}",
        "SubnetIds": "subnet-11111111,subnet-22222222",
        "SecurityGroupIds": "sg-11111111",
        "KmsKeyArn": KEY,
        "ReceiverReservedConcurrency": "20",
        "EdgeReservedConcurrency": "20",
        "EdgeSecretArns": SECRET,
        "SnapStart": "on",
        "GuardDutyFindings": "on",
        "TriggerSources": "aws.securityhub,aws.security-ir",
        "TriggerDetailTypes": "Security Hub Findings - Imported,Case Created",
        "PermissionsBoundaryArn": BOUNDARY,
        "DomainName": "hunt.acme.example",
        "CertificateArn": CERTIFICATE,
    },
    "rest": {"ApiType": "REST"},
    "rest, with a domain and a web ACL": {
        "ApiType": "REST",
        "DomainName": "hunt.acme.example",
        "CertificateArn": CERTIFICATE,
        "WebAclArn": WEB_ACL,
    },
    "rest, filtered": {
        "ApiType": "REST",
        "AllowedIps": "192.0.2.1,198.51.100.0/24",
        "ApiGatewayLogRole": "create",
        "Firewall": "on",
        "LedgerProtection": "off",
    },
    "private": {"ApiType": "PRIVATE", "VpcEndpointId": "vpce-0123456789abcdef0"},
    "with what is there": {
        "ConfigParameter": "/huntbridge/config",
        "WebhookTokens": "aws-secretsmanager:webhook#current",
        "AlarmTopicArn": "arn:aws:sns:us-east-1:111122223333:alarms",
        "HuntName": "",
    },
    "a bucket that is there": {"ConfigBucket": "acme-config"},
}


@pytest.mark.parametrize("way", WAYS)
def test_what_is_deployed_is_clean(
    deployed: Callable[..., Any], lint: Callable[[Any], list[str]], way: str
) -> None:
    assert lint(deployed(**WAYS[way])) == []


def test_the_translated_template_is_clean(
    template: dict[str, Any], translate: Callable[[Any], Any], lint: Callable[[Any], list[str]]
) -> None:
    assert lint(translate(template)) == []


def test_the_gate_bites(
    template: dict[str, Any], translate: Callable[[Any], Any], lint: Callable[[Any], list[str]]
) -> None:
    broken = deepcopy(template)
    broken["Resources"]["ReceiverFunction"]["Properties"]["Timeout"] = 30
    broken["Resources"]["Events"]["Properties"]["VisibilityTimeout"] = 10

    assert [finding[:5] for finding in lint(translate(broken))] == ["E3505"]


@pytest.mark.parametrize("name", ["template.yaml", "deploy/member-account-role.yaml"])
def test_every_parameter_says_what_it_is_and_none_holds_a_placeholder(
    read: Callable[[str], Any], name: str
) -> None:
    for parameter, given in read(name)["Parameters"].items():
        assert given.get("Description", "").endswith("."), parameter
        for word in ("change", "example", "todo", "xxx", "<", "111122223333", "123456789012"):
            assert word not in str(given.get("Default", "")).lower(), parameter


def test_every_parameter_has_its_place_in_the_console(template: dict[str, Any]) -> None:
    groups = template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    placed = [name for group in groups for name in group["Parameters"]]

    assert sorted(placed) == sorted(template["Parameters"])


FUNCTIONS = {"SchedulerFunction", "ReceiverFunction", "EdgeFunction"}
LOGS = {"SchedulerLogs", "ReceiverLogs", "EdgeLogs", "AccessLogs"}
QUEUES = {
    *("Captures", "CapturesDead", "Events", "EventsDead", "Deliveries", "DeliveriesDead"),
    *("Missed", "TimerMissed"),
}
# What checkov finds, where, and why it stays.
ALWAYS = {
    "CKV_AWS_116": FUNCTIONS,  # what fails goes to Missed; checkov knows no EventInvokeConfig
    "CKV_AWS_18": {"Configuration"},  # one object, read by two roles; its versions tell what it was
    "CKV_AWS_115": {"SchedulerFunction"},  # its mapping has a MaximumConcurrency, and its timers are single
}
PLAIN = {
    **ALWAYS,
    "CKV_AWS_115": FUNCTIONS,  # a reserve is a parameter: a new account has too little to give any away
    "CKV_AWS_117": FUNCTIONS,  # a VPC is a parameter: the platform may be reached without
    # A customer key is a parameter. Without it AWS's own keys encrypt all of these but the topic, which
    # CloudWatch could not use then: its messages name alarms and figures, nothing else.
    "CKV_AWS_26": {"Alarms"},
    "CKV_AWS_27": QUEUES,
    "CKV_AWS_119": {"Ledger"},
    "CKV_AWS_149": {"WebhookSecret"},
    "CKV_AWS_158": LOGS,
    "CKV_AWS_173": FUNCTIONS,
}
FOUND = {
    "as it comes": PLAIN,
    "rest, filtered": {
        **PLAIN,
        "CKV_AWS_120": {"RestApiv1Stage"},  # a cached webhook would be a lost one
        "CKV_AWS_192": {"WebAcl"},  # a rule against Log4j: there is no Java here
    },
    "http, everything": {
        **ALWAYS,
        "CKV_AWS_116": FUNCTIONS - {"EdgeFunction"} | {"EdgeSnapFunction"},
        "CKV_AWS_117": {"EdgeSnapFunction"},  # it asks nothing that is in a VPC
    },
}
CHECKOV_OPTIONS = ["--framework=cloudformation", "--quiet", "--compact", "--skip-download", "--output=json"]


@pytest.mark.skipif("CHECKOV" not in os.environ, reason="CHECKOV names no checkov: see `make lint-template`")
@pytest.mark.parametrize("way", FOUND)
def test_checkov_finds_only_what_has_its_reason(
    deployed: Callable[..., Any], tmp_path: Path, way: str
) -> None:
    file = tmp_path / "template.json"
    file.write_text(json.dumps(deployed(**WAYS[way])))
    run = subprocess.run(
        [os.environ["CHECKOV"], "-f", file, *CHECKOV_OPTIONS],
        capture_output=True,
        text=True,
    )
    found: dict[str, set[str]] = {}
    for one in json.loads(run.stdout)["results"]["failed_checks"]:
        found.setdefault(one["check_id"], set()).add(one["resource"].rpartition(".")[2])

    assert found == FOUND[way]
