"""`huntbridge init` at a terminal: it asks, tries each answer, offers what it found, and lets one correct."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from flask import Flask
from werkzeug.serving import make_server

from demo.fleet import MACHINES, launch
from tests.certificates import Certificate
from tests.cli.init_world import init_world, loaded
from tests.cli.terminal import terminal
from tests.moto_server import moto_server

pytestmark = pytest.mark.slow  # each interview is a process of its own

AWS = {"AWS_ACCESS_KEY_ID": "demo", "AWS_SECRET_ACCESS_KEY": "demo", "AWS_REGION": "us-east-1"}


@pytest.fixture
def world(tmp_path, monkeypatch):
    with init_world(tmp_path, monkeypatch) as world:
        yield world


@pytest.fixture(scope="module")
def moto():
    with moto_server() as url:
        launch(url)
        yield url


def test_an_interview_with_everything(world, moto):
    with terminal("init", "--slack-host", world.slack_host, env={**AWS, "AWS_ENDPOINT_URL": moto}) as shell:
        shell.answer("Address of the platform", world.platform_url)
        shell.answer("API key", "the-reader-key")
        shell.wait_for("hunts need the role Lead Analyst")
        shell.answer("Correct this now?", "")
        shell.answer("Address of the platform", "")  # the same
        shell.answer("API key", "the-lead-analyst-key")
        shell.wait_for("its version is 2.324.0")
        shell.answer("Send alarms to Slack?", "y")
        shell.answer("Send alarms to Microsoft Teams?", "y")
        shell.answer("Send alarms to Jira?", "y")
        shell.answer("Slack: the bot token", world.slack.token)
        shell.wait_for("1  C0123456789  #soc")
        shell.answer("Channel in Slack", "1")
        shell.wait_for("may post in C0123456789")
        shell.answer("Teams: the URL", world.chat_url + world.teams.path)
        shell.answer("Address of Jira", world.chat_url)
        shell.answer("Email of the account", "hunt@acme.example")
        shell.answer("API token", "demo-token")
        shell.wait_for("1  SEC  Security")
        shell.answer("Project in Jira", "1")
        shell.answer("Type of the issues", "")
        shell.wait_for("may create Incident in project SEC")
        shell.wait_for("EC2 answers in")
        shell.wait_for("These are in use")
        shell.wait_for("1  Criticality=high  12 instances")
        shell.answer("Tags as KEY=VALUE", "1, Env=prod")
        shell.answer("Regions, or all", "")
        shell.answer("Name of the hunt", "crown-jewels")
        shell.answer("When it runs", "every sunday")
        shell.answer("Time zone of the schedule", "")
        shell.answer("What is captured", "")
        shell.wait_for("schedule: ")
        shell.answer("Tags as KEY=VALUE", "")
        shell.answer("Regions, or all", "")
        shell.answer("Name of the hunt", "")
        shell.answer("When it runs", "cron(0 3 ? * SAT *)")
        shell.answer("Time zone of the schedule", "Europe/Berlin")
        shell.answer("What is captured", "triage")
        shell.wait_for("Wrote huntbridge.yaml and huntbridge.env")
        shell.wait_for("huntbridge hunt plan crown-jewels")
        assert shell.ended() == 0, shell.shown
    world.assert_no_secret(shell.shown)
    values = world.written()
    assert values.keys() == {
        *("CADO_API_KEY", "SLACK_BOT_TOKEN", "TEAMS_WEBHOOK_URL", "JIRA_API_TOKEN", "WEBHOOK_TOKEN"),
    }
    assert values["CADO_API_KEY"] == "the-lead-analyst-key"
    assert "channel: C0123456789 # #soc" in world.config.read_text()
    config = loaded(values)
    hunt = config.hunts["crown-jewels"]
    (target,) = hunt.targets
    assert (hunt.schedule, hunt.timezone, hunt.capture) == ("cron(0 3 ? * SAT *)", "Europe/Berlin", "triage")
    assert target.tags == {"Criticality": ("high",), "Env": ("prod",)}
    assert target.regions == tuple(sorted({machine.region for machine in MACHINES}))


def test_options_choose_what_is_hunted(world, moto):
    options = [*world.options[:-2], "--tag", "Env=dev", "--tag", "Owner=dev@acme.example"]
    result = world(*options, **AWS, AWS_ENDPOINT_URL=moto)
    assert result.exit_code == 0, result.output
    (target,) = loaded(world.written()).hunts["weekly"].targets
    assert target.tags == {"Env": ("dev",), "Owner": ("dev@acme.example",)}
    assert target.regions == ("eu-west-1",)
    assert "EC2 answers in eu-west-1" in result.output


def test_what_fails_can_be_kept_and_secrets_are_taken_from_the_environment(world):
    environ = {"CADO_API_KEY": "the-lead-analyst-key", "SLACK_WEBHOOK_URL": world.chat_url + world.slack.path}
    with terminal("init", env=environ) as shell:
        shell.answer("Address of the platform", "http://cado.example")
        shell.answer("API key", "")
        shell.wait_for("platform.url: must be https")
        shell.answer("Address of the platform", world.platform_url)
        shell.answer("API key", "")
        shell.answer("Send alarms to Slack?", "")
        shell.answer("Send alarms to Microsoft Teams?", "")
        shell.answer("Send alarms to Jira?", "")
        shell.answer("Slack: the bot token", "")
        shell.wait_for("no AWS credentials on this machine")
        shell.answer("Correct this now?", "n")
        shell.answer("Tags as KEY=VALUE", "")
        shell.answer("Instances as REGION/ID", "")
        shell.wait_for("Wrote huntbridge.yaml")
        assert shell.ended() == 0, shell.shown
    world.assert_no_secret(shell.shown)
    assert world.written().keys() == {"CADO_API_KEY", "SLACK_WEBHOOK_URL", "WEBHOOK_TOKEN"}
    assert loaded(world.written()).hunts == {}


def test_an_interview_that_is_interrupted_leaves_no_file(world):
    with terminal("init", *world.options[:-2], "--jira-issue-type", "Bug", env=world.environ) as shell:
        shell.wait_for("Correct this now?")
        assert "may create Bug" in shell.shown
        shell.interrupt()
        assert shell.ended() == 1
    assert world.files() == []


@contextmanager
def with_tls(app: Flask, certificate: Certificate) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, app, threaded=True, ssl_context=certificate.context)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"https://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_certificate_that_this_machine_does_not_trust(world, tmp_path):
    certificate = Certificate(tmp_path, "platform")
    with with_tls(world.platform.app, certificate) as url:
        options = ["--platform-url", url, *world.options[2:]]
        result = world(*options)
        assert result.exit_code == 1
        assert f"is {certificate.fingerprint}, give that as --fingerprint" in result.output
        with terminal("init", *options, "--jira-issue-type", "Bug", env=world.environ) as shell:
            shell.wait_for(certificate.fingerprint)
            shell.answer("Have you compared it", "y")
            shell.wait_for("the key's role is Lead Analyst")
            for question in (
                "Name of the hunt",
                "When it runs",
                "Time zone of the schedule",
                "What is captured",
            ):
                shell.answer(question, "")
            shell.wait_for("Wrote huntbridge.yaml")
            assert shell.ended() == 0, shell.shown
    assert loaded(world.written()).platform.fingerprint == certificate.fingerprint
