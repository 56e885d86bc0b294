"""`huntbridge hunt`, as a person or a script would call it, against the simulated platform."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner
from werkzeug.serving import make_server

from cli.hunt_run import in_words
from cli.main import main
from demo.platform.records import SimInstance, SimVolume
from shared.models.captures import Capture, CaptureState
from shared.models.hunts import Hunt, HuntState
from shared.models.systems import System
from tests.certificates import Certificate
from tests.served import served_platform

KEY = "lead-analyst-key"
ONE = SimInstance("i-0aaaaaaaaaaaaaaa1", "one", "us-east-1", volumes=(SimVolume("vol-0000000a1"),))
TWO = SimInstance("i-0aaaaaaaaaaaaaaa2", "two", "eu-west-1", volumes=(SimVolume("vol-0000000b1"),))


BROKEN = SimInstance(
    "i-0aaaaaaaaaaaaaaa3", "three", "us-east-1", volumes=(SimVolume("vol-0000000c1"),), fails="no access"
)


@pytest.fixture
def platform():
    with served_platform((ONE, TWO, BROKEN), {KEY: "Lead Analyst"}, pace=0.02) as platform:
        platform.start()
        yield platform
        platform.stop()


@pytest.fixture
def huntbridge(tmp_path, monkeypatch, platform):
    """Runs the command in an empty folder with only the environment that the test gives it."""
    monkeypatch.chdir(tmp_path)
    for name in ("HUNTBRIDGE_CONFIG", "HUNTBRIDGE_DATA"):
        monkeypatch.delenv(name, raising=False)

    def run(*args: str, **environ: str):
        settings = {"PLATFORM_IP": platform.url, "API_KEY": KEY, **environ}
        return CliRunner().invoke(main, args, env=settings, catch_exceptions=False)

    return run


def system(machine: SimInstance) -> str:
    return json.dumps({"region": machine.region, "instanceid": machine.instance_id})


def test_a_hunt_from_the_environment_alone(huntbridge, platform):
    result = huntbridge("hunt", "run", SYSTEM1=system(ONE), SYSTEM2=system(TWO))
    assert result.exit_code == 0, result.output
    assert "2 of 2 systems" in result.stdout
    assert platform.asked == {ONE.instance_id: 1, TWO.instance_id: 1}


def test_the_same_time_again_asks_for_nothing(huntbridge, platform):
    for _ in range(2):
        result = huntbridge("hunt", "run", "--at", "2026-11-29T02:00Z", "--json", SYSTEM1=system(ONE))
        assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert (report["id"], report["systems"]) == ("default@2026-11-29T02:00:00Z", 1)
    assert platform.asked == {ONE.instance_id: 1}
    assert len(platform.world.projects) == 1


@pytest.mark.parametrize("at", ["0001-01-01T00:00+05:00", "9999-12-31T23:59:59Z"])
@pytest.mark.parametrize("command", ["plan", "run"])
def test_a_time_that_no_schedule_has_is_refused(huntbridge, command, at):
    result = huntbridge("hunt", command, "--at", at, SYSTEM1=system(ONE))
    assert result.exit_code == 2
    assert "write a year from 1970 to 2199" in result.stderr


def test_wait_follows_to_the_digest(huntbridge, platform, tmp_path):
    (tmp_path / "huntbridge.yaml").write_text(f"""
platform: {{url: "{platform.url}", api_key: env:API_KEY}}
follow: {{interval: 0.1}}
hunts:
  weekly: {{targets: [{{instance: {ONE.instance_id}, region: {ONE.region}}}]}}
