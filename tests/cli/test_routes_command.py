"""`huntbridge routes test`: the tests of a configuration, tried without a network, a store or a secret."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from cli.main import main

CONFIG = """\
platform: {url: "https://cado.example", api_key: env:NOWHERE}
accounts: {prod: {id: "111122223333"}}
hunts: {weekly: {targets: [{instance: i-0123456789abcdef0, region: us-east-1}]}}
destinations:
  soc: {type: slack, webhook_url: env:NOWHERE}
  ir: {type: teams, webhook_url: env:NOWHERE}
routes:
  - {match: {severity: malicious, tags: {Env: prod}}, to: ir, continue: true}
  - {match: {event: closed}, to: ir}
  - {match: {account: prod, hunt: weekly}, to: [soc, ir]}
default: soc
tests:
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def run(tests: str, *arguments: str, code: int) -> str:
        (tmp_path / "huntbridge.yaml").write_text(CONFIG + tests)
        environ = {"HUNTBRIDGE_CONFIG": "", "HUNTBRIDGE_DATA": str(tmp_path / "none"), "HUNTBRIDGE_TABLE": ""}
        command = ["routes", "test", *arguments]
        result = CliRunner().invoke(main, command, env=environ, catch_exceptions=False)
        assert result.exit_code == code, result.output
        assert not (tmp_path / "none").exists()
        return result.output

    return run


def test_every_alarm_goes_where_it_must(run):
    said = run(
        """\
  - {name: malware in production, severity: malicious, tags: {Env: prod, Team: shop}, to: ir}
  - {name: a lab, severity: malicious, tags: {Env: lab}, to: [soc]}
  - {account: prod, hunt: weekly, to: [ir, soc]}
  - {name: a closed case, event: closed, to: ir}
  - {name: a released case, event: released, to: []}
""",
        code=0,
    )
    assert said.splitlines() == [
        "ok    malware in production: to ir",
        "ok    a lab: to soc",
        "ok    3: to soc, ir",
        "ok    a closed case: to ir",
        "ok    a released case: to nothing",
    ]


@pytest.mark.parametrize(
    ("test", "problem"),
    [
        ("{severity: malicious, tags: {Env: prod}, to: soc}", "expected soc, got ir; decided by route 1"),
        ("{severity: info, to: ir}", "expected ir, got soc; decided by default"),
        (
            "{severity: malicious, tags: {Env: prod}, account: '111122223333', hunt: weekly, to: ir}",
            "expected ir, got ir, soc; decided by route 1 and route 3",
        ),
        ("{event: reopened, to: ir}", "expected ir, got nothing; no route names it"),
        ("{event: processing_with_alarm, to: soc}", "there is no event 'processing_with_alarm'"),
        ("{hunt: monthly, to: soc}", "there is no hunt 'monthly'"),
        ("{event: heartbeat, to: soc}", "heartbeat is never routed"),
    ],
)
def test_a_failure_says_what_it_expected_and_what_decided(run, test, problem):
    said = run(f"  - {{name: good, to: soc}}\n  - {test}\n", code=1)
    assert "ok    good: to soc\n" in said
    assert f"FAIL  2: {problem}" in said
    assert "1 test of 2 failed" in said


def test_as_json(run):
    (good, bad) = json.loads(run("  - {to: soc}\n  - {to: ir}\n", "--json", code=1).partition("1 test")[0])
    assert (good["passed"], good["decided_by"]) == (True, ["default"])
    assert (bad["passed"], bad["expected"], bad["got"]) == (False, ["ir"], ["soc"])


def test_without_tests_nothing_is_said_to_be_fine(run):
    assert "the configuration has no tests" in run("  []\n", code=2)


def test_a_destination_that_there_is_not_is_a_mistake(run):
    assert "there is no destination 'sock'" in run("  - {to: sock}\n", code=2)


HOURS = """\
  - {name: a night, severity: suspicious, at: "2026-11-27T22:00+01:00", to: soc, held: soc}
  - {name: a day, severity: suspicious, at: 2026-11-27T12:00Z, to: soc, held: []}
  - {name: at night too, severity: malicious, at: "2026-11-27T22:00+01:00", to: soc}
  - {name: any time, severity: suspicious, to: soc}
"""
CLOSED_AT_NIGHT = """\
platform: {url: "https://cado.example", api_key: env:NOWHERE}
destinations: {soc: {type: slack, webhook_url: env:NOWHERE}}
routes:
  - {to: soc, active: {days: Mon-Fri, hours: "08:00-18:00", timezone: Europe/Berlin}}
  - {to: soc}
tests:
"""


def test_a_test_at_a_time(run, monkeypatch):
    monkeypatch.setitem(globals(), "CONFIG", CLOSED_AT_NIGHT)
    assert run(HOURS, code=0).splitlines() == [
        "ok    a night: to soc, held until 2026-11-30 08:00 Europe/Berlin",
        "ok    a day: to soc",
        "ok    at night too: to soc",
        "ok    any time: to soc",
    ]
    wrong = run('  - {severity: malicious, at: "2026-11-27T22:00+01:00", to: soc, held: soc}\n', code=1)
    assert wrong.startswith("FAIL  1: expected to be held for soc, and is held for nothing")


def test_where_an_event_goes_at_a_time(run, monkeypatch, tmp_path):
    (tmp_path / "huntbridge.yaml").write_text(CLOSED_AT_NIGHT.removesuffix("tests:\n"))
    night = ["route", "--severity", "suspicious", "--at", "2026-11-27T22:00+01:00", "--explain"]
    environ = {"HUNTBRIDGE_CONFIG": "", "HUNTBRIDGE_TABLE": ""}
    result = CliRunner().invoke(main, night, env=environ, catch_exceptions=False)
    assert result.stdout == "soc\n"
    held = "soc, held until 2026-11-30 08:00 Europe/Berlin"
    assert f"route 1: yes, to {held}\n" in result.stderr
    assert result.stderr.endswith(f"\n{held}\n")
    day = [*night[:3], "--at", "2026-11-27T12:00Z", "--json"]
    result = CliRunner().invoke(main, day, env=environ, catch_exceptions=False)
    assert json.loads(result.stdout)["held"] == {}
