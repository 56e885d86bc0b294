"""Targets of other kinds than EC2 in, systems out: what takes a system, what leaves it out, and what could
not be asked."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from scheduler import platform_discovery
from scheduler.chosen_systems import Selection
from scheduler.plan import plan
from scheduler.targets import choose
from shared.models.captures import Capture, CaptureState
from shared.models.inventory import InstanceError
from shared.models.systems import Instance, Kind, System
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
from shared.secrets import SecretError
from tests.scheduler.browsing import FakeBrowse
from tests.scheduler.staging import SUNDAY

SUB = "0f8fad5b-d9cb-469f-a165-70867728950e"
ACCOUNTS = {
    "az": {"provider": "azure", "cado_account": "azure-main"},
    "gcp": {"provider": "gcp", "cado_account": "gcp-main", "export": {"project": "f", "bucket": "b"}},
    "prod": {"id": "111122223333", "cado_account": "aws-prod"},
}
DISKS = (FoundDisk("os", 30), FoundDisk("data", None))
WEB = AzureMachine("Web-1", "westeurope", "linux", {"Env": "prod"}, DISKS)
DB = AzureMachine("db-1", "northeurope", "windows", {"Env": "test"})
AZURE = {
    "subscriptions azure-main": [CloudPlace(SUB, "Production"), CloudPlace("s-2", "Lab")],
    f"groups azure-main {SUB}": ["rg-web", "rg-lab"],
    "groups azure-main s-2": ["rg-web"],
    f"machines azure-main {SUB} rg-web": [WEB, DB],
    f"machines azure-main {SUB} rg-lab": [AzureMachine("lab-1", "westeurope", "linux")],
    "machines azure-main s-2 rg-web": [AzureMachine("web-1", "westeurope", "linux")],
}
SHOP = GoogleMachine("77", "shop-1", "RUNNING", "n2-standard-4", "europe-west1-b", {"env": "prod"}, DISKS)
STOPPED = GoogleMachine("78", "shop-2", "TERMINATED", "e2-small", "europe-west1-b")
BUSY = GoogleMachine("79", "shop-3", "STAGING", "e2-small", "us-central1-a")
GOOGLE = {
    "projects gcp-main": [CloudPlace("shop", "Shop"), CloudPlace("lab", "Lab")],
    "machines gcp-main shop": [SHOP, STOPPED, BUSY],
    "machines gcp-main lab": [GoogleMachine("80", "lab-1", "RUNNING", "e2-small", "europe-west1-b")],
}
ARN = "arn:aws:ecs:us-east-1:111122223333:cluster/prod-a"
TASK = "arn:aws:ecs:us-east-1:111122223333:task/prod-a/0123"
ECS = {
    "clusters aws-prod us-east-1": [ARN, "lab"],
    f"tasks aws-prod us-east-1 {ARN}": [EcsTask(TASK, True), EcsTask("t-2", True), EcsTask("t-3", False)],
    f"containers aws-prod us-east-1 {ARN} {TASK}": [EcsContainer("app", True), EcsContainer("log", True)],
    f"containers aws-prod us-east-1 {ARN} t-2": [EcsContainer("app", True), EcsContainer("log", False)],
}
EKS = {
    "eks clusters aws-prod us-east-1": [Cluster("main"), Cluster("inner", private=True)],
    "eks pods aws-prod us-east-1 main": [
        Pod("web-7d4b9c6f5d-x2x4q", "shop"), Pod("web-7d4b9c6f5d-z7z8w", "shop"), Pod("dns-x", "kube-system"),
    ],
    "eks containers aws-prod us-east-1 main web-7d4b9c6f5d-x2x4q": [PodContainer("app", "shop/web:7")],
    "eks containers aws-prod us-east-1 main web-7d4b9c6f5d-z7z8w": [PodContainer("app", "shop/web:7")],
    "eks containers aws-prod us-east-1 main dns-x": [PodContainer("dns")],
    "eks pods aws-prod us-east-1 inner": "The API server cannot be reached.",
}  # fmt: skip
GKE = {
    "gke clusters gcp-main shop": [Cluster("c", "europe-west1-b"), Cluster("p", "europe-west1-b", True)],
    "gke pods gcp-main shop/europe-west1-b c": [Pod("api-0", "shop")],
    "gke containers gcp-main shop/europe-west1-b c api-0": [PodContainer("api", "api:1")],
}
AKS = {
    f"aks clusters azure-main {SUB}/rg-web": [Cluster("k")],
    f"aks pods azure-main {SUB}/rg-web k": [Pod("api-0", "shop")],
    f"aks containers azure-main {SUB}/rg-web k api-0": [PodContainer("api", "api:1")],
}
LAMBDA = {
    "functions aws-prod us-east-1": [LambdaFunction("billing-a", "Zip"), LambdaFunction("other", "Image")]
}
EVERYTHING = AZURE | GOOGLE | ECS | EKS | GKE | AKS | LAMBDA


class Fleet:
    def regions(self, account: str) -> list[str]:
        if account == "gone":
            raise InstanceError("the role cannot be assumed")
        return ["us-east-1"]

    def instances(self, account: str, region: str, **_: Any) -> list[Instance]:
        return [Instance(f"i-{n:017x}", region, state="running", launched_at=SUNDAY) for n in (1, 2)]

    def groups(self, account: str, region: str) -> dict[str, str]:
        return {}


class Select:
    def __init__(self, make_stage: Any, patch: pytest.MonkeyPatch) -> None:
        self.make_stage, self.patch = make_stage, patch
        self.browse = FakeBrowse()

    def __call__(self, *targets: dict[str, Any], lists: Any = None, **hunt: Any) -> Selection:
        runtime = self.make_stage(hunt={"targets": targets, **hunt}, accounts=ACCOUNTS).runtime
        self.browse = FakeBrowse()
        self.browse.lists = EVERYTHING if lists is None else lists
        self.patch.setattr(runtime, "make_fleet", Fleet)
        self.patch.setattr(runtime, "make_cado", lambda tries: type("Cado", (), {"browse": self.browse}))
        self.runtime, self.definition = runtime, runtime.config.hunts["weekly"]
        return choose(runtime, self.definition, identity="weekly@then")


@pytest.fixture
def select(make_stage: Any, monkeypatch: pytest.MonkeyPatch) -> Select:
    return Select(make_stage, monkeypatch)


def chosen(selection: Selection) -> list[str]:
    return [system.name for system in selection.systems]


def left_out(selection: Selection) -> dict[str, str]:
    return {choice.system.name: choice.why_not for choice in selection.choices if choice.why_not}


AZ: dict[str, Any] = {"kind": "azure_vm", "account": "az"}
GCE: dict[str, Any] = {"kind": "gce", "account": "gcp"}
ON_AWS: dict[str, Any] = {"accounts": ["prod"], "regions": ["us-east-1"]}


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (AZ, ["db-1", "lab-1", "web-1", "web-1"]),
        (AZ | {"subscriptions": SUB}, ["db-1", "lab-1", "web-1"]),
        (AZ | {"subscriptions": "Prod*"}, ["db-1", "lab-1", "web-1"]),
        (AZ | {"resource_groups": "RG-L*"}, ["lab-1"]),
        (AZ | {"names": ["WEB-*"], "subscriptions": "lab"}, ["web-1"]),
        (AZ | {"tags": {"Env": "pr*"}}, ["web-1"]),
        (AZ | {"locations": "north*"}, ["db-1"]),
        (AZ | {"platforms": "windows"}, ["db-1"]),
        (GCE, ["lab-1", "shop-1", "shop-2"]),
        (GCE | {"projects": "shop", "states": "RUNNING"}, ["shop-1"]),
        (GCE | {"zones": "us-*", "states": ["STAGING"]}, ["shop-3"]),
        (GCE | {"labels": {"env": "prod"}}, ["shop-1"]),
        ({"kind": "ecs", **ON_AWS}, ["app", "app", "log"]),
        ({"kind": "ecs", **ON_AWS, "clusters": "prod-*", "containers": "app"}, ["app", "app"]),
        ({"kind": "ecs", **ON_AWS, "clusters": "lab"}, []),
        ({"kind": "eks", **ON_AWS, "regions": "all", "clusters": "main"}, ["app", "app", "dns"]),
        ({"kind": "eks", **ON_AWS, "namespaces": "shop", "pods": "*-x2x4q"}, ["app"]),
        ({"kind": "aks", "account": "az", "subscriptions": SUB, "resource_groups": "rg-*"}, ["api"]),
        ({"kind": "gke", "account": "gcp", "projects": "shop", "zones": "europe-*"}, ["api"]),
        ({"kind": "gke", "account": "gcp", "projects": "shop", "zones": "us-*"}, []),
        ({"kind": "lambda", **ON_AWS}, ["billing-a", "other"]),
        ({"kind": "lambda", **ON_AWS, "names": "billing-*"}, ["billing-a"]),
    ],
)  # fmt: skip
def test_what_a_target_selects(select, target, expected):
    assert sorted(chosen(select(target))) == expected


def test_what_has_no_usable_name_is_a_problem(select):
    lists = EVERYTHING | {"functions aws-prod us-east-1": [LambdaFunction("billing-a", "Zip"), None, None]}
    selection = select({"kind": "lambda", **ON_AWS}, lists=lists)
    assert chosen(selection) == ["billing-a"]
    problem = "the platform listed 2 things without a usable name; no system there is hunted"
    assert selection.problems == (problem,)


def test_a_selected_system_has_its_facts_and_its_place(select):
    selection = select(AZ | {"names": "web-1", "subscriptions": SUB}, GCE | {"names": "shop-1"})
    web, shop = selection.choices
    assert web.system.parts == {"subscription": SUB, "group": "rg-web", "vm": "web-1"}
    facts = web.instance
    assert (facts.name, facts.region, facts.platform) == ("Web-1", "westeurope", "linux")
    assert (facts.tags, facts.disks, facts.disks_gib) == ({"Env": "prod"}, ("os", "data"), (30, 0))
    assert web.why == f"targets[0]: kind is azure_vm, account is az, subscription is {SUB}, name is web-1"
    assert (shop.system.region, shop.system.account) == ("europe-west1-b", "gcp")
    assert (shop.instance.id, shop.instance.type, shop.instance.state) == ("77", "n2-standard-4", "RUNNING")
    planned = plan("weekly", select.definition, SUNDAY, selection)
    assert [capture.facts for capture in planned.captures] == [web.instance, shop.instance]


def test_each_place_is_read_once_whichever_targets_ask_for_it(select):
    select(AZ, AZ | {"tags": {"Env": "prod"}}, {"kind": "aks", "account": "az"})
    assert len(select.browse.asked) == len(set(select.browse.asked))
    assert select.browse.asked.count("subscriptions azure-main") == 1


def test_a_name_in_full_needs_no_list(select):
    select(AZ | {"subscriptions": [SUB], "resource_groups": "rg-web"}, GCE | {"projects": "shop"})
    assert sorted(select.browse.asked) == [f"machines azure-main {SUB} rg-web", "machines gcp-main shop"]
    select(AZ | {"subscriptions": "all", "resource_groups": "rg-lab"})
    assert "machines azure-main s-2 rg-lab" not in select.browse.asked


NAMED = AZ | {"subscription": SUB, "resource_group": "rg-web", "name": "web-1"}


def test_a_named_system_is_looked_up_and_comes_first(select):
    selection = select(
        GCE | {"projects": "shop", "states": "RUNNING"},
        NAMED | {"name": "Web-1", "capture": "triage"},
        {"kind": "lambda", "account": "prod", "region": "us-east-1", "name": "other"},
    )
    assert chosen(selection) == ["web-1", "other", "shop-1"]
    assert selection.choices[0].instance.disks_gib == (30, 0)
    assert [choice.mode for choice in selection.choices[:3]] == ["triage", "full", ""]
    assert selection.problems == ()


def test_a_named_system_that_is_not_there_is_a_problem_and_is_asked_for_nevertheless(select):
    selection = select(NAMED | {"name": "web-2"})
    assert chosen(selection) == ["web-2"]
    assert selection.problems == (
        f"Azure machine web-2 (subscription {SUB}, group rg-web) is named and does not exist",
    )


def test_a_named_system_without_an_answer_is_taken_as_it_is(select):
    selection = select(NAMED, lists={f"machines azure-main {SUB} rg-web": "No rights."})
    assert chosen(selection) == ["web-1"]
    assert selection.problems == ("account az, rg-web: No rights.; what is named there is taken as it is",)


def test_what_is_left_out_and_why(select):
    selection = select(
        GCE | {"projects": "shop"},
        {"kind": "ecs", **ON_AWS, "containers": ["app", "log"]},
        {"kind": "gke", "account": "gcp", "projects": "shop"},
    )
    assert {choice.system.title: choice.why_not for choice in selection.choices if choice.why_not} == {
        "Google machine shop-3": "it is STAGING, and the target wants RUNNING or TERMINATED",
        "container * in pod * of *": "the platform cannot reach private clusters",
        "container log in task t-2": "the platform says that the container is offline",
        "container * in task t-3": "its task was started without enableExecuteCommand",
    }


@pytest.mark.parametrize(
    ("rule", "gone"),
    [
        ({"kinds": "gce"}, {"shop-1", "shop-2", "shop-3"}),
        ({"resource_groups": "RG-lab"}, {"lab-1"}),
        ({"resource_groups": "rg-*", "subscriptions": "s-*"}, set()),
        ({"projects": "sh*"}, {"shop-1", "shop-2", "shop-3"}),
        ({"zones": "europe-*"}, {"shop-1", "shop-2"}),
        ({"states": "TERMINATED"}, {"shop-2"}),
        ({"names": ["db-*", "shop-1", "billing-*"]}, {"db-1", "shop-1", "billing-a"}),
        ({"tags": {"Env": "*"}}, {"web-1", "db-1"}),
        ({"tags": {"env": "*"}}, {"shop-1"}),
        ({"platforms": "linux"}, {"web-1", "lab-1"}),
        ({"accounts": "prod"}, {"app", "billing-a", "other"}),
        ({"regions": "us-east-1"}, {"app", "billing-a", "other"}),
        ({"clusters": "main", "namespaces": "shop"}, {"app"}),
        ({"pods": "web-*"}, {"app"}),
        ({"vpcs": "*"}, set()),
        ({"instance": "i-0123456789abcdef0"}, set()),
        ({"instance_regex": ".*"}, set()),
    ],
)
def test_exclude(select, rule, gone):
    selection = select(
        AZ | {"subscriptions": SUB},
        GCE | {"projects": "shop"},
        {"kind": "eks", **ON_AWS, "clusters": "main", "namespaces": "shop"},
        {"kind": "lambda", **ON_AWS},
        exclude=[rule],
    )
    excluded = {c.system.name for c in selection.choices if c.why_not.startswith("exclude[0]: ")}
    assert excluded == gone


def test_a_sample_of_the_pods_of_one_workload(select):
    selection = select({"kind": "eks", **ON_AWS, "clusters": "main", "sample": 1})
    assert {system.parts["pod"] for system in selection.systems} == {"dns-x", "web-7d4b9c6f5d-x2x4q"}
    assert left_out(selection) == {"app": "another of the same workload stands for it"}


def test_containers_and_functions_have_one_mode_and_machines_that_of_the_hunt(select):
    selection = select(
        AZ | {"names": "web-1", "subscriptions": SUB},
        {"kind": "lambda", **ON_AWS, "names": "other"},
        {"kind": "gke", "account": "gcp", "projects": "shop", "clusters": "c"},
        capture="scan",
    )
    planned = plan("weekly", select.definition, SUNDAY, selection)
    assert {c.system.kind: c.mode for c in planned.captures} == {
        Kind.AZURE_VM: "scan", Kind.LAMBDA: "full", Kind.GKE: "triage",
    }  # fmt: skip


def test_a_branch_that_cannot_be_read_is_named_and_the_others_go_on(select):
    lists = EVERYTHING | {
        "groups azure-main s-2": "No rights.",
        f"machines azure-main {SUB} rg-lab": "The group is locked.",
    }
    selection = select(AZ, {"kind": "eks", **ON_AWS}, lists=lists)
    assert sorted(chosen(selection)) == ["app", "app", "db-1", "dns", "web-1"]
    assert set(selection.problems) == {
        "account az, s-2: No rights.; no system there is hunted",
        "account az, rg-lab: The group is locked.; no system there is hunted",
        "account prod, inner: The API server cannot be reached.; no system there is hunted",
    }
    assert selection.notes == ("account prod: cluster inner is private: the platform may not reach it",)


def test_many_branches_without_an_answer_are_one_problem(select):
    groups = [f"rg-{number}" for number in range(9)]
    lists: dict[str, Any] = {f"groups azure-main {SUB}": groups}
    lists |= {f"machines azure-main {SUB} {group}": "Too many requests." for group in groups[:7]}
    selection = select(AZ | {"subscriptions": SUB}, lists=lists)
    assert selection.problems == (
        "account az: 7 of 9 resource groups were not looked at: "
        "Too many requests.; no system there is hunted",
    )


def test_many_reasons_share_one_problem(select):
    groups = [f"rg-{number:02}" for number in range(30)]
    lists: dict[str, Any] = {f"groups azure-main {SUB}": groups}
    lists |= {f"machines azure-main {SUB} {group}": f"No rights in {group}." for group in groups}
    problems = select(AZ | {"subscriptions": SUB}, lists=lists).problems
    assert len(problems) == 11
    assert problems[-1].startswith("account az: 20 of 30 resource groups were not looked at: there are more")


def test_a_hunt_asks_a_bounded_number_of_times(select, monkeypatch):
    monkeypatch.setattr(platform_discovery, "MOST_REQUESTS", 11)
    lists: dict[str, Any] = {f"groups azure-main {SUB}": [f"rg-{number:02}" for number in range(20)]}
    lists |= {f"machines azure-main {SUB} rg-{n:02}": [AzureMachine(f"m-{n}", "x")] for n in range(20)}
    selection = select(AZ | {"subscriptions": SUB}, lists=lists)
    assert len(selection.systems) == 10
    assert selection.problems == (
        "account az: 10 of 20 resource groups were not looked at: "
        "a hunt asks the platform at most 11 times; no system there is hunted",
    )


def test_regions_that_are_not_known_and_a_key_that_cannot_be_read_are_problems(select, monkeypatch):
    selection = select({"kind": "eks", "accounts": ["gone"], "regions": "all"}, NAMED)
    assert selection.problems == (
        "account gone: the enabled regions are not known: the role cannot be assumed",
    )

    def unreadable(tries: int) -> Any:
        raise SecretError("KEY is not set")

    monkeypatch.setattr(select.runtime, "make_cado", unreadable)
    selection = choose(select.runtime, select.definition, identity="weekly@then")
    assert chosen(selection) == ["web-1"]
    assert "the platform was not asked for its systems: KEY is not set" in selection.problems


def test_max_systems_and_order_count_all_kinds_together(select):
    targets = ({"regions": ["us-east-1"]}, AZ | {"subscriptions": SUB}, GCE | {"projects": "shop"})
    selection = select(*targets, max_systems=3, order="oldest")
    # Only EC2 says when a machine was launched.
    assert [system.kind for system in selection.systems] == [Kind.EC2, Kind.EC2, Kind.AZURE_VM]
    assert sum("max_systems is 3" in choice.why_not for choice in selection.choices) == 4


def test_what_was_hunted_last_comes_last_whatever_its_pod_is_called(select):
    def hunted(system: System, at: datetime) -> None:
        capture = select.runtime.ledger.captures.plan(Capture(f"weekly@{at.isoformat()}", system))
        select.runtime.ledger.captures.update(capture, state=CaptureState.REQUESTED, requested_at=at)

    target = {"kind": "eks", **ON_AWS, "clusters": "main", "sample": 1}
    (dns,) = select(target, max_systems=1).systems
    hunted(dns, SUNDAY - timedelta(days=14))
    (web,) = choose(select.runtime, select.definition, identity="weekly@then").systems
    assert (dns.name, web.name) == ("dns", "app")
    hunted(replace(web, instance=web.instance.replace("x2x4q", "bbbbb")), SUNDAY - timedelta(days=7))
    assert choose(select.runtime, select.definition, identity="weekly@then").systems == (dns,)


def test_names_that_are_too_long_are_a_problem(select):
    long = GoogleMachine("1", "m" * 600, "RUNNING", "e2", "us-central1-a")
    selection = select(GCE | {"projects": "shop"}, lists={"machines gcp-main shop": [long]})
    assert selection.systems == ()
    assert selection.problems == (f"{'m' * 59}… cannot be hunted: its names are too long to be kept",)


def test_two_names_of_one_account_lead_to_one_capture(select):
    selection = select(AZ | {"subscriptions": SUB, "names": "db-1"}, AZ | {"subscriptions": "Prod*"})
    assert sorted(chosen(selection)) == ["db-1", "lab-1", "web-1"]
    assert {choice.why[:10] for choice in selection.choices} == {"targets[0]", "targets[1]"}


def test_a_system_keeps_its_account_of_the_configuration(select):
    selection = select({"kind": "lambda", **ON_AWS, "names": "other"})
    assert selection.systems == (
        System.of(Kind.LAMBDA, account="prod", region="us-east-1", function="other"),
    )
