"""`huntbridge init` without a terminal: every answer is an option or a variable."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest
import requests
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from cli.init_yaml import document
from demo.jira.simulation import Jira
from demo.serving import serving
from tests.cli.init_world import INSTANCE, init_world, loaded


@pytest.fixture
def world(tmp_path, monkeypatch):
    with init_world(tmp_path, monkeypatch) as world:
        yield world


def test_options_make_a_configuration_that_passes_check(world):
    result = world(*world.options)
    assert result.exit_code == 0, result.output
    assert world.files() == ["huntbridge.env", "huntbridge.yaml"]
    values = world.written()
    assert values.keys() == {"CADO", "SLACK_TOKEN", "TEAMS_HOOK", "JIRA", "WEBHOOK_TOKEN"}
    assert values["CADO"] == "the-lead-analyst-key"
    assert len(values["WEBHOOK_TOKEN"]) == 64
    assert values["WEBHOOK_TOKEN"] not in result.output
    for said in (
        "the key's role is Lead Analyst",
        "its version is 2.324.0",
        "may post in #soc",
        "may create Incident in project SEC",
        "huntbridge hunt plan weekly",
        "huntbridge send-test slack",
        "huntbridge serve",
        "huntbridge webhook register",
    ):
        assert said in result.output
    check = world.check()
    assert check.exit_code == 0, check.output
    config = loaded(os.environ)
    assert config.default == ("slack", "teams", "jira")
    assert config.destinations["jira"].issue_type == "Incident"
    hunt = config.hunts["weekly"]
    assert [f"{target.region}/{target.instance}" for target in hunt.targets] == [INSTANCE]
    assert (hunt.schedule, hunt.timezone, hunt.capture) == ("cron(0 2 ? * SUN *)", "Etc/UTC", "full")


def test_the_files_may_have_another_name(world):
    (world.folder / "in").mkdir()
    result = world("--config", "in/prod.yaml", *world.options)
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in (world.folder / "in").iterdir()) == ["prod.env", "prod.yaml"]
    assert "huntbridge serve --config in/prod.yaml" in result.output
    assert world.check("--config", "in/prod.yaml").exit_code == 0


def test_a_secret_in_a_file_stays_there(world):
    (world.folder / "key").write_text("the-lead-analyst-key\n")
    reference = f"file:{world.folder}/key"
    options = ["--platform-url", world.platform_url, "--slack-webhook-url", "env:SLACK_HOOK"]
    assert world(*options, "--api-key", reference).exit_code == 0
    assert yaml.safe_load(world.config.read_text())["platform"]["api_key"] == reference
    assert world.written().keys() == {"SLACK_HOOK", "WEBHOOK_TOKEN"}
    assert "# hunts:" in world.config.read_text()


@pytest.mark.parametrize(
    ("options", "missing"),
    [
        ([], ["--platform-url", "--api-key", "--slack-webhook-url"]),
        (["--platform-url", "https://cado.example"], ["--api-key"]),
        (["--platform-url", "https://cado.example", "--teams-webhook-url", "env:TEAMS_HOOK"], ["--api-key"]),
        (["--jira-project", "SEC"], ["--platform-url", "--api-key"]),
    ],
)
def test_options_that_are_missing_are_named(world, options, missing):
    result = world(*options)
    assert result.exit_code == 2
    for option in missing:
        assert option in result.stderr
    assert world.files() == []


@pytest.mark.parametrize("option", ["--region", "--schedule"])
def test_a_hunt_needs_systems(world, option):
    result = world(*world.options[:-2], option, "us-east-1")
    assert result.exit_code == 2
    assert "--tag or --instance is missing" in result.stderr
    assert world.files() == []


def test_a_choice_that_is_missing_is_named_with_what_there_is(world):
    def without(option):
        at = world.options.index(option)
        return world(*world.options[:at], *world.options[at + 2 :])

    result = without("--slack-channel")
    assert result.exit_code == 2
    offers = "C0123456789 (#soc), C0987654321 (#general)"
    assert f"--slack-channel is missing; there are: {offers}" in result.stderr
    result = without("--jira-project")
    assert result.exit_code == 2
    assert "--jira-project is missing; there are: SEC (Security)" in result.stderr
    assert world.files() == []


def test_a_secret_on_the_command_line_is_refused_and_not_shown(world):
    result = world("--platform-url", world.platform_url, "--api-key", "the-lead-analyst-key")
    assert result.exit_code == 2
    assert "--api-key" in result.stderr
    assert "env:NAME" in result.stderr


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"CADO": "wrong"}, "refused the API key"),
        ({"CADO": "the-reader-key"}, "hunts need the role Lead Analyst"),
        ({"CADO": None}, "the environment variable CADO is not set"),
        ({"SLACK_TOKEN": "xoxb-another"}, "invalid_auth"),
        ({"SLACK_TOKEN": "no-token"}, "not a bot token of Slack"),
        ({"JIRA": "expired"}, "401"),
    ],
)
def test_what_does_not_work_is_said_and_nothing_is_written(world, environ, said):
    result = world(*world.options, **environ)
    assert result.exit_code == 1
    assert said in result.output
    assert "--ignore-failures" in result.stderr
    assert world.files() == []


@pytest.mark.slow  # the platform is called several times
def test_nothing_can_be_reached(world):
    nowhere = "http://127.0.0.1:9"
    options = [
        *("--platform-url", nowhere, "--api-key", "env:CADO", "--slack-webhook-url", "env:SLACK_HOOK"),
        *("--jira-url", nowhere, "--jira-email", "hunt@acme.example", "--jira-api-token", "env:JIRA"),
        *("--jira-project", "SEC"),
    ]
    result = world(*options, SLACK_HOOK=f"{nowhere}{world.slack.path}")
    assert result.exit_code == 1
    assert result.output.count("FAIL") == 3
    assert world.files() == []
    result = world(*options, "--ignore-failures", SLACK_HOOK=f"{nowhere}{world.slack.path}")
    assert result.exit_code == 1
    assert world.files() == ["huntbridge.env", "huntbridge.yaml"]
    assert "not everything works yet" in result.stderr


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--teams-webhook-url", "env:OLD_TEAMS", "Office 365 connector"),
        ("--platform-url", "http://cado.example", "platform.url: must be https"),
        ("--jira-url", "https://acme.atlassian.net/browse/SEC-1", "jira.url: must end with the host"),
        ("--instance", "us-esat-1/i-0123456789abcdef0", "us-east-1"),
        ("--schedule", "every day", "schedule"),
        ("--capture", "some", "capture"),
    ],
)
def test_an_answer_that_is_no_answer(world, option, value, said):
    result = world(*world.options, option, value, OLD_TEAMS="https://acme.webhook.office.com/webhookb2/x")
    assert result.exit_code == 2
    assert said in result.stderr
    assert world.files() == []


@pytest.mark.parametrize("name", ["huntbridge.yaml", "huntbridge.env"])
def test_files_that_exist_are_not_replaced(world, name):
    (world.folder / name).write_text("mine")
    result = world(*world.options)
    assert result.exit_code == 2
    assert f"{name} exists already" in result.stderr
    assert (world.files(), (world.folder / name).read_text()) == ([name], "mine")
    assert world.platform.requests == []
    assert world(*world.options, "--force").exit_code == 0
    world.written()


def test_a_replaced_file_keeps_the_token_that_the_platform_sends_and_what_people_added(world):
    assert world(*world.options).exit_code == 0
    file = world.folder / "huntbridge.env"
    (line,) = re.findall("^WEBHOOK_TOKEN=.+$", file.read_text(), re.M)
    with file.open("a") as added:
        added.write("ADMIN_API_KEY=of-an-administrator\n")
    assert world(*world.options, "--force").exit_code == 0
    assert {line, "ADMIN_API_KEY=of-an-administrator"} <= set(file.read_text().splitlines())


def test_a_folder_in_the_place_of_the_file_loses_no_secret(world):
    (world.folder / "huntbridge.yaml").mkdir()
    (world.folder / "huntbridge.env").write_text("mine")
    result = world(*world.options, "--force")
    assert result.exit_code == 2
    assert "huntbridge.yaml is a folder" in result.stderr
    assert (world.folder / "huntbridge.env").read_text() == "mine"


def test_a_name_that_is_no_text_is_refused(world):
    result = world("--config", "a\udcff.yaml", *world.options)
    assert result.exit_code == 2
    assert "cannot be printed" in result.stderr
    assert world.files() == []


def test_a_folder_that_cannot_be_written_to(world):
    assert world("--config", "nowhere/huntbridge.yaml", *world.options).exit_code == 2
    assert world("--config", "s3://bucket/huntbridge.yaml", *world.options).exit_code == 2


def sample_lambda(world):
    """The variables of the original sample Lambda, and those with which huntbridge runs without a file."""
    return {
        "PLATFORM_IP": world.platform_url,
        "API_KEY": "the-lead-analyst-key",
        "SYSTEM1": '{"region": "us-east-1", "instanceid": "i-0123456789abcdef0"}',
        "SYSTEM2": '{"region": "eu-west-1", "instanceid": "i-0fedcba9876543210", "account": "prod"}',
        "WEBHOOK_TOKEN": "the-token-of-the-webhook",
        "SLACK_WEBHOOK_URL": world.chat_url + world.slack.path,
        "TEAMS_WEBHOOK_URL": world.chat_url + world.teams.path,
        "JIRA_URL": world.chat_url,
        "JIRA_EMAIL": "hunt@acme.example",
        "JIRA_API_TOKEN": "demo-token",
        "JIRA_PROJECT": "SEC",
        "CAPTURE": "triage",
        "SCHEDULE": "rate(7 days)",
        "BUCKET": "forensics",
    }


def test_variables_become_a_configuration_that_does_the_same(world):
    environ = sample_lambda(world)
    before = loaded(environ)
    result = world("--from-env", **environ)
    assert result.exit_code == 0, result.output
    values = world.written()
    assert values == {
        name: environ[name]
        for name in (
            *("API_KEY", "WEBHOOK_TOKEN", "SLACK_WEBHOOK_URL", "TEAMS_WEBHOOK_URL", "JIRA_API_TOKEN"),
        )
    }
    assert loaded(values) == before
    assert world.check().exit_code == 0


def test_options_take_precedence_over_variables(world):
    result = world("--from-env", "--capture", "full", "--jira-issue-type", "Bug", **sample_lambda(world))
    assert result.exit_code == 0, result.output
    config = loaded(world.written())
    assert config.hunts["default"].capture == "full"
    assert config.destinations["jira"].issue_type == "Bug"


def test_a_variable_that_cannot_be_taken_over(world):
    result = world("--from-env", **sample_lambda(world) | {"SYSTEM3": "i-0123"})
    assert result.exit_code == 1
    assert "SYSTEM3 is not JSON" in result.output
    assert world.files() == []
    result = world("--from-env", **sample_lambda(world) | {"PLATFORM_IP": ""})
    assert result.exit_code == 2
    assert "--platform-url" in result.stderr


_ODD = ("no", "Null", "12", "1.5", "2026-12-24", "a: b", "a #b", "*", "- a", "[a]", "{a}", "", "a:")
_TEXTS = st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF, exclude_categories=["Cc"]))
_KEYS = _TEXTS | st.sampled_from(_ODD)
_VALUES = st.recursive(
    _KEYS | st.booleans() | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, min_size=1, max_size=3),
    max_leaves=8,
)


@settings(max_examples=30)
@given(st.dictionaries(_KEYS, _VALUES, min_size=1, max_size=4))
def test_what_is_written_as_yaml_is_read_as_it_was(data):
    assert yaml.safe_load(document(data, "huntbridge.env", {})) == data


def test_every_page_of_the_channels_is_read_and_a_scope_may_be_missing(world):
    at = world.options.index("--slack-channel")
    options = [*world.options[:at], *world.options[at + 2 :]]
    world.slack.page = 1
    world.slack.scopes.remove("groups:read")
    result = world(*options)
    assert "there are: C0123456789 (#soc), C0987654321 (#general)" in result.stderr
    world.slack.scopes.remove("channels:read")
    result = world(*options)
    assert "Slack does not list its channels: " in result.output
    assert (result.exit_code, "--slack-channel is missing\n" in result.stderr) == (2, True)
    assert world(*options, "--slack-channel", "C0123456789").exit_code == 0


def test_jira_data_center(world):
    at = world.options.index("--jira-url")
    jira = Jira(datacenter=True)
    with serving(jira.app) as url:
        options = [*world.options[:at], "--jira-url", url, "--jira-token", "env:JIRA"]
        result = world(*options)
        assert result.exit_code == 2
        assert "--jira-project is missing; there are: SEC (Security)" in result.stderr
        result = world(*options, "--jira-project", "SEC")
        assert result.exit_code == 0, result.output
    assert "Jira Data Center: huntbridge may create Incident in project SEC" in result.output


@pytest.mark.slow  # a serve of its own
def test_serve_runs_with_what_was_written(world):
    assert world(*world.options).exit_code == 0
    token = world.written()["WEBHOOK_TOKEN"]
    command = [sys.executable, "-m", "cli.main", "serve", "--port", "0"]
    environ = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True) as serve:
        try:
            assert serve.stdout is not None
            url = serve.stdout.readline().split("webhooks go to ")[1].strip()
            event = {"event": "processing_with_alarms", "title": "t", "message": "m"}
            answers = [requests.post(url, json={"token": t, **event}, timeout=10) for t in (token, "another")]
            assert [answer.status_code for answer in answers] == [202, 401]
        finally:
            serve.terminate()
            serve.wait(timeout=30)
