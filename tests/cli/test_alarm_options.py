"""`route` and `render` by options, from what they print themselves, and what they refuse."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from cli.main import main
from shared.http import client as http
from shared.models.alarms import Alarm, Change, Gap
from shared.models.captures import Capture, CaptureState
from shared.models.codec import dump
from shared.models.events import Detection, Event
from shared.models.evidence import Evidence, Finding, Project
from shared.models.hunts import Hunt
from shared.models.severity import Severity
from shared.models.systems import Instance, System

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
SYSTEM = System("i-0aaaaaaaaaaaaaaa1", "us-east-1", "prod")
HUNT = Hunt("weekly", NOON)
FULL = Alarm(
    Event("e1", "processing_with_alarms", NOON, text="ALARMS", project_id=3, evidence_id=4, malicious=5),
    Severity.MALICIOUS,
    malicious=5,
    suspicious=1,
    hunt=HUNT,
    capture=Capture(HUNT.id, SYSTEM, CaptureState.PROCESSED),
    project=Project(3, "weekly 2026-11-24"),
    evidence=Evidence(4, 3, "vol-1", hostname="web"),
    instance=Instance(SYSTEM.instance, SYSTEM.region, name="web-01", tags={"Env": "prod"}),
    system=SYSTEM,
    findings=(Finding("Miner", 5, Severity.MALICIOUS, ("T1496",), "/tmp/x"),),
    gaps=(Gap("Owner", "no tag"),),
    link="https://cado.example",
    change=Change(None, None, 1, ("Miner",), 1, 0, 0),
)
CONFIG = """
platform: {url: "https://cado.example", api_key: env:NOT_SET}
accounts: {prod: {id: "111122223333"}}
hunts: {weekly: {targets: [{instance: i-0aaaaaaaaaaaaaaa1, region: us-east-1}]}}
destinations:
  soc: {type: slack, webhook_url: env:NOT_SET}
  ir: {type: slack, webhook_url: env:NOT_SET}
  office: {type: teams, webhook_url: env:NOT_SET}
  tickets: {type: jira, url: "https://jira.example", token: env:NOT_SET, project: OPS}
  siem: {type: webhook, url: env:NOT_SET, secrets: env:NOT_SET}
routes:
  - {match: {tags: {Env: prod, Team: "SRE [EU]"}}, to: ir}
  - {match: {severity: malicious, hunt: weekly}, to: [office, ir]}
  - {match: {event: hunt_finished}, to: office}
  - {match: {account: prod, region: us-east-1}, to: tickets}
  - {match: {instance: db-*}, to: siem}
  - {match: {instance: i-0bbbbbbbbbbbbbbb2}, to: [siem, ir]}
  - {match: {project: "12"}, to: [tickets, ir]}
  - {match: {project: q*}, to: [tickets, office]}
default: soc
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(http.Http, "request", None)  # nobody may be asked
    (tmp_path / "huntbridge.yaml").write_text(CONFIG)

    def run(*arguments, code=0, given=None):
        given = json.dumps(given) if isinstance(given, dict) else given
        result = CliRunner().invoke(main, arguments, input=given, catch_exceptions=False)
        assert result.exit_code == code, result.output
        assert not (Path(tmp_path) / ".huntbridge").exists()
        return result.stdout if code == 0 else result.stderr

    return run


@pytest.mark.parametrize(
    ("options", "to"),
    [
        (["--severity", "info"], "soc"),
        (["--severity", "Malicious", "--hunt", "weekly"], "office ir"),
        (["--event", "HUNT_FINISHED"], "office"),
        (["--tag", "Env=prod", "--tag", "Team=SRE [EU]"], "ir"),
        (["--tag", "Env=prod"], "soc"),
        (["--account", "prod", "--region", "us-east-1"], "tickets"),
        (["--account", "111122223333", "--region", "us-east-1"], "tickets"),
        (["--account", "prod"], "soc"),
        (["--instance", "db-7"], "siem"),
        (["--instance", "i-0bbbbbbbbbbbbbbb2"], "siem ir"),
        (["--project", "12"], "tickets ir"),
        (["--project", "quarter"], "tickets office"),
    ],
)
def test_options_alone_are_routed(run, options, to):
    assert run("route", *options).split() == to.split()
    assert json.loads(run("render", "--to", "siem", *options))["data"]["message"]["title"]


