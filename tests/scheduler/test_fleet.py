"""A fleet of three accounts and four regions in moto's server: the plan against a brute-force check over the
raw answers of EC2. HUNTBRIDGE_FLEET is the number of instances in each region: 250 with `make fleet`, and by
default so few that it is quick, in two of the regions."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from fnmatch import fnmatchcase
from io import BytesIO
from threading import Thread
from typing import Any

import boto3
import pytest
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

from scheduler.plan import prepare
from shared.aws.fleet import AwsFleet
from shared.secrets import Secrets
from tests.scheduler.staging import SUNDAY

SIZE = int(os.environ.get("HUNTBRIDGE_FLEET", "8"))
# How long the finding may take; only `make bench` sets a limit, since moto answers in this very process.
SECONDS = float(os.environ.get("HUNTBRIDGE_FLEET_SECONDS", "inf"))
# To make a region takes moto's server most of a second.
REGIONS = ("us-east-1", "eu-west-1", "eu-central-1", "ap-southeast-2")[: 4 if SIZE > 8 else 2]
OWN, PROD, TEST, LOCKED = "123456789012", "111122223333", "222233334444", "333344445555"
ACCOUNTS = {
    name: {"id": id, "role": f"arn:aws:iam::{id}:role/huntbridge-read"}
    for name, id in (("prod", PROD), ("test", TEST), ("locked", LOCKED))
}
WINDOWS = "ami-12c6146b"  # two of moto's own
LINUX = "ami-03cf127a"
# Of every eight instances one of each: tags, image, and what becomes of it.
KINDS: tuple[tuple[dict[str, str], str, str], ...] = (
    ({"Name": "web-1", "Criticality": "high"}, LINUX, "running"),
    ({"Name": "web-2", "Criticality": "high", "Hunt": "skip"}, LINUX, "running"),
    ({"Name": "db-1", "Criticality": "highest"}, LINUX, "stopped"),
    ({"Name": "db-2", "Criticality": "low"}, LINUX, "running"),
    ({}, LINUX, "running"),
    ({"Name": "old-1", "Criticality": "high"}, LINUX, "terminated"),
    ({"Name": "CadoResponse", "Criticality": "high"}, LINUX, "running"),
    ({"Name": "dc-1", "Criticality": "low"}, WINDOWS, "running"),
)
DENIED = b"""<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>
<Code>AccessDenied</Code><Message>no sts:AssumeRole</Message></Error></ErrorResponse>"""
TARGETS: tuple[dict[str, Any], ...] = (
    {"tags": {"Criticality": "high*"}, "accounts": ["prod", "locked"], "regions": list(REGIONS)},
    {"tags": {"Criticality": "high*"}, "regions": list(REGIONS)},
    {"platforms": "windows", "accounts": "test", "regions": list(REGIONS), "states": "running"},
    {"names": ["web-*", "db-?"], "accounts": "test", "regions": ["eu-west-1", "us-east-1"]},
)


class _Quiet(WSGIRequestHandler):
    def log(self, *_: Any) -> None: ...


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """moto's server, in which one role may not be assumed."""
    moto = DomainDispatcherApplication(create_backend_app)

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        if b"Action=AssumeRole" in body and LOCKED.encode() in body:
            start_response("403 Forbidden", [("Content-Type", "text/xml")])
            return [DENIED]
        return moto(environ | {"wsgi.input": BytesIO(body)}, start_response)

    none = str(tmp_path_factory.mktemp("aws") / "none")
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Quiet)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    with pytest.MonkeyPatch.context() as environ:
        for name in ("AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION"):
            environ.delenv(name, raising=False)
        for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
            environ.setenv(name, none)
        environ.setenv("AWS_EC2_METADATA_DISABLED", "true")
        environ.setenv("AWS_ACCESS_KEY_ID", "testing")
        environ.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        environ.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
        yield
    server.shutdown()
    thread.join()
    server.server_close()


