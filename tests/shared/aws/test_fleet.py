"""What there is in AWS, asked of moto's server: page after page, and what is refused in words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from shared.aws import fleet as module
from shared.aws.fleet import AwsFleet
from shared.config.accounts import AccountConfig
from shared.models.inventory import InstanceError
from shared.secrets import Secrets

REGION = "sa-east-1"  # of which no other test here knows
MEMBER = AccountConfig(role="arn:aws-us-gov:iam::111122223333:role/huntbridge-read")


@pytest.fixture
def fleet(endpoint: str) -> AwsFleet:
    return AwsFleet({"member": MEMBER}.get, Secrets({}), endpoint_url=endpoint, retries=0)


def client(endpoint: str, service: str, region: str = REGION) -> Any:
    return boto3.client(service, region_name=region, endpoint_url=endpoint)


@pytest.fixture(scope="module")
def machines(endpoint: str) -> list[str]:
    api = client(endpoint, "ec2")
    made = api.run_instances(ImageId="ami-12c6146b", MinCount=12, MaxCount=12, InstanceType="t3.micro")
    ids = [instance["InstanceId"] for instance in made["Instances"]]
    api.create_tags(Resources=ids[:3], Tags=[{"Key": "Tier", "Value": "gold"}, {"Key": "Env", "Value": "a"}])
    api.create_tags(Resources=ids[3:5], Tags=[{"Key": "Tier", "Value": "silver"}])
    api.stop_instances(InstanceIds=ids[:1])
    api.terminate_instances(InstanceIds=ids[-1:])
    return ids


def test_instances_page_after_page(fleet, machines, monkeypatch):
    monkeypatch.setattr(module, "_PAGE", 5)
    monkeypatch.setattr(module, "_FILTER_VALUES", 2)
    instances = {instance.id: instance for instance in fleet.instances("", REGION)}
    assert sorted(instances) == sorted(machines)
    assert [instances[machines[n]].state for n in (0, 1, 11)] == ["stopped", "running", "terminated"]
    assert instances[machines[0]].tags == {"Tier": "gold", "Env": "a"}

    def ids(**question: Any) -> list[str]:
        return sorted(instance.id for instance in fleet.instances("", REGION, **question))

    assert ids(only=[*machines[:5], "i-0123456789abcdef0"]) == sorted(machines[:5])
    assert ids(tags={"Tier": ["gold"]}) == sorted(machines[:3])
    assert ids(tags={"Tier": ["*"], "Env": ["a", "b"]}) == sorted(machines[:3])
    assert ids(tags={"Tier": ["s?lver", "bronze"]}) == sorted(machines[3:5])
    assert ids(tags={"Tier": ["*"]}, only=machines[2:4]) == sorted(machines[2:4])


def test_volumes(fleet, machines):
    assert fleet.volumes("", REGION, machines[:2]) == {instance: [8] for instance in machines[:2]}


def test_regions(fleet):
    assert {"eu-west-1", "us-east-1"} <= set(fleet.regions(""))


def test_regions_of_another_partition_are_asked_there(fleet, monkeypatch):
    asked = []

    def stop(account: str, region: str, service: str) -> None:
        asked.append((account, region, service))
        raise InstanceError("that is all")

    monkeypatch.setattr(fleet, "_client", stop)
    with pytest.raises(InstanceError):
        fleet.regions("member")
    assert asked == [("member", "us-gov-west-1", "ec2")]


def test_auto_scaling_groups(endpoint, fleet, machines):
    api, ec2 = client(endpoint, "autoscaling"), client(endpoint, "ec2")
    api.create_launch_configuration(
        LaunchConfigurationName="lc", ImageId="ami-12c6146b", InstanceType="t3.micro"
    )
    subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    for name, size in (("web", 2), ("empty", 0)):
        api.create_auto_scaling_group(
            AutoScalingGroupName=name, LaunchConfigurationName="lc", MinSize=size, MaxSize=size,
            VPCZoneIdentifier=subnet,
        )  # fmt: skip
    group_of = fleet.groups("", REGION)
    assert list(group_of.values()) == ["web", "web"]
    assert not set(group_of) & set(machines)


def test_the_accounts_in_and_below_a_unit(endpoint, fleet):
    api = client(endpoint, "organizations", "us-east-1")
    api.create_organization(FeatureSet="ALL")
    root = api.list_roots()["Roots"][0]["Id"]
    unit = api.create_organizational_unit(ParentId=root, Name="prod")["OrganizationalUnit"]["Id"]
    below = api.create_organizational_unit(ParentId=unit, Name="eu")["OrganizationalUnit"]["Id"]
    made = []
    for number, parent in enumerate((root, unit, below, below)):
        status = api.create_account(Email=f"a{number}@example.com", AccountName=f"a{number}")
        id = status["CreateAccountStatus"]["AccountId"]
        api.move_account(AccountId=id, SourceParentId=root, DestinationParentId=parent)
        made.append(id)
    api.close_account(AccountId=made[3])
    assert sorted(fleet.members(unit)) == sorted(made[1:3])
    with pytest.raises(InstanceError) as refused:
        fleet.members("ou-ab12-34cd56ef")
    assert str(refused.value) == "Organizations refused (ParentNotFoundException)"


@pytest.mark.parametrize(
    ("service", "operation", "ask", "said"),
    [
        ("ec2", "describe_instances", lambda f: f.instances("", REGION),
         "access denied by EC2: the role needs ec2:DescribeInstances"),
        ("autoscaling", "describe_auto_scaling_groups", lambda f: f.groups("", REGION),
         "access denied by Auto Scaling: the role needs autoscaling:DescribeAutoScalingGroups"),
        ("organizations", "list_accounts_for_parent", lambda f: f.members("r-ab12"),
         "access denied by Organizations: the role needs organizations:ListAccountsForParent"),
    ],
)  # fmt: skip
def test_what_is_refused_in_words(fleet, monkeypatch, service, operation, ask, said):
    api = boto3.client(service, region_name=REGION)
    monkeypatch.setattr(fleet, "_client", lambda *_: api)
    with Stubber(api) as stub:
        stub.add_client_error(operation, "AccessDeniedException")
        with pytest.raises(InstanceError) as refused:
            ask(fleet)
    assert str(refused.value) == said


class Answers:
    """A client of AWS that gives one answer to everything."""

    def __init__(self, answer: Any) -> None:
        self._answer = answer

    def __getattr__(self, operation: str) -> Any:
        return lambda **_: self._answer


@pytest.mark.parametrize(
    ("field", "state", "active"),
    [("State", "ACTIVE", True), ("State", "SUSPENDED", False), ("State", "PENDING_CLOSURE", False),
     ("Status", "ACTIVE", True), ("Status", "SUSPENDED", False)],
)  # fmt: skip
def test_an_active_account_before_and_after_status_was_retired(fleet, monkeypatch, field, state, active):
    answer = {"Accounts": [{"Id": "111122223333", field: state}], "OrganizationalUnits": []}
    monkeypatch.setattr(fleet, "_client", lambda *_: Answers(answer))
    assert fleet.members("ou-ab12-34cd56ef") == (["111122223333"] if active else [])


@pytest.mark.parametrize(
    "answer",
    [
        None,
        "text",
        [],
        {"Accounts": [{"Id": "1"}], "OrganizationalUnits": None, "Regions": [{}], "Reservations": [None],
         "AutoScalingGroups": [{"Instances": [{}]}], "Volumes": [{"Size": "1"}]},
        {"Accounts": None, "Regions": 5, "Reservations": [{"Instances": [{"Tags": [None]}]}],
         "AutoScalingGroups": {"a": 1}, "Volumes": [{"Attachments": [{"InstanceId": "i"}], "Size": "big"}]},
    ],
)  # fmt: skip
def test_an_answer_of_an_unknown_shape_is_said_in_words(fleet, monkeypatch, answer):
    monkeypatch.setattr(fleet, "_client", lambda *_: Answers(answer))
    for ask in (
        lambda: fleet.members("ou-ab12-34cd56ef"),
        lambda: fleet.regions(""),
        lambda: fleet.instances("", REGION),
        lambda: fleet.groups("", REGION),
        lambda: fleet.volumes("", REGION, ["i-0123456789abcdef0"]),
    ):
        with pytest.raises(InstanceError, match="in a form that this version of huntbridge does not know"):
            ask()


@pytest.mark.parametrize("answer", [None, {}, {"Credentials": None}, {"Credentials": {"AccessKeyId": "a"}}])
def test_a_role_of_which_sts_tells_nothing_usable(endpoint, monkeypatch, answer):
    fleet = AwsFleet({"member": MEMBER}.get, Secrets({}), endpoint_url=endpoint, retries=0)
    monkeypatch.setattr(fleet._clients, "get", lambda *_: Answers(answer))
    with pytest.raises(InstanceError, match="STS answered in a form"):
        fleet.instances("member", REGION)


def test_all_accounts_share_the_client_of_a_service_and_region_and_sign_for_themselves(endpoint, monkeypatch):
    role = "arn:aws:iam::111122223333:role/read"
    roles = {name: AccountConfig(role=role) for name in ("one", "two")}
    fleet = AwsFleet(roles.get, Secrets({}), endpoint_url=endpoint, retries=0)
    ends = datetime.now(UTC) + timedelta(hours=1)
    asked = []

    def assume(account, *_):
        asked.append(account)
        return {"AccessKeyId": account, "SecretAccessKey": "s", "SessionToken": "t", "Expiration": ends}

    monkeypatch.setattr(fleet, "_assume", assume)
    signed = []
    own = fleet._client("", REGION)
    own.meta.events.register("before-send", lambda request, **_: signed.append(signer(request)))
    for account in ("one", "two", "", "one"):
        fleet._client(account, REGION).describe_regions()
    assert signed == ["one", "two", "testing", "one"]
    assert asked == ["one", "two"]
    assert fleet._client("one", REGION, "autoscaling").meta.service_model.service_name == "autoscaling"


def signer(request):
    """The access key that signed a request."""
    return request.headers["Authorization"].decode().partition("Credential=")[2].partition("/")[0]
