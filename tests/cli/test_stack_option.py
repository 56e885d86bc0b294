"""Commands with `--stack NAME`, as an operator calls them from a laptop, against moto's server."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from typing import Any

import click
import pytest
from click.testing import CliRunner

from cli.main import main
from shared.hosting import runtime
from shared.hosting.configuration import load
from shared.models.codec import dump
from shared.models.event_kinds import CAPTURE_FAILED
from shared.models.events import Event
from shared.models.systems import System
from shared.queues import items
from shared.queues.ports import QUEUES
from tests.cli_commands import below
from tests.emulated import Resources, clean, record_of
from tests.moto_server import moto_server

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def moto():
    with moto_server() as url:
        yield url


class Laptop:
    """It knows the name of a stack and nothing else."""

    def __init__(self, moto: str, tmp_path, monkeypatch) -> None:
        for name in os.environ.keys() - clean(os.environ).keys():
            monkeypatch.delenv(name)
        monkeypatch.chdir(tmp_path)
        self.resources = Resources(moto)
        secret = self.resources.secret("chat", url="https://hooks.slack.com/services/T/B/x", key="a key")
        self.resources.configure(
            {
                "platform": {"url": "http://127.0.0.1:9", "api_key": f"{secret}#key"},
                "hunts": {
                    "weekly": {"targets": [{"instance": "i-0aaaaaaaaaaaaaaa1", "region": "us-east-1"}]}
                },
                "destinations": {"soc": {"type": "slack", "webhook_url": f"{secret}#url"}},
                "default": ["soc"],
            }
        )
        self.stack = self.resources.name
        environ = self.resources.environ
        outputs = {"LedgerTable": environ["HUNTBRIDGE_TABLE"], "ConfigLocation": environ["HUNTBRIDGE_CONFIG"]}
        for name in QUEUES:
            outputs[f"{name.title()}Queue"] = environ[f"HUNTBRIDGE_{name.upper()}"]
            outputs[f"{name.title()}DeadQueue"] = environ[f"HUNTBRIDGE_{name.upper()}_DLQ"]
        self.make_stack(self.stack, outputs)
        self.environ = {
            name: value for name, value in environ.items() if not name.startswith("HUNTBRIDGE_")
        } | {
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": "/nonexistent",
            "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
        }
        for name, value in self.environ.items():
            monkeypatch.setenv(name, value)
        self.runtime = runtime.aws(load(None, environ), environ)
        self.folder = tmp_path

    def make_stack(self, name: str, outputs: dict[str, str]) -> None:
        template = {
            "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
            "Outputs": {key: {"Value": value} for key, value in outputs.items()},
        }
        self.resources.client("cloudformation").create_stack(
            StackName=name, TemplateBody=json.dumps(template)
        )

    def run(self, *args: str, stack: str = "") -> tuple[int, str]:
        result = CliRunner().invoke(main, [*args, "--stack", stack or self.stack])
        assert not [name for name in os.environ if name.startswith("HUNTBRIDGE_")]
        assert list(self.folder.iterdir()) == []  # no data directory
        return result.exit_code, result.output

    def queued(self, name: str) -> list[items.Content]:
        received = self.resources.client("sqs").receive_message(
            QueueUrl=self.resources.url(name),
            MaxNumberOfMessages=10,
            MessageSystemAttributeNames=["All"],
            MessageAttributeNames=["All"],
        )
        bodies = [record_of(message, "")["body"] for message in received.get("Messages", [])]
        return [items.decode(body.encode()) for body in bodies]


@pytest.fixture
def laptop(moto, tmp_path, monkeypatch):
    return Laptop(moto, tmp_path, monkeypatch)


def test_a_hunt_is_planned_here_and_its_captures_are_the_functions_work(laptop, monkeypatch):
    asked: dict[str, Any] = {}

    def until_there(runtime, hunt, captures, wait):
        asked.update(hunt=hunt.id, captures=[capture.system.instance for capture in captures])
        return True

    monkeypatch.setattr("cli.hunt_run._is_done", until_there)
    code, output = laptop.run("hunt", "run", "weekly", "--at", "2027-01-31T02:00Z")
    assert (code, asked["captures"]) == (0, ["i-0aaaaaaaaaaaaaaa1"]), output
    (start,) = laptop.queued("captures")
    assert start.hunt_id == asked["hunt"] == "weekly@2027-01-31T02:00:00Z"

    code, output = laptop.run("hunt", "list")
    assert (code, "weekly" in output) == (0, True)
    code, output = laptop.run("hunt", "report", "weekly")
    assert (code, "i-0aaaaaaaaaaaaaaa1" in output) == (0, True)


def test_what_is_dead_on_the_stack_is_shown_and_put_back(laptop):
    event = Event("event-1", CAPTURE_FAILED, NOW, system=System("i-0aaaaaaaaaaaaaaa1", "us-east-1"))
    laptop.runtime.events.put(items.encode(items.OwnEvent(dump(event))), id=event.id)
    (item,) = laptop.runtime.events.claim(lease=30)
    laptop.runtime.events.dead(item, reason="no destination is configured")

    code, output = laptop.run("dead", "list", "--json")
    assert (code, json.loads(output)[0]["id"]) == (0, "event-1")
    code, output = laptop.run("dead", "show", "event-1")
    assert (code, "no destination is configured" in output) == (0, True)
    code, output = laptop.run("dead", "retry", "event-1")
    assert (code, laptop.resources.depth("events", dead=True)) == (0, 0), output
    (back,) = laptop.queued("events")
    assert back.event["id"] == "event-1"


def test_ack_asks_the_stacks_ledger(laptop):
    code, output = laptop.run("ack", "event-1", "--by", "ada")
    assert (code, "there is no case 'event-1'" in output) == (1, True)


@pytest.mark.parametrize("command", [("hunt", "list"), ("dead", "list"), ("audit",)])
def test_a_stack_that_is_none_of_ours_is_refused_with_a_sentence(laptop, command):
    code, output = laptop.run(*command, stack="nowhere")
    assert (code, output.strip()) == (1, "Error: there is no stack nowhere in us-east-1")
    foreign = f"other-{laptop.stack}"
    laptop.make_stack(foreign, {"LedgerTable": "t"})
    code, output = laptop.run(*command, stack=foreign)
    assert (code, "has no output 'CapturesQueue'" in output) == (2, True)


def test_every_command_about_what_a_stack_knows_takes_one():
    groups = [below(main)[name] for name in ("ack", "audit", "dead", "hunt", "schedules")]
    commands = [
        command
        for group in groups
        for command in (below(group).values() if isinstance(group, click.Group) else [group])
    ]
    assert len(commands) >= 10
    for command in commands:
        assert "--stack" in {name for option in command.params for name in option.opts}, command.name
