"""The estimated cost of hunts, compared with what the simulated platform would be billed for; limits and
words."""

from __future__ import annotations

import csv
import io
import random
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from console.views.run import custody_report, run_view
from demo.platform.records import SimInstance, SimSystem, SimVolume
from receiver.messages.compose import compose
from scheduler.cost import CostFacts, Disk, ToCapture, estimate
from scheduler.cost_came_to import came_to
from scheduler.expected import expect
from scheduler.plan import prepare
from scheduler.ranges import Range
from scheduler.triggers import on_schedule
from shared.config.cost import CostConfig
from shared.models.alarms import Alarm
from shared.models.cost import WORKERS, CostEstimate
from shared.models.event_kinds import HUNT_MISSED
from shared.models.hunts import HuntState
from shared.models.inventory import InstanceError
from shared.models.prices import Prices
from shared.models.severity import Severity
from shared.models.systems import Kind
from tests.scheduler.mixed import ACCOUNTS, azure, function, google, pod
from tests.scheduler.mixed import targets as targets_of
from tests.scheduler.simulated_bill import GIB, PlantedDisk, bill
from tests.scheduler.staging import SUNDAY, Stage

HOUR_LONG = 720.0  # pace: a capture takes about an hour
ROUND = 120  # seconds between two looks at the platform
WEEK = timedelta(weeks=1)


@dataclass(frozen=True)
class SeenVolume:
    id: str
    instance: str
    gib: int


@dataclass(frozen=True)
class SeenSnapshot:
    full_bytes: int


