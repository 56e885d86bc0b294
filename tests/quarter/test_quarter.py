"""Twelve weekly hunts of sixty systems: what people are told with cases that live until somebody closes them,
against cases of each hunt.

Run by `make quarter`, which prints the table of docs/noise.md.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from shared.models.judgements import JudgedFinding
from shared.models.system_findings import Status
from shared.storage.queries.events import EventDetail
from tests.quarter import plan
from tests.quarter.run import Quarter, run, table

pytestmark = pytest.mark.timeout(1_800)
TOLD = [event for event in plan.EVENTS if event.told]
NOT_TOLD = [event for event in plan.EVENTS if not event.told]


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Quarter:
    return run(tmp_path_factory.mktemp("before"), across_hunts=False)


@pytest.fixture(scope="module")
def after(tmp_path_factory: pytest.TempPathFactory) -> Quarter:
    return run(tmp_path_factory.mktemp("after"), across_hunts=True)


def test_people_get_a_tenth_of_the_messages(
    before: Quarter, after: Quarter, capsys: pytest.CaptureFixture[str]
) -> None:
    with capsys.disabled():
        sys.stdout.write("\n" + "\n".join(table(before, after)) + "\n")
    assert before.found == after.found, "both quarters are the same"
    assert after.total <= before.total / 10
    assert before.messages[1] == after.messages[1]


@pytest.mark.parametrize("event", TOLD, ids=lambda event: event.what)
def test_what_is_planted_is_told_in_its_week(after: Quarter, event: plan.Event) -> None:
    news = [
        found
        for detail in about(after, event)
        if detail.row.to == ("soc", "tickets") and detail.alarm and detail.alarm.judgement
        for found in detail.alarm.judgement.news
    ]
    assert event.alarm.description in {found.description for found in news}
    posts = [post for post in after.posts[event.week] if event.system in post]
    assert any(event.alarm.description in post for post in posts)


def test_what_comes_back_reopens_its_case(after: Quarter) -> None:
    posts = [post for post in after.posts[plan.BACK.week] if plan.BACK.system in post]
    assert any("closed" in post and "ada" in post for post in posts)


@pytest.mark.parametrize("event", NOT_TOLD, ids=lambda event: event.what)
def test_what_is_only_named_differently_is_not_told(after: Quarter, event: plan.Event) -> None:
    assert about(after, event)
    assert [detail.row.to for detail in about(after, event) if detail.row.to] == []
    assert [post for post in after.posts[event.week] if event.system in post] == []


def test_what_a_system_never_had_is_told(after: Quarter) -> None:
    """By what the platform found, and not by what huntbridge says about it."""
    seen: set[tuple[str, str]] = set()
    for week, found in after.found.items():
        told = {
            (detail.alarm.system.instance, finding.description)
            for detail in after.alarms[week]
            if detail.row.to and detail.alarm and detail.alarm.system
            for finding in detail.alarm.findings
        }
        assert found - seen <= told, f"week {week}"
        seen |= found


def test_what_is_withheld_is_explained(after: Quarter) -> None:
    withheld = [found for found in judged(after) if found.status.is_withheld]
    assert len(withheld) > 1_000
    assert [found for found in withheld if found.first] == []
    assert {(found.status, found.author, found.reason) for found in withheld} == {
        (Status.KNOWN, "ada", "part of the image")
    }
    assert all(found.by and found.until for found in withheld)


def test_of_what_is_not_told_every_finding_is_withheld_or_told_before(after: Quarter) -> None:
    silent = [detail for week in after.alarms.values() for detail in week if not detail.row.to]
    assert len(silent) > 1_000
    for detail in silent:
        judgement = detail.alarm.judgement if detail.alarm else None
        assert judgement
        assert judgement.findings
        assert judgement.complete
        assert judgement.total == len(judgement.findings)
        assert judgement.news == ()
        assert all(found.status.is_withheld or judgement.case for found in judgement.findings)


def about(quarter: Quarter, event: plan.Event) -> list[EventDetail]:
    return [
        detail
        for detail in quarter.alarms[event.week]
        if detail.alarm and detail.alarm.system and detail.alarm.system.instance == event.system
    ]


def judged(quarter: Quarter) -> Iterator[JudgedFinding]:
    for week in quarter.alarms.values():
        for detail in week:
            if detail.alarm and detail.alarm.judgement:
                yield from detail.alarm.judgement.findings
