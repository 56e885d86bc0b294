"""How systems are named: keys, parts, and the name that lasts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.config.patterns import fits
from shared.models.codec import dump, load
from shared.models.kinds_of_system import ABILITIES, CONTAINERS
from shared.models.systems import PARTS, Kind, System, folded_pod

EC2 = System("i-0aaaaaaaaaaaaaaa1", "us-east-1", "prod")
AZURE = System.of(Kind.AZURE_VM, account="az", subscription="0F8F", group="RG-Web", vm="Web-1")
GCE = System.of(Kind.GCE, account="gcp", region="europe-west1-b", project="shop", vm="web-1")
ECS = System.of(
    Kind.ECS,
    region="us-east-1",
    cluster="arn:aws:ecs:us-east-1:111122223333:cluster/prod",
    task="arn:aws:ecs:us-east-1:111122223333:task/prod/0a1b",
    container="app",
)
LAMBDA = System.of(Kind.LAMBDA, account="prod", region="us-east-1", function="billing")


def eks(pod: str, namespace: str = "shop", account: str = "prod") -> System:
    place = {"cluster": "c1", "namespace": namespace, "pod": pod, "container": "app"}
    return System.of(Kind.EKS, account=account, region="us-east-1", **place)


def test_a_key_is_read_back():
    for system in (EC2, AZURE, GCE, ECS, LAMBDA, eks("web-0")):
        assert System.from_key(system.key) == system
        assert load(System, dump(system)) == system
        assert set(dump(system)) == {"instance", "region", "account"}
    assert EC2.key == "prod/us-east-1/i-0aaaaaaaaaaaaaaa1"
    assert AZURE.key == "az//azure_vm:0f8f/rg-web/web-1"
    assert System.from_key("-/us-east-1/i-01234567") == System("i-01234567", "us-east-1")


def test_what_people_read_of_a_system():
    said = {system.kind: (system.name, system.title, system.place) for system in (EC2, AZURE, GCE, ECS)}
    assert said == {
        Kind.EC2: ("i-0aaaaaaaaaaaaaaa1", "i-0aaaaaaaaaaaaaaa1", "us-east-1"),
        Kind.AZURE_VM: ("web-1", "Azure machine web-1", "subscription 0f8f, group rg-web"),
        Kind.GCE: ("web-1", "Google machine web-1", "project shop, europe-west1-b"),
        Kind.ECS: ("app", "container app in task 0a1b", "cluster prod, us-east-1"),
    }
    assert eks("web-0").title == "container app in pod web-0 of shop"
    assert eks("web-0").place == "cluster c1, namespace shop, us-east-1"
    assert LAMBDA.title == "function billing"


@pytest.mark.parametrize(
    ("pod", "folded"),
    [
        ("web-7d4b9c8f5d-x2x4z", "web-*"),  # of a Deployment
        ("backup-29384560-x2x4z", "backup-*"),  # of a CronJob
        ("agent-x2x4z", "agent-*"),  # of a DaemonSet or a Job
        ("db-0", "db-0"),  # of a StatefulSet
        ("web-7d4b9c8f5d-*", "web-7d4b9c8f5d-*"),
        ("standalone", "standalone"),
    ],
)
def test_the_pods_of_one_deployment_share_a_name_that_lasts(pod, folded):
    assert folded_pod(pod) == folded


def test_what_lasts_is_a_pattern_for_all_that_it_stands_for():
    first, second = eks("web-7d4b9c8f5d-x2x4z"), eks("web-5c9d8f7b4c-bcdfg")
    assert first.lasting == second.lasting == "eks:prod/us-east-1/c1/shop/web-*/app"
    assert first.lasting_key == "prod/us-east-1/eks:prod/us-east-1/c1/shop/web-*/app"
    assert fits(second.instance, [first.lasting])
    assert eks("web-0", "other").lasting != eks("web-0").lasting
    assert eks("web-0", account="").lasting == "eks:-/us-east-1/c1/shop/web-0/app"
    assert ECS.lasting.endswith("cluster%2Fprod/*/app")
    assert [system.lasting for system in (EC2, AZURE, GCE, LAMBDA)] == [
        system.instance for system in (EC2, AZURE, GCE, LAMBDA)
    ]


@given(st.text(min_size=1, max_size=30), st.sampled_from(sorted(CONTAINERS)))
def test_a_name_that_lasts_stays_as_it_is(text, kind):
    own = [part for part in PARTS[kind] if part not in ("account", "region", "zone")]
    region = "" if kind is Kind.AKS else "us-east-1"
    try:
        system = System.of(kind, account="x", region=region, **dict.fromkeys(own, text))
    except ValueError:
        return  # too long, or half of a surrogate pair
    assert system.as_lasting.lasting == system.lasting
    assert fits(system.instance, [system.lasting])
    assert System.from_key(system.lasting_key) == system.as_lasting
    assert system.parts["container"] == text


@given(st.from_regex(r"i-([0-9a-f]{8}|[0-9a-f]{17})", fullmatch=True))
def test_the_id_of_an_ec2_instance_lasts(instance):
    system = System(instance, "us-east-1")
    assert (system.lasting, system.lasting_key, system.kind) == (instance, system.key, Kind.EC2)


@pytest.mark.parametrize(
    ("kind", "of", "said"),
    [
        (Kind.GCE, {"account": "g", "region": "z", "project": "p"}, "has other parts: project, vm"),
        (Kind.GCE, {"region": "z", "project": "p", "vm": "v"}, "needs an account"),
        (Kind.GCE, {"account": "g", "project": "p", "vm": "v"}, "'' is no place"),
        (Kind.LAMBDA, {"region": "us/east", "function": "f"}, "'us/east' is no place"),
        (Kind.LAMBDA, {"region": "us-east-1", "function": "f" * 500}, "too long to be kept"),
        (Kind.EC2, {"region": "us-east-1"}, "has other parts"),
    ],
)
def test_what_is_no_system_is_refused(kind, of, said):
    with pytest.raises(ValueError, match=said):
        System.of(kind, **of)


def test_every_kind_has_abilities():
    assert set(ABILITIES) == set(PARTS) == set(Kind)
    assert {Kind.ECS, Kind.EKS, Kind.AKS, Kind.GKE} == CONTAINERS
    assert [ABILITIES[kind].mode("full") for kind in (Kind.EC2, Kind.ECS, Kind.LAMBDA)] == [
        "full",
        "triage",
        "full",
    ]
