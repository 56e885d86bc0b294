"""A hunt of every kind of system on the simulated platform, from its plan to its chain of custody."""

from __future__ import annotations

import csv
import io
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from demo.platform.records import Machine, SimAlarm, SimSystem, SimVolume
from scheduler.custody import as_csv
from scheduler.stop import stop_hunt
from scheduler.triggers import on_schedule
from shared.models.captures import CaptureState
from shared.models.event_kinds import CAPTURE_FAILED
from shared.models.hunts import HuntState
from shared.models.systems import Kind
from tests.scheduler.mixed import ACCOUNTS, SUB, azure, function, google, instance, pod, targets, task
from tests.scheduler.staging import SUNDAY, Stage

PROCESSED, FAILED, UNKNOWN = CaptureState.PROCESSED, CaptureState.FAILED, CaptureState.UNKNOWN
AKS = SimSystem(
    "aks",
    "azure-main",
    {
        "subscription": SUB, "group": "rg-web", "cluster": "k",
        "namespace": "shop", "pod": "api-0", "container": "api",
    },
    (SimVolume("api", alarms=(SimAlarm("Web shell in a container"),)),),
    image="api:1",
)  # fmt: skip
GKE = SimSystem(
    "gke",
    "gcp-main",
    {
        "project": "shop", "zone": "europe-west1-b", "cluster": "c",
        "namespace": "shop", "pod": "api-0", "container": "api",
    },
)  # fmt: skip
FLEET: tuple[Machine, ...] = (
    instance(1),
    azure("web-1", tags={"Env": "prod"}),
    google("shop-1", fails="The bucket is in another region"),
    task("arn:aws:ecs:us-east-1:111122223333:task/prod/0123"),
    pod("web-7d4b9c6f5d-x2x4q", image="web:7"),
    AKS,
    GKE,
    function("billing"),
)


@pytest.fixture
def mixed(make_stage):
    def make(fleet: tuple[Machine, ...] = FLEET, *, named: bool = True, **hunt: Any) -> Stage:
        stage: Stage = make_stage(
            fleet,
            hunt={"targets": targets(fleet), **hunt},
            accounts=ACCOUNTS,
            clock=lambda: stage.moment.timestamp(),
        )
        stage.platform.named_pipelines = named
        return stage

    return make


@pytest.mark.parametrize("named", [True, False])
def test_a_mixed_hunt_from_its_plan_to_its_custody(mixed, named):
    stage = mixed(named=named)
    hunt = stage.start()
    planned = {capture.system.kind: capture for capture in stage.captures().values()}
    assert set(planned) == set(Kind)
    assert {kind: capture.mode for kind, capture in planned.items()} == {
        kind: "triage" if kind in (Kind.ECS, Kind.EKS, Kind.AKS, Kind.GKE) else "full" for kind in Kind
    }
    facts = planned[Kind.AZURE_VM].facts
    assert (facts.name, facts.region, facts.tags, len(facts.disks)) == (
        "web-1", "westeurope", {"Env": "prod"}, 2,
    )  # fmt: skip
    assert planned[Kind.EKS].facts.image == "web:7"
    assert planned[Kind.EC2].facts is None
    stage.run_to_end()
    assert stage.platform.asked == Counter(machine.instance_id for machine in FLEET)
    captures = {capture.system.kind: capture for capture in stage.captures().values()}
    assert {kind: capture.state for kind, capture in captures.items()} == {
        kind: FAILED if kind is Kind.GCE else PROCESSED for kind in Kind
    }
    assert "The bucket is in another region" in captures[Kind.GCE].reason
    assert (captures[Kind.AZURE_VM].malicious, len(captures[Kind.AZURE_VM].evidence_ids)) == (3, 2)
    assert captures[Kind.AKS].malicious == 1
    assert all(len(captures[kind].evidence_ids) == 1 for kind in (Kind.ECS, Kind.GKE, Kind.LAMBDA))
    assert stage.hunt().state is HuntState.FINISHED
    report = stage.events()[-1].report
    assert (report.systems, report.captured, report.failed, report.with_alarms) == (8, 7, 1, 2)
    rows = list(csv.DictReader(io.StringIO(as_csv(stage.hunt(), captures.values(), {}))))
    assert len(rows) == 9  # the two disks of the Azure machine have a line each
    assert {row["instance"] for row in rows} == {capture.system.instance for capture in captures.values()}
    assert on_schedule(stage.runtime, "weekly", SUNDAY).id == hunt.id
    assert set(stage.platform.asked.values()) == {1}


