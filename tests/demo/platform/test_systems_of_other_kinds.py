"""The simulated platform's systems of other kinds than EC2: what it lists, what it refuses, what it makes."""

from __future__ import annotations

from typing import Any

import pytest

from demo.platform.simulation import Platform
from tests.demo.platform.kinds import (
    AZURE,
    BODIES,
    CLUSTER,
    EKS,
    FUNCTION,
    QUERIES,
    SUBSCRIPTION,
    SYSTEMS,
)
from tests.demo.platform.test_simulation import KEYS, ask, data, new_project
from tests.demo.platform.test_simulation import make as make_platform


def make(**options: Any) -> Platform:
    platform: Platform = make_platform(SYSTEMS, **options)
    return platform


VM = BODIES["/import/azure/virtual-machine"]
GCE = BODIES["/import/gcp/gce"]
ECS = BODIES["/import/aws/ecs"]
TASK = {"account_name": "prod", "investigation_id": 11, "cluster_name": CLUSTER, "host_options": {}}


def start(platform: Platform, path: str, **changes: Any) -> list[int]:
    made = data(platform, "POST", path, {**BODIES[path], **changes})
    return [made["pipeline_id"]] if "pipeline_id" in made else [one["id"] for one in made["pipeline_ids"]]


def evidence_of(platform: Platform, pipelines: list[int]) -> list[dict[str, Any]]:
    """The evidence that the pipelines made, by the links between pipelines."""
    rows = data(platform, "GET", "/pipelines?per_page=100")
    numbers = [
        row["evidence"]["id"]
        for row in rows
        if row["evidence"]
        and (row["pipeline"]["id"] in pipelines or row.get("triggering_pipeline_id") in pipelines)
    ]
    return [data(platform, "GET", f"/evidences/{number}") for number in sorted(numbers)]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/import/azure/management/subscriptions", [{"name": "Subscription 0f8fad5b", "id": SUBSCRIPTION}]),
        ("/import/azure/management/resource-groups", [{"name": "RG-Web"}, {"name": "rg-aks"}]),
        (
            "/import/azure/virtual-machine",
            [
                {
                    "name": "Web-1",
                    "location": "westeurope",
                    "tags": [{"key": "Env", "value": "prod"}],
                    "disks": [
                        {"name": "Web-1_OsDisk", "disk_size": 64},
                        {"name": "Web-1_Data", "disk_size": 128},
                    ],
                    "operating_system": "linux",
                }
            ],
        ),
        ("/import/gcp/gke/clusters", [{"cluster_name": "blue", "zone": "europe-west1", "is_private": False}]),
        (
            "/import/aws/eks/clusters",
            [{"cluster_name": "blue", "is_private": False}, {"cluster_name": "hidden", "is_private": True}],
        ),
        ("/import/aws/ecs/tasks", [
            {"task_name": f"{CLUSTER}/task1", "importable": True},
            {"task_name": "old", "importable": False},
            {"task_name": "new", "importable": True},
        ]),
        ("/import/aws/eks/containers", [{"container_name": "app", "container_image": "registry/app:1"}]),
    ],
)  # fmt: skip
def test_what_it_lists(path: str, expected: list[Any]) -> None:
    assert data(make(), "GET", f"{path}?{QUERIES[path]}") == expected


@pytest.mark.parametrize("path", [path for path, query in QUERIES.items() if "&page=" in f"&{query}"])
def test_lists_that_require_the_page_and_its_size(path: str) -> None:
    query = QUERIES[path]
    for missing in ("page=1", "per_page=100"):
        without = "&".join(part for part in query.split("&") if part != missing)
        status, answer = ask(make(), "GET", f"{path}?{without}")
        assert (status, answer["message"]) == (400, f"{missing.partition('=')[0]} is required")


@pytest.mark.parametrize("path", QUERIES)
def test_every_other_required_parameter(path: str) -> None:
    for part in QUERIES[path].split("&"):
        name = part.partition("=")[0]
        if name in ("page", "per_page", "tags"):
            continue
        without = "&".join(other for other in QUERIES[path].split("&") if other != part)
        status, answer = ask(make(), "GET", f"{path}?{without}")
        optional = name == "account_name" and ("/ecs/" in path or "/projects" in path)
        assert status == (200 if optional else 400), (name, answer)


