"""A look at a whole organization in moto: every planted gap is found, and what cannot be read is unknown.
HUNTBRIDGE_ORGANIZATION is the number of running machines: 10,000 in 50 accounts with `make fleet`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from shared.config.config import Config
from shared.hosting import runtime as runtimes
from shared.hosting.runtime import Runtime
from shared.models.event_kinds import COVERAGE_OLD
from shared.models.fleet_coverage import MAX_UNKNOWN, Reason
from shared.queues import items
from tests.scheduler.look_at_organization import look
from tests.scheduler.planted_organization import Planted, planted

SIZE = int(os.environ.get("HUNTBRIDGE_ORGANIZATION", "60"))
ACCOUNTS = 50 if SIZE > 1_000 else 6
REGIONS = ["all"] if SIZE > 1_000 else ["eu-west-1", "us-east-1"]
SECONDS, MEGABYTES = 180, 200
# The rights that the look needs, beside those of a hunt: none.
RIGHTS = {
    "sts:AssumeRole",
    "sts:GetCallerIdentity",
    "ec2:DescribeRegions",
    "ec2:DescribeInstances",
    "organizations:ListAccountsForParent",
    "organizations:ListOrganizationalUnitsForParent",
}


@pytest.fixture
def organization(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Planted]:
    for name in ("AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with planted(ACCOUNTS, SIZE, REGIONS, datetime.now(UTC)) as made:
        monkeypatch.setenv("AWS_ENDPOINT_URL", made.url)
        yield made


def test_every_planted_gap_is_found(organization: Planted, tmp_path: Path) -> None:
    config = Config.model_validate(organization.configuration())
    runtime = runtimes.local(config, tmp_path / "data", {"KEY": "k"})
    organization.fill(runtime.store)
    if SIZE > 1_000:
        measured = _look_in_a_process(config, tmp_path / "data")
        assert measured["seconds"] <= SECONDS
        assert measured["megabytes"] <= MEGABYTES
    else:
        look(runtime)
    assert organization.actions == RIGHTS
    _compare(organization, runtime)


def _look_in_a_process(config: Config, data: Path) -> dict[str, float]:
    program = [sys.executable, "-m", "tests.scheduler.look_at_organization"]
    command = [*program, config.model_dump_json(), str(data)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4_000:]
    measured: dict[str, float] = json.loads(done.stdout)
    sys.stdout.write(f"{SIZE:,} machines in {ACCOUNTS} accounts: {measured}\n")
    return measured


def _compare(organization: Planted, runtime: Runtime) -> None:
    found = {
        (each.system.account, each.system.region, each.system.instance): each
        for each in runtime.queries.fleet.every_uncovered()
    }
    gaps = {where: fate for where, fate in organization.expected.items() if fate is not Reason.CAPTURED}
    assert {where: each.reason for where, each in found.items()} == gaps
    assert {where[2] for where, each in found.items() if each.too_old} == organization.old
    coverage = runtime.queries.fleet.coverage()
    assert coverage
    assert coverage.running == len(organization.expected)
    assert coverage.captured == len(organization.expected) - len(gaps)
    assert coverage.reasons == Counter(fate.value for fate in gaps.values())
    assert len(coverage.unknown) == coverage.unknown_total <= MAX_UNKNOWN
    assert {(each.account, each.region): each.unread for each in coverage.unknown} == organization.unknown
    claimed = [items.decode(item.body) for item in runtime.events.claim(10, lease=60)]
    (event,) = [item.event for item in claimed if isinstance(item, items.OwnEvent)]
    assert event["kind"] == COVERAGE_OLD
    assert event["title"] == f"{len(organization.old):,} machines not captured for 35 days"
