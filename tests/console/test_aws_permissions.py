"""The policies in docs/operate/aws.md allow what the console calls: to look with one, to act with both."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import boto3
import pytest

from console.app import create_app
from console.assemble import sign_in
from console.context import ConsoleContext
from shared.aws.clients import Clients
from shared.config.console import ConsoleConfig
from shared.hosting import runtime
from shared.hosting.configuration import load
from tests.console.conftest import BROWSER, Console
from tests.emulated import Resources
from tests.moto_server import moto_server

pytestmark = pytest.mark.slow

PAGE = Path(__file__).resolve().parents[2] / "docs" / "operate" / "aws.md"
SECTION = PAGE.read_text(encoding="utf-8").partition("### The console of a stack")[2].partition("\n## ")[0]
READ, ACT = (json.loads(text) for text in re.findall(r"```json\n(.*?)```", SECTION, re.S))
# What the page about settings asks in its checks; without the permission it shows that as a finding.
CHECKS = {"secretsmanager", "ssm", "sts", "ec2", "iam", "events", "scheduler"}


def actions(policy: dict[str, Any]) -> set[str]:
    found: set[str] = set()
    for statement in policy["Statement"]:
        listed = statement["Action"]
        found |= {listed} if isinstance(listed, str) else set(listed)
    return found


def action(service: str, operation: str) -> str:
    """Such as "sqs:SendMessage" for the call send_message_batch: a batch needs the permission of the single
    call."""
    name = "".join(word.capitalize() for word in operation.split("_"))
    return f"{service}:{name.removesuffix('Batch') if service == 'sqs' else name}"


@pytest.mark.parametrize("policy", [READ, ACT], ids=["read", "act"])
def test_a_policy_names_actions_that_exist(policy):
    assert policy["Version"] == "2012-10-17"
    for name in actions(policy):
        service, _, operation = name.partition(":")
        assert operation in boto3.client(service, region_name="us-east-1").meta.service_model.operation_names
    for statement in policy["Statement"]:
        assert statement["Effect"] == "Allow"
        assert statement["Resource"].startswith(f"arn:aws:{statement_service(statement)}:")


def statement_service(statement: dict[str, Any]) -> str:
    listed = statement["Action"]
    return (listed if isinstance(listed, str) else listed[0]).partition(":")[0]


def test_looking_changes_nothing():
    changing = re.compile(r":(Put|Update|Delete|BatchWrite|Send|Create|Start|Purge)")
    assert [name for name in actions(READ) if changing.search(name)] == []
    assert not actions(READ) & actions(ACT)


@pytest.fixture(scope="module")
def moto():
    with moto_server() as url:
        yield url


@pytest.fixture
def asked(monkeypatch) -> set[tuple[str, str]]:
    """The calls to AWS from now on."""
    calls: set[tuple[str, str]] = set()
    call = Clients.call

    def recorded(self: Clients, service: str, operation: str, **request: Any) -> Any:
        calls.add((service, operation))
        return call(self, service, operation, **request)

    monkeypatch.setattr(Clients, "call", recorded)
    return calls


@pytest.fixture
def console(moto, tmp_path, monkeypatch) -> Console:
    resources = Resources(moto)
    for name, value in resources.environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    resources.configure(
        {
            "platform": {"url": "http://127.0.0.1:9", "api_key": "env:KEY"},
            "hunts": {"weekly": {"targets": [{"instance": "i-0aaaaaaaaaaaaaaa1", "region": "us-east-1"}]}},
            "destinations": {"soc": {"type": "slack", "webhook_url": "env:SLACK"}},
            "default": ["soc"],
        }
    )
    environ = resources.environ | {"KEY": "k", "SLACK": "https://hooks.slack.com/services/T/B/x"}
    made = runtime.aws(load(None, environ), environ)
    sign = sign_in(made, tmp_path, operator="mara", config=ConsoleConfig())
    return Console(made, sign, create_app(ConsoleContext(made, "1.4.0"), sign))


def needed(asked: set[tuple[str, str]]) -> set[str]:
    return {action(*call) for call in asked if call[0] not in CHECKS}


def test_looking_at_every_page_needs_the_first_policy_alone(console, asked):
    answered = 0
    for rule in console.app.url_map.iter_rules():
        if "GET" in (rule.methods or ()) and not rule.rule.startswith(("/static", "/sign-in")):
            answer = console.get(re.sub(r"<[^>]+>", "1", rule.rule))
            assert answer.status_code in (200, 302, 400, 404), rule.rule
            answered += answer.status_code == 200
    assert answered > 5
    assert ("dynamodb", "query") in asked
    assert needed(asked) - actions(READ) == set()


def test_acting_needs_both_policies(console, asked):
    for rule in console.app.url_map.iter_rules():
        if "POST" in (rule.methods or ()) and not rule.rule.startswith("/sign-"):
            path = re.sub(r"<[^>]+>", "1", rule.rule)
            form = {"why": "x", "verdict": "benign", "hunt": "weekly", "to": "soc"}
            answer = console.post(path, data=form, headers=BROWSER)
            assert answer.status_code < 500, path
    assert needed(asked) - actions(READ) - actions(ACT) == set()
