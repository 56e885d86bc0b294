"""What the platform left behind, in a planted world: all that no capture needs, and nothing else."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta
from itertools import count

import pytest

from scheduler.look_for_leftovers import keep_leftovers, look
from shared.aws.leftovers import RIGHTS
from shared.models.captures import Capture, CaptureState
from shared.models.hunts import Hunt
from shared.models.systems import System
from shared.platform.readiness import Readiness
from shared.platform.readiness_answers import Worker
from tests.aws.planted import OWN, REGIONS, World, serving
from tests.scheduler.staging import SUNDAY

ACCOUNTS = {"": OWN, "prod": "111122223333", "test": "222233334444"}
NAMES = tuple(ACCOUNTS)
NOW = SUNDAY + timedelta(days=3)
BEGAN = NOW - timedelta(hours=30)  # the hunt that is under way
COPY = "vol-ffffffff"
MARK = "CadoResponse-7"
# What the look may call, and the calls that find the regions and the accounts.
ALLOWED = frozenset({*RIGHTS, "ec2:DescribeRegions", "sts:AssumeRole"})


class PlantedAws:
    """Things in AWS, most of which carry the platform's marks."""

    def __init__(self) -> None:
        self.world = World(allowed=ALLOWED)
        self._ids = count()

    def snapshot(
        self,
        account: str,
        region: str,
        age: timedelta,
        volume: str,
        gib: float = 8,
        state: str = "completed",
        name: str = MARK,
    ) -> str:
        id = f"snap-{next(self._ids):08x}"
        self.world.snapshots[ACCOUNTS[account], region].append(
            {"SnapshotId": id, "VolumeId": volume, "VolumeSize": 500, "StartTime": NOW - age, "State": state,
             "FullSnapshotSizeInBytes": int(gib * 2**30), "Tags": _named(name)}
        )  # fmt: skip
        return id

    def volume(
        self, account: str, region: str, age: timedelta, *, instance: str = "", name: str = MARK
    ) -> str:
        id = f"vol-{next(self._ids):08x}"
        attached = [{"InstanceId": instance, "State": "attached"}] if instance else []
        self.world.volumes[ACCOUNTS[account], region].append(
            {"VolumeId": id, "Size": 8, "CreateTime": NOW - age, "Attachments": attached,
             "State": "in-use" if instance else "available", "Tags": _named(name)}
        )  # fmt: skip
        return id

    def key(self, account: str, region: str, age: timedelta, alias: str = "CadoResponse-KMS-Alias-7") -> str:
        id = f"key-{next(self._ids):08x}"
        self.world.aliases[ACCOUNTS[account], region].append(
            {"AliasName": f"alias/{alias}{id}", "TargetKeyId": id, "CreationDate": NOW - age}
        )
        return id


def _named(name: str) -> list[dict[str, str]]:
    return [{"Key": "Owner", "Value": "CadoResponse"}, {"Key": "Name", "Value": name}]


@pytest.fixture
def world(make_stage):
    stage = make_stage()
    accounts = {
        name: {"id": id, "role": f"arn:aws:iam::{id}:role/huntbridge-read"}
        for name, id in ACCOUNTS.items()
        if name
    }
    config = stage.runtime.config.model_dump(mode="json", exclude_unset=True)
    stage.runtime.config = type(stage.runtime.config).model_validate({**config, "accounts": accounts})
    stage.moment = NOW
    aws = PlantedAws()
    with serving(aws.world):
        yield stage, aws


def under_way(stage, *systems: System) -> None:
    stage.moment = BEGAN
    hunt = stage.runtime.ledger.hunts.open(Hunt("weekly", BEGAN, systems=len(systems)))
    for system in systems:
        capture = Capture(hunt.id, system, CaptureState.RUNNING, requested_at=BEGAN, released_at=BEGAN)
        stage.runtime.ledger.captures.plan(capture)
    stage.moment = NOW


def hours(dice: random.Random, least: float, most: float) -> timedelta:
    return timedelta(hours=dice.uniform(least, most))


