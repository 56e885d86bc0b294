"""`huntbridge hunt show` and `hunt list --all` on a store that the ledger filled."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from click.testing import CliRunner

from cli.main import main
from shared.config.config import Config
from shared.hosting import runtime as runtimes
from shared.models.captures import CaptureState
from shared.models.hunts import HuntState, HuntTotals
from shared.models.vulnerabilities import FoundVulnerabilities, SystemVulnerabilities, Vulnerability
from tests.console.filling import HOSTILE, SUNDAY, add_run, capture, kept, system

FAILED, RUNNING = CaptureState.FAILED, CaptureState.RUNNING
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


@pytest.fixture
def huntbridge(runtime):
    def run(*args: str):
        return CliRunner().invoke(main, args, catch_exceptions=False)

    return run


def finished(runtime, **fields):
    return add_run(
        runtime,
        [
            capture(1, evidence_ids=(4,), preserved=kept(4)),
            capture(2, malicious=7),
            capture(3, FAILED, reason=f"no access to {system(3).instance}"),
            capture(4, FAILED, reason=f"no access to {system(4).instance}", attempt=2),
        ],
        names=["web-01", "web-02", "db-01"],
        trigger="schedule cron(0 2 ? * SUN *)",
        left_out=("3 systems: tag Hunt is skip",),
        **fields,
    )


def test_a_finished_run(huntbridge, runtime):
    hunt = finished(runtime)
    result = huntbridge("hunt", "show", "weekly")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0] == "weekly captured 2 of 4 systems, 2 failed"
    assert f"  Run:       {hunt.id}" in lines
    assert "  Started:   scheduled" in lines
    assert "  Outcomes:  1 clean, 1 malicious, 2 failed" in lines
    assert "  Evidence:  1 item, 8 GB" in lines
    assert "Failed, 2: no access to the instance" in lines
    assert f"  db-01 ({system(3).instance}), {system(4).instance}" in lines
    assert "Left out: 3 systems: tag Hunt is skip" in lines
    assert any(line.startswith("Longest: ") for line in lines)
    table = lines[next(n for n, line in enumerate(lines) if "Took" in line) + 1 :]
    assert table[0].split()[0] == system(2).instance  # problems first
    assert len(table) == 4


def test_vulnerabilities_of_a_run(huntbridge, runtime):
    hunt = finished(runtime)
    row = Vulnerability("CVE-2026-0001", "critical", "openssl", "1.0", in_use=True)
    found = FoundVulnerabilities(critical=1, in_use=1, systems=1)
    weak = SystemVulnerabilities(system(1), critical=1, in_use=1, rows=(row,), ids=(row.id,))
    runtime.ledger.vulnerabilities.save(hunt.id, found, [weak])
    output = huntbridge("hunt", "show", hunt.id).output
    assert "CVEs:      1 critical and 0 high on 1 system, 1 of them in packages in use" in output
    assert "Vulnerable: web-01: CVE-2026-0001 (openssl)" in output


def test_everything_as_json(huntbridge, runtime):
    hunt = finished(runtime)
    result = huntbridge("hunt", "show", hunt.id, "--json")
    view = json.loads(result.stdout)
    assert view["run"]["id"] == hunt.id
    assert view["totals"]["failed"] == 2
    assert view["systems"]["rows"][0]["instance"] == system(2).instance
    assert view["reasons"][0]["count"] == 2


def test_a_run_that_does_not_exist(huntbridge, runtime):
    result = huntbridge("hunt", "show", "nightly")
    assert result.exit_code == 2
    assert "nightly" in result.stderr


def test_follow_prints_a_line_for_each_change_and_ends_with_the_run(huntbridge, runtime, monkeypatch):
    hunt = add_run(runtime, [capture(1), capture(2, RUNNING)], state=HuntState.RUNNING)
    seen = []

    def sleep(seconds: float) -> None:
        seen.append(seconds)
        if len(seen) == 2:
            (running,) = [c for c in runtime.ledger.captures.of_hunt(hunt.id) if c.state is RUNNING]
            done = runtime.ledger.captures.update(running, state=CaptureState.PROCESSED, suspicious=3)
            runtime.ledger.hunts.end(hunt.id, HuntState.FINISHED, "", HuntTotals.of([done]))

    monkeypatch.setattr("cli.hunt_show.time.sleep", sleep)
    result = huntbridge("hunt", "show", "weekly", "--follow")
    assert result.exit_code == 0, result.output
    assert result.stderr.splitlines() == [
        f"hunt {hunt.id}, running: 1 clean, 1 running",
        f"hunt {hunt.id}, finished: 1 clean, 1 suspicious",
    ]
    assert "weekly captured all 2 systems, 1 with alarms" in result.stdout
    assert len(seen) == 2


def test_follow_that_is_interrupted_leaves_the_run_alone(huntbridge, runtime, monkeypatch):
    hunt = add_run(runtime, [capture(1, RUNNING)], state=HuntState.RUNNING)

    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("cli.hunt_show.time.sleep", interrupt)
    result = huntbridge("hunt", "show", "weekly", "--follow")
    assert result.exit_code == 130
    assert f"hunt {hunt.id} goes on" in result.stderr
    assert not runtime.ledger.hunts.get(hunt.id).over


def test_follow_of_a_run_that_is_over_shows_its_result(huntbridge, runtime):
    finished(runtime)
    result = huntbridge("hunt", "show", "weekly", "--follow")
    assert result.stderr == ""
    assert "2 failed" in result.stdout


def test_hostile_text_stays_on_its_line(huntbridge, runtime):
    add_run(
        runtime,
        [capture(1, FAILED, reason=f"{HOSTILE}\n\x1b[31mweekly captured all")],
        names=[f"{HOSTILE}\n\x1b[2J"],
        left_out=(f"x\n\x1b[1m{HOSTILE}",),
    )
    result = huntbridge("hunt", "show", "weekly")
    assert "\x1b" not in result.output
    assert "\u202e" not in result.output
    assert not any(line.startswith("weekly captured all") for line in result.stdout.splitlines())


def test_every_run_is_listed(huntbridge, runtime):
    for day in range(230):
        add_run(runtime, [], at=SUNDAY - timedelta(days=day), project_id=day + 1)
    add_run(runtime, [capture(1, FAILED, reason="x")], name="gone", at=SUNDAY, reason="no capacity")
    lines = huntbridge("hunt", "list", "--all").stdout.splitlines()
    assert len(lines) == 1 + 231
    assert any("gone@2026-11-29T02:00:00Z" in line and "nothing captured" in line for line in lines)
    rows = json.loads(huntbridge("hunt", "list", "gone", "--all", "--json").stdout)
    assert [row["name"] for row in rows] == ["gone"]
    assert rows[0]["totals"]["failed"] == 1


def test_no_run_is_recorded(huntbridge, runtime):
    assert huntbridge("hunt", "list", "--all").stdout == "no run is recorded yet\n"
    assert huntbridge("hunt", "list", "weekly", "--all").stdout == "no run of weekly is recorded\n"
