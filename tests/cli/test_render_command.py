"""`huntbridge render` and `huntbridge route`: what would be sent, without a secret and without a call."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import unquote

import pytest
from click.testing import CliRunner

from cli.main import main
from demo.platform.simulation import Platform
from demo.serving import serving
from receiver.destinations.slack import blocks as slack
from receiver.destinations.teams import card as teams
from receiver.destinations.webhook import document
from receiver.messages.compose import compose
from shared.http import client as http
from shared.models.alarms import Alarm
from shared.models.codec import dump
from shared.models.events import Event
from shared.models.severity import Severity
from shared.models.systems import Instance, System

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
ALARM = Alarm(
    Event("e1", "processing_with_alarms", NOON, text="<!here> ALARMS & é", project_id=3, evidence_id=4),
    Severity.MALICIOUS,
    malicious=5,
    instance=Instance("i-0aaaaaaaaaaaaaaa1", "us-east-1", name="web-01", tags={"Env": "prod"}),
    link="https://cado.example",
)
PROD = System("i-1", "us-east-1", "prod")
WEBHOOK = {
    "token": "a-token-that-is-secret",
    "event": "high_severity_alarm",
    "title": "HIGH SEVERITY ALARM DETECTED",
    "message": "5 high severity alarms detected in project id 3 evidence id 4.",
}
CONFIG = """
platform: {url: "https://cado.example", api_key: env:NOT_SET}
destinations:
  soc: {type: slack, webhook_url: env:NOT_SET}
  ir: {type: slack, token: env:NOT_SET, channel: C0123456789, signing_secret: env:NOT_SET}
  office: {type: teams, webhook_url: env:NOT_SET}
  old: {type: jira, url: "https://jira.corp.example", token: env:NOT_SET, project: OPS, issue_type: Incident}
  siem: {type: webhook, url: env:NOT_SET, secrets: env:NOT_SET}
routes: [{match: {tags: {Env: prod}}, to: [old, siem]}]
default: soc
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PLATFORM_IP", raising=False)
    monkeypatch.setattr(http.Http, "request", None)  # nobody may be asked

    def command(name, event, *options, code=0, config=CONFIG):
        if config:
            (tmp_path / "huntbridge.yaml").write_text(config)
        body = event if isinstance(event, bytes) else json.dumps(event).encode()
        (tmp_path / "event.json").write_bytes(body)
        result = CliRunner().invoke(main, [name, "event.json", *options], catch_exceptions=False)
        assert result.exit_code == code, result.output
        assert not (tmp_path / ".huntbridge").exists()
        return result

    return command


def test_the_words_of_the_configuration_are_shown(run):
    words = """
message:
  title: "{{ malicious }} of {{ tags.Env }}"
  facts: [{label: Team, value: "{{ tags.Team | default('nobody') }}"}, host]
  footer: "See runbook 12."
"""
    message = json.loads(run("render", dump(ALARM), "--to", "siem", config=CONFIG + words).stdout)["data"][
        "message"
    ]
    assert (message["title"], message["footer"]) == ("5 of prod", "See runbook 12.")
    assert message["facts"] == [{"label": "Host", "value": "web-01"}, {"label": "Team", "value": "nobody"}]
    wrong = run(
        "render", dump(ALARM), "--to", "siem", code=2, config=CONFIG + words.replace("malicious", "malicous")
    )
    assert "message.title: 'malicous' is not a name for a template; did you mean malicious?" in wrong.stderr


def test_an_alarm_is_shown_as_it_would_be_sent(run):
    message = compose(ALARM)
    bodies = {
        "slack": slack.payload(message),
        "teams": json.loads(teams.payload(message)),
        "webhook": json.loads(document.payload(message)),
    }
    for kind, body in bodies.items():
        assert json.loads(run("render", dump(ALARM), "--to", kind).stdout) == body
    assert json.loads(run("render", dump(ALARM), "--to", "siem").stdout) == bodies["webhook"]


def test_slacks_link_opens_the_same_blocks(run):
    result = run("render", dump(ALARM), "--to", "soc")
    start = "Block Kit Builder: https://app.slack.com/block-kit-builder/#"
    assert result.stderr.startswith(start)
    link = result.stderr.removeprefix(start).strip()
    assert link.isascii()
    assert not set("<> \"'&#") & set(link)
    assert json.loads(unquote(link)) == {"blocks": json.loads(result.stdout)["blocks"]}