def test_options_beat_what_the_file_says(run):
    given = dump(FULL)
    assert run("route", "-", given=given).split() == ["office", "ir"]
    assert run("route", "-", "--severity", "info", given=given).split() == ["tickets"]
    assert run("route", "-", "--tag", "Team=SRE [EU]", given=given).split() == ["ir"]
    shown = json.loads(run("render", "-", "--to", "siem", "--instance", "db-7", given=given))["data"]["alarm"]
    assert shown["instance"]["name"] == "db-7"
    assert shown["instance"]["tags"] == {"Env": "prod"}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "say what it is about"),
        (["--severity", "malicous"], "there is no severity 'malicous'; did you mean malicious?"),
        (["--event", "hunt_finnished"], "there is no event 'hunt_finnished'; did you mean hunt_finished?"),
        (["--hunt", "weakly"], "there is no hunt 'weakly'; did you mean weekly?"),
        (["--account", "prd"], "there is no account 'prd'; did you mean prod?"),
        (["--region", "us-east1"], "there is no region 'us-east1'; did you mean us-east-1?"),
        (["--tag", "Env"], "--tag 'Env' is no tag; write it as KEY=VALUE"),
        (["--tag", "=prod"], "--tag '=prod' is no tag"),
    ],
)
def test_options_that_say_nothing_known(run, options, said):
    for command in (("route",), ("render", "--to", "soc")):
        assert said in run(*command, *options, code=2)


def test_what_render_prints_can_be_piped_back(run):
    printed = run("render", "-", "--to", "siem", given=dump(FULL))
    assert run("render", "-", "--to", "siem", given=printed) == printed
    assert run("route", "-", given=printed) == run("route", "-", given=dump(FULL)) == "office\nir\n"
    assert run("render", "-", "--to", "office", given=printed) == run(
        "render", "-", "--to", "office", given=dump(FULL)
    )
    about = Alarm(
        Event("e2", "detection_created", NOON, detection=Detection("Miner", Severity.MALICIOUS, "high")),
        Severity.MALICIOUS,
    )
    printed = run("render", "-", "--to", "siem", given=dump(about))
    assert run("render", "-", "--to", "siem", given=printed) == printed


def test_what_route_prints_can_be_piped_back(run):
    printed = run("route", "-", "--json", given=dump(FULL))
    assert json.loads(printed)["destinations"] == ["office", "ir"]
    assert run("route", "-", "--json", given=printed) == printed
    assert run("render", "-", "--to", "siem", given=printed) == run(
        "render", "-", "--to", "siem", given=dump(FULL)
    )
    made = run("route", "--json", "--tag", "Env=prod", "--severity", "info")
    assert run("route", "-", "--json", given=made) == made


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("{}", "nothing in this says what happened or where"),
        ("[]", "nothing in this says what happened or where"),
        ('{"foo": "bar"}', "nothing in this says what happened or where"),
        ("hello", "nothing in this says what happened or where"),
        (
            dump(FULL) | {"severity": "malicous"},
            "an alarm of huntbridge, and severity is missing or wrong",
        ),
        ({"event": {"id": "e1"}}, "looks like an alarm of huntbridge, and event.kind is missing or wrong"),
        ({"id": "e1", "kind": "x", "received_at": "yesterday"}, "an event of huntbridge, and received_at is"),
        ({"specversion": "1.0", "data": {"alarm": None}}, "this is a digest"),
        (
            {"specversion": "1.0", "data": {"alarm": {"severity": "info"}}},
            "an alarm of huntbridge, and event is",
        ),
    ],
)
def test_what_cannot_be_understood_is_refused(run, given, said):
    for command in (("route", "-"), ("render", "-", "--to", "soc")):
        assert said in run(*command, code=2, given=given)


@pytest.mark.parametrize(("to", "kind"), [("soc", "Slack"), ("office", "Teams"), ("tickets", "Jira")])
def test_a_message_that_holds_no_alarm_is_refused(run, to, kind):
    printed = run("render", "-", "--to", to, given=dump(FULL))
    said = run("route", "-", code=2, given=printed)
    assert f"this is a message for {kind}, which does not hold the alarm" in said
    assert "huntbridge render --to webhook" in said


def test_a_link_that_is_left_out_is_said(run, tmp_path):
    link = "https://wiki.example/".ljust(3_001, "a")
    text = CONFIG + f"message: {{links: [{{text: Runbook, url: '{link}'}}]}}\n"
    (tmp_path / "huntbridge.yaml").write_text(text)
    result = CliRunner().invoke(main, ["render", "--to", "soc", "--severity", "info"], catch_exceptions=False)
    assert "wiki.example" not in result.stdout
    assert "warning: message.links[0].url: the link has 3,001 characters" in result.stderr


def test_a_webhook_that_the_platform_sends_as_a_test_is_understood(run):
    body = {"token": "t", "event": "processing_failed", "title": "$Title", "message": "$Event"}
    assert run("route", "-", given=body) == "soc\n"
