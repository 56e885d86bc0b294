"""What the platform's browse calls ask, how they read page by page, and when they end."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from shared.models.systems import Kind
from shared.platform.browse_answers import (
    AzureMachine,
    CloudPlace,
    Cluster,
    EcsContainer,
    EcsTask,
    FoundDisk,
    GoogleMachine,
    LambdaFunction,
    Pod,
    PodContainer,
)
from shared.platform.errors import NotFound, Refused, Unauthorized
from tests.shared.platform.replies import client, ok, update

IMPORT = "GET /api/v3/import"
CLUSTER = {"cluster_name": "c", "zone": "europe-west1", "is_private": False}


def paged(data: list[Any], pages: int | None = 1, **more: Any) -> tuple[int, Any]:
    return 200, {"data": data, "pagination": {"type": "page", "total_pages": pages, **more}}


def cursor(data: list[Any], following: str | None) -> tuple[int, Any]:
    return 200, {"data": data, "pagination": {"type": "cursor", "next_token": following}}


FIRST = {"page": 1, "per_page": 100}
AZURE = {"account_name": "az", "subscription_id": "s", "resource_group": "g"}
GOOGLE = {"account_name": "g", "gcp_project_id": "p", "cluster_zone": "z"}
CASES: list[tuple[Any, str, Any, dict[str, Any], Any]] = [
    (
        lambda b: b.azure_subscriptions("az"),
        "azure/management/subscriptions",
        paged([{"id": "0f8f", "name": "Production"}]),
        {"account_name": "az", **FIRST},
        CloudPlace("0f8f", "Production"),
    ),
    (
        lambda b: b.azure_groups("az", "s"),
        "azure/management/resource-groups",
        paged([{"name": "rg-1"}]),
        {"account_name": "az", "subscription_id": "s", **FIRST},
        "rg-1",
    ),
    (
        lambda b: b.azure_machines("az", "s", "g", name="web-1", tags=["Env:prod"]),
        "azure/virtual-machine",
        paged(
            [
                {
                    "name": "web-1",
                    "location": "westeurope",
                    "tags": [{"key": "Env", "value": "prod"}, 7],
                    "disks": [{"name": "os", "disk_size": 64}, {"name": "data"}],
                    "operating_system": "linux",
                }
            ]
        ),
        {**AZURE, "vm_name": "web-1", "tags": ["Env:prod"], **FIRST},
        AzureMachine(
            "web-1", "westeurope", "linux", {"Env": "prod"}, (FoundDisk("os", 64), FoundDisk("data", None))
        ),
    ),
    (
        lambda b: b.google_projects("g"),
        "gcp/resource-manager/projects",
        paged([{"gcp_project_id": "p-1", "gcp_project_name": "Shop"}]),
        {"account_name": "g", **FIRST},
        CloudPlace("p-1", "Shop"),
    ),
    (
        lambda b: b.google_machines("g", "p", name="m", state="RUNNING", labels=["env:prod"]),
        "gcp/gce",
        paged(
            [
                {
                    "instance_id": "42",
                    "instance_name": "m",
                    "state": "RUNNING",
                    "instance_type": "e2-small",
                    "region_zone": "europe-west1-b",
                    "labels": [{"key": "env", "value": "prod"}],
                    "disks": [{"name": "m", "size": 10}],
                }
            ]
        ),
        {
            "account_name": "g",
            "gcp_project": "p",
            "instance_name": "m",
            "state": "RUNNING",
            "label": ["env:prod"],
            **FIRST,
        },
        GoogleMachine(
            "42", "m", "RUNNING", "e2-small", "europe-west1-b", {"env": "prod"}, (FoundDisk("m", 10),)
        ),
    ),
    (
        lambda b: b.ecs_clusters("", "us-east-1"),
        "aws/ecs/clusters",
        cursor([{"cluster_name": "arn:aws:ecs:us-east-1:1:cluster/web"}], None),
        {"account_name": "Default", "region": "us-east-1", "per_page": 100},
        "arn:aws:ecs:us-east-1:1:cluster/web",
    ),
    (
        lambda b: b.ecs_tasks("prod", "us-east-1", "web"),
        "aws/ecs/tasks",
        cursor([{"task_name": "t", "importable": False}], ""),
        {"account_name": "prod", "region": "us-east-1", "cluster_name": "web", "per_page": 100},
        EcsTask("t", False),
    ),
    (
        lambda b: b.ecs_containers("prod", "us-east-1", "web", "t"),
        "aws/ecs/containers",
        ok({"containers": [{"container_name": "app", "is_online": True}]}),
        {"account_name": "prod", "region": "us-east-1", "cluster_name": "web", "task_name": "t"},
        EcsContainer("app", True),
    ),
    (
        lambda b: b.functions("", "us-east-1"),
        "aws/lambda",
        cursor([{"name": "billing", "last_modified": 1, "package_type": "Image"}], None),
        {"cloud_id": "Default", "region": "us-east-1", "per_page": 100},
        LambdaFunction("billing", "Image"),
    ),
    (
        lambda b: b.clusters(Kind.EKS, "prod", {"region": "us-east-1"}),
        "aws/eks/clusters",
        paged([{"cluster_name": "c", "is_private": True}]),
        {"account_name": "prod", "cluster_region": "us-east-1", **FIRST},
        Cluster("c", "", True),
    ),
    (
        lambda b: b.pods(Kind.AKS, "az", {"subscription": "s", "group": "g"}, "c"),
        "azure/aks/pods",
        paged([{"pod_name": "web-1", "pod_namespace": "shop"}]),
        {**AZURE, "cluster_name": "c", **FIRST},
        Pod("web-1", "shop"),
    ),
    (
        lambda b: b.clusters(Kind.GKE, "g", {"project": "p"}),
        "gcp/gke/clusters",
        paged([CLUSTER]),
        {"account_name": "g", "gcp_project_id": "p", **FIRST},
        Cluster("c", "europe-west1", False),
    ),
    (
        lambda b: b.containers(Kind.GKE, "g", {"project": "p", "zone": "z"}, "c", Pod("web-1", "shop")),
        "gcp/gke/containers",
        paged([{"container_name": "app", "container_image": "registry/app:1"}]),
        {**GOOGLE, "cluster_name": "c", "pod_name": "web-1", "pod_namespace": "shop", **FIRST},
        PodContainer("app", "registry/app:1"),
    ),
]


@pytest.mark.parametrize(("call", "path", "answer", "asked", "expected"), CASES, ids=[c[1] for c in CASES])
def test_each_list(call: Any, path: str, answer: Any, asked: dict[str, Any], expected: Any) -> None:
    cado, platform, _ = client({f"{IMPORT}/{path}": answer})
    assert list(call(cado.browse)) == [expected]
    assert platform.calls == [("GET", f"/api/v3/import/{path}", asked, None)]


# --- pages


def groups(answers: Any) -> tuple[list[str], list[Any]]:
    cado, platform, _ = client({f"{IMPORT}/azure/management/resource-groups": answers})
    return list(cado.browse.azure_groups("az", "s")), [
        (asked["page"], asked["per_page"]) for _, _, asked, _ in platform.calls if asked
    ]


def named(*names: str) -> list[dict[str, str]]:
    return [{"name": name} for name in names]


def test_every_page_is_read_even_if_the_platform_gives_smaller_ones() -> None:
    pages = [
        paged(
            named("a"), 1, total_records=3, per_page=1
        ),  # it counts its pages by the size that was asked for
        paged(named("b"), 1, total_records=3, per_page=1),
        paged(named("c"), 1, total_records=3, per_page=1),
    ]
    assert groups(pages) == (["a", "b", "c"], [(1, 100), (2, 100), (3, 100)])


def test_pages_that_are_not_counted_end_at_the_first_empty_one() -> None:
    assert groups([paged(named("a"), None), paged(named("b"), None), paged([], None)])[0] == ["a", "b"]


def test_a_platform_that_ignores_the_page_is_asked_twice() -> None:
    assert groups(paged(named("a", "b"), None)) == (["a", "b"], [(1, 100), (2, 100)])


def test_a_page_that_is_too_large_is_asked_for_again_smaller() -> None:
    pages = [(400, {"message": "per_page"}), paged(named("a"), 2), paged(named("b"), 2)]
    assert groups(pages) == (["a", "b"], [(1, 100), (1, 10), (2, 10)])


def test_a_list_without_an_end() -> None:
    endless = [paged(named(f"g{n}"), None) for n in range(2_001)]
    with pytest.raises(Refused, match="more than 2000 pages"):
        groups(endless)


def test_a_cursor_ends_where_it_comes_again() -> None:
    path = f"{IMPORT}/aws/ecs/clusters"
    answers = [
        cursor([{"cluster_name": name}], following)
        for name, following in [("a", "1"), ("b", "2"), ("c", "1"), ("d", "3")]
    ]
    cado, platform, _ = client({path: answers})
    assert list(cado.browse.ecs_clusters("prod", "r")) == ["a", "b", "c"]
    assert [asked.get("cursor") for _, _, asked, _ in platform.calls if asked] == [None, "1", "2"]


def test_what_comes_twice_or_has_no_usable_name_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    odd = [*named("a", "a", "", "two\nlines", "x" * 301, "\u202eevil"), {"name": 7}, "text", {}]
    assert groups(paged(odd))[0] == ["a"]
    assert "without a usable name" in caplog.text
    left_out: list[int] = []
    cado, _, _ = client({f"{IMPORT}/azure/management/resource-groups": paged(odd)})
    browse = cado.browse.counted(lambda: None, left_out.append)
    assert list(browse.azure_groups("az", "s")) == ["a"]
    assert left_out == [7]


# --- bounds and refusals


def test_a_caller_counts_the_requests_and_ends_them() -> None:
    class Enough(Exception):
        pass

    left = itertools.count(2, -1)

    def before() -> None:
        if next(left) == 0:
            raise Enough

    answers = [paged(named(f"g{n}"), 9) for n in range(9)]
    cado, platform, _ = client({f"{IMPORT}/azure/management/resource-groups": answers})
    found = []
    with pytest.raises(Enough):
        for name in cado.browse.counted(before).azure_groups("az", "s"):
            found.append(name)
    assert (found, len(platform.calls)) == (["g0", "g1"], 2)


def test_a_platform_that_is_too_old_says_so() -> None:
    cado, _, _ = client({"GET /api/v3/platform/update": update("2.253.1")})
    with pytest.raises(Refused, match=r"platform is 2\.253\.1; listing Azure machines needs 2\.271 or newer"):
        list(cado.browse.azure_machines("az", "s", "g"))
    with pytest.raises(NotFound, match="does not know the list of containers on AKS"):
        list(cado.browse.clusters(Kind.AKS, "az", {"subscription": "s", "group": "g"}))


def test_a_platform_that_does_not_tell_its_version() -> None:
    cado, _, _ = client({})
    with pytest.raises(NotFound, match="does not know the list of Azure machines"):
        list(cado.browse.azure_machines("az", "s", "g"))


def test_a_role_that_may_not_browse() -> None:
    cado, _, _ = client({f"{IMPORT}/gcp/gce": (403, {"message": "no"})})
    with pytest.raises(Unauthorized, match="Lead Analyst"):
        list(cado.browse.google_machines("g", "p"))


def test_v2_has_no_lists() -> None:
    cado, _, _ = client({}, api_version="v2")
    with pytest.raises(Refused, match="EC2 instances only"):
        list(cado.browse.google_projects("g"))


def test_an_answer_of_another_form() -> None:
    cado, _, _ = client({f"{IMPORT}/aws/ecs/containers": ok([])})
    assert list(cado.browse.ecs_containers("prod", "r", "c", "t")) == []
