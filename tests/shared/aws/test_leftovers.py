"""What carries the platform's marks, as EC2 and KMS list it: which calls are made, and what is read."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from shared.aws.leftovers import AwsMarks
from shared.models.inventory import InstanceError
from shared.models.leftovers import Marked, Sort
from shared.secrets import Secrets

REGION = "eu-west-1"
MADE = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
TAGS = [{"Key": "Owner", "Value": "x"}, {"Key": "Name", "Value": "CadoResponse-Snapshot-7"}]
BY_NAME = {"Name": "tag:Name", "Values": ["CadoResponse*"]}
SNAPSHOTS = {"OwnerIds": ["self"], "Filters": [BY_NAME], "MaxResults": 1_000}


@pytest.fixture
def marks() -> AwsMarks:
    return AwsMarks(lambda _: None, Secrets({}), retries=0)


@pytest.fixture
def stub(marks, monkeypatch, request):
    api = boto3.client(getattr(request, "param", "ec2"), region_name=REGION)
    monkeypatch.setattr(marks, "_client", lambda *_: api)
    with Stubber(api) as stub:
        yield stub
        stub.assert_no_pending_responses()


def snapshot(id: str, **more: Any) -> dict[str, Any]:
    return {"SnapshotId": id, "VolumeId": "vol-1", "VolumeSize": 30, "StartTime": MADE, "State": "completed",
            "Tags": TAGS, **more}  # fmt: skip


def test_snapshots_page_after_page(marks, stub):
    full = snapshot("snap-1", FullSnapshotSizeInBytes=12 * 2**30)
    stub.add_response("describe_snapshots", {"Snapshots": [full], "NextToken": "2"}, SNAPSHOTS)
    second = {"Snapshots": [snapshot("snap-2", State="pending")]}
    stub.add_response("describe_snapshots", second, SNAPSHOTS | {"NextToken": "2"})
    name = "CadoResponse-Snapshot-7"
    assert marks.snapshots("prod", REGION) == [
        Marked(Sort.SNAPSHOT, "snap-1", "prod", REGION, MADE, name, "completed", 12.0, "vol-1"),
        Marked(Sort.SNAPSHOT, "snap-2", "prod", REGION, MADE, name, "pending", 30.0, "vol-1"),
    ]


def test_volumes_that_are_attached_to_nothing(marks, stub):
    available = {"Name": "status", "Values": ["available"]}
    volume = {"VolumeId": "vol-2", "Size": 8, "CreateTime": MADE, "State": "available", "Tags": TAGS}
    asked = {"Filters": [BY_NAME, available], "MaxResults": 1_000}
    stub.add_response("describe_volumes", {"Volumes": [volume]}, asked)
    (found,) = marks.volumes("", REGION)
    assert (found.sort, found.id, found.gib, found.made_at) == (Sort.VOLUME, "vol-2", 8.0, MADE)


@pytest.mark.parametrize("stub", ["kms"], indirect=True)
def test_keys_by_their_alias(marks, stub):
    def alias(name: str, key: str | None = "k-1") -> dict[str, Any]:
        return {"AliasName": name, "CreationDate": MADE} | ({"TargetKeyId": key} if key else {})

    first = [alias("alias/aws/ebs", None), alias("alias/CadoResponse-KMS-Alias-7", "k-7")]
    stub.add_response(
        "list_aliases", {"Aliases": first, "Truncated": True, "NextMarker": "m"}, {"Limit": 100}
    )
    second = [alias("alias/own"), alias("alias/CadoResponse-KMS-Alias-8", "k-8")]
    answer = {"Aliases": second, "Truncated": False}
    stub.add_response("list_aliases", answer, {"Limit": 100, "Marker": "m"})
    assert [(key.id, key.name) for key in marks.keys("prod", REGION)] == [
        ("k-7", "alias/CadoResponse-KMS-Alias-7"),
        ("k-8", "alias/CadoResponse-KMS-Alias-8"),
    ]


@pytest.mark.parametrize("stub", ["kms"], indirect=True)
def test_a_refusal_names_the_right_that_is_missing(marks, stub):
    stub.add_client_error("list_aliases", "AccessDeniedException")
    with pytest.raises(InstanceError, match="access denied by KMS: the role needs kms:ListAliases"):
        marks.keys("prod", REGION)
