"""EC2 facts, asked of moto's server: two regions, two accounts, and what is refused."""

from __future__ import annotations

import socket
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import boto3
import pytest
from botocore.stub import Stubber

from shared.aws import ec2
from shared.aws.ec2 import Ec2
from shared.config.accounts import AccountConfig
from shared.models.inventory import InstanceError
from shared.models.systems import Instance
from shared.secrets import SecretRef, Secrets

OWN, PROD = "123456789012", "111122223333"
ROLE = f"arn:aws:iam::{PROD}:role/huntbridge-read"
ACCOUNTS = {
    "prod": AccountConfig(id=PROD, role=ROLE, external_id=SecretRef("env:EXTERNAL_ID")),
    "lost": AccountConfig(role=ROLE, external_id=SecretRef("env:NOT_SET")),
    "own": AccountConfig(id=OWN),
}
INSTANCE = "i-0431da0e46c5b9882"
IMAGE = "ami-12c6146b"  # one of moto's own: Windows


@pytest.fixture(scope="module")
def machines(endpoint) -> dict[str, Instance]:
    keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
    sts = client(endpoint, "sts", "us-east-1", **keys)
    granted = sts.assume_role(RoleArn=ROLE, RoleSessionName="setup")["Credentials"]
    their_keys = {
        "aws_access_key_id": granted["AccessKeyId"],
        "aws_secret_access_key": granted["SecretAccessKey"],
        "aws_session_token": granted["SessionToken"],
    }
    return {
        "here": start(endpoint, "us-east-1", "web-1", OWN, keys),
        "there": start(endpoint, "eu-west-1", "web-2", OWN, keys),
        "theirs": start(endpoint, "eu-west-1", "db-1", PROD, their_keys),
    }


def facts(endpoint: str | None, **options) -> Ec2:
    secrets = Secrets({"EXTERNAL_ID": "an-external-id"})
    return Ec2(ACCOUNTS.get, secrets, endpoint_url=endpoint, retries=0, **options)


def client(endpoint: str, service: str, region: str, **credentials):
    return boto3.client(service, region_name=region, endpoint_url=endpoint, **credentials)


def start(endpoint: str, region: str, name: str, owner: str, keys: dict[str, str]) -> Instance:
    """Run an instance and return what is to be found out about it."""
    api = client(endpoint, "ec2", region, **keys)
    iam = client(endpoint, "iam", region, **keys)
    vpc = api.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = api.create_subnet(VpcId=vpc, CidrBlock="10.0.1.0/24")["Subnet"]["SubnetId"]
    group = api.create_security_group(GroupName=f"{name}-sg", Description="d", VpcId=vpc)["GroupId"]
    iam.create_instance_profile(InstanceProfileName=f"{name}-profile")
    made = api.run_instances(
        ImageId=IMAGE,
        InstanceType="t3.large",
        MinCount=1,
        MaxCount=1,
        SubnetId=subnet,
        SecurityGroupIds=[group],
        IamInstanceProfile={"Name": f"{name}-profile"},
        Placement={"AvailabilityZone": f"{region}a"},
        TagSpecifications=[
            {
                "ResourceType": "instance",
                "Tags": [{"Key": "Name", "Value": name}, {"Key": "Env", "Value": "prod"}],
            }
        ],
    )["Instances"][0]
    return Instance(
        id=made["InstanceId"],
        region=region,
        name=name,
        type="t3.large",
        state="running",
        zone=made["Placement"]["AvailabilityZone"],
        account_id=owner,
        private_ip=made["PrivateIpAddress"],
        public_ip=made.get("PublicIpAddress", ""),
        vpc=vpc,
        subnet=subnet,
        security_groups=(f"{name}-sg ({group})",),
        iam_profile=f"{name}-profile",
        image=IMAGE,
        platform="Windows",
        launched_at=made["LaunchTime"].astimezone(UTC),
        tags={"Name": name, "Env": "prod"},
        root_device="ebs",
    )


def test_an_instance_of_each_region_and_account(endpoint, machines):
    here, there, theirs = machines["here"], machines["there"], machines["theirs"]
    source = facts(endpoint)
    assert source.describe(here.id, "us-east-1") == here
    assert source.describe(there.id, "eu-west-1", "own") == there
    assert source.describe(theirs.id, "eu-west-1", "prod") == theirs


def test_the_wrong_region_and_the_wrong_account(endpoint, machines):
    here = machines["here"]
    for region, account in (("eu-west-1", ""), ("us-east-1", "prod")):
        with pytest.raises(InstanceError) as refused:
            facts(endpoint).describe(here.id, region, account)
        assert str(refused.value) == (
            f"EC2 in {region} says that {here.id} does not exist (terminated long ago, or in another account)"
        )


