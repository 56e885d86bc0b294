"""`huntbridge hunt plan` as a person or a script would call it: EC2 is moto's server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from click.testing import CliRunner

from cli.main import main
from shared.local.database import Database
from shared.local.store import SqliteStore
from shared.models.captures import Capture
from shared.models.hunts import Hunt, HuntState
from shared.models.systems import System
from shared.storage.ledger.ledger import Ledger
from tests.moto_server import moto_server
from tests.served import served_platform

KEY, REGION = "lead-analyst-key", "eu-west-1"
WEEKLY = f"""\
accounts: {{gone: {{id: "111122223333", role: arn:aws:iam::111122223333:role/r, external_id: env:NOT_SET}}}}
hunts:
  weekly:
    schedule: cron(30 2 ? * SUN *)
    timezone: Europe/Berlin
    targets: [{{tags: {{Tier: gold}}, regions: [{REGION}]}}]
    exclude: [{{tags: {{Hunt: skip}}}}]
"""


@pytest.fixture(scope="session")
def simulated_ec2() -> Iterator[tuple[str, dict[str, str]]]:
    """The URL, and the ids of the instances by their names, one of them with text that would be markup.

    The instances are made once in a process: moto keeps them for all of its servers there.
    """
    with moto_server() as url:
        api = boto3.client(
            "ec2",
            endpoint_url=url,
            region_name=REGION,
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
        )
        made = {}
        for name, more in (("web[red]", {}), ("skipped", {"Hunt": "skip"}), ("old", {})):
            tags = {"Name": name, "Tier": "gold", **more}
            made[name] = api.run_instances(
                ImageId="ami-12c6146b", MinCount=1, MaxCount=1, InstanceType="t3.micro",
                TagSpecifications=[{"ResourceType": "instance", "Tags": [
                    {"Key": key, "Value": value} for key, value in tags.items()
                ]}],
            )["Instances"][0]["InstanceId"]  # fmt: skip
        api.terminate_instances(InstanceIds=[made["old"]])
        yield url, made


@pytest.fixture
def ec2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, simulated_ec2: tuple[str, dict[str, str]]
) -> dict[str, str]:
    """The ids of the instances by their names; AWS is the simulated one."""
    url, made = simulated_ec2
    none = str(tmp_path / "none")
    for name in ("AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {
        "AWS_ENDPOINT_URL": url, "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_SHARED_CREDENTIALS_FILE": none, "AWS_CONFIG_FILE": none,
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    return made


@pytest.fixture
def platform():
    with served_platform((), {KEY: "Lead Analyst"}) as platform:
        yield platform


@pytest.fixture
def huntbridge(tmp_path, monkeypatch, ec2, platform):
    monkeypatch.chdir(tmp_path)
    for name in ("HUNTBRIDGE_CONFIG", "HUNTBRIDGE_DATA"):
        monkeypatch.delenv(name, raising=False)

    def run(config: str, *args: str) -> Any:
        (tmp_path / "huntbridge.yaml").write_text(
            f'platform: {{url: "{platform.url}", api_key: env:API_KEY}}\n{config}'
        )
        return CliRunner().invoke(main, ["hunt", *args], env={"API_KEY": KEY}, catch_exceptions=False)

    return run


def finished(folder: Any, hours: float) -> None:
    """A hunt of two systems that took so long."""
    moment = [datetime(2026, 1, 4, 1, 30, tzinfo=UTC)]
    (folder / ".huntbridge").mkdir()
    database = Database(folder / ".huntbridge" / "huntbridge.db")
    ledger = Ledger(SqliteStore(database), lambda: moment[0])
    hunt = ledger.hunts.open(Hunt("weekly", moment[0], systems=2))
    ledger.captures.plan(Capture(hunt.id, System("i-01234567", REGION)))
    moment[0] += timedelta(hours=hours)
    ledger.hunts.end(hunt.id, HuntState.FINISHED)
    database.close()


def test_the_plan_for_a_script(huntbridge, platform, ec2, tmp_path):
    finished(tmp_path, hours=3)
    result = huntbridge(WEEKLY, "plan", "weekly", "--json", "--at", "2027-01-31T02:00Z")
    assert result.exit_code == 0, result.output
    plan = json.loads(result.stdout)
    duration, cost = plan.pop("duration"), plan.pop("cost")
    assert (duration["hours"], duration["at_once"], duration["warning"]) == (1.0, 5, "")
    assert cost["usd"]["low"] < cost["usd"]["likely"] < cost["usd"]["high"]
    assert cost["not_counted"] == []
    assert "1 disk of which no snapshot is known: 40% of the size is data" in cost["assumptions"]
    runs, notices = plan.pop("next_runs"), plan.pop("notices")
    (snapshot,) = [one for one in notices if one["code"] == "first-snapshot"]
    assert snapshot["systems"] == [f"-/{REGION}/{ec2['web[red]']}"]
    assert snapshot["degree"] == "note"
    assert {one["degree"] for one in notices} == {"note", "not known"}  # moto simulates no policies
    assert len([run for run in runs if run["utc"]]) == 5
    place = {"region": REGION, "account": "", "kind": "ec2", "place": REGION}
    why = "targets[0]: tag Tier is gold"
    assert plan == {
        "hunt": "weekly@2027-01-31T02:00:00Z",
        "project": "weekly 2027-01-31 02:00Z",
        "capture": "full",
        "systems": [
            {"instance": ec2["web[red]"], **place, "name": "web[red]", "state": "running", "why": why,
             "capture": "full"},
        ],
        "left_out": [
            {"instance": ec2["old"], **place, "name": "old", "state": "terminated", "why": why,
             "why_not": "it is terminated"},
            {"instance": ec2["skipped"], **place, "name": "skipped", "state": "running", "why": why,
             "why_not": "exclude[0]: tag Hunt is skip"},
        ],
        "problems": [],
        "notes": [],
        "load": {"systems": 1, "volumes": 1, "gib": 8, "hours": 1.5, "after_hunts": 1},
    }  # fmt: skip
    assert not [request for request in platform.requests if request.method != "GET"]


@pytest.mark.usefixtures("ec2")
def test_a_plan_that_cannot_end_in_time_and_costs_too_much(huntbridge):
    config = WEEKLY.replace("cron(30 2 ? * SUN *)", "rate(30 minutes)") + "    max_cost: 0.5\n"
    result = huntbridge(config, "plan")
    assert result.exit_code == 1
    for said in (
        "Duration: about 1 h 0 min, 5 captures at once",
        "warning: the hunt takes 1 h 0 min, its next run begins after 30 min: not even one capture fits",
        "prices of 2024-07 to 2026-11",
        "the platform’s workers",
        "assumed: a capture of mode full takes 1 h 0 min, since none of kind ec2 was made before",
        "prices: List prices in US dollars, without tax and discounts",
        "problem: this run would not start: it is likely to cost about $1.",
    ):
        assert said in result.output


def test_the_plan_for_a_person(huntbridge, ec2):
    result = huntbridge(WEEKLY, "plan")
    assert result.exit_code == 0, result.output
    for said in (
        "and ask for 1 capture:", ec2["web[red]"], "web[red]", "targets[0]: tag Tier is gold", "Left out:",
        "exclude[0]: tag Hunt is skip", "it is terminated",
        "Load: 1 system, 1 volume, 8 GiB, no run of this hunt has finished before",
        "Next runs (Europe/Berlin):",
    ):  # fmt: skip
        assert said in result.stdout


def test_what_cannot_be_looked_up_is_named_and_the_exit_code_says_so(huntbridge, ec2):
    result = huntbridge(
        WEEKLY.replace("Tier: gold", "Tier: '*'").replace("regions:", "accounts: [gone], regions:"), "plan"
    )
    assert result.exit_code == 1
    assert (
        "problem: account gone, eu-west-1: the external id of the account gone: env:NOT_SET" in result.stdout
    )
    assert "there is no system to capture" in result.stdout


def test_what_is_named_is_looked_up_too(huntbridge, ec2):
    named = f"hunts: {{one: {{targets: [{{instance: {ec2['web[red]']}, region: {REGION}}}]}}}}"
    plan = json.loads(huntbridge(named, "plan", "--json").stdout)
    assert (plan["systems"][0]["name"], plan["load"]["gib"], plan["next_runs"]) == ("web[red]", 8, [])


def test_a_dry_run_shows_the_same_systems_and_a_hunt_asks_for_them(huntbridge, ec2):
    at = ("--at", "2027-01-31T02:00Z")
    dry = json.loads(huntbridge(WEEKLY, "run", "--dry-run", "--json", *at).stdout)
    result = huntbridge(WEEKLY, "run", "--json", *at)
    # The simulated platform has no such instance, and says so; that is how far a hunt gets here.
    report = json.loads(result.stdout)
    assert (
        [entry["system"]["instance"] for entry in report["captures"]]
        == [entry["instance"] for entry in dry["systems"]]
        == [ec2["web[red]"]]
    )
    assert "1 left out: it is terminated: i-" in result.stderr
    again = json.loads(huntbridge(WEEKLY, "plan", "--json", *at).stdout)
    assert [system["why"] for system in again["systems"]] == ["recorded when this hunt was started first"]
