"""What `huntbridge check` says of AWS: credentials, rights that are missing, systems that do not exist."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from scheduler import check_aws
from shared.hosting import runtime
from shared.hosting.configuration import load
from shared.models.inventory import InstanceError
from shared.models.systems import Instance

WEB = "i-0123456789abcdef0"
OLD = "i-0fedcba9876543210"
NAMED = f"{{instance: {WEB}, region: us-east-1}}"
CONFIG = """\
platform: {{url: https://cado.example, api_key: env:API_KEY}}
accounts: {{prod: {{id: '111122223333', role: 'arn:aws:iam::111122223333:role/read'}}}}
organization: {{role: 'arn:aws:iam::{{account_id}}:role/read'}}
hunts: {{weekly: {{targets: [{targets}]}}}}
"""


@dataclass
class Fleet:
    there: dict[str, str] = field(default_factory=dict)  # id and state
    refused: tuple[str, ...] = ()  # actions
    asked: list[tuple[str, ...]] = field(default_factory=list)

    def _ask(self, action: str, *place: str) -> None:
        self.asked.append((action, *place))
        if action in self.refused:
            raise InstanceError(f"access denied by EC2: the role needs {action}")
        if "credentials" in self.refused:
            raise InstanceError("no AWS credentials on this machine")

    def members(self, unit, account=""):
        self._ask("organizations:ListAccountsForParent", account, unit)
        return ["444455556666"]

    def regions(self, account):
        self._ask("ec2:DescribeRegions", account)
        return ["eu-west-1", "us-east-1"]

    def instances(self, account, region, *, only=(), tags=None):
        self._ask("ec2:DescribeInstances", account, region)
        assert only, "all of a region are many"
        return [Instance(id, region, state=state) for id, state in self.there.items() if id in only]

    def groups(self, account, region):
        self._ask("autoscaling:DescribeAutoScalingGroups", account, region)
        return {}

    def volumes(self, account, region, only):
        self._ask("ec2:DescribeVolumes", account, region)
        return {}


@pytest.fixture
def told(tmp_path, monkeypatch):
    def told(fleet, *targets, text=CONFIG):
        path = tmp_path / "huntbridge.yaml"
        path.write_text(text.format(targets=", ".join(targets)))
        made = runtime.reading(load(str(path), {}), None, {})
        monkeypatch.setattr(made, "make_fleet", lambda **_: fleet)
        return [(one.mark.strip(), one.what, one.detail) for one in check_aws.findings(made)]

    return told


def test_all_is_there(told):
    fleet = Fleet({WEB: "running"})
    assert told(fleet, NAMED) == [("ok", "AWS", "EC2 answers in us-east-1")]
    assert {asked[0] for asked in fleet.asked} == {"ec2:DescribeInstances", "ec2:DescribeVolumes"}


def test_a_named_system_that_is_not_there(told):
    own = (
        "warn",
        "hunt weekly",
        f"{WEB} does not exist in us-east-1 of this machine's own account; is it in another one?",
    )
    assert own in told(Fleet(), NAMED)
    prod = f"{{instance: {WEB}, region: us-east-1, account: prod}}"
    assert ("FAIL", "hunt weekly", f"{WEB} does not exist in us-east-1 of account prod") in told(
        Fleet(), prod
    )
    gone = Fleet({WEB: "terminated"})
    assert ("FAIL", "hunt weekly", f"{WEB} in us-east-1 is terminated") in told(gone, NAMED)


def test_without_credentials(told):
    nobody = Fleet(refused=("credentials",))
    ((mark, what, detail),) = told(nobody, NAMED)
    assert (mark, what) == ("warn", "AWS")
    assert detail.startswith("no AWS credentials on this machine: no message says what EC2 knows")
    selector = "{tags: {Tier: gold}, regions: all, accounts: [prod]}"
    ((mark, what, detail),) = told(nobody, selector)
    assert (mark, detail) == (
        "FAIL",
        "no AWS credentials on this machine, and hunts look their systems up in EC2",
    )


@pytest.mark.parametrize(
    ("action", "mark", "where"),
    [
        ("ec2:DescribeInstances", "FAIL", "eu-west-1, us-east-1"),
        ("ec2:DescribeRegions", "FAIL", "all"),
        ("autoscaling:DescribeAutoScalingGroups", "FAIL", "eu-west-1, us-east-1"),
        ("ec2:DescribeVolumes", "warn", "eu-west-1, us-east-1"),
    ],
)
def test_each_right_that_is_missing_is_named_by_its_action(told, action, mark, where):
    selector = "{auto_scaling_groups: {}, regions: all, accounts: [prod]}"
    found = told(Fleet(refused=(action,)), selector)
    (refused,) = [one for one in found if "access denied" in one[2]]
    assert refused[:2] == (mark, "AWS, account prod")
    assert refused[2].startswith(f"{where}: access denied by EC2: the role needs {action}")


def test_all_rights_that_are_missing_are_named_at_once(told):
    refused = ("ec2:DescribeInstances", "autoscaling:DescribeAutoScalingGroups", "ec2:DescribeVolumes")
    found = told(Fleet(refused=refused), "{auto_scaling_groups: {}, regions: us-east-1}")
    assert all(any(action in detail for _, _, detail in found) for action in refused)


def test_accounts_of_a_unit_and_roles_that_no_hunt_uses_are_asked_too(told):
    fleet, selector = Fleet(), "{organizational_units: ou-ab12-34cd56ef, regions: us-east-1}"
    told(fleet, selector)
    assert ("ec2:DescribeInstances", "444455556666", "us-east-1") in fleet.asked
    assert ("ec2:DescribeInstances", "prod", "us-east-1") in fleet.asked
    refused = told(
        Fleet(refused=("organizations:ListAccountsForParent",)),
        "{organizational_units: ou-ab12-34cd56ef, regions: us-east-1}",
    )
    assert any(one[0] == "FAIL" and "ListAccountsForParent" in one[2] for one in refused)


def test_without_a_hunt_what_alarms_are_enriched_with_is_asked(told):
    fleet = Fleet()
    assert told(fleet, text="platform: {{url: https://cado.example, api_key: env:API_KEY}}\n") == [
        ("ok", "AWS", "EC2 answers in us-east-1")
    ]
    assert fleet.asked == [("ec2:DescribeInstances", "", "us-east-1")]