def test_a_role_is_assumed_once_and_again_five_minutes_before_its_end(endpoint, machines, monkeypatch):
    asked = []
    assume = Ec2._assume

    def counting(self, account, config, region):
        granted = assume(self, account, config, region)
        asked.append(granted["Expiration"])
        return granted

    monkeypatch.setattr(Ec2, "_assume", counting)
    theirs = machines["theirs"]
    clock = [datetime.now(UTC)]
    source = facts(endpoint, now=lambda: clock[0])
    for _ in range(3):
        source.describe(theirs.id, "eu-west-1", "prod")
    assert len(asked) == 1
    clock[0] = asked[0] - timedelta(minutes=5, seconds=1)
    source.describe(theirs.id, "eu-west-1", "prod")
    assert len(asked) == 1
    clock[0] = asked[0] - timedelta(minutes=5)
    source.describe(theirs.id, "eu-west-1", "prod")
    assert len(asked) == 2


def test_the_role_is_asked_for_by_name_with_its_external_id(endpoint, monkeypatch):
    source = facts(endpoint)
    sts = client(endpoint, "sts", "cn-north-1")
    answer = {
        "Credentials": {
            "AccessKeyId": "A" * 16,
            "SecretAccessKey": "s",
            "SessionToken": "t",
            "Expiration": datetime.now(UTC) + timedelta(hours=1),
        }
    }
    made = []

    def of(service, region):
        made.append((service, region))
        return sts

    monkeypatch.setattr(source._clients, "get", of)
    with Stubber(sts) as stub:
        stub.add_response(
            "assume_role",
            answer,
            {"RoleArn": ROLE, "RoleSessionName": "huntbridge", "ExternalId": "an-external-id"},
        )
        source._client("prod", "cn-north-1")
    assert made == [("sts", "cn-north-1"), ("ec2", "cn-north-1")]


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("UnauthorizedOperation", "access denied by EC2 in us-east-1: the role needs ec2:DescribeInstances"),
        ("AuthFailure", "EC2 in us-east-1 does not accept the AWS credentials (AuthFailure)"),
        ("RequestLimitExceeded", "EC2 in us-east-1 is throttling requests"),
        ("InvalidInstanceID.Malformed", f"{INSTANCE} is not an instance id"),
        ("SomethingNew", "EC2 in us-east-1 refused (SomethingNew)"),
    ],
)
def test_what_ec2_refuses_in_words(code, said):
    source = facts("http://127.0.0.1:9")
    with Stubber(source._client("", "us-east-1")) as stub:
        stub.add_client_error("describe_instances", code)
        with pytest.raises(InstanceError) as refused:
            source.describe(INSTANCE, "us-east-1")
    assert str(refused.value) == said


def test_a_role_that_may_not_be_assumed(monkeypatch):
    source = facts(None)
    sts = boto3.client("sts", region_name="us-east-1")
    monkeypatch.setattr(source._clients, "get", lambda *_: sts)
    with Stubber(sts) as stub:
        stub.add_client_error("assume_role", "AccessDenied")
        with pytest.raises(InstanceError) as refused:
            source.describe(INSTANCE, "us-east-1", "prod")
    assert str(refused.value) == (
        f"AWS does not let this machine assume the role {ROLE}: "
        "its trust policy or the external id does not fit"
    )


@pytest.mark.parametrize(
    ("account", "region", "said"),
    [
        ("other", "us-east-1", "the account other is not in the configuration"),
        (
            "lost",
            "us-east-1",
            "the external id of the account lost: env:NOT_SET: the environment variable NOT_SET is not set",
        ),
        ("", "not a region", "EC2 in not a region cannot be reached (InvalidRegionError)"),
        ("", "us-east-1", "EC2 in us-east-1 cannot be reached (EndpointConnectionError)"),
    ],
)
def test_what_cannot_be_asked(account, region, said):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound and not listening: every connection is refused
        with pytest.raises(InstanceError) as refused:
            facts(f"http://127.0.0.1:{closed.getsockname()[1]}").describe(INSTANCE, region, account)
    assert str(refused.value) == said


def test_an_endpoint_that_hangs():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        source = facts(f"http://127.0.0.1:{silent.getsockname()[1]}", read_timeout=0.1)
        with pytest.raises(InstanceError) as refused:
            source.describe(INSTANCE, "us-east-1")
    assert str(refused.value) == "EC2 in us-east-1 did not answer within 0.1 s"


def test_a_machine_without_credentials_does_not_look_for_them_with_every_alarm(monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    looked, clock = [], [datetime.now(UTC)]
    get = boto3.Session.get_credentials

    def look(session):
        looked.append(1)
        return get(session)

    monkeypatch.setattr(boto3.Session, "get_credentials", look)
    source = facts(None, now=lambda: clock[0])
    for later, looks in ((0, 1), (30, 1), (31, 2)):
        clock[0] += timedelta(seconds=later)
        with pytest.raises(InstanceError, match=r"^no AWS credentials on this machine$"):
            source.describe(INSTANCE, "us-east-1")
        assert len(looked) == looks


def test_many_threads_share_one_client(endpoint, machines):
    here, source, described = machines["here"], facts(endpoint), []
    threads = [
        threading.Thread(target=lambda: described.append(source.describe(here.id, "us-east-1")))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert described == [here] * 8


def test_a_windows_instance_without_anything_set():
    assert ec2.instance_of({"InstanceId": INSTANCE, "Platform": "windows"}, "us-east-1", OWN) == replace(
        Instance(INSTANCE, "us-east-1"), account_id=OWN, platform="Windows"
    )
