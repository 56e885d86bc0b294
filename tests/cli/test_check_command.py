"""`huntbridge check`: what it says about a set-up that works, and about each thing that does not."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import Any

import pytest
from click.testing import CliRunner

from cli.main import main
from demo.base import Simulation, app_of
from demo.jira.simulation import Jira
from demo.jsm.simulation import Jsm
from demo.pagerduty.simulation import PagerDuty
from demo.platform.simulation import Platform
from demo.serving import serving
from demo.slack.simulation import Slack
from demo.teams.simulation import Teams

KEYS = {"lead": "Lead Analyst", "reader": "Read Only Analyst", "admin": "Platform Administrator"}


@dataclass
class World:
    """The simulated tools, and the command in an environment in which all is well."""

    tools: tuple[Simulation, ...]
    environ: dict[str, str]
    secrets: tuple[str, ...]

    def __call__(self, **environ: str) -> tuple[int, dict[str, Any]]:
        """The exit code, and the findings by what they are about."""
        settings = self.environ | environ
        result = CliRunner().invoke(main, ["check", "--json"], env=settings, catch_exceptions=False)
        for secret in self.secrets:
            assert secret not in result.output
        return result.exit_code, {finding["what"]: finding for finding in json.loads(result.stdout)}


@pytest.fixture
def world(tmp_path, monkeypatch):
    """A platform, a chat and a ticket system that work."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", str(tmp_path))
    platform, slack, teams, jira = Platform((), KEYS), Slack(), Teams(), Jira()
    with serving(platform.app) as platform_url, serving(app_of(slack, teams, jira)) as chat_url:
        (tmp_path / "huntbridge.yaml").write_text(f"""
platform: {{url: "{platform_url}", api_key: env:CADO_API_KEY}}
webhook: {{tokens: [env:WEBHOOK_TOKEN]}}
destinations:
  soc: {{type: slack, webhook_url: env:SLACK_WEBHOOK_URL}}
  office: {{type: teams, webhook_url: env:TEAMS_WEBHOOK_URL}}
  tickets: {{type: jira, url: "{chat_url}", email: hunt@acme.example, api_token: env:JIRA_API_TOKEN,
            project: SEC, issue_type: Incident}}
default: [soc, office, tickets]
""")

        good = {
            "CADO_API_KEY": "lead",
            "WEBHOOK_TOKEN": "webhook-token-1234567890",
            "SLACK_WEBHOOK_URL": chat_url + slack.path,
            "TEAMS_WEBHOOK_URL": chat_url + teams.path,
            "JIRA_API_TOKEN": "demo-token",
        }
        yield World((slack, teams, jira), good, ("demo-token", "webhook-token", slack.path, teams.path[-20:]))


def test_a_signing_secret_that_cannot_be_had(world, tmp_path):
    config = tmp_path / "huntbridge.yaml"
    text = "  soc: {type: slack, webhook_url: env:SLACK_WEBHOOK_URL}"
    app = "  ir: {type: slack, token: env:BOT, channel: C0123456789, signing_secret: [env:NEW, env:OLD]}"
    config.write_text(config.read_text().replace(text, f"{text}\n{app}"))
    code, found = world(NEW="the-new-one")
    assert code == 1
    assert found["signing secret 1"] == {
        "what": "signing secret 1",
        "ok": True,
        "detail": "env:NEW can be read",
        "warning": False,
    }
    assert found["signing secret 2"]["detail"] == "env:OLD: the environment variable OLD is not set"


def test_a_set_up_that_works(world):
    code, found = world()
    assert (code, [f["what"] for f in found.values() if not f["ok"]]) == (0, [])
    assert list(found) == [
        *("configuration", "platform", "webhook token 1", "soc", "office", "tickets"),
        *("AWS", "serve"),
    ]
    assert [what for what, finding in found.items() if finding["warning"]] == ["AWS"]  # without credentials
    assert "not running on" in found["serve"]["detail"]
    assert "Lead Analyst" in found["platform"]["detail"]
    assert all(tool.messages == [] for tool in world.tools)  # nothing was sent


