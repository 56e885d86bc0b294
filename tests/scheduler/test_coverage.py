"""The machines that EC2 lists, compared with what the hunts select and what was captured."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from scheduler import coverage, old_captures
from scheduler.coverage import EVERY, NOT_ASKED, compare_with_ec2
from shared.hosting.readings import Readings
from shared.hosting.runtime import Runtime
from shared.metrics.definitions import FAILED_LISTINGS
from shared.models.captures import Capture, CaptureState
from shared.models.codec import dump
from shared.models.coverage import MAX_UNSELECTED, CoveredShare, Outcome
from shared.models.hunts import Hunt
from shared.models.systems import System
from shared.models.weeks import week_of
from shared.storage import kinds
from tests.scheduler.staging import SUNDAY, Stage
from tests.scheduler.test_targets import Fleet, machine

MEMBER = "444455556666"
Make = Callable[..., Stage]


@pytest.fixture
def ask(make_stage: Make, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Runtime]:
    """A runtime over this fleet, whose hunt has these targets, after the job has run."""

    def run(fleet: Fleet, *targets: dict[str, Any], settings: Any = None, **hunt: Any) -> Runtime:
        runtime = make_stage(hunt={"targets": targets, **hunt}).runtime
        if settings:
            before = runtime.config.model_dump(exclude={"hunts": {"weekly": {"problems"}}})
            runtime.config = type(runtime.config).model_validate({**before, **settings})
        monkeypatch.setattr(runtime, "make_fleet", lambda: fleet)
        until_entered(runtime)
        return runtime

    return run


def until_entered(runtime: Runtime) -> None:
    for _ in range(50):
        compare_with_ec2(runtime)
        if runtime.ledger.listings.last():
            return


def listing(runtime: Runtime) -> Any:
    found = runtime.ledger.listings.last()
    assert found
    return found


def numbers(listed: Any) -> list[int]:
    return [int(each.system.instance[2:], 16) for each in listed.unselected]


def test_a_machine_that_no_hunt_selects_is_listed_with_its_name(ask):
    fleet = Fleet(machine(1, tags={"Tier": "gold"}), machine(2, name="forgotten"), machine(3, "eu-west-1"))
    runtime = ask(fleet, {"regions": "all", "tags": {"Tier": "gold"}})
    found = listing(runtime)
    assert numbers(found) == [3, 2]
    assert found.unselected[1].name == "forgotten"
    assert found.unselected[1].system == System("i-00000000000000002", "us-east-1")
    assert (found.listed, found.selected, found.unselected_total, found.problems) == (3, 1, 2, ())
    summary = runtime.queries.coverage.summary()
    assert (summary.listed, summary.selected, summary.unselected_total) == (3, 1, 2)
    assert (summary.at, summary.problems) == (SUNDAY, ())


def test_each_place_is_asked_once_however_many_hunts_there_are(ask):
    fleet = Fleet(machine(1), machine(2, "eu-west-1"))
    hunts = {
        f"hunt-{number}": {"targets": [{"regions": ["us-east-1", "eu-west-1"], "names": [f"x{number}"]}]}
        for number in range(5)
    }
    runtime = ask(fleet, {"regions": "us-east-1"}, settings={"hunts": hunts})
    assert sorted(fleet.asked) == [("instances", "", "eu-west-1"), ("instances", "", "us-east-1")]
    assert numbers(listing(runtime)) == [2, 1]


def test_a_machine_that_a_hunt_leaves_out_says_why(ask):
    fleet = Fleet(machine(1), machine(2, state="terminated"), machine(3, tags={"Hunt": "skip"}))
    runtime = ask(fleet, {"regions": "us-east-1"}, exclude=[{"tags": {"Hunt": "skip"}}])
    (left_out,) = listing(runtime).unselected
    assert left_out.system.instance == "i-00000000000000003"
    assert left_out.why == "weekly: exclude[0]: tag Hunt is skip"


def test_a_machine_that_one_of_two_hunts_leaves_out_is_selected(ask):
    target = {"regions": "us-east-1"}
    hunts = {
        "a": {"targets": [target], "exclude": [{"names": ["*"]}]},
        "b": {"targets": [target]},
    }
    assert listing(ask(Fleet(machine(1)), target, settings={"hunts": hunts})).unselected == ()


def test_a_machine_is_selected_whatever_its_turn_is(ask):
    runtime = ask(Fleet(machine(1), machine(2)), {"regions": "us-east-1"}, max_systems=1)
    assert listing(runtime).selected == 2


def test_configured_accounts_are_listed_even_if_no_hunt_looks_there(ask):
    accounts = {"prod": {"id": MEMBER, "role": f"arn:aws:iam::{MEMBER}:role/read"}}
    fleet = Fleet(machine(1), prod=(machine(2),))
    runtime = ask(fleet, {"instance": machine(1).id, "region": "us-east-1"}, settings={"accounts": accounts})
    (unselected,) = listing(runtime).unselected
    assert unselected.system == System(machine(2).id, "us-east-1", "prod")
    assert listing(runtime).listed == 2


def test_what_aws_refuses_is_said_and_the_rest_is_compared(ask):
    fleet = Fleet(machine(1), machine(2, "eu-west-1"))
    fleet.errors["instances", "", "eu-west-1"] = "not authorized in eu-west-1"
    runtime = ask(fleet, {"regions": ["us-east-1", "eu-west-1"], "names": ["x"]})
    found = listing(runtime)
    assert found.problems == ("this machine's own account, eu-west-1: not authorized",)
    assert (found.listed, numbers(found), found.failures) == (1, [1], 1)
    (gauge,) = [one for one in Readings(runtime)() if one.gauge is FAILED_LISTINGS]
    assert gauge.value == 1


def test_without_any_answer_there_is_no_number(ask):
    fleet = Fleet()
    fleet.errors[("", "us-east-1")] = "there are no credentials"
    runtime = ask(fleet, {"regions": "us-east-1"})
    found = listing(runtime)
    assert found.problems == ("this machine's own account, us-east-1: there are no credentials",)
    assert (found.listed, found.unselected, found.failures) == (None, (), 1)
    assert runtime.queries.coverage.summary().listed is None


def test_without_accounts_and_selectors_aws_is_not_asked(ask):
    fleet = Fleet(machine(1))
    runtime = ask(fleet, {"instance": machine(1).id, "region": "us-east-1"})
    assert fleet.asked == []
    assert listing(runtime).problems == (NOT_ASKED,)
    assert runtime.queries.coverage.summary().problems == (NOT_ASKED,)
    assert listing(runtime).failures == 0


def test_a_long_list_is_cut_and_counted(ask):
    fleet = Fleet(*(machine(number) for number in range(MAX_UNSELECTED + 7)))
    found = listing(ask(fleet, {"regions": "us-east-1", "names": ["x"]}))
    assert (len(found.unselected), found.unselected_total) == (MAX_UNSELECTED, MAX_UNSELECTED + 7)


def test_aws_is_asked_again_after_six_hours(make_stage: Make, monkeypatch: pytest.MonkeyPatch):
    stage = make_stage(hunt={"targets": [{"regions": "us-east-1"}]})
    fleet = Fleet(machine(1))
    monkeypatch.setattr(stage.runtime, "make_fleet", lambda: fleet)
    until_entered(stage.runtime)
    for _ in range(3):
        stage.forward(60)
        compare_with_ec2(stage.runtime)
    assert len(fleet.asked) == 1
    stage.forward(EVERY.total_seconds())
    compare_with_ec2(stage.runtime)
    assert len(fleet.asked) == 2


def test_the_coverage_of_each_week_is_kept_for_twelve_weeks(
    make_stage: Make, monkeypatch: pytest.MonkeyPatch
):
    stage = make_stage(hunt={"targets": [{"regions": "us-east-1"}]})
    monkeypatch.setattr(stage.runtime, "make_fleet", lambda: Fleet(machine(1)))
    until_entered(stage.runtime)
    seen = []
    for _ in range(14):
        seen.append(week_of(stage.moment))
        for _ in range(2):
            compare_with_ec2(stage.runtime)
            stage.forward(EVERY.total_seconds())
        stage.forward(7 * 86_400 - 2 * EVERY.total_seconds())
    last = stage.runtime.ledger.listings.last()
    assert last is not None
    assert list(last.weeks) == seen[-12:]
    assert set(last.weeks.values()) == {CoveredShare(0, 0)}


def test_an_attempt_that_was_cut_off_is_not_repeated_at_once(
    make_stage: Make, monkeypatch: pytest.MonkeyPatch
):
    stage = make_stage(hunt={"targets": [{"regions": "us-east-1"}]})
    tries = []

    def fail(runtime: Runtime) -> Any:
        tries.append(runtime)
        raise TimeoutError

    monkeypatch.setattr(coverage, "make_listing", fail)
    for _ in range(10):
        with suppress(TimeoutError):
            compare_with_ec2(stage.runtime)
        stage.forward(300)
    assert len(tries) == 2


def test_what_was_captured_is_counted_and_gets_the_name_that_ec2_has(
    make_stage: Make, monkeypatch: pytest.MonkeyPatch
):
    stage = make_stage(hunt={"targets": [{"regions": "us-east-1"}]})
    fleet = Fleet(machine(1, name="web-01"), machine(2))
    monkeypatch.setattr(stage.runtime, "make_fleet", lambda: fleet)
    captures = stage.runtime.ledger.captures
    for number, state in ((1, CaptureState.PROCESSED), (2, CaptureState.FAILED), (9, CaptureState.PROCESSED)):
        capture = captures.plan(Capture("weekly@x", System(machine(number).id, "us-east-1")))
        captures.update(capture, state=state, ended_at=stage.runtime.now())
    until_entered(stage.runtime)
    found = listing(stage.runtime)
    assert (found.listed, found.recently_captured, found.known, found.captured) == (2, 1, 3, 2)
    rows = {row.system.instance: row for row in stage.runtime.queries.coverage.systems().rows}
    assert rows[machine(1).id].name == "web-01"


def test_captures_of_an_earlier_version_are_entered_once(make_stage: Make, monkeypatch: pytest.MonkeyPatch):
    stage = make_stage()
    store, now = stage.runtime.store, stage.runtime.now()
    old, week_ago = now - timedelta(days=200), now - timedelta(days=7)
    web, gone = System("i-0aaaaaaaaaaaaaaa1", "us-east-1", "prod"), System("i-0aaaaaaaaaaaaaaa2", "us-east-1")
    store.put(kinds.CAPTURED, "", gone.key, {"at": old.isoformat()})
    store.put(kinds.HUNTED, "", gone.key, {"at": (old + timedelta(days=1)).isoformat()})
    for at, state in (
        (week_ago - timedelta(days=7), CaptureState.FAILED),
        (week_ago, CaptureState.PROCESSED),
    ):
        hunt = Hunt("weekly", at)
        store.put(kinds.HUNT, hunt.name, hunt.id, dump(hunt))
        for system in (web, replace(web, instance="i-0aaaaaaaaaaaaaaa3")):
            capture = Capture(hunt.id, system, state, reason="no disk", requested_at=at, ended_at=at)
            store.put(kinds.CAPTURE, hunt.id, system.key, dump(capture))
        store.put(kinds.TURN, "", hunt.name, {"hunt_id": hunt.id})
    monkeypatch.setattr(old_captures, "_STEPS", 1)
    monkeypatch.setattr(old_captures, "_PAGE", 1)
    for _ in range(40):
        done = old_captures.enter_old_captures(store, stage.runtime.ledger, now)
    assert done
    rows = {row.system_key: row for row in stage.runtime.queries.coverage.systems().rows}
    assert len(rows) == 3
    assert (rows[gone.key].last_captured_at, rows[gone.key].system) == (old, gone)
    assert rows[web.key].last_captured_at == week_ago
    assert [week.outcome for week in rows[web.key].weeks][-3:] == [
        Outcome.FAILED,
        Outcome.UNKNOWN,
        Outcome.NONE,
    ]
    assert rows[web.key].hunts == ("weekly",)