def test_by_a_bot_token_it_is_what_the_channel_would_show_with_its_buttons(run):
    result = run("render", dump(ALARM), "--to", "ir")
    body = json.loads(result.stdout)
    assert body["channel"] == "C0123456789"
    buttons = next(block for block in body["blocks"] if block["type"] == "actions")["elements"]
    named = ["acknowledge", "close", "mute", "capture-again", "open_platform", "open_console"]
    assert [button["action_id"] for button in buttons] == named  # its issue is on the route
    assert "Block Kit Builder" in result.stderr
    elsewhere = dump(replace(ALARM, instance=None))
    blocks = json.loads(run("render", elsewhere, "--to", "ir").stdout)["blocks"]
    buttons = next(block for block in blocks if block["type"] == "actions")["elements"]
    offered = ["acknowledge", "create-issue", "close", "open_platform"]
    assert [button["action_id"] for button in buttons] == offered


def test_the_card_designer_is_named(run):
    assert "https://adaptivecards.io/designer/" in run("render", dump(ALARM), "--to", "teams").stderr


def test_jira_is_the_configured_one_or_cloud(run):
    fields = json.loads(run("render", dump(ALARM), "--to", "old").stdout)["fields"]
    assert (fields["project"], fields["issuetype"]) == ({"key": "OPS"}, {"name": "Incident"})
    assert fields["description"].startswith("{panel")
    fields = json.loads(run("render", dump(ALARM), "--to", "jira").stdout)["fields"]
    assert fields["project"] == {"key": "OPS"}


def test_the_body_of_a_webhook_without_any_configuration(run):
    result = run("render", WEBHOOK, "--to", "jira", config="")
    fields = json.loads(result.stdout)["fields"]
    assert fields["summary"] == "5 high severity alarms in project 3, evidence 4"
    assert fields["description"]["type"] == "doc"
    assert "There is no configuration" in result.stderr
    assert "a-token-that-is-secret" not in result.output
    assert "Note" not in result.stdout  # what was not looked up is no gap


def test_a_body_that_is_not_json_and_an_own_event(run):
    data = json.loads(run("render", b"\xff 7 alarms [", "--to", "webhook").stdout)["data"]
    assert (data["kind"], data["alarm"]["event"]["alarms"]) == ("unknown", 7)
    event = Event("c1", "capture_failed", NOON, text="gone", hunt_id="w@x", system=PROD)
    data = json.loads(run("render", dump(event), "--to", "webhook").stdout)["data"]
    assert (data["kind"], data["message"]["title"]) == ("capture_failed", "Capture failed on i-1 (prod)")


def test_enriched_it_is_what_a_real_alarm_would_say(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "event.json").write_text(json.dumps(WEBHOOK))
    with serving(Platform((), {"lead": "Lead Analyst"}).app) as url:
        config = CONFIG.replace("https://cado.example", url).replace("env:NOT_SET}\ndest", "env:KEY}\ndest")
        (tmp_path / "huntbridge.yaml").write_text(config)
        arguments = ["render", "event.json", "--to", "webhook", "--enrich"]
        result = CliRunner().invoke(main, arguments, env={"KEY": "lead"}, catch_exceptions=False)
    gaps = {gap["what"]: gap["why"] for gap in json.loads(result.stdout)["data"]["alarm"]["gaps"]}
    assert "does not know evidence 4" in gaps["Evidence"]  # it was asked


def test_what_cannot_be_shown(run):
    assert "did you" not in run("render", WEBHOOK, "--to", "sock", code=2).stderr
    assert (
        "slack, teams, jira, webhook, pagerduty, jsm, soc, ir"
        in run("render", WEBHOOK, "--to", "sock", code=2).stderr
    )
    assert "empty" in run("render", b" \n", "--to", "slack", code=2).stderr
    assert "1 MiB" in run("render", b"x" * 2_000_000, "--to", "slack", code=2).stderr


def test_where_it_would_go(run):
    assert run("route", dump(ALARM)).stdout == "old\nsiem\n"
    result = run("route", WEBHOOK, "--explain")
    assert result.stdout == "soc\n"
    assert result.stderr.splitlines() == [
        "route 1: no, tag Env is not known, not prod",
        "default: yes, to soc",
    ]