""")
    result = huntbridge("hunt", "run", "--wait", "--json")
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert (report["state"], report["captured"]) == ("finished", 1)


def test_a_dry_run_asks_nothing(huntbridge, platform):
    result = huntbridge(
        "hunt", "run", "--dry-run", "--json", "--at", "2026-11-29T02:00Z", SYSTEM1=system(ONE), SYSTEM3="{}"
    )
    assert result.exit_code == 0, result.output
    plan = json.loads(result.stdout)
    assert plan["project"] == "default 2026-11-29 02:00Z"
    assert [s["instance"] for s in plan["systems"]] == [ONE.instance_id]
    assert len(plan["problems"]) == 2  # the gap, and the entry that is no system
    assert platform.requests == []


def test_entries_that_cannot_be_read_are_named_and_do_not_stop_the_others(huntbridge, platform):
    result = huntbridge(
        "hunt",
        "run",
        SYSTEM1=system(ONE),
        SYSTEM3="{region: us-east-1}",
        SYSTEM4=json.dumps({"region": "us-esat-1", "instanceid": TWO.instance_id}),
        SYSTEM5=system(TWO),
    )
    assert result.exit_code == 1
    assert platform.asked == {ONE.instance_id: 1, TWO.instance_id: 1}
    for said in ("SYSTEM2 is not set", "SYSTEM3", "SYSTEM4", "us-east-1"):
        assert said in result.stderr


def test_a_key_that_is_refused(huntbridge, platform):
    result = huntbridge("hunt", "run", API_KEY="wrong", SYSTEM1=system(ONE))
    assert result.exit_code == 3
    assert "refused the API key" in result.stderr
    assert platform.world.projects == {}


def test_a_platform_that_is_down(huntbridge, platform):
    platform.fault("*", ".*", 503, times=None)
    result = huntbridge("hunt", "run", "--retry-for", "1", SYSTEM1=system(ONE))
    assert result.exit_code == 3
    assert "the platform was not available" in result.stderr


def test_a_certificate_that_does_not_verify_is_told_at_once(huntbridge, platform, tmp_path):
    certificate = Certificate(tmp_path, "self-signed")
    server = make_server("127.0.0.1", 0, platform.app, threaded=True, ssl_context=certificate.context)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        url = f"https://127.0.0.1:{server.server_port}"
        refused = huntbridge("hunt", "run", PLATFORM_IP=url, SYSTEM1=system(ONE))
        pinned = huntbridge(
            "hunt", "run", PLATFORM_IP=url, FINGERPRINT=certificate.fingerprint, SYSTEM1=system(ONE)
        )
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert refused.exit_code == 3
    assert "self-signed" in refused.stderr
    assert "fingerprint" in refused.stderr
    assert pinned.exit_code == 0, pinned.output


def test_a_hunt_that_does_not_exist(huntbridge):
    result = huntbridge("hunt", "run", "weekly", SYSTEM1=system(ONE))
    assert (result.exit_code, result.stderr) == (
        2,
        "Error: there is no hunt 'weekly'; the configuration has: default\n",
    )


def test_no_configuration_at_all(huntbridge):
    result = huntbridge("hunt", "list", PLATFORM_IP="", API_KEY="")
    assert result.exit_code == 2
    assert "PLATFORM_IP" in result.stderr
    assert "huntbridge.yaml" in result.stderr


def test_list(huntbridge, platform):
    _no_capture_ends(platform)
    settings = {"SYSTEM1": system(ONE), "SCHEDULE": "cron(0 2 ? * SUN *)"}
    huntbridge("hunt", "run", "--at", "2026-11-22T02:00Z", **settings)
    result = huntbridge("hunt", "list", "--json", **settings)
    (row,) = json.loads(result.stdout)
    assert (row["name"], row["systems"], row["last"], row["state"]) == (
        "default",
        1,
        "2026-11-22T02:00:00Z",
        "running",
    )
    assert row["next"].endswith("T02:00:00Z")


def _no_capture_ends(platform):
    """What is asked for from now on takes longer than any test."""
    platform.world._pace = 1_000.0


def _weekly(tmp_path, platform, *machines):
    targets = ", ".join(
        f"{{instance: {machine.instance_id}, region: {machine.region}}}" for machine in machines
    )
    (tmp_path / "huntbridge.yaml").write_text(f"""
platform: {{url: "{platform.url}", api_key: env:API_KEY}}
follow: {{interval: 0.1}}
hunts:
  weekly: {{targets: [{targets}]}}
