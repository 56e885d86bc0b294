"""`huntbridge leftovers` as a person or a script would call it: AWS is a planted one."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from click.testing import CliRunner

from cli.main import main
from shared.aws.leftovers import RIGHTS
from tests.aws.planted import OWN, World, serving
from tests.served import served_platform

KEY, PROD = "lead-analyst-key", "111122223333"
CONFIG = f"""\
accounts: {{prod: {{id: "{PROD}", role: arn:aws:iam::{PROD}:role/huntbridge-read}}}}
prices: {{snapshot: 0.1}}
"""


@pytest.fixture
def aws():
    world = World(allowed=frozenset({*RIGHTS, "ec2:DescribeRegions", "sts:AssumeRole"}))
    with serving(world):
        yield world


@pytest.fixture
def leftovers(tmp_path, monkeypatch, aws):
    monkeypatch.chdir(tmp_path)

    def run(*args: str, config: str = CONFIG) -> Any:
        (tmp_path / "huntbridge.yaml").write_text(
            f'platform: {{url: "{platform.url}", api_key: env:API_KEY}}\n{config}'
        )
        return CliRunner().invoke(main, ["leftovers", *args], env={"API_KEY": KEY}, catch_exceptions=False)

    with served_platform((), {KEY: "Lead Analyst"}) as platform:
        yield run


def plant(world: World, account: str, id: str, gib: int) -> None:
    world.snapshots[account, "eu-west-1"].append(
        {"SnapshotId": id, "VolumeId": "vol-1", "VolumeSize": gib, "State": "completed",
         "StartTime": datetime.now(UTC) - timedelta(days=9),
         "Tags": [{"Key": "Name", "Value": "CadoResponse"}]}
    )  # fmt: skip


def test_what_is_left_behind_with_the_command_that_deletes_it(leftovers, aws):
    plant(aws, OWN, "snap-0a", 8)
    plant(aws, PROD, "snap-0b", 500)
    result = leftovers()
    assert result.exit_code == 0, result.output
    first, *lines = result.output.splitlines()
    assert first == "The platform left 2 things behind in 8 regions of all accounts, up to $51 a month."
    rows = [" ".join(line.split()) for line in lines]
    assert rows[1].startswith("snapshot snap-0b prod eu-west-1 ")
    assert rows[1].endswith(" 500 GiB $50 aws ec2 delete-snapshot --snapshot-id snap-0b --region eu-west-1")
    assert rows[2].startswith("snapshot snap-0a own eu-west-1 ")
    assert leftovers("--limit", "1").output.endswith("and 1 more\n")
    told = json.loads(leftovers("--json").output)
    assert [one["what"]["id"] for one in told["found"]] == ["snap-0b", "snap-0a"]
    assert (told["total"], told["usd_a_month"], told["problems"]) == (2, 50.8, [])


def test_what_cannot_be_looked_at_is_a_problem(leftovers, aws):
    aws.denied.add((PROD, "kms:ListAliases"))
    result = leftovers()
    assert result.exit_code == 1
    assert "The platform left nothing behind in 8 regions of all accounts." in result.output
    assert "access denied by KMS: the role needs kms:ListAliases" in result.output


def test_without_an_account_only_the_platform_is_asked(leftovers, aws):
    hunt = "hunts: {w: {targets: [{instance: i-0123456789abcdef0, region: us-east-1}]}}\n"
    result = leftovers(config=hunt)
    assert result.exit_code == 1
    assert "The platform left nothing behind." in result.output
    assert "problem: AWS was not asked what carries the platform's marks" in result.output
    assert not aws.asked
