"""A preflight of a hunt against the simulated platform, without any credentials for AWS."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from demo.platform.records import User
from scheduler.chosen_systems import NAMED, Choice
from scheduler.preflight.preflight import preflight
from shared.models.preflight import Degree, Notice
from shared.models.systems import System
from shared.secrets import Secrets
from tests.scheduler.staging import KEY, QUIET, Stage

SYSTEM = System(QUIET.instance_id, QUIET.region)


@pytest.fixture
def stage(make_stage: Callable[..., Stage], monkeypatch: pytest.MonkeyPatch) -> Stage:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, "/dev/null")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return make_stage((QUIET,))


def look(stage: Stage) -> list[Notice]:
    return preflight(stage.runtime, [Choice(SYSTEM, NAMED)], "full")


def test_a_platform_without_faults_is_not_blamed(stage: Stage) -> None:
    assert {notice.degree for notice in look(stage)} == {Degree.NOT_KNOWN}
    (notice,) = look(stage)
    assert notice.code == "not-read"
    assert notice.what.endswith("no AWS credentials on this machine")


@pytest.mark.parametrize(
    ("change", "code", "part"),
    [
        ({"license_level": "RESTRICTED"}, "licence", "it is restricted"),
        ({"license_expires": "2026-11-01"}, "licence", "its last day is 2026-11-01"),
        ({"local_workers": True}, "local-workers", "local workers only"),
        ({"supports_aws": False}, "cloud-off", "does not capture from AWS"),
        ({"account_issues": {"Default": (("ec2", "ec2:CreateSnapshot is denied"),)}}, "account-issue",
         "its account Default found: ec2: ec2:CreateSnapshot is denied"),
    ],
)  # fmt: skip
def test_what_the_platform_says_about_itself(
    stage: Stage, change: dict[str, Any], code: str, part: str
) -> None:
    for name, value in change.items():
        setattr(stage.platform.world.about, name, value)
    (notice,) = [one for one in look(stage) if one.degree is not Degree.NOT_KNOWN]
    assert notice.code == code
    assert part in notice.what


def test_what_the_key_may_not_read_is_not_known_and_what_it_may_not_do_fails(stage: Stage) -> None:
    stage.platform.users[KEY] = User(1, "Read Only Analyst")
    notices = look(stage)
    (account,) = [one for one in notices if "the platform's account Default" in one.what]
    assert account.degree is Degree.NOT_KNOWN
    assert {one.what for one in notices if one.degree is Degree.FAILS} == {
        "the role Read Only Analyst of the platform's API key lacks projects_create",
        "the role Read Only Analyst of the platform's API key lacks import_data_full",
    }


def test_a_key_that_cannot_be_read_stops_nothing(stage: Stage) -> None:
    stage.runtime.secrets = Secrets({})
    assert {(one.code, one.degree) for one in look(stage)} == {
        ("not-read", Degree.NOT_KNOWN), ("role-not-known", Degree.NOT_KNOWN),
    }  # fmt: skip