class PlantedInspection:
    """Says of the disks what is planted."""

    def __init__(self, fleet: Sequence[SimInstance], disks: Mapping[str, PlantedDisk]) -> None:
        self._fleet, self._disks = fleet, disks

    def volumes(self, account: str, region: str, instances: Collection[str]) -> list[SeenVolume]:
        return [
            SeenVolume(volume.volume_id, machine.instance_id, volume.gb)
            for machine in self._fleet
            if machine.region == region and machine.instance_id in instances
            for volume in machine.volumes
        ]

    def newest_snapshots(
        self, account: str, region: str, volumes: Collection[str]
    ) -> dict[str, SeenSnapshot]:
        return {
            id: SeenSnapshot(disk.written - disk.changed // 2)
            for id, disk in self._disks.items()
            if id in volumes and disk.changed is not None
        }


def fleet_of(
    sizes: Sequence[Sequence[int]], regions: Sequence[str], dice: random.Random
) -> tuple[tuple[SimInstance, ...], dict[str, PlantedDisk]]:
    """One machine for each list of the sizes of its disks."""
    machines, disks = [], {}
    for number, gibs in enumerate(sizes):
        volumes = []
        for disk, gib in enumerate(gibs):
            volume = SimVolume(f"vol-{number:07}{disk}", gib)
            volumes.append(volume)
            disks[volume.volume_id] = PlantedDisk.of(gib, dice)
        region = regions[number % len(regions)]
        machines.append(SimInstance(f"i-{number:017x}", f"m{number}", region, volumes=tuple(volumes)))
    return tuple(machines), disks


def of_other_kinds(disks: dict[str, PlantedDisk], dice: random.Random) -> tuple[SimSystem, ...]:
    """Two machines in Azure and one of Google, whose disks are planted, two containers and a function."""
    machines = (azure("web-1"), azure("web-2"), google("shop-1"))
    made = []
    for number, machine in enumerate(machines):
        volumes = tuple(SimVolume(f"disk-{number}-{disk}", gib) for disk, gib in enumerate((30, 128)))
        disks.update({volume.volume_id: PlantedDisk.of(volume.gb, dice) for volume in volumes})
        made.append(replace(machine, volumes=volumes))
    return (*made, pod("web-7d4b9c6f5d-x2x4q"), pod("api-0"), function("billing"))


FLEETS: dict[str, tuple[list[list[int]], list[str], str, list[str]]] = {
    # sizes of disks in GiB, regions, capture, and the captures of single targets
    "small": ([[8], [8], [20], [8, 20], [30], [8], [12], [30], [8], [16]], ["us-east-1"], "full", []),
    "large disks": (
        [[100, 2_000], [50, 1_500], [500], [100, 400], [800, 800, 200]],
        ["us-east-1"],
        "full",
        [],
    ),
    "mixed": (
        [[30], [8], [30, 200], [8, 8], [50], [100], [8], [20], [60, 300], [8], [1_000], [16]],
        ["us-east-1", "eu-west-1", "ap-northeast-1", "us-east-2"],
        "full",
        ["full", "triage", "full", "scan"],
    ),
}


def run(stage: Stage, at: Any) -> None:
    """One whole hunt, while the platform runs with the clock of the stage."""
    stage.moment = at
    hunt = stage.start(at)
    for _ in range(2_000):
        stage.work()
        stage.follow()
        if (stored := stage.runtime.ledger.hunts.get(hunt.id)) and stored.over:
            assert stored.state is HuntState.FINISHED
            return
        stage.forward(ROUND)
        stage.platform.tick(0)
    raise AssertionError("the hunt does not end")


@pytest.mark.slow
@pytest.mark.parametrize("name", FLEETS)
def test_the_estimate_is_near_the_bill(make_stage, monkeypatch, name):
    sizes, regions, mode, modes = FLEETS[name]
    dice = random.Random(f"fleet {name}")
    machines, disks = fleet_of(sizes, regions, dice)
    others = of_other_kinds(disks, dice) if modes else ()
    fleet = (*machines, *others)
    targets = [
        {"instance": machine.instance_id, "region": machine.region}
        | ({"capture": modes[number % len(modes)]} if modes else {})
        for number, machine in enumerate(machines)
    ]
    targets += targets_of(others)
    stage_of: list[Stage] = []
    stage = make_stage(
        fleet,
        hunt={"targets": targets, "capture": mode, "schedule": "rate(7 days)"},
        accounts=ACCOUNTS,
        pace=HOUR_LONG,
        workers=5,
        rng=random.Random(7),
        clock=lambda: stage_of[0].moment.timestamp() if stage_of else SUNDAY.timestamp(),
    )
    stage_of.append(stage)
    stage.runtime.config = stage.runtime.config.model_copy(
        update={"cost": stage.runtime.config.cost.model_copy(update={"region": "us-east-1"})}
    )
    monkeypatch.setattr(
        type(stage.runtime), "make_inspection", lambda _: PlantedInspection(machines, disks), raising=False
    )
    run(stage, SUNDAY)
    planned = prepare(stage.runtime, "weekly", SUNDAY + WEEK)
    expected = expect(stage.runtime, "weekly", planned.captures, SUNDAY + WEEK, budget=30).cost
    run(stage, SUNDAY + WEEK)
    hunt = stage.runtime.ledger.hunts.of_name("weekly")[0]
    assert hunt.project_id is not None
    billed = bill(stage.platform.world, hunt.project_id, disks, dice)
    told = f"expected {expected.amount}, billed {billed:.2f}: off by {expected.likely / billed - 1:+.1%}"
    assert abs(expected.likely / billed - 1) <= 0.15, told
    assert expected.low <= billed <= expected.high, told
    assert "2024-07" in expected.as_of
    assert expected.not_counted == (("what it costs that data leaves Azure or Google",) if others else ())
    after = came_to(expected, stage.runtime.ledger.captures.of_hunt(hunt.id))
    assert isinstance(after, CostEstimate)
    assert abs(after.likely / billed - 1) <= 0.15


# Limits and words


def costly(make_stage: Any, monkeypatch: Any, **hunt: Any) -> Stage:
    """A hunt of two machines with one terabyte each, of which EC2 says everything."""
    gib = 1_000
    fleet = tuple(
        SimInstance(f"i-{n:017x}", f"m{n}", "us-east-1", volumes=(SimVolume(f"vol-{n:08}", gib),))
        for n in range(2)
    )
    disks = {f"vol-{n:08}": PlantedDisk(gib, 600 * GIB, 60 * GIB) for n in range(2)}
    stage: Stage = make_stage(fleet, hunt=hunt)
    inspection = PlantedInspection(fleet, disks)
    monkeypatch.setattr(stage.runtime, "make_inspection", lambda: inspection, raising=False)
    return stage


def test_a_run_that_is_too_expensive_is_skipped_and_told(make_stage, monkeypatch):
    stage = costly(make_stage, monkeypatch, max_cost=5)
    hunt = stage.start()
    assert hunt.state is HuntState.SKIPPED
    assert re.fullmatch(
        r"it is likely to cost about \$1\d \(\S+ to \S+\), and its max_cost is \$5\.00 "
        r"\(prices of 2024-07 to 2026-11\)",
        hunt.reason,
    )
    (event,) = stage.events()
    assert (event.kind, event.text) == (HUNT_MISSED, hunt.reason)
    assert stage.work() == 0
    assert not stage.platform.asked


def test_the_same_run_starts_once_its_limit_is_raised(make_stage, monkeypatch):
    stage = costly(make_stage, monkeypatch, max_cost=5)
    stage.start()
    hunts = stage.runtime.config.hunts
    raised = {"weekly": hunts["weekly"].model_copy(update={"max_cost": 100.0})}
    stage.runtime.config = stage.runtime.config.model_copy(update={"hunts": raised})
    stage.start()
    stage.run_to_end()
    assert stage.hunt().state is HuntState.FINISHED


def test_a_person_who_starts_it_reads_the_reason_and_nobody_else_is_told(make_stage, monkeypatch):
    stage = costly(make_stage, monkeypatch, max_cost=5)
    hunt = on_schedule(stage.runtime, "weekly", SUNDAY, by="Ada")
    assert hunt.state is HuntState.SKIPPED
    assert stage.events() == []


def test_a_cost_that_is_not_known_refuses_nothing(make_stage, monkeypatch):
    stage = costly(make_stage, monkeypatch, max_cost=5)

    class Refused:
        def volumes(self, *_: Any) -> Any:
            raise InstanceError("access denied by EC2: the role needs ec2:DescribeVolumes")

    monkeypatch.setattr(stage.runtime, "make_inspection", Refused, raising=False)
    stage.start()
    stage.run_to_end()
    hunt = stage.hunt()
    assert hunt.state is HuntState.FINISHED
    assert hunt.cost is not None
    assert hunt.cost.not_counted == (
        "the disks of this machine's own account in us-east-1 are not known: access denied by EC2: the role "
        "needs ec2:DescribeVolumes",
        "the disks of 2 systems, since their sizes are not known",
    )


def test_what_it_came_to_stands_in_the_report_the_message_and_the_custody(make_stage, monkeypatch):
    stage = costly(make_stage, monkeypatch, max_cost=100)
    stage.start()
    stage.run_to_end()
    event = stage.events()[-1]
    assert event.report is not None
    expected, spent = event.report.cost, event.report.came_to
    assert expected is not None
    assert spent is not None
    assert 8 < spent.likely < expected.likely  # the same data, and hours of workers that were not needed
    words = f"{spent.amount}, {expected.amount} expected; prices of 2024-07 to 2026-11"
    facts = {fact.label: fact.value for fact in compose(Alarm(event, Severity.INFO)).facts}
    assert facts["Cost"] == words
    hunt = stage.hunt()
    view = run_view(stage.runtime, hunt.id)
    assert view is not None
    assert view.cost == words
    assert [line.what for line in view.cost_items] == [
        "EBS snapshots", "blocks read from snapshots", "transfer between regions", WORKERS,
    ]  # fmt: skip
    table = custody_report(stage.runtime, hunt, "csv")
    assert next(csv.DictReader(io.StringIO(table)))["cost"] == words
    assert "| Cost | about $" in custody_report(stage.runtime, hunt, "md")


def test_a_hunt_of_an_earlier_version_has_no_cost(stage):
    stage.start()
    stage.run_to_end()
    hunt = stage.runtime.ledger.hunts.change(stage.hunt().id, lambda stored: replace(stored, cost=None))
    view = run_view(stage.runtime, hunt.id)
    assert view is not None
    assert (view.cost, view.cost_items) == ("", ())


@pytest.mark.parametrize(
    ("settings", "missing"),
    [({"paid_by": "saas"}, {WORKERS, "the platform’s bucket"}), ({}, set())],
)
def test_the_vendor_pays_for_its_own_machines(settings, missing):
    known = {item.what for item in estimated(settings=settings).items}
    everything = {
        "EBS snapshots", "blocks read from snapshots", "transfer between regions", WORKERS,
        "the platform’s bucket", "Azure snapshots", "images of Google disks",
    }  # fmt: skip
    assert known == everything - missing


def test_own_prices_are_named():
    cost = estimated(prices={"snapshot": 0.1, "worker": 2.0})
    assert cost.own_prices == ("snapshot", "worker")
    assert cost.prices == "prices of 2024-07 to 2024-09; your price for snapshot, worker"


def test_what_is_not_counted_is_named():
    cost = estimated(settings={"region": "cn-north-1"})
    assert cost.not_counted == ("what it costs that data leaves Azure or Google",)
    unpriced = estimated(settings={"region": "us-east-1"}, region="cn-north-1")
    assert unpriced.not_counted[-1] == "transfer out of cn-north-1, for which no price is known"


def test_one_terabyte_costs_what_aws_bills_for_its_blocks():
    disk = Disk(1_024, written_gib=1_024)
    facts = CostFacts([ToCapture(Kind.EC2, "full", "us-east-1", Range.exactly(0), (disk,))], slots=1)
    items = {item.what: item.likely for item in estimate(facts, Prices(), CostConfig(keep_days=30.4)).items}
    assert items["blocks read from snapshots"] == pytest.approx(6.29, abs=0.01)
    assert items["EBS snapshots"] == pytest.approx(51.2)
    assert "the platform’s bucket" not in items  # no image is kept of a disk of this size


def estimated(
    *, settings: Mapping[str, Any] = {}, prices: Mapping[str, float] = {}, region: str = "eu-west-1"
) -> CostEstimate:
    """The cost of one capture of each sort."""
    config = CostConfig.model_validate(settings)
    hour, disks = Range.exactly(3_600), (Disk(100), Disk(50, written_gib=20, has_snapshot=True))
    captures = [
        ToCapture(Kind.EC2, "full", region, hour, disks),
        ToCapture(Kind.EC2, "triage", region, hour),
        ToCapture(Kind.AZURE_VM, "full", "", hour, disks),
        ToCapture(Kind.GCE, "scan", "europe-west1-b", hour, disks),
        ToCapture(Kind.EKS, "triage", region, hour),
        ToCapture(Kind.LAMBDA, "full", region, hour),
    ]
    facts = CostFacts(captures, slots=2, vendor_pays=config.paid_by == "saas")
    return estimate(facts, Prices(prices), config)
