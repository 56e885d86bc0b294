"""The request for a capture of each kind of system and mode, and what is refused before it is sent."""

from __future__ import annotations

from typing import Any

import pytest

from shared.models.systems import Instance, Kind, System
from shared.platform.errors import NotFound, Refused, Unavailable
from shared.platform.imports import CaptureOptions, Export
from tests.shared.platform.replies import client, ok, reply, update

POD = {"cluster": "c", "namespace": "shop", "pod": "web-1", "container": "app"}
POD_SENT = {
    "cluster_name": "c", "pod_namespace": "shop", "pod_name": "web-1", "container_name": "app",
    "host_options": {}, "investigation_id": 12,
}  # fmt: skip
AZURE = System.of(Kind.AZURE_VM, account="az", subscription="0F8F", group="RG-Web", vm="Web-1")
GOOGLE = System.of(Kind.GCE, account="g", region="europe-west1-b", project="shop", vm="db")
ECS = System.of(Kind.ECS, account="prod", region="us-east-1", cluster="c", task="t/1", container="app")
EKS = System.of(Kind.EKS, account="prod", region="us-east-1", **POD)
AKS = System.of(Kind.AKS, account="az", subscription="0f8f", group="rg", **POD)
GKE = System.of(Kind.GKE, account="g", region="europe-west1", project="shop", **POD)
FUNCTION = System.of(Kind.LAMBDA, region="us-east-1", function="billing")

AZURE_SENT = {
    "account_name": "a", "investigation_id": 12, "subscription_id": "0f8f", "resource_group": "rg-web",
    "vm_name": "web-1",
}  # fmt: skip
GOOGLE_SENT = {
    "account_name": "a", "investigation_id": 12, "instance_project": "shop", "zone": "europe-west1-b",
    "instance_name": "db", "gcs_project": "forensics", "gcs_bucket": "exports",
}  # fmt: skip
EXPORT = CaptureOptions(export=Export("forensics", "exports"))
LIGHT = CaptureOptions(host_options={"light_mode": True})

