"""The daily look at the whole organization: whole items in, what is stored and told out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from receiver.messages.compose import compose
from scheduler.cover_organization import LATE
from scheduler.coverage import compare_with_ec2
from scheduler.why_left_out import NAMED_LIKE_PLATFORM
from shared.hosting.runtime import Runtime
from shared.models.alarms import Alarm
from shared.models.captures import Capture, CaptureState
from shared.models.event_kinds import COVERAGE_OLD
from shared.models.fleet_coverage import OrganizationCoverage, Unread
from shared.models.inventory import InstanceError, RoleRefused
from shared.models.severity import Severity
from shared.models.systems import Instance, Kind, System
from tests.scheduler.staging import SUNDAY, Stage
from tests.scheduler.test_targets import Fleet, machine

PROD, TEST, CLOSED = "111122223333", "222233334444", "333344445555"
ROOT, UNIT = "r-ab12", "ou-ab12-34cd56ef"
ACCOUNTS = {
    name: {"id": id, "role": f"arn:aws:iam::{id}:role/read"} for name, id in (("prod", PROD), ("test", TEST))
}
ORGANIZATION = {"role": "arn:aws:iam::{account_id}:role/read"}
NEW = SUNDAY - timedelta(hours=3)


class Organization(Fleet):
    """A fleet in an organization. What is an exception in `raised` is raised where it is asked for."""

    def __init__(self, *machines: Instance, **others: tuple[Instance, ...]) -> None:
        super().__init__(*machines)
        self.machines |= others
        self.states: dict[str, dict[str, str]] = {}
        self.raised: dict[tuple[str, ...], Exception] = {}

    def _ask(self, *question: str) -> None:
        super()._ask(*question)
        if error := self.raised.get(question):
            raise error

    def own_account(self) -> str:
        return "123456789012"

    def accounts_below(self, unit: str, account: str = "") -> dict[str, str]:
        self._ask("accounts_below", unit)
        return self.states[unit]


Look = Callable[..., Stage]


@pytest.fixture
def look(make_stage: Callable[..., Stage], monkeypatch: pytest.MonkeyPatch) -> Look:
    """A stage whose hunt has these targets, after one look at this organization."""

    def make(
        fleet: Organization, *targets: dict[str, Any], coverage: Any = None, settings: Any = None, **hunt: Any
    ) -> Stage:
        stage = make_stage(hunt={"targets": targets, **hunt})
        before = stage.runtime.config.model_dump(exclude={"hunts": {"weekly": {"problems"}}})
        sections: dict[str, Any] = {
            "accounts": ACCOUNTS,
            "organization": ORGANIZATION,
            "coverage": coverage or {},
        }
        sections["daily_check"] = {"at": "01:00"}
        stage.runtime.config = type(stage.runtime.config).model_validate(
            {**before, **sections, **(settings or {})}
        )
        monkeypatch.setattr(stage.runtime, "make_fleet", lambda **_: fleet)
        again(stage)
        return stage

    return make


def again(stage: Stage) -> None:
    for _ in range(50):
        compare_with_ec2(stage.runtime)
        if stage.work():
            return


def result(stage: Stage) -> OrganizationCoverage:
    listing = stage.runtime.ledger.listings.last()
    assert listing
    assert listing.organization
    return listing.organization


def whys(stage: Stage) -> dict[int, str]:
    machines = stage.runtime.queries.fleet.every_uncovered()
    return {int(each.system.instance[2:], 16): each.why for each in machines}


def captured(runtime: Runtime, number: int, days_ago: float, **fields: Any) -> None:
    captures, at = runtime.ledger.captures, runtime.now() - timedelta(days=days_ago)
    system = System(machine(number).id, "us-east-1", "prod")
    capture = captures.plan(Capture(f"weekly@{at:%Y-%m-%dT%H:%M:%SZ}", system))
    captures.update(capture, **{"state": CaptureState.PROCESSED, "ended_at": at, **fields})


def test_every_running_machine_has_its_days_and_its_reason(look):
    gold = {"Tier": "gold"}
    fleet = Organization(
        prod=(
            machine(1, tags=gold),
            machine(2, tags=gold),
            machine(3, name="forgotten"),
            machine(4, tags=gold | {"Hunt": "skip"}),
            machine(5, tags=gold, launched_at=NEW),
            machine(6, tags=gold, name="CadoResponse"),
            machine(7, tags=gold, state="stopped"),
            machine(8, tags=gold),
        )
    )
    target = {"regions": "us-east-1", "accounts": "prod", "tags": gold}
    stage = look(fleet, target, exclude=[{"tags": {"Hunt": "skip"}}], coverage={"max_age_days": 20})
    captured(stage.runtime, 1, 19)
    captured(stage.runtime, 2, 25)
    captured(stage.runtime, 8, 2, state=CaptureState.FAILED, reason="no access to the key")
    stage.forward(86_400)
    again(stage)
    assert whys(stage) == {
        2: "weekly selects it and has not captured it",
        3: "no hunt selects it",
        4: "weekly: exclude[0]: tag Hunt is skip",
        5: "weekly selects it and has not captured it",
        6: f"weekly: {NAMED_LIKE_PLATFORM}",
        8: "its last capture failed: no access to the key",
    }
    found = result(stage)
    assert (found.running, found.captured, found.places, found.accounts) == (7, 1, 4, 2)
    assert found.reasons == {
        "waiting": 2,
        "no hunt": 1,
        "excluded": 1,
        "not importable": 1,
        "failed": 1,
    }
    days = {
        int(each.system.instance[2:], 16): each.days for each in stage.runtime.queries.fleet.every_uncovered()
    }
    assert days == {2: 26, 3: None, 4: None, 5: None, 6: None, 8: None}
    listing = stage.runtime.ledger.listings.last()
    assert listing
    assert (listing.listed, listing.selected, listing.unselected_total) == (7, 4, 3)
    assert [each.name for each in listing.unselected] == ["forgotten", "", "CadoResponse"]


def test_a_new_machine_and_one_that_max_systems_leaves_out(look):
    fleet = Organization(prod=(machine(1), machine(2, launched_at=NEW)))
    stage = look(fleet, {"regions": "us-east-1", "accounts": "prod"}, max_systems=1)
    assert whys(stage) == {1: "max_systems of weekly is 1", 2: "launched less than a day ago"}


def test_what_cannot_be_read_is_unknown_and_never_captured(look):
    fleet = Organization(prod=(machine(1), machine(2, "eu-west-1")), test=(machine(3),))
    fleet.raised["regions", "test"] = RoleRefused("AWS does not let this machine assume the role")
    fleet.raised["instances", "prod", "eu-west-1"] = InstanceError("access denied by EC2")
    stage = look(fleet, {"regions": "all", "accounts": "prod"})
    captured(stage.runtime, 1, 1)
    stage.forward(86_400)
    again(stage)
    found = result(stage)
    assert (found.running, found.captured, found.places) == (1, 1, 1)
    assert {(each.account, each.region): (each.unread, each.why) for each in found.unknown} == {
        ("prod", "eu-west-1"): (Unread.NOT_READABLE, "access denied by EC2"),
        ("test", ""): (Unread.NO_ROLE, "AWS does not let this machine assume the role"),
    }
    listing = stage.runtime.ledger.listings.last()
    assert listing
    assert listing.failures == 2
    assert "account prod, eu-west-1: not known: access denied by EC2" in listing.problems


def test_an_unknown_place_says_what_ran_there_before(look):
    fleet = Organization(prod=tuple(machine(number) for number in range(1, 6)))
    stage = look(fleet, {"regions": "us-east-1", "accounts": "prod"})
    assert len(whys(stage)) == 5
    fleet.raised["instances", "prod", "us-east-1"] = InstanceError("access denied by EC2")
    for _ in range(2):
        stage.forward(86_400)
        again(stage)
        (place,) = result(stage).unknown
        assert (place.region, place.before) == ("us-east-1", 5)
        assert whys(stage) == {}
    fleet.raised.clear()
    fleet.raised["regions", "prod"] = InstanceError("access denied by EC2")
    stage.forward(86_400)
    again(stage)
    assert [(each.account, each.region, each.before) for each in result(stage).unknown] == [("prod", "", 5)]


def test_a_region_that_is_named_and_not_enabled_is_unknown(look):
    stage = look(
        Organization(prod=(machine(1),)),
        {"regions": "us-east-1", "accounts": "prod"},
        coverage={"accounts": "prod", "regions": ["us-east-1", "ap-east-1"]},
    )
    (place,) = result(stage).unknown
    assert (place.account, place.region, place.unread) == ("prod", "ap-east-1", Unread.REGION_OFF)


def test_accounts_of_units_are_looked_at_and_a_suspended_one_is_unknown(look):
    fleet = Organization(prod=(machine(1),), **{TEST: (machine(2),), CLOSED: (machine(3),)})
    fleet.states[ROOT] = {PROD: "ACTIVE", TEST: "ACTIVE", CLOSED: "SUSPENDED"}
    settings = {"accounts": {"prod": ACCOUNTS["prod"]}}
    stage = look(
        fleet,
        {"regions": "us-east-1", "organizational_units": ROOT, "names": "x"},
        coverage={"accounts": "prod", "organizational_units": ROOT},
        settings=settings,
    )
    assert whys(stage) == {1: "no hunt selects it", 2: "no hunt selects it"}
    (place,) = result(stage).unknown
    assert (place.account, place.unread) == (CLOSED, Unread.ACCOUNT_STATE)
    assert not any(asked[:2] == ("regions", CLOSED) for asked in fleet.asked)


def test_a_unit_that_cannot_be_read_is_unknown_and_no_reason_is_guessed(look):
    fleet = Organization(prod=(machine(1),))
    fleet.raised["accounts_below", UNIT] = InstanceError("access denied by Organizations")
    stage = look(fleet, {"regions": "all", "organizational_units": UNIT})
    assert whys(stage) == {1: f"no hunt is known to select it; weekly has {UNIT}, which cannot be read"}
    assert [(each.account, each.region) for each in result(stage).unknown] == [(UNIT, "")]


def test_the_accounts_of_a_unit_that_cannot_be_read_today_are_not_forgotten(look):
    fleet = Organization(prod=(machine(1),), **{CLOSED: (machine(2),)})
    fleet.states[UNIT] = {CLOSED: "ACTIVE"}
    target = {"regions": "us-east-1", "organizational_units": UNIT}
    stage = look(fleet, target)
    assert set(whys(stage)) == {1, 2}
    assert len(told(stage)) == 1
    fleet.raised["accounts_below", UNIT] = InstanceError("access denied by Organizations")
    stage.forward(86_400)
    again(stage)
    assert set(whys(stage)) == {1}
    assert (result(stage).running, result(stage).unknown_total) == (1, 1)
    fleet.raised.clear()
    stage.forward(86_400)
    again(stage)
    assert set(whys(stage)) == {1, 2}
    assert told(stage) == []  # it was told before


def test_two_names_of_an_account_are_one_account(look):
    twin = {**ACCOUNTS["prod"]}
    fleet = Organization(prod=(machine(1),), twin=(machine(1),))
    stage = look(
        fleet,
        {"regions": "us-east-1", "accounts": "twin"},
        settings={"accounts": {"prod": ACCOUNTS["prod"], "twin": twin}},
    )
    assert (result(stage).accounts, result(stage).running) == (1, 1)
    assert whys(stage) == {1: "weekly selects it and has not captured it"}


def test_a_machine_that_gets_too_old_is_told_once(look):
    fleet = Organization(prod=(machine(1, name="web"), machine(2), machine(3, tags={"Hunt": "skip"})))
    stage = look(
        fleet,
        {"regions": "us-east-1", "accounts": "prod"},
        exclude=[{"tags": {"Hunt": "skip"}}],
        coverage={"max_age_days": 20},
    )
    (event,) = told(stage)
    assert event.id == "coverage_old:2026-11-29"
    assert event.title == "2 machines not captured for 20 days"
    assert event.text == (
        "2 in account prod: waiting, such as: weekly selects it and has not captured it: "
        "web (i-00000000000000001), never in 331 days; i-00000000000000002, never in 330 days"
    )
    fleet.machines["prod"] = (*fleet.machines["prod"], machine(4, launched_at=SUNDAY - timedelta(days=18)))
    stage.forward(86_400)
    again(stage)
    assert told(stage) == []
    for _ in range(2):
        stage.forward(86_400)
        again(stage)
    (event,) = told(stage)
    assert event.title == "1 machine not captured for 20 days"
    assert "i-00000000000000004" in event.text


def test_the_message_has_a_line_for_each_account_and_reason(look):
    fleet = Organization(prod=(machine(1, name="web"), machine(2)), test=(machine(3),))
    stage = look(fleet, {"regions": "us-east-1", "accounts": "prod", "names": "web"})
    (event,) = told(stage)
    message = compose(Alarm(event, Severity.UNKNOWN))
    assert message.title == "3 machines not captured for 35 days"
    assert [line.text for line in message.lines] == [
        "1 in account prod: weekly selects it and has not captured it: web (i-00000000000000001), never in "
        "331 days",
        "1 in account prod: no hunt selects it: i-00000000000000002, never in 330 days",
        "1 in account test: no hunt selects it: i-00000000000000003, never in 329 days",
    ]
    assert "coverage --uncovered" in message.summary


def test_systems_of_other_kinds_are_counted_apart(look):
    stage = look(Organization(prod=(machine(1),)), {"regions": "us-east-1", "accounts": "prod"})
    captures = stage.runtime.ledger.captures
    for vm, state in (("web-1", CaptureState.PROCESSED), ("web-2", CaptureState.FAILED)):
        system = System.of(Kind.AZURE_VM, account="az", subscription="0f", group="rg", vm=vm)
        capture = captures.plan(Capture("weekly@2026-11-28T02:00:00Z", system))
        captures.update(capture, state=state, ended_at=stage.moment)
    stage.forward(86_400)
    again(stage)
    found = result(stage)
    assert (found.running, found.others, found.others_captured) == (1, 2, 1)


def test_nobody_is_told_if_the_configuration_says_so(look):
    stage = look(Organization(prod=(machine(1),)), {"regions": "us-east-1"}, coverage={"tell": False})
    assert result(stage).too_old == 1
    assert told(stage) == []


def test_a_machine_that_is_stopped_and_started_keeps_its_age(look):
    fleet = Organization(prod=(machine(1, launched_at=SUNDAY - timedelta(days=15)),))
    stage = look(fleet, {"regions": "us-east-1", "accounts": "prod"}, coverage={"max_age_days": 20})
    assert told(stage) == []
    for _ in range(6):
        stage.forward(86_400)
        fleet.machines["prod"] = (machine(1, launched_at=stage.moment - timedelta(hours=1)),)
        again(stage)
    assert [event.title for event in told(stage)] == ["1 machine not captured for 20 days"]


def test_the_look_is_repeated_until_every_region_has_answered(look, monkeypatch):
    fleet = Organization(prod=(machine(1), machine(2, "eu-west-1")))
    stage = look(fleet, {"regions": "all", "accounts": "prod"})
    fleet.raised["instances", "prod", "eu-west-1"] = KeyError("odd")
    stage.forward(86_400)
    again(stage)
    day = stage.runtime.ledger.listings.last()
    assert day
    assert day.organization
    assert day.organization.day == SUNDAY.date()
    fleet.raised.clear()
    fleet.asked.clear()
    stage.forward(60)
    assert stage.work() == 1
    assert [asked for asked in fleet.asked if asked[0] == "instances"] == [("instances", "prod", "eu-west-1")]
    assert (result(stage).running, result(stage).unknown_total) == (2, 0)


def test_what_never_answers_is_unknown_in_the_end(look):
    fleet = Organization(prod=(machine(1), machine(2, "eu-west-1")))
    fleet.raised["instances", "prod", "eu-west-1"] = KeyError("odd")
    stage = look(fleet, {"regions": "all", "accounts": "prod"})
    for _ in range(4):
        stage.forward(60)
        stage.work()
    assert [(each.account, each.region) for each in result(stage).unknown] == [("prod", "eu-west-1")]


def test_an_account_whose_item_is_lost_is_unknown(look):
    fleet = Organization(prod=(machine(1),))
    fleet.raised["instances", "prod", "us-east-1"] = KeyError("odd")
    stage = look(fleet, {"regions": "all", "accounts": "prod"})
    stage.forward(60)
    for item in stage.runtime.captures.claim(10, lease=60):
        stage.runtime.captures.dead(item, reason="lost")
    stage.forward(LATE.total_seconds())
    compare_with_ec2(stage.runtime)
    assert [(each.account, each.region, each.why) for each in result(stage).unknown] == [
        ("prod", "", "it was not looked at in time")
    ]


def test_what_is_gone_is_forgotten(look):
    fleet = Organization(prod=(machine(1), machine(2, "eu-west-1")), test=(machine(3),))
    stage = look(fleet, {"regions": "all", "accounts": ["prod", "test"]})
    assert set(whys(stage)) == {1, 2, 3}
    fleet.machines["prod"] = (machine(1),)
    runtime = stage.runtime
    accounts = {"prod": runtime.config.accounts["prod"]}
    hunts = {"weekly": runtime.config.hunts["weekly"].model_copy(update={"targets": ()})}
    runtime.config = runtime.config.model_copy(update={"accounts": accounts, "hunts": hunts})
    stage.forward(86_400)
    again(stage)
    assert set(whys(stage)) == {1}
    assert {part.account for part in runtime.ledger.fleet.all()} == {"prod"}


def test_a_look_of_ten_accounts_takes_one_item(look):
    others = {f"account-{number}": (machine(number),) for number in range(25)}
    fleet = Organization(**others)
    accounts = {name: {"id": f"{number:012}"} for number, name in enumerate(others)}
    stage = look(fleet, {"regions": "us-east-1", "accounts": "account-1"}, settings={"accounts": accounts})
    assert result(stage).accounts == 25
    assert result(stage).running == 25
    assert sum(asked[0] == "regions" for asked in fleet.asked) == 25


def test_a_machine_that_stands_for_its_group(look):
    fleet = Organization(prod=tuple(machine(number) for number in range(1, 4)))
    fleet.grouped = {machine(number).id: "web" for number in (1, 2)}
    target = {"regions": "us-east-1", "accounts": "prod", "auto_scaling_groups": {}}
    stage = look(fleet, target)
    assert whys(stage) == {
        1: "weekly selects it and has not captured it",
        2: "weekly: 1 of its Auto Scaling group that ran longer stands for it",
        3: "no hunt selects it",
    }
    assert sum(asked[0] == "groups" for asked in fleet.asked) == 1
    fleet.raised["groups", "prod", "us-east-1"] = InstanceError("access denied by Auto Scaling")
    stage.forward(86_400)
    again(stage)
    assert set(whys(stage).values()) == {
        "the Auto Scaling groups are not known: access denied by Auto Scaling"
    }
    assert result(stage).reasons == {"unclear": 3}


def told(stage: Stage) -> list[Any]:
    return [event for event in stage.events() if event.kind == COVERAGE_OLD]