@pytest.mark.parametrize("path", BODIES)
def test_every_required_field(path: str) -> None:
    platform = make()
    new_project(platform)
    for name in BODIES[path]:
        body = {field: value for field, value in BODIES[path].items() if field != name}
        status, answer = ask(platform, "POST", path, body)
        if (path, name) in OPTIONAL:
            continue
        assert (status, answer.get("message")) == (400, f"{name} is a required field")
    for key, status in (("reader", 403), ("platform", 403)):
        assert ask(platform, "POST", path, BODIES[path], key=key)[0] == status


OPTIONAL = {
    ("/import/aws/ecs", "account_name"),
    ("/import/aws/ecs", "region"),
    ("/import/aws/lambda", "cloud_id"),
}


@pytest.mark.parametrize(
    ("path", "body", "status", "part"),
    [
        ("/import/azure/virtual-machine", {**VM, "account_name": "prod"}, 400, "prod does not exist"),
        ("/import/azure/virtual-machine", {**VM, "acquire_with_host": "no"}, 400, "a boolean"),
        ("/import/azure/virtual-machine", {**VM, "vm_name": "gone"}, 404, "not found"),
        ("/import/azure/virtual-machine", {**VM, "investigation_id": 99}, 404, "Project"),
        (
            "/import/azure/virtual-machine",
            {**VM, "vm_name": "old", "acquire_with_host": True},
            400,
            "not running",
        ),
        ("/import/azure/virtual-machine", {**VM, "host_options": {"groups": "logs"}}, 400, "an array"),
        ("/import/gcp/gce", {**GCE, "gcs_bucket": ""}, 400, "gcs_bucket"),
        ("/import/gcp/gce", {**GCE, "zone": "europe-west1-c"}, 404, "not found"),
        ("/import/aws/ecs", {**ECS, **TASK, "task_name": "old"}, 400, "cannot be imported"),
        (
            "/import/aws/ecs",
            {**ECS, **TASK, "task_name": "new", "container_name": "log"},
            400,
            "not online",
        ),
        (
            "/import/aws/eks",
            {**BODIES["/import/aws/eks"], "cluster_name": "hidden"},
            400,
            "hidden is private",
        ),
        ("/import/azure/aks", {**BODIES["/import/azure/aks"], "pod_name": "gone"}, 404, "not found"),
    ],
)
def test_what_it_refuses(path: str, body: dict[str, Any], status: int, part: str) -> None:
    platform = make()
    new_project(platform)
    got, answer = ask(platform, "POST", path, body)
    assert got == status
    assert part in answer["message"]
    assert platform.asked == {}


def test_an_old_platform_has_no_such_call() -> None:
    platform = make(version="2.252.0")
    assert ask(platform, "GET", "/import/azure/management/subscriptions?account_name=azure-main")[0] == 404
    assert ask(platform, "GET", f"/import/aws/lambda?{QUERIES['/import/aws/lambda']}")[0] == 200


def test_pages_and_cursors() -> None:
    query = f"account_name=azure-main&subscription_id={SUBSCRIPTION}&per_page=1&page=2"
    _, answer = ask(make(), "GET", f"/import/azure/management/resource-groups?{query}")
    assert (answer["data"], answer["pagination"]["total_pages"]) == ([{"name": "rg-aks"}], 2)
    query = f"account_name=prod&region=us-east-1&cluster_name={CLUSTER}&per_page=2"
    _, first = ask(make(), "GET", f"/import/aws/ecs/tasks?{query}")
    cursor = first["pagination"]["next_token"]
    _, second = ask(make(), "GET", f"/import/aws/ecs/tasks?{query}&cursor={cursor}")
    assert [len(first["data"]), len(second["data"])] == [2, 1]
    assert "next_token" not in second["pagination"]


# --- what becomes of an import


