"""What the platform left behind, in a planted world: all that no capture needs, and nothing else."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from scheduler.look_for_leftovers import keep_leftovers, look
from shared.models.captures import Capture, CaptureState
from shared.models.hunts import Hunt
from shared.models.inventory import InstanceError
from shared.models.leftovers import Marked, Sort
from shared.models.systems import System
from shared.platform.readiness_answers import Worker
from tests.scheduler.staging import SUNDAY

REGIONS = ("us-east-1", "eu-west-1")
ACCOUNTS = ("", "prod", "test")
NOW = SUNDAY + timedelta(days=3)
BEGAN = NOW - timedelta(hours=30)  # the hunt that is under way
COPY = "vol-ffffffff"


class PlantedAws:
    """Regions, volumes, and what carries the platform's marks."""

    def __init__(self) -> None:
        self.marked: dict[tuple[str, str, Sort], list[Marked]] = defaultdict(list)
        self.attached: dict[tuple[str, str, str], list[str]] = {}  # volumes by account, region, instance
        self.unreadable: set[tuple[str, str]] = set()
        self.asked: list[str] = []

    def plant(self, sort: Sort, account: str, region: str, age: timedelta, **more: Any) -> str:
        number = sum(map(len, self.marked.values()))
        id = f"{sort.value}-{number:08x}"
        self.marked[account, region, sort].append(Marked(sort, id, account, region, NOW - age, **more))
        return id

    def regions(self, account: str) -> list[str]:
        return list(REGIONS)

    def members(self, unit: str, account: str = "") -> list[str]:
        return []

    def snapshots(self, account: str, region: str) -> list[Marked]:
        return self._list(account, region, Sort.SNAPSHOT)

    def keys(self, account: str, region: str) -> list[Marked]:
        return self._list(account, region, Sort.KEY)

    def _list(self, account: str, region: str, sort: Sort) -> list[Marked]:
        if (account, region) in self.unreadable:
            raise InstanceError("access denied by EC2: the role needs ec2:DescribeSnapshots")
        self.asked.append(f"{sort} {account}/{region}")
        return self.marked[account, region, sort]


class Marks:
    """The port of the marks on the planted world."""

    def __init__(self, aws: PlantedAws) -> None:
        self.snapshots, self.keys = aws.snapshots, aws.keys
        self._aws = aws

    def volumes(self, account: str, region: str) -> list[Marked]:
        return self._aws._list(account, region, Sort.VOLUME)


class Inspection:
    """The port of the volumes on the planted world."""

    def __init__(self, aws: PlantedAws) -> None:
        self._aws = aws

    def volumes(self, account: str, region: str, instances: Collection[str]) -> list[Any]:
        if (account, region) in self._aws.unreadable:
            raise InstanceError("access denied by EC2: the role needs ec2:DescribeVolumes")
        return [
            _Volume(volume, instance)
            for instance in instances
            for volume in self._aws.attached.get((account, region, instance), ())
        ]


class _Volume:
    def __init__(self, id: str, instance: str) -> None:
        self.id, self.instance = id, instance


