"""What the platform says about itself, and what is not known if it says it in another way."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from shared.platform.errors import NotFound, Unavailable
from shared.platform.readiness_answers import (
    AccountChecked,
    AccountIssue,
    License,
    PlatformFacts,
    PlatformSettings,
    Worker,
)
from tests.shared.platform.replies import client, ok


def test_license() -> None:
    told = {"license": {"level": "TRIAGE_ONLY", "expiry_date": "2027-01-31T00:00:00"}}
    cado, _, _ = client({"GET /api/v3/license": ok(told)})
    assert cado.readiness.license() == License("TRIAGE_ONLY", date(2027, 1, 31))


def test_settings() -> None:
    told = {
        "worker": {"local": False, "max": 10, "instance": "i3.4xlarge", "shutdown_wait": 300},
        "enable": {"custom_yara": False, "default_yara": True, "custom_iocs": True},
        "features": [{"name": "new_thing", "enabled": True, "stage": "beta"}, {"name": "half"}, 7],
        "tag": {"key": "Name", "value": "CadoResponse"},
        "bucket": "cado-bucket",
    }
    cado, _, _ = client({"GET /api/v3/settings": ok(told)})
    assert cado.readiness.settings() == PlatformSettings(
        local_workers=False,
        most_workers=10,
        worker_type="i3.4xlarge",
        idle_wait=300,
        custom_yara=False,
        default_yara=True,
        custom_iocs=True,
        features={"new_thing": True},
        tag=("Name", "CadoResponse"),
        bucket="cado-bucket",
    )


def test_facts() -> None:
    about = {"cloud": "AWS", "account_id": "1", "supports_aws": True, "supports_azure": None, "saas": False}
    told = {"deployment_details": about, "warnings": [{"message": "Disk is nearly full", "code": "x"}]}
    cado, _, _ = client({"GET /api/v3/platform": ok(told)})
    assert cado.readiness.facts() == PlatformFacts(
        "aws",
        "1",
        supports_aws=True,
        supports_azure=None,
        local_workers=None,
        saas=False,
        warnings=("Disk is nearly full",),
    )


def test_workers() -> None:
    told = [{"id": "i-0abc", "status": "active", "instance_type": "m5", "launch_time": 1.8e12}, {"id": None}]
    cado, _, _ = client({"GET /api/v3/workers": ok(told, pages=1)})
    launched = datetime.fromtimestamp(1.8e9, UTC)
    assert list(cado.readiness.workers()) == [Worker("i-0abc", "active", "m5", launched, None, None)]


def test_accounts_that_fail_their_check_and_one_with_its_issues() -> None:
    row = {"account_name": "prod/1", "type": "aws", "public_identifier": "arn:aws:iam::1:role/x"}
    issue = {"service": "ec2", "issue": "CreateSnapshot denied", "issue_type": "permission"}
    cado, platform, _ = client(
        {
            "GET /api/v3/accounts": ok([row], pages=1),
            "GET /api/v3/accounts/prod%2F1": ok(row | {"account_issues": [issue]}),
        }
    )
    account = AccountChecked("prod/1", "aws", "arn:aws:iam::1:role/x")
    assert list(cado.readiness.accounts(failing=True)) == [account]
    assert platform.calls[-1][2] == {"account_check_result": "failure", "page": 1, "per_page": 100}
    assert cado.readiness.account("prod/1") == AccountChecked(
        "prod/1",
        "aws",
        "arn:aws:iam::1:role/x",
        (AccountIssue("ec2", "CreateSnapshot denied", "permission"),),
    )


@pytest.mark.parametrize("odd", [{}, [], None, "text", {"license": [], "worker": 7, "enable": "on"}])
def test_an_odd_answer_is_not_known(odd: Any) -> None:
    cado, _, _ = client(
        {f"GET /api/v3/{path}": ok(odd) for path in ("license", "settings", "platform", "accounts/x")}
    )
    about = cado.readiness
    assert about.license() == License("", None)
    assert (about.settings().most_workers, about.settings().features) == (None, {})
    assert about.facts().supports_aws is None
    assert about.account("x") is None


def test_an_answer_of_another_product() -> None:
    cado, _, _ = client({"GET /api/v3/license": (200, {"hello": 1})})
    with pytest.raises(Unavailable):
        cado.readiness.license()


def test_v2_says_nothing() -> None:
    cado, _, _ = client({}, api_version="v2")
    with pytest.raises(NotFound, match="API v2"):
        cado.readiness.license()