def test_pagers_are_checked_without_paging_anybody(world, tmp_path):
    config = tmp_path / "huntbridge.yaml"
    pagerduty, jsm = PagerDuty(), Jsm()
    with serving(app_of(pagerduty, jsm)) as url:
        pagers = f"""
  pager: {{type: pagerduty, routing_key: env:ROUTING_KEY, url: "{url}"}}
  on-call: {{type: jsm, api_key: env:GENIE_KEY, url: "{url}"}}
"""
        escalate = "escalate: [{after: 1h, to: [pager, on-call]}]\ndefault: ["
        text = config.read_text().replace("default: [", escalate)
        config.write_text(text.replace("\nescalate", f"{pagers}escalate"))
        keys = {"ROUTING_KEY": pagerduty.key, "GENIE_KEY": jsm.key}
        code, found = world(**keys)
        assert code == 0
        assert "PagerDuty takes events with this key" in found["pager"]["detail"]
        assert "Jira Service Management takes the key" in found["on-call"]["detail"]
        assert (pagerduty.incidents, pagerduty.pages, jsm.alerts, jsm.pages) == ([], [], [], [])

        code, found = world(ROUTING_KEY="0" * 32, GENIE_KEY="another-key")
        assert code == 1
        assert "PagerDuty does not take the routing key" in found["pager"]["detail"]
        assert "Jira Service Management does not take the key" in found["on-call"]["detail"]
        code, found = world(ROUTING_KEY="short", GENIE_KEY="short")
        assert "32 letters and digits" in found["pager"]["detail"]
        assert "API integration" in found["on-call"]["detail"]
    code, found = world(**keys)
    assert "PagerDuty cannot be reached" in found["pager"]["detail"]
    assert "Jira Service Management cannot be reached" in found["on-call"]["detail"]


def test_who_is_on_duty_is_asked(world, tmp_path):
    config = tmp_path / "huntbridge.yaml"
    pagerduty = PagerDuty()
    with serving(pagerduty.app) as url:
        section = f'on_duty: {{pagerduty: {{token: env:TOKEN, schedule: PI7DH85, url: "{url}"}}}}'
        config.write_text(f"{config.read_text()}{section}\n")
        code, found = world(TOKEN=pagerduty.token)
        assert (code, found["on duty"]["warning"]) == (0, True)
        assert "nobody is on duty now" in found["on duty"]["detail"]
        user, schedule = {"summary": "Jane Doe"}, {"id": "PI7DH85"}
        pagerduty.on_call["PI7DH85"] = [{"user": user, "schedule": schedule, "start": None, "end": None}]
        code, found = world(TOKEN=pagerduty.token)
        assert (code, found["on duty"]["detail"]) == (0, "Jane Doe")
        code, found = world(TOKEN="another-token")
        assert (code, found["on duty"]["ok"]) == (1, False)
        assert "does not take the key of on_duty" in found["on duty"]["detail"]


def test_webhooks_of_the_platform_that_lead_here_or_do_not(world, tmp_path):
    url = "https://hunt.example/webhooks/cado"
    config = tmp_path / "huntbridge.yaml"
    text = config.read_text().replace("api_key:", "admin_key: env:ADMIN, api_key:")
    config.write_text(text.replace("webhook: {", f'webhook: {{url: "{url}", '))
    code, found = world(ADMIN="admin")
    assert code == 1
    assert found["webhook"]["detail"] == "there is no webhook for processing_with_alarms"
    settings = world.environ | {"ADMIN": "admin"}
    register = CliRunner().invoke(main, ["webhook", "register", "--url", url], env=settings)
    assert register.exit_code == 0, register.output
    code, found = world(ADMIN="admin")
    assert (code, found["webhook"]["ok"]) == (0, True)
    assert found["webhook"]["detail"] == f"registered and enabled, and it leads to {url}"
    assert "Platform Administrator" in world(ADMIN="lead")[1]["webhook"]["detail"]


