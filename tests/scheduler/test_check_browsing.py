"""The check whether the platform lists the kinds of systems that hunts select."""

from __future__ import annotations

import pytest

from scheduler import check_browsing
from scheduler.daily_check import PLATFORM, check_part
from shared.queues import items
from tests.scheduler.mixed import ACCOUNTS, TARGETS, azure, function
from tests.scheduler.staging import QUIET

FLEET = (azure("web-1"), function("resize"))


@pytest.fixture
def stage(make_stage):
    named = {**TARGETS["azure_vm"], "subscriptions": "all"}
    return make_stage(FLEET, hunt={"targets": [named, TARGETS["lambda"], named]}, accounts=ACCOUNTS)


def findings(stage):
    return [(each.ok, each.what, each.detail) for each in check_browsing.findings(stage.runtime)]


def test_each_kind_is_asked_for_once_in_each_account(stage):
    assert findings(stage) == [
        (True, "Azure machines", "the platform lists what is in account az"),
        (True, "functions", "the platform lists what is in account prod"),
    ]
    assert sorted(request.path for request in stage.platform.requests if "/import/" in request.path) == [
        "/api/v3/import/aws/lambda",
        "/api/v3/import/azure/management/subscriptions",
    ]


def test_what_the_platform_refuses_is_a_failure_with_its_account(stage):
    stage.platform.fault("GET", "/azure/", 403, times=None)
    refused, listed = findings(stage)
    assert not refused[0]
    assert refused[2].startswith("account az: The role of the API key may not do this (403)")
    assert listed[0]


def test_a_failure_is_part_of_the_daily_check(stage):
    stage.platform.fault("GET", "/azure/", 403, times=None)
    check_part(stage.runtime, items.DailyCheck(PLATFORM, "2026-11-29"), claims=2)
    (event,) = stage.events()
    assert "account az" in event.text


def test_hunts_of_ec2_ask_nothing(make_stage):
    stage = make_stage((QUIET,))
    assert findings(stage) == []
    assert not [request for request in stage.platform.requests if "/import/" in request.path]