""")


def test_list_shows_every_run_with_what_came_of_it(huntbridge, platform, tmp_path):
    _weekly(tmp_path, platform, ONE, BROKEN)
    assert huntbridge("hunt", "run", "--wait", "--at", "2026-11-15T02:00Z").exit_code == 1
    # A start that was refused does not hide the run of the same minute.
    assert huntbridge("hunt", "run", "--at", "2026-11-15T02:00:30Z", API_KEY="wrong").exit_code == 3
    (row,) = json.loads(huntbridge("hunt", "list", "--json").stdout)
    told = [(run["id"], run["state"], run["captured"], run["failed"]) for run in row["runs"]]
    assert told == [
        ("weekly@2026-11-15T02:00:30Z", "failed", 0, 2),
        ("weekly@2026-11-15T02:00:00Z", "finished", 1, 1),
    ]
    shown = huntbridge("hunt", "list").stdout
    assert all(id in shown for id, *_ in told)
    assert "refused the API key" in shown
    assert shown.index("02:00:30Z") < shown.index("02:00:00Z")
    only = json.loads(huntbridge("hunt", "list", "--json", "--limit", "1").stdout)
    assert [run["id"] for run in only[0]["runs"]] == ["weekly@2026-11-15T02:00:30Z"]


def test_a_hunt_that_left_the_configuration_is_still_listed(huntbridge, platform, tmp_path):
    _weekly(tmp_path, platform, ONE)
    huntbridge("hunt", "run", "--at", "2026-11-15T02:00Z")
    file = tmp_path / "huntbridge.yaml"
    file.write_text(file.read_text().replace("weekly", "monthly"))
    rows = {row["name"]: row for row in json.loads(huntbridge("hunt", "list", "--json").stdout)}
    assert (rows["weekly"]["configured"], len(rows["weekly"]["runs"])) == (False, 1)
    assert (rows["monthly"]["configured"], rows["monthly"]["runs"]) == (True, [])
    unknown = huntbridge("hunt", "list", "yearly")
    assert (unknown.exit_code, "there are: monthly, weekly" in unknown.stderr) == (2, True)


def test_what_was_only_asked_for_is_not_called_captured(huntbridge, platform, tmp_path):
    _weekly(tmp_path, platform, ONE, TWO)
    _no_capture_ends(platform)
    asked = huntbridge("hunt", "run", "--at", "2026-11-15T02:00Z")
    assert "2 of 2 systems were asked for in project" in asked.stdout
    assert "captured" not in asked.stdout
    skipped = huntbridge("hunt", "run", "--wait", "--at", "2026-11-22T02:00Z")
    assert (skipped.exit_code, "was still under way" in skipped.stderr) == (1, True)


def test_what_was_waited_for_is_called_captured(huntbridge, platform, tmp_path):
    _weekly(tmp_path, platform, ONE, TWO)
    ended = huntbridge("hunt", "run", "--wait", "--at", "2026-11-22T02:00Z")
    assert ended.exit_code == 0, ended.output
    assert "2 of 2 systems captured, 0 failed, 0 with alarms in project" in ended.stdout


def test_a_run_that_captured_nothing_did_not_finish(huntbridge, platform, tmp_path):
    _weekly(tmp_path, platform, BROKEN)
    huntbridge("hunt", "run", "--wait", "--at", "2026-11-15T02:00Z")
    (row,) = json.loads(huntbridge("hunt", "list", "--json").stdout)
    assert (row["state"], row["runs"][0]["captured"]) == ("nothing captured", 0)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_says_what_was_asked_for_and_how_it_goes_on(platform, tmp_path, number):
    _weekly(tmp_path, platform, ONE, TWO)
    file = tmp_path / "huntbridge.yaml"
    file.write_text(file.read_text().replace("weekly: {", "weekly: {max_in_flight: 1, "))
    _no_capture_ends(platform)
    process = subprocess.Popen(
        [sys.executable, "-m", "cli.main", "hunt", "run", "--at", "2026-11-15T02:00Z"],
        env={
            **os.environ,
            "API_KEY": KEY,
            "HUNTBRIDGE_CONFIG": str(file),
            "HUNTBRIDGE_DATA": str(tmp_path / "d"),
        },
        stderr=subprocess.PIPE,
        text=True,
        # A shell lets what it runs in the background ignore Ctrl-C, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stderr
    line = ""
    while not {"1 requested", "1 running"} & set(line.strip().split(": ")[-1].split(", ")):
        line = process.stderr.readline()
        assert line, "the run ended before it was interrupted"
    process.send_signal(number)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "1 of 2 systems were asked for" in said
    assert "`huntbridge hunt run weekly --at 2026-11-15T02:00:00Z`" in said
    assert "`huntbridge hunt stop weekly@2026-11-15T02:00:00Z`" in said
    assert "Traceback" not in said


def test_a_run_is_in_the_audit_log(huntbridge, platform, tmp_path):
    _weekly(tmp_path, platform, ONE)
    huntbridge("hunt", "run", "--at", "2026-11-15T02:00Z")
    (entry,) = json.loads(huntbridge("audit", "--json").stdout)
    assert (entry["action"], entry["about"]) == ("hunt run", "weekly@2026-11-15T02:00:00Z")
    assert entry["after"]["systems"] == 1


def _slow(tmp_path, platform):
    """Two systems, of which the second waits for the first, which does not end in this test."""
    _no_capture_ends(platform)
    _weekly(tmp_path, platform, ONE, TWO)
    file = tmp_path / "huntbridge.yaml"
    file.write_text(file.read_text().replace("weekly: {", "weekly: {max_in_flight: 2, "))


def test_a_run_is_stopped_and_what_the_platform_began_goes_on_or_is_cancelled(huntbridge, platform, tmp_path):
    _slow(tmp_path, platform)
    huntbridge("hunt", "run", "--at", "2026-11-15T02:00Z")
    stopped = huntbridge("hunt", "stop", "weekly")
    assert stopped.exit_code == 0, stopped.output
    assert "0 were cancelled, and 2 go on at the platform" in stopped.stdout
    cancelled = huntbridge("hunt", "stop", "weekly@2026-11-15", "--cancel", "--json")
    assert cancelled.exit_code == 0, cancelled.output
    stopped = json.loads(cancelled.stdout)
    assert (stopped["id"], stopped["cancelled"], stopped["going_on"]) == ("weekly@2026-11-15T02:00:00Z", 2, 0)
    entries = json.loads(huntbridge("audit", "--json").stdout)
    assert sorted(entry["action"] for entry in entries) == ["hunt run", "hunt stop", "hunt stop"]
    assert [entry["after"].get("state") for entry in entries] == ["stopped", "stopped", "planned"]


def test_a_name_stops_the_run_that_is_not_over(huntbridge, platform, tmp_path):
    _weekly(tmp_path, platform, ONE)
    huntbridge("hunt", "run", "--wait", "--at", "2026-11-22T02:00Z")
    _slow(tmp_path, platform)
    huntbridge("hunt", "run", "--at", "2026-11-15T02:00Z")
    stopped = huntbridge("hunt", "stop", "weekly")
    assert (stopped.exit_code, "weekly@2026-11-15T02:00:00Z is stopped" in stopped.stdout) == (0, True)


def test_a_capture_that_failed_already_was_asked_for_all_the_same():
    """In a run that is not over, one capture failed early, and one before it was asked for."""
    at = datetime(2026, 11, 15, 2, tzinfo=UTC)
    hunt = Hunt("weekly", at, state=HuntState.RUNNING, project_id=11)
    captures = [
        Capture(hunt.id, System(machine.instance_id, machine.region), state, requested_at=asked)
        for machine, state, asked in (
            (ONE, CaptureState.RUNNING, at),
            (TWO, CaptureState.FAILED, at),
            (BROKEN, CaptureState.FAILED, None),
        )
    ]
    assert ": 2 of 3 systems were asked for, 2 failed in project 11; " in in_words(hunt, captures)


def test_what_is_over_cannot_be_stopped(huntbridge, platform, tmp_path):
    _weekly(tmp_path, platform, ONE)
    huntbridge("hunt", "run", "--wait", "--at", "2026-11-15T02:00Z")
    refused = huntbridge("hunt", "stop", "weekly")
    assert (refused.exit_code, refused.stderr) == (
        1,
        "Error: hunt weekly@2026-11-15T02:00:00Z is over: finished\n",
    )
    unknown = huntbridge("hunt", "stop", "monthly")
    assert (unknown.exit_code, "`huntbridge hunt list`" in unknown.stderr) == (2, True)


def test_only_what_failed_is_asked_for_again(huntbridge, platform, tmp_path):
    _weekly(tmp_path, platform, ONE, BROKEN)
    huntbridge("hunt", "run", "--wait", "--at", "2026-11-15T02:00Z")
    again = huntbridge("hunt", "run", "--retry-failed", "--wait")
    assert again.exit_code == 1
    assert "asking again for 1 failed capture" in again.stderr
    assert platform.asked == {ONE.instance_id: 1, BROKEN.instance_id: 2}
    assert len(platform.world.projects) == 1
    assert "1 of 2 systems captured, 1 failed" in again.stdout


def test_the_failed_captures_of_a_run_are_named_by_it(huntbridge, platform, tmp_path):
    _weekly(tmp_path, platform, BROKEN)
    for day in ("15", "22"):
        huntbridge("hunt", "run", "--wait", "--at", f"2026-11-{day}T02:00Z")
    again = huntbridge("hunt", "run", "--retry-failed", "weekly@2026-11-15", "--wait")
    assert "hunt weekly@2026-11-15T02:00:00Z: asking again for 1 failed capture" in again.stderr
    twice = huntbridge("hunt", "run", "--retry-failed", "weekly@2026-11-15", "--at", "2026-11-15T02:00Z")
    assert (twice.exit_code, "leave out --at" in twice.stderr) == (2, True)
    nothing = huntbridge("hunt", "run", "--retry-failed", "monthly@2026")
    assert (nothing.exit_code, "there is no run of monthly@2026" in nothing.stderr) == (2, True)


def test_a_run_is_limited_to_some_systems(huntbridge, platform, tmp_path):
    _weekly(tmp_path, platform, ONE, TWO)
    dry = huntbridge("hunt", "run", "--only", f"name={TWO.instance_id}", "--dry-run", "--json")
    plan = json.loads(dry.stdout)
    assert [system["instance"] for system in plan["systems"]] == [TWO.instance_id]
    assert plan["left_out"][0]["why_not"] == f"the run was limited to name={TWO.instance_id}"
    result = huntbridge("hunt", "run", "--limit", "1", "--only", "kind=ec2", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["systems"] == 1
    assert sum(platform.asked.values()) == 1
    shown = huntbridge("hunt", "show", "weekly").stdout
    assert ", only kind=ec2, at most 1 system" in shown
    assert "the limit of this run is 1" in shown


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (("--only", "Env"), 2, "'Env' is no condition; write TAG=VALUE, name=VALUE or kind=VALUE"),
        (("--only", "kind=vm"), 2, "there is no kind 'vm'"),
        (("--only", "name=nothing"), 1, "no system of hunt weekly fits: only name=nothing"),
        (("--limit", "1", "--at", "2026-11-15T02:00Z"), 2, "starts now; leave out --at"),
        (("--limit", "1", "--retry-failed"), 2, "leave out --only and --limit"),
    ],
)
def test_what_is_no_limit(huntbridge, platform, tmp_path, options, code, said):
    _weekly(tmp_path, platform, ONE)
    result = huntbridge("hunt", "run", *options)
    assert (result.exit_code, said in result.stderr) == (code, True), result.stderr
    assert platform.asked == {}


def test_where_nothing_failed_nothing_is_asked_for_again(huntbridge, platform, tmp_path):
    _weekly(tmp_path, platform, ONE)
    huntbridge("hunt", "run", "--wait", "--at", "2026-11-15T02:00Z")
    again = huntbridge("hunt", "run", "--retry-failed")
    assert (again.exit_code, "nothing failed in hunt weekly@2026-11-15T02:00:00Z" in again.stderr) == (
        1,
        True,
    )
    assert platform.asked == {ONE.instance_id: 1}


def test_a_key_that_cannot_be_read_is_said_at_once(platform, tmp_path, huntbridge):
    _slow(tmp_path, platform)
    file = tmp_path / "huntbridge.yaml"
    file.write_text(file.read_text().replace("env:API_KEY", "env:KEY_OF_IT"))
    assert huntbridge("hunt", "run", "--at", "2026-11-15T02:00Z", KEY_OF_IT=KEY).exit_code == 0
    for command in (("hunt", "run"), ("hunt", "stop", "weekly", "--cancel")):
        result = huntbridge(*command)
        assert result.exit_code == 2, result.output
        assert "env:KEY_OF_IT: the environment variable KEY_OF_IT is not set" in result.stderr


def test_a_platform_that_is_away_asks_nothing_again(platform, tmp_path, huntbridge):
    _weekly(tmp_path, platform, BROKEN)
    huntbridge("hunt", "run", "--wait", "--at", "2026-11-15T02:00Z")
    platform.fault("GET", "/projects/.*", 403, times=None)
    result = huntbridge("hunt", "run", "weekly", "--retry-failed")
    assert result.exit_code == 3, result.output
    assert "The role of the API key may not do this" in result.stderr