@pytest.mark.parametrize(
    ("environ", "what", "said"),
    [
        ({"CADO_API_KEY": "wrong"}, "platform", "refused the API key"),
        ({"CADO_API_KEY": "reader"}, "platform", "hunts need the role Lead Analyst"),
        ({"CADO_API_KEY": ""}, "platform", "CADO_API_KEY is empty"),
        ({"WEBHOOK_TOKEN": ""}, "webhook token 1", "WEBHOOK_TOKEN is empty"),
        ({"SLACK_WEBHOOK_URL": ""}, "soc", "SLACK_WEBHOOK_URL is empty"),
        ({"JIRA_API_TOKEN": "expired"}, "tickets", "401"),
    ],
)
def test_one_thing_that_does_not(world, environ, what, said):
    code, found = world(**environ)
    assert code == 1
    assert [f["what"] for f in found.values() if not f["ok"]] == [what]
    assert said in found[what]["detail"]


def test_a_connector_url_of_teams_is_refused_when_the_config_is_read(world, tmp_path):
    settings = {
        "TEAMS_WEBHOOK_URL": "https://acme.webhook.office.com/webhookb2/secret",
        "CADO_API_KEY": "lead",
    }
    result = CliRunner().invoke(main, ["check"], env=settings, catch_exceptions=False)
    assert result.exit_code == 2
    assert "huntbridge.yaml:6: destinations.office.webhook_url" in result.stderr
    assert "Workflows" in result.stderr
    assert "webhookb2" not in result.stderr


def test_every_mistake_in_the_file_is_named_with_its_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "huntbridge.yaml").write_text("""
platform: {url: "http://cado.example", api_kee: env:K}
default: [sock]
destinations:
  soc: {type: slack, webhook_url: "https://hooks.slack.com/services/T/B/4f2a9c"}
hunts:
  weekly: {targets: [{instance: i-0123456789abcdef0, region: us-esat-1}]}
""")
    result = CliRunner().invoke(main, ["check"], catch_exceptions=False)
    assert result.exit_code == 2
    for said in (
        "huntbridge.yaml:2: platform.url",
        "did you mean api_key",
        "huntbridge.yaml:3: default",
        "did you mean soc",
        "huntbridge.yaml:5: destinations.soc.webhook_url",
        "env:NAME",
        "huntbridge.yaml:7: hunts.weekly.targets[0].region",
        "us-east-1",
    ):
        assert said in result.stderr
    assert "4f2a9c" not in result.stderr


@pytest.mark.parametrize(
    ("schedule", "more", "said"),
    [
        ("cron(0 2 31 2 ? *)", "", "never starts anything: there is no such day in any year"),
        ("cron(0 2 ? 2 MON#5 2027)", "", "never starts anything: there is no such day in any year"),
        ("cron(0 2 * * ? 2020)", "", "has passed: it has no next run"),
        ("at(2026-01-01T02:00:00)", "", "has passed: it has no next run"),
        (
            "cron(30 2 28 3 ? 2027)",
            "timezone: Europe/Berlin, ",
            "starts nothing any more: the clocks of Europe/Berlin skip that time",
        ),
        (
            "at(2088-01-01T02:00:00)",
            "skip_dates: ['2088-01-01'], ",
            "starts nothing any more: skip_dates leaves out every run that is to come",
        ),
    ],
)
def test_a_schedule_that_never_fires(world, tmp_path, schedule, more, said):
    file = tmp_path / "huntbridge.yaml"
    target = "{instance: i-0123456789abcdef0, region: us-east-1}"
    file.write_text(
        f'{file.read_text()}\nhunts:\n  weekly: {{schedule: "{schedule}", {more}targets: [{target}]}}\n'
        f'  nightly: {{schedule: "cron(0 2 * * ? *)", targets: [{target}]}}\n'
    )
    code, found = world()
    assert (code, found["hunt weekly"]["detail"]) == (1, f"its schedule {schedule} {said}")
    assert "hunt nightly" not in found
    listed = CliRunner().invoke(main, ["hunt", "list", "--json"], catch_exceptions=False)
    assert {row["name"]: row["next"] == "never" for row in json.loads(listed.stdout)} == {
        "weekly": True,
        "nightly": False,
    }
    planned = CliRunner().invoke(
        main, ["hunt", "plan", "weekly"], env={"CADO_API_KEY": "lead"}, catch_exceptions=False
    )
    assert planned.exit_code == 1
    assert f"problem: the schedule of weekly: {schedule} {said}" in planned.stdout.replace("\n", " ")