def test_all_of_200_are_found_and_nothing_that_is_in_use(world):
    stage, aws = world
    dice = random.Random(4)
    machines = [System(f"i-{n:017x}", REGIONS[n % 4], NAMES[n % 3]) for n in range(12)]
    volumes = {
        (machine, disk): aws.volume(
            machine.account, machine.region, hours(dice, 100, 9_000), instance=machine.instance, name="web"
        )
        for machine in machines
        for disk in range(2)
    }
    under_way(stage, *machines)
    left, used = set(), set()
    for number in range(420):
        machine = dice.choice(machines)
        there, own = (machine.account, machine.region), volumes[machine, number % 2]
        where = dice.choice(NAMES), dice.choice(REGIONS)
        other = f"vol-{number:08x}"
        match number % 21:
            # Left behind: by earlier hunts, on machines that are captured now and on others.
            case 0 | 1 | 2 | 3:
                left.add(aws.snapshot(*where, hours(dice, 13, 9_000), other, gib=dice.uniform(0, 100)))
            case 4 | 5:
                left.add(aws.snapshot(*there, hours(dice, 32, 9_000), own, gib=30))
            case 6:
                left.add(aws.snapshot(*where, hours(dice, 32, 900), COPY))
            case 7:
                left.add(aws.snapshot(*where, hours(dice, 32, 99), other, state="error"))
            case 8:
                left.add(aws.volume(*where, hours(dice, 32, 900)))
            case 9:
                left.add(aws.key(*where, hours(dice, 32, 900)))
            # In use, or it may be.
            case 10 | 11 | 12:
                used.add(aws.snapshot(*there, hours(dice, 0, 29), own))
            case 13 | 14:
                used.add(aws.snapshot(*where, hours(dice, 0, 11.9), other))
            case 15:
                used.add(aws.snapshot(*where, hours(dice, 0, 90), other, state="pending"))
            case 16 | 17:
                used.add(aws.snapshot(*where, hours(dice, 0, 29), COPY))
            case 18:
                used.add(aws.volume(*where, hours(dice, 0, 29)))
            case 19:
                used.add(aws.key(*where, hours(dice, 0, 29)))
            # Of others.
            case 20:
                aws.snapshot(*where, hours(dice, 50, 900), other, name="nightly CadoResponse")
                aws.volume(*where, hours(dice, 50, 900), name="data")
                aws.key(*where, hours(dice, 50, 900), alias="CadoResponse-own")
    assert (len(left), len(used)) == (200, 200)
    found = look(stage.runtime, budget=60)
    assert found.problems == ()
    assert {one.what.id for one in found.found} == left
    assert (found.total, found.in_use) == (200, 200)
    assert found.places == len(ACCOUNTS) * len(REGIONS)
    costs = [one.usd_a_month or 0.0 for one in found.found]
    assert costs == sorted(costs, reverse=True)
    assert found.usd_a_month == pytest.approx(sum(costs), abs=0.01)
    assert {*aws.world.asked} == ALLOWED


def test_an_account_that_cannot_be_read_is_named(world):
    stage, aws = world
    for action in RIGHTS:
        aws.world.denied.add((ACCOUNTS["prod"], action))
    aws.snapshot("test", "eu-west-1", timedelta(hours=20), "vol-1")
    found = look(stage.runtime, budget=30)
    assert found.total == 1  # of the other account
    where = "account prod in eu-south-1, eu-west-1, me-south-1 or us-east-1 are not known: access denied by"
    assert found.problems == (
        f"the snapshots of {where} EC2: the role needs ec2:DescribeSnapshots",
        f"the volumes of {where} EC2: the role needs ec2:DescribeVolumes",
        f"the KMS keys of {where} KMS: the role needs kms:ListAliases",
    )


@pytest.mark.parametrize("denied", [False, True])
def test_a_machine_whose_volumes_are_not_known_protects_its_whole_region(world, denied):
    stage, aws = world
    under_way(stage, System("i-0aaaaaaaaaaaaaaa1", "eu-west-1", "prod"))  # no volume is attached to it
    if denied:
        aws.world.denied.add((ACCOUNTS["prod"], "ec2:DescribeVolumes"))
    aws.snapshot("prod", "eu-west-1", timedelta(hours=20), "vol-1")
    old = aws.snapshot("prod", "eu-west-1", timedelta(hours=40), "vol-1")
    elsewhere = aws.snapshot("prod", "us-east-1", timedelta(hours=20), "vol-2", gib=90)
    found = look(stage.runtime, budget=30)
    assert [one.what.id for one in found.found] == [elsewhere, old]
    assert found.found[1].command == f"aws ec2 delete-snapshot --snapshot-id {old} --region eu-west-1"


def test_an_old_worker_is_named_with_what_it_costs(world, monkeypatch):
    stage, _ = world
    stuck = Worker("i-0bbbbbbbbbbbbbbb1", "active", "i4i.2xlarge", NOW - timedelta(days=3), None, None)
    young = replace(stuck, id="i-0bbbbbbbbbbbbbbb2", launched_at=NOW - timedelta(hours=2))
    ending = replace(stuck, id="i-0bbbbbbbbbbbbbbb3", status="terminating")
    monkeypatch.setattr(Readiness, "workers", lambda _: iter((stuck, young, ending)))
    (one,) = look(stage.runtime, budget=30).found
    assert one.what.id == stuck.id
    assert one.usd_a_month == pytest.approx(0.686 * 730)


def test_what_was_found_is_kept(world):
    stage, aws = world
    aws.snapshot("", "us-east-1", timedelta(days=10), "vol-1", gib=100)
    keep_leftovers(stage.runtime)
    kept = stage.runtime.queries.left_behind()
    assert kept is not None
    assert (kept.total, kept.usd_a_month) == (1, 5.0)
    assert kept.found[0].what.volume == "vol-1"