def ec2(account: str, region: str) -> Any:
    keys = {}
    if account != OWN:
        granted = boto3.client("sts", region_name=region).assume_role(
            RoleArn=f"arn:aws:iam::{account}:role/setup", RoleSessionName="setup"
        )["Credentials"]
        keys = {
            "aws_access_key_id": granted["AccessKeyId"],
            "aws_secret_access_key": granted["SecretAccessKey"],
            "aws_session_token": granted["SessionToken"],
        }
    return boto3.client("ec2", region_name=region, **keys)


@pytest.fixture(scope="module")
def raw(aws: None) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """The fleet, as EC2 describes it."""
    instances_of = {}
    for account in (OWN, PROD, TEST):
        for region in REGIONS:
            api = ec2(account, region)
            for number, (tags, image, state) in enumerate(KINDS):
                count = len(range(number, SIZE, len(KINDS)))
                made = api.run_instances(
                    ImageId=image, MinCount=count, MaxCount=count, InstanceType="t3.micro",
                    TagSpecifications=[
                        {"ResourceType": "instance",
                         "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}
                    ] if tags else [],
                )  # fmt: skip
                ids = [instance["InstanceId"] for instance in made["Instances"]]
                if state == "stopped":
                    api.stop_instances(InstanceIds=ids)
                elif state == "terminated":
                    api.terminate_instances(InstanceIds=ids)
            pages = api.get_paginator("describe_instances").paginate()
            instances_of[account, region] = [
                instance
                for page in pages
                for group in page["Reservations"]
                for instance in group["Instances"]
            ]
    return instances_of


def wanted(account: str, region: str, instance: dict[str, Any]) -> bool:
    """The targets again, by hand and one instance after another."""
    tags = {tag["Key"]: tag["Value"] for tag in instance.get("Tags", ())}
    state, name = instance["State"]["Name"], tags.get("Name", "")
    if state not in ("running", "stopped") or name == "CadoResponse" or tags.get("Hunt") == "skip":
        return False
    if account in (OWN, PROD):
        return fnmatchcase(tags.get("Criticality", ""), "high*")
    windows = instance.get("Platform") == "windows" and state == "running"
    named = region in ("eu-west-1", "us-east-1") and (name.startswith("web-") or fnmatchcase(name, "db-?"))
    return windows or named


@pytest.mark.slow
def test_the_plan_is_right_to_the_last_instance(make_stage: Any, raw: Any) -> None:
    stage = make_stage(hunt={"targets": TARGETS, "exclude": [{"tags": {"Hunt": "skip"}}]})
    config = stage.runtime.config
    stage.runtime.config = type(config).model_validate(
        {**config.model_dump(exclude={"hunts": {"weekly": {"problems"}}}), "accounts": ACCOUNTS}
    )
    began = time.perf_counter()
    planned = prepare(stage.runtime, "weekly", SUNDAY)
    took = time.perf_counter() - began

    alias = {OWN: "", PROD: "prod", TEST: "test"}
    expected = {
        (alias[account], region, instance["InstanceId"])
        for (account, region), instances in raw.items()
        for instance in instances
        if wanted(account, region, instance)
    }
    systems = [capture.system for capture in planned.captures]
    assert {(s.account, s.region, s.instance) for s in systems} == expected
    assert len(systems) == len(expected) > SIZE
    *first, last = sorted(REGIONS)
    told = f"{', '.join(first)} or {last}"
    assert planned.hunt.problems == (
        f"account locked, {told}: AWS does not let this machine "
        f"assume the role {ACCOUNTS['locked']['role']}: its trust policy or the external id does not fit; "
        "no system there is hunted",
    )
    assert took <= SECONDS, f"{sum(map(len, raw.values()))} instances in {took:.1f} s"


@pytest.mark.slow
def test_all_of_it_without_a_filter(aws: None, raw: Any) -> None:
    instances = AwsFleet(lambda _: None, Secrets({})).instances("", "us-east-1")
    assert sorted(instance.id for instance in instances) == sorted(
        instance["InstanceId"] for instance in raw[OWN, "us-east-1"]
    )