@pytest.mark.parametrize(
    ("environ", "what", "said"),
    [
        ({"WEBHOOK_TOKEN": '"webhook-token-1234567890"'}, "webhook.tokens[0]", "is in quotation marks"),
        ({"WEBHOOK_TOKEN": "webhook-token 1234567890"}, "webhook.tokens[0]", "holds a space"),
        ({"WEBHOOK_TOKEN": "webhook-token"}, "webhook.tokens[0]", "has fewer than 16 characters"),
    ],
)
def test_a_token_that_is_odd_is_warned_of(world, environ, what, said):
    code, found = world(**environ)
    assert code == 0
    assert found[what]["warning"]
    assert said in found[what]["detail"]


def test_a_token_that_is_too_short_fails(world):
    code, found = world(WEBHOOK_TOKEN="1234567")
    assert code == 1
    assert "has fewer than 8 characters" in found["webhook token 1"]["detail"]
    assert "webhook.tokens[0]" not in found


def test_every_secret_in_quotes_is_named(world):
    code, found = world(CADO_API_KEY="'lead'", JIRA_API_TOKEN='"demo-token"')
    assert code == 1
    for where in ("platform.api_key", "destinations.tickets.api_token"):
        assert "is in quotation marks" in found[where]["detail"]


def test_what_has_no_effect_is_warned_of(world, tmp_path):
    config = tmp_path / "huntbridge.yaml"
    config.write_text(config.read_text() + "routes: [{match: {event: hunt_finnished}, to: soc}]\n")
    code, found = world()
    assert code == 0
    assert found["routes[0].match.event"]["warning"]
    assert "did you mean hunt_finished?" in found["routes[0].match.event"]["detail"]


def test_a_file_that_is_not_read_is_warned_of(world, tmp_path):
    (tmp_path / "huntbridge.yml").write_text("")
    assert "is not read" in world()[1]["huntbridge.yml"]["detail"]


@pytest.mark.parametrize(
    ("text", "said"), [("a certificate", "no certificate in PEM form"), ("-----BEGIN CERTIFICATE-----", None)]
)
def test_a_bundle_without_a_certificate(world, tmp_path, text, said):
    (tmp_path / "ca.pem").write_text(text)
    config = tmp_path / "huntbridge.yaml"
    key = "api_key: env:CADO_API_KEY"
    config.write_text(config.read_text().replace(key, f"{key}, ca_bundle: ca.pem"))
    code, found = world()
    assert code == 1
    assert said is None or said in found["platform.ca_bundle"]["detail"]
    assert said or "platform.ca_bundle" not in found
    assert "not a PEM file" in found["platform"]["detail"]


def test_alarms_that_would_go_elsewhere_than_the_tests_of_the_routes_say(world, tmp_path):
    config = tmp_path / "huntbridge.yaml"
    text = config.read_text()
    config.write_text(text + "tests: [{to: [soc, office, tickets]}]\n")
    code, found = world()
    assert (code, found["route tests"]["detail"]) == (0, "1 alarm would go where tests expects")
    config.write_text(text + "tests: [{name: one chat is enough, severity: info, to: soc}]\n")
    code, found = world()
    assert code == 1
    assert found["route test one chat is enough"]["detail"] == (
        "expected soc, got soc, office, tickets; decided by default"
    )


def test_an_old_secret_is_warned_of(world, tmp_path):
    token = tmp_path / "token"
    token.write_text("webhook-token-1234567890")
    os.utime(token, (1_700_000_000, 1_700_000_000))
    config = tmp_path / "huntbridge.yaml"
    config.write_text(config.read_text().replace("env:WEBHOOK_TOKEN", f"file:{token}"))
    code, found = world()
    assert code == 0
    assert found["webhook.tokens[0]"]["warning"]
    assert found["webhook.tokens[0]"]["detail"] == (
        f"file:{token} was last changed on 2023-11-14, more than 365 days ago: rotate it"
    )
    config.write_text(config.read_text() + "daily_check: {secret_age: 3153600000}\n")
    assert "webhook.tokens[0]" not in world()[1]
