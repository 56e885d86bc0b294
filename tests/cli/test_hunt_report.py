"""`huntbridge hunt report`, and what `hunt run` says of a hunt that may not start."""

from __future__ import annotations

import csv
import io
import json

import pytest
from click.testing import CliRunner

from cli.main import main
from demo.platform.records import SimInstance, SimVolume
from demo.platform.simulation import Platform
from demo.serving import serving

KEY = "lead-analyst-key"
ONE = SimInstance("i-0aaaaaaaaaaaaaaa1", "one", "us-east-1", volumes=(SimVolume("vol-0000000a1"),))


@pytest.fixture
def huntbridge(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    platform = Platform((ONE,), {KEY: "Lead Analyst"})
    with serving(platform.app) as url:
        system = json.dumps({"region": ONE.region, "instanceid": ONE.instance_id})
        environ = {"PLATFORM_IP": url, "API_KEY": KEY, "SYSTEM1": system, "HUNTBRIDGE_CONFIG": ""}

        def run(*args: str):
            return CliRunner().invoke(main, args, env=environ, catch_exceptions=False)

        yield run


def test_a_report_in_each_form(huntbridge):
    assert huntbridge("hunt", "run", "--at", "2026-11-29T02:00Z").exit_code == 0
    page = huntbridge("hunt", "report", "default")
    assert (page.exit_code, page.stdout.splitlines()[0]) == (
        0,
        "# Chain of custody: hunt default, 2026-11-29 02:00:00Z",
    )
    assert "| Asked for by | hunt run by " in page.stdout
    body = json.loads(huntbridge("hunt", "report", "default", "--format", "json").stdout)
    assert body["captures"][0]["pipeline_ids"] == [301]
    named = huntbridge("hunt", "report", "default@2026-11-29T02:00:00Z", "--format", "csv")
    (row,) = csv.DictReader(io.StringIO(named.stdout))
    assert (row["instance"], row["pipeline_ids"]) == (ONE.instance_id, "301")


def test_as_much_of_a_run_as_is_unique_is_enough(huntbridge):
    for day in (28, 29):
        assert huntbridge("hunt", "run", "def", "--at", f"2026-11-{day}T02:00Z").exit_code in (0, 1)
    for given, day in (("d", 29), ("default@2026-11-28", 28), ("def@2026-11-29", 29)):
        page = huntbridge("hunt", "report", given).stdout
        assert page.startswith(f"# Chain of custody: hunt default, 2026-11-{day} 02:00:00Z"), given
    result = huntbridge("hunt", "report", "default@2026-11")
    assert result.exit_code == 2
    assert result.stderr.endswith(
        "runs; write more of it:\n  default@2026-11-28T02:00:00Z\n  default@2026-11-29T02:00:00Z\n"
    )
    assert huntbridge("hunt", "report", "weekly").exit_code == 2
    assert huntbridge("hunt", "report", "default@2025").exit_code == 2


def test_a_hunt_of_which_there_is_no_run(huntbridge):
    result = huntbridge("hunt", "report", "weekly")
    assert result.exit_code == 4
    assert "huntbridge was never run with it" in result.stderr
    assert huntbridge("hunt", "run").exit_code == 0
    result = huntbridge("hunt", "report", "weekly")
    assert result.exit_code == 2
    assert "there is no run of weekly" in result.stderr


def test_a_hunt_is_not_started_beside_the_last_one(huntbridge):
    assert huntbridge("hunt", "run", "--at", "2026-11-29T02:00Z").exit_code == 0
    result = huntbridge("hunt", "run", "--at", "2026-11-29T03:00Z")
    assert result.exit_code == 1
    assert "the hunt before it, default@2026-11-29T02:00:00Z, was still under way" in result.stderr
