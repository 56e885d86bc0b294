"""`huntbridge intelligence`, as a person would call it, against the simulated platform."""

from __future__ import annotations

import json
import shutil
import time
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner

from cli.main import main
from demo.platform.records import SimAlarm, SimInstance, SimVolume
from scheduler.intelligence import push
from scheduler.intelligence.at_hunt import put_in_force
from scheduler.intelligence.current_set import current_set
from shared.hosting import runtime
from shared.hosting.configuration import load
from shared.models.hunts import Hunt
from shared.models.intelligence import Force
from shared.models.marked_section import read
from tests.emulated import Resources
from tests.moto_server import moto_server
from tests.served import served_platform

NOW = datetime(2026, 11, 29, 2, 0, tzinfo=UTC)

MACHINE = SimInstance("i-0123456789abcdef0", "web-1", "us-east-1", volumes=(SimVolume("vol-0000000a1"),))
HAND = "rule by_hand { condition: false }\n"


@pytest.fixture
def platform():
    keys = {"lead": "Lead Analyst", "analyst": "Analyst"}
    with served_platform((MACHINE,), keys, pace=0.01) as platform:
        platform.world.rules.yara = HAND
        yield platform


@pytest.fixture
def run(tmp_path, monkeypatch, platform):
    """Runs `huntbridge intelligence …` in a folder with a configuration, rules and indicators."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(push, "SETTLES", 0.0)
    for name in ("HUNTBRIDGE_CONFIG", "HUNTBRIDGE_DATA", "HUNTBRIDGE_TABLE", "PLATFORM_IP"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "huntbridge.yaml").write_text(
        f"platform: {{url: '{platform.url}', api_key: env:KEY}}\n"
        "follow: {interval: 0.1}\n"
        "hunts: {weekly: {targets: [{instance: i-0123456789abcdef0, region: us-east-1}]}}\n"
        "intelligence: {indicators: 'iocs/*.txt', yara: [rules/*.yar]}\n"
    )
    (tmp_path / "iocs").mkdir()
    (tmp_path / "rules").mkdir()
    (tmp_path / "iocs" / "case-7.txt").write_text("# C2\nevil.example;C2\n203.0.113.7\n")
    (tmp_path / "rules" / "abuse-ch.yar").write_text("rule evil { condition: true }\n")

    def run(*args: str, key: str = "lead", input: str | None = None):
        command = ["intelligence", *args]
        return CliRunner().invoke(main, command, input, env={"KEY": key}, catch_exceptions=False)

    return run


def section(platform) -> str:
    return read(platform.world.rules.yara, "huntbridge").body or ""


def test_check_shows_the_feeds_and_asks_nobody(run, platform):
    result = run("check")
    assert result.exit_code == 0
    assert [line.split() for line in result.output.splitlines()] == [
        ["Feed", "Rules", "Indicators"],
        ["abuse_ch", "1", "0"],
        ["case_7", "0", "2"],
    ]
    assert platform.requests == []


def test_check_names_every_mistake_with_its_line(run, tmp_path):
    (tmp_path / "rules" / "bad.yar").write_text("rule one { condition: true }\nrule two { condition: $x }\n")
    (tmp_path / "iocs" / "bad.txt").write_text("evil[.]example\n\n10.0.0.0/8\n")
    result = run("check")
    assert result.exit_code == 1
    assert [line.split(": ")[0] for line in result.output.splitlines()] == [
        "iocs/bad.txt:1",
        "iocs/bad.txt:3",
        "rules/bad.yar:2",
    ]
    assert len(json.loads(run("check", "--json").stdout)["refused"]) == 3


@pytest.mark.parametrize("command", ["push", "diff"])
def test_nothing_is_pushed_if_anything_is_wrong(run, tmp_path, platform, command):
    (tmp_path / "rules" / "ABUSE_CH.yar").write_text("rule one { condition: true }\n")
    result = run(command)
    assert result.exit_code == 2
    assert "names the feed abuse_ch, as " in result.stderr
    assert platform.requests == []


def test_push_diff_and_remove(run, tmp_path, platform):
    assert "+rule hb_abuse_ch_evil { condition: true }" in run("diff").output
    assert "the rules were put on the platform" in run("push").output
    assert "rule hb_abuse_ch_evil" in section(platform)
    assert "already" in run("push").output
    assert "are those of the files" in run("diff").output
    assert run("diff", "--before").stdout == HAND
    (tmp_path / "rules" / "abuse-ch.yar").write_text("rule other { condition: true }\n")
    assert "-rule hb_abuse_ch_evil { condition: true }" in run("diff").output
    assert run("push").exit_code == 0
    assert "hb_abuse_ch_other" in section(platform)
    assert "the section was taken out" in run("remove", "--yes").output
    assert platform.world.rules.yara == HAND
    assert "there was no section" in run("remove", "--yes").output
    audit = CliRunner().invoke(main, ["audit", "--json"], env={"KEY": "lead"}).stdout
    assert [entry["action"] for entry in json.loads(audit)].count("intelligence push") == 3


def test_an_analyst_may_not(run, platform):
    for command in (["push"], ["remove", "--yes"]):
        result = run(*command, key="analyst")
        assert result.exit_code == 3
        assert "lacks settings_intelligence_access" in result.stderr
    assert platform.world.rules.yara == HAND


def test_rules_that_are_switched_off_are_named(run, platform):
    platform.world.about.custom_yara = False
    assert "have switched off custom YARA rules: they hit nothing" in run("push").output


def test_damaged_marks_are_named(run, platform):
    platform.world.rules.yara = "/* huntbridge:end huntbridge */"
    for command in ("push", "diff"):
        result = run(command)
        assert "marks of the section huntbridge" in result.stderr
        assert result.exit_code in (1, 3)


def test_the_check_of_everything_looks_at_intelligence_too(run, tmp_path, platform):
    def lines() -> list[str]:
        result = CliRunner().invoke(main, ["check"], env={"KEY": "lead"}, catch_exceptions=False)
        return [line for line in result.output.splitlines() if "intelligence" in line]

    assert lines()[0] == "ok    intelligence: 1 rule and 2 indicators can be used"
    assert "warn  intelligence on the platform: the rules differ" in lines()[1]
    run("push")
    assert lines()[1].startswith("ok  ")
    (tmp_path / "iocs" / "case-7.txt").write_text("abc\n")
    assert lines()[0].startswith("FAIL  intelligence: iocs/case-7.txt:1: is shorter than 4 characters")


@pytest.fixture(scope="module")
def moto():
    with moto_server() as url:
        yield url


def test_on_aws_a_push_stores_the_set_for_the_functions(run, tmp_path, platform, moto, monkeypatch):
    environ = Resources(moto).environ | {"KEY": "lead"}
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    result = CliRunner().invoke(main, ["intelligence", "push"], env=environ, catch_exceptions=False)
    assert "the rules were put on the platform" in result.output
    functions = runtime.aws(load(str(tmp_path / "huntbridge.yaml"), environ), environ)
    for each in (tmp_path / "rules", tmp_path / "iocs"):
        shutil.rmtree(each)  # the functions have none of these files
    current = current_set(functions)
    assert current.set
    assert (current.set.rules_of, current.set.made_at is not None) == ({"abuse_ch": 1}, True)
    assert current.set.indicators_of("weekly") == "evil.example;hb:case_7:C2\n203.0.113.7;hb:case_7\n"
    in_force = put_in_force(functions, Hunt("weekly", NOW), 12, claims=9)
    assert "hb_abuse_ch_evil" in section(platform)
    assert in_force
    assert (in_force.state, in_force.rules) == (Force.PARTLY, 1)  # there is no project 12
    assert any("project 12" in problem for problem in in_force.problems)
    CliRunner().invoke(main, ["intelligence", "remove", "--yes"], env=environ, catch_exceptions=False)
    assert current_set(functions).set is None
    assert platform.world.rules.yara == HAND


def test_hits_of_a_hunt_and_a_rerun_with_a_newer_rule(run, tmp_path, platform):
    evil, new = "hb_abuse_ch_evil", "hb_abuse_ch_new"
    found = SimAlarm(f"Malicious File Detected: {evil}", count=2, path="/x", by_rule=evil)
    newer = SimAlarm(f"Malicious File Detected: {new}", path="/y", by_rule=new)
    platform.plant("i-0123456789abcdef0", found, newer)
    platform.start()
    try:
        hunt = CliRunner().invoke(main, ["hunt", "run", "weekly", "--wait"], env={"KEY": "lead"})
        assert hunt.exit_code == 0, hunt.output
        assert [line.split()[1:5] for line in run("hits").output.splitlines()[1:]] == [
            ["rule", evil, "abuse_ch", "2"]
        ]
        (tmp_path / "rules" / "abuse-ch.yar").write_text(
            "rule evil { condition: true }\nrule new { condition: true }\n"
        )
        assert run("push").exit_code == 0
        assert run("rerun", "--weeks", "1", input="n\n").exit_code == 1
        asked = run("rerun", "--weeks", "1", input="y\n")
        assert "1 item of evidence; at most about 0 min" in asked.output
        assert "1 started" in asked.output
        while platform.busy:
            time.sleep(0.01)
    finally:
        platform.stop()
    rows = json.loads(run("hits", "--json").stdout)["hits"]
    assert [(row["named"], row["alarms"]) for row in rows] == [(evil, 2), (new, 1)]
