"""`huntbridge coverage` on a store that the ledger filled."""

from __future__ import annotations

import csv
import io
import json
from datetime import timedelta

import pytest
from click.testing import CliRunner

from cli.main import main
from shared.config.config import Config
from shared.hosting import runtime as runtimes
from shared.models.captures import CaptureState
from shared.models.coverage import Listing, Unselected
from shared.models.systems import System
from shared.models.weeks import last_weeks
from shared.storage.ledger.coverage import Listings
from shared.storage.ledger.weeks import WeekCounts, Weeks
from tests.console.filling import add_run, capture, system
from tests.console.organization import add_organization

CONFIG = """
platform: {url: "http://127.0.0.1:9", api_key: env:KEY}
hunts: {weekly: {targets: [{instance: i-00000000000000001, region: us-east-1}]}}
"""


@pytest.fixture
def runtime(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("HUNTBRIDGE_CONFIG", "HUNTBRIDGE_DATA", "HUNTBRIDGE_TABLE", "PLATFORM_IP"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "huntbridge.yaml").write_text(CONFIG)
    config = Config.model_validate({"platform": {"url": "http://127.0.0.1:9", "api_key": "env:KEY"}})
    return runtimes.local(config, tmp_path / ".huntbridge", {})


def coverage(*args: str):
    result = CliRunner().invoke(main, ["coverage", *args], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture
def filled(runtime):
    at = runtime.now() - timedelta(hours=3)
    failed = capture(3, CaptureState.FAILED, reason="no access to the key")
    add_run(
        runtime, [capture(1), capture(2, malicious=3), failed], at=at, names=["web-01", "web-02", "mail-1"]
    )
    return runtime


def test_nothing_was_captured_yet(runtime):
    assert coverage().startswith("No system was captured yet\n")


def test_systems_with_their_weeks(filled):
    lines = coverage().splitlines()
    assert lines[0] == "1 of 3 systems is a blind spot"
    rows = {line.split()[1]: line for line in lines if line.strip().startswith(system(0).instance[:10])}
    assert next(iter(rows)) == "mail-1"  # those that were never captured come first
    assert "-----------F" in rows["mail-1"]
    assert "failed: no access to the key" in rows["mail-1"]
    assert "-----------M" in rows["web-02"]
    assert "-----------+" in rows["web-01"]


def test_machines_that_no_hunt_selects(filled):
    machine = Unselected(System("i-0fffffffffffffff1", "eu-west-1", "prod"), "legacy-ftp\n\x1b[2J")
    listing = Listing(filled.now(), 5, (machine,), 1, ("eu-west-2 could not be asked",))
    Listings(filled.store).save(listing)
    out = coverage()
    assert "and 1 machine is in no hunt" in out
    assert "problem: eu-west-2 could not be asked" in out
    assert "legacy-ftp" in out
    assert "no hunt finds it" in out
    assert "\x1b" not in out


def test_json_and_csv(filled):
    answer = json.loads(coverage("--json"))
    assert (answer["summary"]["captured"], answer["summary"]["known"]) == (2, 3)
    assert len(answer["systems"]) == 3
    rows = list(csv.DictReader(io.StringIO(coverage("--csv"))))
    assert {row["name"] for row in rows} == {"web-01", "web-02", "mail-1"}
    assert len(coverage("--limit", "1", "--json")) < len(coverage("--json"))


def test_techniques(filled):
    assert coverage("--techniques") == "no technique was reported in twelve weeks\n"
    week = last_weeks(filled.now(), 1)[0]
    Weeks(filled.store).save(week, WeekCounts({}, {}, {"T1496": 4}), 0)
    assert "T1496" in coverage("--techniques")
    assert "4 this week, new" in coverage("--techniques")
    assert json.loads(coverage("--techniques", "--json"))[0]["name"] == "Resource Hijacking"
    assert "T1496,Resource Hijacking,Impact,4" in coverage("--techniques", "--csv")


def test_every_machine_that_was_not_captured_for_long(runtime):
    refused = CliRunner().invoke(main, ["coverage", "--uncovered"])
    assert refused.exit_code == 2
    assert "write coverage: {accounts: all, regions: all}" in refused.output
    add_organization(runtime, 650)
    lines = coverage("--uncovered").splitlines()
    assert lines[0] == "at most 0 % of 651 running machines were captured in 35 days (2026-11-29)"
    assert lines[1] == "650 machines not captured for more than 35 days"
    assert "Not known (2 places), and not counted:" in lines
    assert any("444455556666" in line and "no role" in line for line in lines)
    assert any("prod, eu-west-1" in line and "650" in line for line in lines)
    assert "Machines (the first 100 of 650):" in lines
    assert sum("no hunt selects it" in line for line in lines) == 101  # with the line of the reason
    answer = json.loads(coverage("--uncovered", "--json", "--limit", "1000"))
    assert len(answer["machines"]) == 650
    assert answer["organization"]["unknown_total"] == 2
    assert len(coverage("--uncovered", "--csv").splitlines()) == 653
    assert CliRunner().invoke(main, ["coverage", "--uncovered", "--techniques"]).exit_code == 2