def settled(path: str, **changes: Any) -> tuple[Platform, list[dict[str, Any]], list[str]]:
    """The evidence of one import, and the names of its pipelines."""
    platform = make()
    new_project(platform)
    started = start(platform, path, **changes)
    names = [platform.world.pipelines[number].name for number in started]
    platform.settle()
    return platform, evidence_of(platform, started), names


def test_an_azure_machine_has_one_pipeline_for_each_disk() -> None:
    platform, evidence, names = settled("/import/azure/virtual-machine")
    assert names == ["Acquiring Web-1"] * 2
    assert [one["display_name"] for one in evidence] == ["Web-1_OsDisk", "Web-1_Data"]
    assert [one["alarms"]["malicious"] for one in evidence] == [5, 0]
    assert {one["resource"]["account_type"] for one in evidence} == {"Azure"}
    assert platform.asked == {AZURE.instance_id: 1}


@pytest.mark.parametrize(
    ("path", "changes", "evidences"),
    [
        ("/import/azure/virtual-machine", {"acquire_with_host": True}, 1),
        ("/import/azure/virtual-machine", {"scan": True}, 2),
        ("/import/gcp/gce", {}, 2),
        ("/import/gcp/gce", {"fast_scan": True}, 2),
        ("/import/aws/ecs", {}, 1),
        ("/import/aws/eks", {}, 1),
        ("/import/azure/aks", {}, 1),
        ("/import/gcp/gke", {}, 1),
        ("/import/aws/lambda", {}, 1),
    ],
)
def test_the_pipelines_lead_to_the_evidence(path: str, changes: dict[str, Any], evidences: int) -> None:
    platform, evidence, _ = settled(path, **changes)
    assert len(evidence) == evidences == len(platform.world.evidences)
    assert all(one["processing_ran"] for one in evidence)
    assert not any("i-" in str(one["resource"]) for one in evidence)


def test_pipelines_without_the_name_of_their_system() -> None:
    platform = make()
    platform.named_pipelines = False
    new_project(platform)
    (first, *_) = start(platform, "/import/azure/virtual-machine")
    (second,) = start(platform, "/import/aws/lambda")
    names = [platform.world.pipelines[number].name for number in (first, second)]
    assert names == ["Acquiring Azure VM", "Acquiring Lambda function"]


def test_alarms_are_planted_in_any_kind() -> None:
    platform = make()
    new_project(platform)
    platform.plant(FUNCTION.instance_id, *AZURE.volumes[0].alarms)
    started = start(platform, "/import/aws/lambda")
    platform.settle()
    assert [one["alarms"]["malicious"] for one in evidence_of(platform, started)] == [5]


def test_a_failing_acquisition() -> None:
    broken = [system for system in SYSTEMS if system.kind != "eks"]
    failing = type(EKS)(EKS.kind, EKS.account, EKS.parts, fails="The pod is gone")
    platform = Platform((*broken, failing), KEYS)
    new_project(platform)
    (number,) = start(platform, "/import/aws/eks")
    platform.settle()
    row = data(platform, "GET", f"/pipelines/{number}")
    assert row["status"] == "failed"
    assert "The pod is gone" in str(row["subtasks"])


def test_what_it_says_about_itself() -> None:
    platform = make()
    platform.world.about.license_level = "TRIAGE_ONLY"
    platform.world.about.account_issues["prod"] = (("ec2", "CreateSnapshot is denied"),)
    new_project(platform)
    assert data(platform, "GET", "/license")["license"]["level"] == "TRIAGE_ONLY"
    names = [row["account_name"] for row in data(platform, "GET", "/accounts?account_check_result=failure")]
    assert names == ["prod"]
    issues = data(platform, "GET", "/accounts/prod")["account_issues"]
    assert issues == [{"service": "ec2", "issue": "CreateSnapshot is denied", "issue_type": "permission"}]
    assert ask(platform, "GET", "/accounts/none")[0] == 404
    start(platform, "/import/gcp/gce")
    assert [row["status"] for row in data(platform, "GET", "/workers")] == ["active"]
