"""Targets in, systems out: what takes an instance, what leaves it out, and what could not be asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from threading import Event
from types import SimpleNamespace
from typing import Any

import pytest

from scheduler.chosen_systems import Selection
from scheduler.parallel_calls import ParallelCalls
from scheduler.plan import prepare
from scheduler.targets import choose
from scheduler.triggers import on_schedule
from shared.hosting.runtime import Runtime
from shared.http.deadlines import remaining, within
from shared.models.captures import Capture, CaptureState
from shared.models.hunts import HuntState
from shared.models.inventory import InstanceError
from shared.models.systems import Instance, System
from shared.platform.errors import NotFound
from tests.scheduler.staging import SUNDAY, Stage

EVERYWHERE = {"regions": "all"}
LAUNCHED = datetime(2026, 1, 1, tzinfo=UTC)
MEMBER = "444455556666"


def machine(number: int, region: str = "us-east-1", **facts: Any) -> Instance:
    launched = LAUNCHED + timedelta(days=number)
    plain: dict[str, Any] = {"state": "running", "platform": "Linux/UNIX", "launched_at": launched}
    instance = Instance(f"i-{number:017x}", region, **(plain | facts))
    return replace(instance, tags=dict(instance.tags) | ({"Name": instance.name} if instance.name else {}))


class Fleet:
    """A fleet that is what the test says. What is an error is raised where it is asked for."""

    def __init__(self, *machines: Instance, account: str = "", **others: tuple[Instance, ...]) -> None:
        self.machines = {account: machines, **others}
        self.units: dict[str, list[str]] = {}
        self.grouped: dict[str, str] = {}
        self.errors: dict[Any, str] = {}
        self.asked: list[tuple[str, ...]] = []

    def _ask(self, *question: str) -> None:
        self.asked.append(question)
        for part in (question, question[1:]):
            if part in self.errors:
                raise InstanceError(self.errors[part])

    def members(self, unit: str, account: str = "") -> list[str]:
        self._ask("members", unit, account)
        return self.units[unit]

    def regions(self, account: str) -> list[str]:
        self._ask("regions", account)
        return ["eu-west-1", "us-east-1"]

    def instances(self, account: str, region: str, *, only: Any = (), tags: Any = None) -> list[Instance]:
        self._ask("instances", account, region)
        return [
            instance
            for instance in self.machines.get(account, ())
            if instance.region == region
            and (not only or instance.id in only)
            and all(
                any(fnmatchcase(instance.tags.get(k, ""), g) for g in globs)
                for k, globs in (tags or {}).items()
            )
        ]

    def groups(self, account: str, region: str) -> dict[str, str]:
        self._ask("groups", account, region)
        return self.grouped

    def volumes(self, account: str, region: str, only: Any) -> dict[str, list[int]]:
        return {instance: [8] for instance in only}


@dataclass
class Select:
    """Runs `choose` over a fleet, with a platform that can capture everything unless `unfit`."""

    make_stage: Callable[..., Stage]
    patch: pytest.MonkeyPatch
    runtime: Runtime | None = None  # of the last run

    def __call__(
        self, fleet: Fleet, *targets: dict[str, Any], unfit: Any = (), settings: Any = None, **hunt: Any
    ) -> Selection:
        runtime = self.make_stage(hunt={"targets": targets, **hunt}).runtime
        if settings:
            runtime.config = type(runtime.config).model_validate(
                {**runtime.config.model_dump(exclude={"hunts": {"weekly": {"problems"}}}), **settings}
            )
        platform = Platform(unfit)
        self.patch.setattr(runtime, "make_fleet", lambda: fleet)
        self.patch.setattr(runtime, "make_cado", lambda tries: platform)
        self.runtime = runtime
        return choose(runtime, runtime.config.hunts["weekly"], identity="weekly@then")


@pytest.fixture
def select(make_stage: Any, monkeypatch: pytest.MonkeyPatch) -> Select:
    return Select(make_stage, monkeypatch)


class Platform:
    def __init__(self, unfit: Any) -> None:
        self.unfit = unfit
        self.clouds: list[str] = []

    def importable(self, cloud_id: str, region: str, instances: Any = ()) -> Any:
        self.clouds.append(cloud_id)
        if self.unfit is None:
            raise NotFound("The platform does not know that.")
        return [(instance, instance not in self.unfit) for instance in instances]


def chosen(selection: Any) -> list[int]:
    return [int(system.instance[2:], 16) for system in selection.systems]


def left_out(selection: Any) -> dict[int, str]:
    return {int(c.system.instance[2:], 16): c.why_not for c in selection.choices if c.why_not}


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ({}, [1, 2, 3, 4]),
        ({"tags": {"Tier": "gold"}}, [2]),
        ({"tags": {"Tier": ["g*", "silver"]}}, [2, 3]),
        ({"tags": {"Tier": "*", "Env": "prod"}}, [2]),
        ({"tags": {"tier": "gold"}}, []),
        ({"names": ["web-?", "db"]}, [1, 3]),
        ({"vpcs": "vpc-1*"}, [2]),
        ({"platforms": "windows"}, [4]),
        ({"platforms": "linux", "regions": ["us-east-1"]}, [1, 3]),
        ({"instance_regex": "i-0+[13]"}, [1, 3]),
        ({"instance_regex": "i-0"}, []),
        ({"states": "stopped"}, [4]),
        ({"regions": ["eu-west-1"]}, [2, 4]),
    ],
)
def test_what_a_selector_takes(select, target, expected):
    fleet = Fleet(
        machine(1, name="web-1"),
        machine(2, "eu-west-1", vpc="vpc-12", tags={"Tier": "gold", "Env": "prod"}),
        machine(3, name="db", tags={"Tier": "silver"}),
        machine(4, "eu-west-1", platform="Windows with SQL Server", state="stopped"),
    )
    assert sorted(chosen(select(fleet, {**EVERYWHERE, **target}))) == expected


def test_brackets_in_a_name_are_letters(select):
    fleet = Fleet(machine(1, name="web [blue]"), machine(2, name="web b"), machine(3, name="db"))
    assert sorted(chosen(select(fleet, EVERYWHERE, exclude=[{"names": "web [blue]"}]))) == [2, 3]
    assert chosen(select(fleet, {**EVERYWHERE, "names": "web [*"})) == [1]


def test_a_named_system_that_does_not_exist_is_said_and_still_asked_for(select):
    gone = {"instance": machine(7).id, "region": "us-east-1"}
    selection = select(Fleet(machine(1)), gone, EVERYWHERE)
    assert 7 in chosen(selection)  # the platform may find it in another account
    (note,) = selection.notes
    assert note == f"{machine(7).id} is named and does not exist in us-east-1 of this machine's own account"
    assert not selection.problems


def test_why_something_is_in_and_why_something_is_out(select):
    fleet = Fleet(
        machine(1, tags={"Tier": "gold"}),
        machine(2, tags={"Tier": "gold", "Hunt": "skip"}),
        machine(3, tags={"Tier": "gold"}, state="terminated"),
        machine(4, tags={"Tier": "gold"}, state="stopped"),
        machine(5, tags={"Tier": "gold"}, name="CadoResponse"),
        machine(6, tags={"Tier": "gold"}),
        machine(7, tags={"Tier": "lead"}),
    )
    selection = select(
        fleet,
        {"tags": {"Tier": "gold"}, "states": "running", **EVERYWHERE},
        unfit=[machine(5).id, machine(6).id],
        exclude=[{"tags": {"Hunt": "skip"}}],
    )
    assert [(c.system.instance, c.why) for c in selection.choices if not c.why_not] == [
        (machine(1).id, "targets[0]: tag Tier is gold")
    ]
    assert left_out(selection) == {
        2: "exclude[0]: tag Hunt is skip",
        3: "it is terminated",
        4: "it is stopped, and the target wants running",
        5: "the platform says that it cannot capture it: it is its own or a worker",
        6: "the platform says that it cannot capture it: it is its own or a worker",
    }
    assert (selection.problems, selection.notes) == ((), ())
    assert f"1 left out: it is terminated: {machine(3).id}" in selection.left_out


@pytest.mark.parametrize("named", [False, True])
def test_a_tag_that_anybody_may_write_hides_no_machine(select, named):
    hidden = machine(1, name="CadoResponse")
    targets = [{"instance": hidden.id, "region": "us-east-1"}] if named else []
    assert chosen(select(Fleet(hidden), *targets, EVERYWHERE)) == [1]


@pytest.mark.parametrize("named", [False, True])
def test_the_tag_counts_where_the_platform_does_not_answer_and_the_machine_is_named(select, named):
    hidden = machine(1, name="CadoResponse")
    targets = [{"instance": hidden.id, "region": "us-east-1"}] if named else []
    selection = select(Fleet(hidden), *targets, EVERYWHERE, unfit=None)
    assert chosen(selection) == []
    assert any(hidden.id in note and "CadoResponse" in note for note in selection.notes)
    assert any(hidden.id in reason for reason in selection.left_out)


def test_what_is_left_out_is_named_and_a_long_list_says_how_many_more(select):
    fleet = Fleet(*(machine(n, tags={"Hunt": "skip"}) for n in range(1, 24)))
    (reason,) = select(fleet, EVERYWHERE, exclude=[{"tags": {"Hunt": "skip"}}]).left_out
    assert reason.startswith("23 left out: exclude[0]: tag Hunt is skip: ")
    assert reason.endswith(" and 3 more")
    assert all(machine(n).id in reason for n in range(1, 21))


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"tags": {"Hunt": "skip"}}, [1, 3]),
        ({"instance": machine(1).id}, [2, 3]),
        ({"regions": "eu-west-1"}, [1, 2]),
        ({"accounts": "prod"}, [1, 2, 3]),
        ({"states": ["stopped"]}, [1, 2]),
        ({"names": "a*", "regions": "us-east-1"}, [2, 3]),
        ({"platforms": "linux"}, []),
    ],
)
def test_exclusions(select, rule, expected):
    fleet = Fleet(
        machine(1, name="a1"),
        machine(2, tags={"Hunt": "skip"}),
        machine(3, "eu-west-1", name="a3", state="stopped"),
    )
    assert sorted(chosen(select(fleet, EVERYWHERE, exclude=[rule]))) == expected


def test_what_is_named_is_taken_at_its_word_and_nobody_is_asked(select):
    fleet = Fleet()
    selection = select(fleet, {"instance": machine(9).id, "region": "us-east-1"})
    assert (chosen(selection), fleet.asked, selection.choices[0].why) == ([9], [], "named")


def test_what_is_named_among_selectors(select):
    named = [{"instance": machine(n).id, "region": "us-east-1"} for n in (3, 1, 2, 9)]
    fleet = Fleet(
        machine(1, tags={"Hunt": "skip"}), machine(2, state="terminated"), machine(3), machine(4, "eu-west-1")
    )
    selection = select(fleet, *named, EVERYWHERE, exclude=[{"tags": {"Hunt": "skip"}}])
    assert chosen(selection) == [3, 9, 4]  # 9 is not there: the platform will say so
    assert left_out(selection) == {1: "exclude[0]: tag Hunt is skip", 2: "it is terminated"}
    assert selection.problems == (f"{machine(2).id} is named and left out: it is terminated",)


def test_a_system_that_two_targets_find_is_hunted_once(select):
    fleet = Fleet(machine(1, tags={"A": "a", "B": "b"}, state="stopped"))
    selection = select(
        fleet,
        {"tags": {"A": "a"}, "states": "running", **EVERYWHERE},
        {"tags": {"B": "b"}, "regions": "us-east-1"},
    )
    assert [(c.why, c.why_not) for c in selection.choices] == [("targets[1]: tag B is b", "")]


def test_of_each_group_the_longest_running(select):
    fleet = Fleet(*map(machine, range(1, 8)), machine(8, state="terminated"))
    fleet.grouped = {machine(n).id: group for n, group in enumerate("wwwddx", 2)} | {machine(8).id: "w"}
    target = {"regions": ["us-east-1", "us-east-1"], "auto_scaling_groups": {"names": ["w", "d"]}}
    assert chosen(select(fleet, target, exclude=[{"instance": machine(2).id}])) == [3, 5]
    selection = select(fleet, {**target, "auto_scaling_groups": {"names": "w", "sample": 2}})
    assert chosen(selection) == [2, 3]
    assert left_out(selection) == {
        4: "2 of its Auto Scaling group that ran longer stands for it",
        8: "it is terminated",
    }
    assert selection.choices[0].why == "targets[0]: every system, group w"
    assert chosen(select(fleet, {**target, "auto_scaling_groups": {"names": "*", "sample": None}})) == [
        *range(2, 8)
    ]


ACCOUNTS = {
    "accounts": {"prod": {"id": "111122223333", "role": "arn:aws:iam::111122223333:role/r"}, "own": {}},
    "organization": {
        "role": "arn:aws:iam::{account_id}:role/huntbridge-read",
        "cado_account": "member-{account_id}",
        "account": "prod",
    },
}


def test_units_of_the_organization(select):
    fleet = Fleet(machine(1), prod=(machine(2),), own=(machine(3),))
    fleet.machines[MEMBER] = (machine(4, "eu-west-1"),)
    fleet.units = {"ou-ab12-34cd56ef": ["111122223333", MEMBER]}
    target = {"organizational_units": "ou-ab12-34cd56ef", "accounts": "own", **EVERYWHERE}
    selection = select(fleet, target, settings=ACCOUNTS)
    assert selection.systems == (
        System(machine(4).id, "eu-west-1", MEMBER),
        System(machine(3).id, "us-east-1", "own"),
        System(machine(2).id, "us-east-1", "prod"),
    )
    account = select.runtime.config.account(MEMBER)
    assert (account.role, account.cado_account) == (
        f"arn:aws:iam::{MEMBER}:role/huntbridge-read",
        f"member-{MEMBER}",
    )
    assert ("members", "ou-ab12-34cd56ef", "prod") in fleet.asked
    assert sorted(select.runtime.make_cado(tries=1).clouds) == ["Default", "Default", f"member-{MEMBER}"]


def test_what_cannot_be_asked_is_told_once_and_stops_nothing(select):
    fleet = Fleet(machine(1), prod=(machine(2), machine(3, "eu-west-1")), own=(machine(4),))
    fleet.errors = {
        ("instances", "prod", "us-east-1"): "access denied by EC2 in us-east-1",
        ("instances", "prod", "eu-west-1"): "access denied by EC2 in eu-west-1",
        ("regions", "own"): "no",
        ("members", "ou-ab12-34cd56ef", "prod"): "the role needs organizations:ListAccountsForParent",
    }
    selection = select(
        fleet,
        {"accounts": ["prod", "own"], **EVERYWHERE},
        {"regions": "us-east-1"},
        {"organizational_units": "ou-ab12-34cd56ef", **EVERYWHERE},
        settings=ACCOUNTS,
    )
    assert chosen(selection) == [1]
    assert selection.problems == (
        "the accounts of ou-ab12-34cd56ef are not known: the role needs organizations:ListAccountsForParent",
        "account own: the enabled regions are not known: no",
        "account prod, eu-west-1 or us-east-1: access denied by EC2; no system there is hunted",
    )


def test_a_platform_that_does_not_say_what_it_can_capture_costs_a_note(select):
    selection = select(Fleet(machine(1)), EVERYWHERE, unfit=None)
    assert (chosen(selection), selection.problems) == ([1], ())
    assert selection.notes == (
        "the platform does not say what it can capture in 1 of 1 places: The platform does not know that.",
    )


def test_no_more_than_max_systems_in_the_order_that_is_wanted(select):
    fleet = Fleet(*map(machine, (5, 2, 9, 7)))
    assert chosen(select(fleet, EVERYWHERE, max_systems=2, order="oldest")) == [2, 5]
    once = select(fleet, EVERYWHERE, max_systems=3, order="random")
    assert chosen(once) == chosen(select(fleet, EVERYWHERE, max_systems=3, order="random"))
    assert list(left_out(once).values()) == ["max_systems is 3: in the order random others come first"]
    assert len(chosen(select(fleet, EVERYWHERE, max_systems=4))) == 4


@pytest.fixture
def rotation(make_stage: Any, monkeypatch: pytest.MonkeyPatch) -> Stage:
    stage: Stage = make_stage(hunt={"targets": [EVERYWHERE], "max_systems": 2, "overlap": "queue"})
    monkeypatch.setattr(stage.runtime, "make_fleet", lambda: Fleet(*map(machine, range(1, 6))))
    monkeypatch.setattr(stage.runtime, "make_cado", lambda *, tries: Platform(()))
    return stage


def test_a_fleet_too_large_for_one_night_is_covered_in_rotation(rotation):
    ledger, nights = rotation.runtime.ledger, []
    for night in range(3):
        rotation.moment = SUNDAY + timedelta(days=night, hours=1)
        hunt = on_schedule(rotation.runtime, "weekly", SUNDAY + timedelta(days=night))
        captures = ledger.captures.of_hunt(hunt.id)
        nights.append([int(capture.system.instance[2:], 16) for capture in captures])
        for capture in captures:
            at = SUNDAY + timedelta(days=night, minutes=len(nights))
            ledger.captures.claim(capture, state=CaptureState.UNKNOWN, requested_at=at)
            # One that always fails has had its turn too.
            state = (
                CaptureState.FAILED if capture.system.instance == machine(1).id else CaptureState.REQUESTED
            )
            ledger.captures.update(capture, state=state)
    assert nights == [[1, 2], [3, 4], [1, 5]]
    assert ledger.captures.last_requested()[f"-/us-east-1/{machine(3).id}"] == SUNDAY + timedelta(
        days=1, minutes=2
    )


def test_the_same_time_again_is_about_the_systems_that_were_recorded(rotation):
    runtime = rotation.runtime
    hunt = on_schedule(runtime, "weekly", SUNDAY)
    assert (hunt.systems, hunt.left_out) == (
        2,
        (
            "3 left out: max_systems is 2: in the order least_recently_hunted others come first: "
            f"{machine(3).id}, {machine(4).id}, {machine(5).id}",
        ),
    )
    before = runtime.ledger.captures.of_hunt(hunt.id)
    runtime.make_fleet = lambda: Fleet(machine(77))
    on_schedule(runtime, "weekly", SUNDAY)
    assert runtime.ledger.captures.of_hunt(hunt.id) == before


def test_a_crash_while_the_systems_are_recorded_loses_nothing(rotation, monkeypatch):
    runtime = rotation.runtime
    plan_capture = runtime.ledger.captures.plan
    written: list[Capture] = []

    def dying(capture):
        if written:
            raise KeyboardInterrupt
        written.append(capture)
        return plan_capture(capture)

    with monkeypatch.context() as during, pytest.raises(KeyboardInterrupt):
        during.setattr(runtime.ledger.captures, "plan", dying)
        on_schedule(runtime, "weekly", SUNDAY)
    assert runtime.ledger.hunts.of_name("weekly") == []
    runtime.make_fleet = lambda: Fleet(*map(machine, (2, 3)))  # 1 is gone by now
    hunt = on_schedule(runtime, "weekly", SUNDAY)
    assert [c.system.instance for c in runtime.ledger.captures.of_hunt(hunt.id)] == [
        machine(2).id,
        machine(3).id,
    ]
    assert rotation.work()


def test_a_hunt_that_found_nothing_looks_again(rotation):
    runtime = rotation.runtime
    nowhere = Fleet()
    nowhere.errors = {("regions", ""): "no AWS credentials on this machine"}
    runtime.make_fleet = lambda: nowhere
    hunt = on_schedule(runtime, "weekly", SUNDAY)
    rotation.work()
    assert rotation.hunt().state is HuntState.FAILED
    assert hunt.problems == (
        "this machine's own account: the enabled regions are not known: no AWS credentials on this machine",
    )
    runtime.make_fleet = lambda: Fleet(machine(1))
    again = on_schedule(runtime, "weekly", SUNDAY)
    assert (again.systems, again.problems, len(runtime.ledger.captures.of_hunt(hunt.id))) == (1, (), 1)
    assert prepare(runtime, "weekly", SUNDAY).hunt.systems == 1


@pytest.mark.parametrize(("outer", "most"), [(3_600.0, 21.0), (5.0, 5.0)])
def test_a_question_has_no_more_time_than_whoever_waits_for_its_answer(outer, most):
    with within(outer), ParallelCalls(lambda: SUNDAY, 20.0) as asking:
        answers, failures = asking.each(lambda _: remaining(100.0), ["us-east-1"])
    assert failures == {}
    assert most - 1 < answers["us-east-1"] <= most


def test_what_takes_too_long_is_a_problem(make_stage):
    stage = make_stage(hunt={"targets": [EVERYWHERE]})
    stuck = SimpleNamespace(regions=lambda _: Event().wait(0.2))
    stage.runtime.make_fleet = lambda: stuck
    selection = choose(stage.runtime, stage.runtime.config.hunts["weekly"], identity="x", budget=0.01)
    assert selection.problems == (
        "this machine's own account: the enabled regions are not known: there was no answer in time",
    )


def test_a_system_that_a_wrong_clock_hunted_in_2030_has_its_turn(rotation):
    ledger = rotation.runtime.ledger
    for number, year in ((1, 2026), (2, 2026), (3, 2030), (4, 2026), (5, 2026)):
        at = datetime(year, 11, 28, tzinfo=UTC).isoformat()
        rotation.runtime.store.put("hunted", "", System(machine(number).id, "us-east-1").key, {"at": at})
    hunt = on_schedule(rotation.runtime, "weekly", SUNDAY)
    assert machine(3).id in [capture.system.instance for capture in ledger.captures.of_hunt(hunt.id)]