CASES: list[tuple[System, str, str, CaptureOptions | None, dict[str, Any]]] = [
    (AZURE, "azure/virtual-machine", "full", LIGHT, AZURE_SENT | {"acquire_with_host": False}),
    (
        AZURE,
        "azure/virtual-machine",
        "triage",
        LIGHT,
        AZURE_SENT | {"acquire_with_host": True, "host_options": {"light_mode": True}},
    ),
    (
        AZURE,
        "azure/virtual-machine",
        "scan",
        CaptureOptions(acquisition_resource_group="forensics"),
        AZURE_SENT | {"acquire_with_host": False, "scan": True, "acquisition_resource_group": "forensics"},
    ),
    (GOOGLE, "gcp/gce", "full", EXPORT, GOOGLE_SENT),
    (GOOGLE, "gcp/gce", "scan", EXPORT, GOOGLE_SENT | {"fast_scan": True}),
    (
        GOOGLE,
        "gcp/gce",
        "full",
        CaptureOptions(export=Export("forensics", "exports", "sub", acquisition_service_account=True)),
        GOOGLE_SENT | {"use_acquisition_service_account": True, "subnet": "sub"},
    ),
    (
        ECS,
        "aws/ecs",
        "triage",
        CaptureOptions(file_name="hb-0123456789abcdef", skip_processing=True),
        {
            "account_name": "a", "investigation_id": 12, "region": "us-east-1", "cluster_name": "c",
            "task_name": "t/1", "container_name": "app", "host_options": {},
            "file_name": "hb-0123456789abcdef",
        },
    ),
    (
        EKS,
        "aws/eks",
        "triage",
        LIGHT,
        POD_SENT | {"account_name": "a", "cluster_region": "us-east-1", "host_options": {"light_mode": True}},
    ),
    (
        AKS,
        "azure/aks",
        "triage",
        None,
        POD_SENT | {"account_name": "a", "subscription_id": "0f8f", "resource_group": "rg"},
    ),
    (
        GKE,
        "gcp/gke",
        "triage",
        None,
        POD_SENT | {"account_name": "a", "gcp_project_id": "shop", "cluster_zone": "europe-west1"},
    ),
    (
        FUNCTION,
        "aws/lambda",
        "full",
        LIGHT,
        {"cloud_id": "a", "project_id": 12, "region": "us-east-1", "function": "billing"},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("system", "path", "mode", "options", "sent"), CASES)
def test_each_request(
    system: System, path: str, mode: str, options: CaptureOptions | None, sent: dict[str, Any]
) -> None:
    cado, platform, _ = client({f"POST /api/v3/import/{path}": ok({"pipeline_ids": [{"id": 7}, {"id": 8}]})})
    assert cado.capture(12, system, "a", mode, options=options) == (7, 8)
    posts = [call for call in platform.calls if call[0] == "POST"]
    assert posts == [("POST", f"/api/v3/import/{path}", None, sent)]


def test_an_azure_machine_is_named_as_the_platform_wrote_it() -> None:
    path = "POST /api/v3/import/azure/virtual-machine"
    cado, platform, _ = client({path: ok({"pipeline_id": 7})})
    for name, sent in [("Web-1", "Web-1"), ("another", "web-1")]:
        facts = Instance(AZURE.instance, "westeurope", name=name)
        assert cado.capture(12, AZURE, "", "full", facts=facts) == (7,)
        body = platform.calls[-1][3]
        assert body is not None
        assert (body["vm_name"], body["account_name"]) == (sent, "Default")


def test_an_ec2_instance_goes_its_own_way() -> None:
    cado, platform, _ = client({"POST /api/v3/import/aws/ec2": ok({"pipeline_ids": [{"id": 7}]})})
    options = CaptureOptions(skip_processing=True, host_options={"light_mode": True}, file_name="hb-0")
    assert cado.capture(12, System("i-0abc", "us-east-1"), "prod", "triage", options=options) == (7,)
    assert platform.calls[0][3] == {
        "instance_id": "i-0abc", "region": "us-east-1", "project_id": 12, "cloud_id": "prod",
        "acquire_with_host": True, "skip_processing": True, "host_options": {"light_mode": True},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("system", "mode", "text"),
    [
        (GOOGLE, "triage", "no capture: triage of a Google machine"),
        (EKS, "full", "no capture: full of a container on EKS"),
        (FUNCTION, "scan", "no capture: scan of a function"),
        (GOOGLE, "full", "write export:"),
        (System("gce:only-one", "z", "g"), "full", "names no system"),
    ],
)
def test_what_is_refused_before_it_is_sent(system: System, mode: str, text: str) -> None:
    cado, platform, _ = client({})
    with pytest.raises(Refused, match=text):
        cado.capture(12, system, "a", mode)
    assert platform.calls == []


def test_a_subnet_needs_a_newer_platform() -> None:
    cado, platform, _ = client({"GET /api/v3/platform/update": update("2.316.0")})
    with pytest.raises(Refused, match=r"platform is 2\.316\.0; export\.subnet needs 2\.317"):
        cado.capture(12, GOOGLE, "a", "full", options=CaptureOptions(export=Export("p", "b", "subnet")))
    assert not [call for call in platform.calls if call[0] == "POST"]


def test_a_platform_that_is_too_old() -> None:
    cado, _, _ = client({"GET /api/v3/platform/update": update("2.260.0")})
    with pytest.raises(Refused, match=r"platform is 2\.260\.0; capturing Azure machines needs 2\.271"):
        cado.capture(12, AZURE, "a", "full")
    with pytest.raises(NotFound, match="does not know container app in pod web-1 of shop"):
        cado.capture(12, AKS, "a", "triage")


@pytest.mark.parametrize(
    "answer",
    [(500, {}), reply(200, b"<html>", {"Content-Type": "text/html"}), ok({}), ok({"pipeline_ids": []})],
)
def test_an_answer_that_leaves_open_whether_it_was_started(answer: Any) -> None:
    cado, platform, _ = client({"POST /api/v3/import/aws/eks": answer})
    with pytest.raises(Unavailable) as error:
        cado.capture(12, EKS, "a", "triage")
    assert error.value.ambiguous
    assert len(platform.calls) == 1


def test_v2_captures_ec2_alone() -> None:
    cado, _, _ = client({}, api_version="v2")
    with pytest.raises(Refused, match="EC2 instances only"):
        cado.capture(12, AZURE, "a", "full")
