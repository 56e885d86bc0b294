"""`huntbridge send-test`: what arrives is marked, and the exit code says what became of it."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest
from click.testing import CliRunner, Result

from cli.main import main
from demo.base import app_of
from demo.jira.simulation import Jira
from demo.jsm.simulation import Jsm
from demo.pagerduty.simulation import PagerDuty
from demo.serving import serving
from demo.slack.simulation import Slack
from demo.teams.simulation import Teams


@dataclass
class World:
    """Three tools, and the command in an environment in which it reaches them."""

    slack: Slack
    teams: Teams
    jira: Jira
    environ: dict[str, str]

    def __call__(self, name: str, **environ: str) -> Result:
        settings = self.environ | environ
        result = CliRunner().invoke(main, ["send-test", name], env=settings, catch_exceptions=False)
        for secret in self.environ.values():
            assert secret not in result.output
        return result


@pytest.fixture
def world(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    slack, teams, jira = Slack(), Teams(), Jira()
    with serving(app_of(slack, teams, jira)) as url:
        (tmp_path / "huntbridge.yaml").write_text(f"""
platform: {{url: "https://cado.example", api_key: env:NOT_SET}}
destinations:
  soc: {{type: slack, webhook_url: env:SLACK}}
  office: {{type: teams, webhook_url: env:TEAMS}}
  tickets: {{type: jira, url: "{url}", email: hunt@acme.example, api_token: env:JIRA, project: SEC}}
  siem: {{type: webhook, url: "http://127.0.0.1:9/in", secrets: env:SIEM}}
default: [soc]
""")
        good = {
            "SLACK": url + slack.path,
            "TEAMS": url + teams.path,
            "JIRA": "demo-token",
            "SIEM": "0123456789abcdef0123",
        }

        yield World(slack, teams, jira, good)


def test_each_destination_shows_that_it_is_a_test(world, tmp_path):
    for name in ("soc", "office", "tickets"):
        result = world(name)
        assert (result.exit_code, result.stdout.split(":")[0].strip()) == (0, f"delivered to {name}")
    for messages in (world.slack.messages, world.teams.messages, world.jira.messages):
        (message,) = messages
        shown = json.dumps(message.body, ensure_ascii=False)
        assert "TEST: a message for " in shown
        assert "There is no alarm, and nothing to do." in shown
    assert not (tmp_path / ".huntbridge").exists()  # nothing is written down


def test_jira_gets_no_case(world):
    assert world("tickets").stdout == "delivered to tickets: SEC-1\n"
    (issue,) = world.jira.messages
    assert issue.body["fields"]["labels"] == ["huntbridge", "info", "test"]


def test_a_pager_gets_a_test_that_wakes_nobody(world, tmp_path):
    pagerduty, jsm = PagerDuty(), Jsm()
    config = tmp_path / "huntbridge.yaml"
    with serving(app_of(pagerduty, jsm)) as url:
        pagers = f"""
  pager: {{type: pagerduty, routing_key: env:ROUTING_KEY, url: "{url}"}}
  on-call: {{type: jsm, api_key: env:GENIE_KEY, url: "{url}"}}
default"""
        config.write_text(config.read_text().replace("\ndefault", pagers))
        world.environ |= {"ROUTING_KEY": pagerduty.key, "GENIE_KEY": jsm.key}
        assert world("pager").stdout == "delivered to pager\n"
        assert world("on-call").stdout == "delivered to on-call\n"
        (incident,), (alert,) = pagerduty.incidents, jsm.alerts
        assert incident.event["payload"]["severity"] == "info"
        assert incident.event["payload"]["summary"].startswith("TEST: a message for pager")
        assert (alert.body["priority"], alert.body["message"][:5]) == ("P5", "TEST:")
        refused = world("pager", ROUTING_KEY="0" * 32)
        assert (refused.exit_code, "pager refused it" in refused.stderr) == (1, True)


def test_refused_and_not_now(world):
    later = world("soc", SLACK="http://127.0.0.1:9/services/T/B/X")
    assert (later.exit_code, "not delivered to soc" in later.stderr) == (5, True)  # nobody listens there
    refused = world("tickets", JIRA="expired")
    assert (refused.exit_code, "tickets refused it" in refused.stderr) == (1, True)
    assert world("siem").exit_code == 5


def test_what_cannot_be_sent(world):
    assert (world("sock").exit_code, "there is: soc, office" in world("sock").stderr) == (2, True)
    assert world("siem", SIEM="short").exit_code == 2
    assert "at least 16 characters" in world("siem", SIEM="short").stderr
    assert "TEAMS is empty" in world("office", TEAMS="").stderr