def test_what_the_platform_is_asked_for_each_kind(mixed):
    stage = mixed(host_options={"light_mode": True}, max_in_flight=20)
    bodies: dict[str, Any] = {}
    transport = stage.runtime.cado._transport
    real = transport.call

    def call(method: str, path: str, **rest: Any) -> Any:
        if method == "POST":
            bodies[path.removeprefix("/api/v3/import/")] = rest["body"]
        return real(method, path, **rest)

    transport.call = call
    stage.start()
    stage.work()
    assert sorted(list(bodies)[1:5]) == ["aws/ecs", "aws/eks", "azure/aks", "gcp/gke"]  # containers first
    assert bodies["azure/virtual-machine"]["acquire_with_host"] is False
    assert bodies["gcp/gce"]["gcs_bucket"] == "exports"
    assert bodies["azure/aks"]["host_options"] == {"light_mode": True}
    assert "host_options" not in bodies["azure/virtual-machine"]
    assert bodies["aws/ecs"]["file_name"].startswith("hb-")
    assert bodies["aws/lambda"]["cloud_id"] == "aws-prod"


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("machine", FLEET[1:], ids=lambda machine: machine.kind)
@pytest.mark.parametrize("action", ["reset", 502])
def test_a_lost_answer_is_settled_by_looking(mixed, machine, named, action):
    machine = replace(machine, fails="")
    stage = mixed((machine,), named=named)
    stage.platform.fault("POST", "/import/", action)
    stage.start()
    stage.work()
    assert stage.states() == [UNKNOWN]
    for _ in range(12):
        stage.forward(11)
        stage.work()
    assert stage.platform.asked == {machine.instance_id: 1}
    stage.run_to_end()
    assert stage.states() == [PROCESSED]


def test_what_may_have_begun_is_never_asked_for_again(mixed):
    stage = mixed((azure("web-1"), azure("db-1")), named=False)
    stage.platform.fault("POST", "/import/", "reset", times=1)
    stage.platform.fault("POST", "/import/", 502, times=1)
    stage.start()
    stage.work()
    assert stage.states() == [UNKNOWN] * 2
    for _ in range(20):
        stage.forward(11)
        stage.work()
    assert stage.states() == [FAILED] * 2
    assert sum(stage.platform.asked.values()) == 1
    reasons = {capture.reason for capture in stage.captures().values()}
    assert reasons == {"the platform may have begun it: look at its pipelines in project 11"}
    assert [event.kind for event in stage.events()] == [CAPTURE_FAILED] * 2


def test_containers_that_are_gone_are_told_once_and_the_others_go_on(mixed):
    stage = mixed((pod("web-a"), pod("web-b"), pod("web-c")))
    stage.start()
    systems = stage.platform.world.systems
    for gone in list(systems)[:2]:
        del systems[gone]
    stage.run_to_end()
    assert sorted(stage.states()) == [FAILED, FAILED, PROCESSED]
    failed, finished = stage.events()
    assert (failed.kind, failed.text) == (CAPTURE_FAILED, "it is gone since the hunt was planned")
    assert finished.report.failed == 2


def test_an_account_that_is_no_longer_configured_fails_in_words(mixed):
    stage = mixed((azure("web-1"),))
    stage.start()
    stage.runtime.config = stage.runtime.config.model_copy(update={"accounts": {}})
    stage.work()
    (capture,) = stage.captures().values()
    assert (capture.state, capture.reason) == (FAILED, "the configuration has no account az any more")
    assert not stage.platform.asked


def test_stopping_cancels_the_pipelines_of_every_kind(mixed):
    stage = mixed(max_in_flight=20)
    hunt = stage.start()
    stage.work()
    stopped = stop_hunt(stage.runtime, hunt.id, by="ann", cancel=True)
    assert (stopped.cancelled, stopped.problems) == (len(FLEET), ())
