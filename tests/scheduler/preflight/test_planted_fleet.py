"""A fleet with planted faults of every class: which of them a preflight finds, and what it finds wrongly.

By default the fleet is small. `make test-slow` takes 1,000 systems with 100 faults of each class.
HUNTBRIDGE_PREFLIGHT_SECONDS limits the time; only `make bench` sets it.
"""

from __future__ import annotations

import logging
import os
import time
from collections import Counter
from collections.abc import Callable

import pytest

from scheduler.chosen_systems import Choice
from scheduler.preflight.codes import CODES
from scheduler.preflight.preflight import preflight
from shared.models.preflight import Degree, Notice
from shared.models.systems import System
from tests.aws.planted import serving
from tests.aws.planted_faults import NOW, OFF, PINNED, Fleet, plant
from tests.scheduler.staging import Stage

SECONDS = float(os.environ.get("HUNTBRIDGE_PREFLIGHT_SECONDS", "inf"))
# What the fleet cannot plant, since the platform alone says it, and what is about no single system.
_NOT_IN_AWS = {"licence", "key-right", "local-workers", "cloud-off", "account-issue", "busy", "other-cloud"}
_ABOUT_NO_SYSTEM = {"not-read"}

log = logging.getLogger(__name__)
MakeStage = Callable[..., Stage]


def look(stage: Stage, fleet: Fleet) -> list[Notice]:
    """The notices of a preflight in which AWS answers out of the planted world."""
    config, runtime = stage.runtime.config, stage.runtime
    runtime.config = type(config).model_validate(
        {**config.model_dump(exclude={"hunts": {"weekly": {"problems"}}}), "accounts": fleet.accounts}
    )
    stage.moment = NOW
    listed = runtime.make_fleet()
    places = {(m.system.account, m.system.region) for m in fleet.machines if m.system.region != OFF}
    instances = {(place, one.id): one for place in places for one in listed.instances(*place)}
    choices = [
        Choice(
            machine.system,
            "named",
            instance=instances.get(
                ((machine.system.account, machine.system.region), machine.system.instance)
            ),
            mode=machine.mode,
        )
        for machine in fleet.machines
    ]
    return preflight(runtime, choices, "full")


def pairs(notices: list[Notice]) -> set[tuple[System, str]]:
    return {(system, notice.code) for notice in notices for system in notice.systems}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("systems", "faults", "delay"),
    [(200, 10, 0.0), (1_000, 100, 0.1)],
)
def test_almost_every_fault_is_found_and_almost_nothing_else(
    make_stage: MakeStage, systems: int, faults: int, delay: float
) -> None:
    fleet = plant(systems=systems, faults=faults, seed=15, delay=delay)
    with serving(fleet.world):
        began = time.perf_counter()
        notices = look(make_stage(), fleet)
        took = time.perf_counter() - began
    found, planted = pairs(notices), fleet.expected
    by_class = Counter(code for _, code in planted)
    assert set(by_class) == set(CODES) - _NOT_IN_AWS - _ABOUT_NO_SYSTEM
    assert min(by_class.values()) >= faults

    missed, wrong = planted - found, found - planted
    recall = 1 - len(missed) / len(planted)
    false_alarms = len(wrong) / len(found)
    told = f"{took:.1f} s, {sum(fleet.world.asked.values())} calls: {dict(fleet.world.asked)}"
    log.info("recall %.4f of %s, false alarms %.4f, %s", recall, len(planted), false_alarms, told)
    assert recall >= 0.98, Counter(code for _, code in missed)
    assert false_alarms <= 0.01, Counter(code for _, code in wrong)
    worst = Counter(code for _, code in missed)
    assert all(count <= 0.02 * by_class[code] for code, count in worst.items()), worst
    assert took <= SECONDS, told
    assert set(fleet.world.asked) <= PINNED
    assert not [notice for notice in notices if "in time" in notice.what or "no time" in notice.what]
    _check_form(notices)


def _check_form(notices: list[Notice]) -> None:
    """The same words are one notice with all their systems, and what is not known stands last."""
    lines = [(notice.code, notice.what, notice.do, notice.right) for notice in notices]
    assert len(lines) == len(set(lines))
    order = [Degree.FAILS, Degree.MAY_FAIL, Degree.TAKES_LONG, Degree.INFO, Degree.NOT_KNOWN]
    of_aws = [notice for notice in notices if notice.code != "account-unknown"]  # which the platform says
    degrees = [order.index(notice.degree) for notice in of_aws]
    assert degrees == sorted(degrees)
    (notice,) = [one for one in notices if one.code == "role-not-known"]
    assert notice.do == "write accounts.norole.platform_role"
    assert {system.account for system in notice.systems} == {"norole"}


@pytest.mark.slow
def test_what_cannot_be_read_is_named_with_the_missing_right_and_never_a_fault(make_stage: MakeStage) -> None:
    fleet = plant(systems=100, faults=0, seed=1)
    for account in fleet.accounts.values():
        fleet.world.denied |= {(account["id"], action) for action in PINNED - {"ec2:DescribeInstances"}}
    with serving(fleet.world):
        notices = look(make_stage(), fleet)
    assert {one.degree for one in notices if one.code != "account-unknown"} == {Degree.NOT_KNOWN}
    rights = {notice.right for notice in notices if notice.code == "not-read"}
    assert rights - {""} == PINNED - {
        "ec2:DescribeInstances", "sts:AssumeRole",
        "kms:DescribeKey", "kms:GetKeyPolicy", "kms:ListGrants",
    }  # fmt: skip
    blind = next(one for one in notices if "account blind" in one.what and "DescribeVolumes" in one.right)
    assert blind.what == (
        "the volumes in account blind, us-east-1: access denied by EC2: the role needs ec2:DescribeVolumes"
    )
    assert blind.do == "allow ec2:DescribeVolumes to the role of accounts.blind"