@pytest.fixture
def world(make_stage, monkeypatch):
    stage = make_stage(settings={})
    accounts = {
        name: {"id": f"{number:012}", "role": f"arn:aws:iam::{number:012}:role/read"}
        for number, name in enumerate(ACCOUNTS[1:], 1)
    }
    config = type(stage.runtime.config).model_validate(
        {**stage.runtime.config.model_dump(mode="json", exclude_unset=True), "accounts": accounts}
    )
    stage.runtime.config = config
    stage.moment = NOW
    aws = PlantedAws()
    for name, made in (("make_fleet", aws), ("make_marks", Marks(aws)), ("make_inspection", Inspection(aws))):
        monkeypatch.setattr(stage.runtime, name, lambda made=made, **_: made, raising=False)
    return stage, aws


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
    machines = [System(f"i-{n:017x}", REGIONS[n % 2], ACCOUNTS[n % 3]) for n in range(12)]
    for machine in machines:
        aws.attached[machine.account, machine.region, machine.instance] = [
            f"vol-{machine.instance[2:]}-{disk}" for disk in range(2)
        ]
    under_way(stage, *machines)
    left, used = set(), set()
    for number in range(400):
        account, region = dice.choice(ACCOUNTS), dice.choice(REGIONS)
        machine = dice.choice(machines)
        there = machine.account, machine.region
        own = f"vol-{machine.instance[2:]}-{number % 2}"
        other = f"vol-{number:08x}"
        match number % 20:
            # Left behind: by earlier hunts, on machines that are captured now and on others.
            case 0 | 1 | 2 | 3:
                left.add(
                    aws.plant(Sort.SNAPSHOT, account, region, hours(dice, 13, 9_000), volume=other, gib=9.0)
                )
            case 4 | 5:
                left.add(aws.plant(Sort.SNAPSHOT, *there, hours(dice, 32, 9_000), volume=own, gib=30.0))
            case 6:
                left.add(
                    aws.plant(Sort.SNAPSHOT, account, region, hours(dice, 32, 900), volume=COPY, gib=1.0)
                )
            case 7:
                left.add(
                    aws.plant(
                        Sort.SNAPSHOT, account, region, hours(dice, 32, 99), volume=other, state="error"
                    )
                )
            case 8:
                left.add(aws.plant(Sort.VOLUME, account, region, hours(dice, 32, 900), gib=8.0))
            case 9:
                left.add(
                    aws.plant(
                        Sort.KEY, account, region, hours(dice, 32, 900), name="alias/CadoResponse-KMS-Alias1"
                    )
                )
            # In use.
            case 10 | 11 | 12:
                used.add(aws.plant(Sort.SNAPSHOT, *there, hours(dice, 0, 29), volume=own, gib=30.0))
            case 13 | 14:
                used.add(
                    aws.plant(Sort.SNAPSHOT, account, region, hours(dice, 0, 11.9), volume=other, gib=3.0)
                )
            case 15:
                used.add(
                    aws.plant(
                        Sort.SNAPSHOT, account, region, hours(dice, 0, 90), volume=other, state="pending"
                    )
                )
            case 16 | 17:
                used.add(aws.plant(Sort.SNAPSHOT, account, region, hours(dice, 0, 29), volume=COPY, gib=3.0))
            case 18:
                used.add(aws.plant(Sort.VOLUME, account, region, hours(dice, 0, 29), gib=8.0))
            case 19:
                used.add(
                    aws.plant(
                        Sort.KEY, account, region, hours(dice, 0, 29), name="alias/CadoResponse-KMS-Alias2"
                    )
                )
    assert (len(left), len(used)) == (200, 200)
    found = look(stage.runtime, budget=30)
    assert {one.what.id for one in found.found} == left
    assert (found.total, found.in_use, found.problems) == (200, 200, ())
    assert found.places == len(ACCOUNTS) * len(REGIONS)
    costs = [one.usd_a_month or 0.0 for one in found.found]
    assert costs == sorted(costs, reverse=True)
    assert found.usd_a_month == pytest.approx(sum(costs), abs=0.01)


def test_a_place_that_cannot_be_read_is_named_and_its_captures_protect_what_may_be_theirs(world):
    stage, aws = world
    under_way(stage, System("i-0aaaaaaaaaaaaaaa1", "eu-west-1", "prod"))
    aws.unreadable.add(("prod", "eu-west-1"))
    aws.plant(Sort.SNAPSHOT, "test", "eu-west-1", timedelta(hours=20), volume="vol-1", gib=1.0)
    found = look(stage.runtime, budget=30)
    assert found.total == 1  # of another account
    assert found.problems == (
        "the snapshots of account prod in eu-west-1 are not known: access denied by EC2: the role needs "
        "ec2:DescribeSnapshots",
        "the volumes of account prod in eu-west-1 are not known: access denied by EC2: the role needs "
        "ec2:DescribeSnapshots",
        "the KMS keys of account prod in eu-west-1 are not known: access denied by EC2: the role needs "
        "ec2:DescribeSnapshots",
    )


def test_a_machine_whose_volumes_are_gone_protects_its_whole_region(world):
    stage, aws = world
    under_way(stage, System("i-0aaaaaaaaaaaaaaa1", "eu-west-1", "prod"))  # no volume is attached to it
    aws.plant(Sort.SNAPSHOT, "prod", "eu-west-1", timedelta(hours=20), volume="vol-1", gib=1.0)
    old = aws.plant(Sort.SNAPSHOT, "prod", "eu-west-1", timedelta(hours=40), volume="vol-1", gib=1.0)
    found = look(stage.runtime, budget=30)
    assert [one.what.id for one in found.found] == [old]
    assert found.found[0].command == f"aws ec2 delete-snapshot --snapshot-id {old} --region eu-west-1"


def test_an_old_worker_is_named_with_what_it_costs(world, monkeypatch):
    stage, _ = world
    stuck = Worker("i-0bbbbbbbbbbbbbbb1", "active", "i4i.2xlarge", NOW - timedelta(days=3), None, None)
    young = replace(stuck, id="i-0bbbbbbbbbbbbbbb2", launched_at=NOW - timedelta(hours=2))
    ending = replace(stuck, id="i-0bbbbbbbbbbbbbbb3", status="terminating")
    monkeypatch.setattr(type(stage.runtime.cado.readiness), "workers", lambda _: iter((stuck, young, ending)))
    (one,) = look(stage.runtime, budget=30).found
    assert one.what.id == stuck.id
    assert one.usd_a_month == pytest.approx(0.686 * 730)


def test_what_was_found_is_kept(world):
    stage, aws = world
    aws.plant(Sort.SNAPSHOT, "", "us-east-1", timedelta(days=10), volume="vol-1", gib=100.0)
    keep_leftovers(stage.runtime)
    kept = stage.runtime.queries.left_behind()
    assert kept is not None
    assert (kept.total, kept.usd_a_month) == (1, 5.0)
    assert kept.found[0].what.volume == "vol-1"
