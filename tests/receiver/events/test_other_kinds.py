"""Alarms about systems that are no EC2 instances: how their capture is found, what is known of them, and that
what is remembered of a pod is remembered for the pods that come after it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from receiver.assemble import handlers
from receiver.events.example import Description, NotUsable, apply, minimal_alarm
from receiver.events.route import known_values, mismatch
from receiver.messages.compose import compose
from receiver.messages.links import links_of
from receiver.messages.message import CaseStatus
from shared.config.mutes import MuteConfig
from shared.config.owners import OwnerConfig
from shared.config.routes import MatchConfig
from shared.models.alarms import Alarm, Gap
from shared.models.captures import Capture, CaptureState
from shared.models.events import Event
from shared.models.evidence import Evidence
from shared.models.hunts import Hunt
from shared.models.owners import Owner
from shared.models.severity import Severity
from shared.models.systems import Instance, Kind, System
from shared.platform.answers import Pipeline
from shared.platform.errors import Unavailable
from shared.storage.ledger.ledger import Ledger
from tests.receiver.cases.test_deciding import Enricher, Hunts, found
from tests.receiver.conftest import Stage
from tests.receiver.events.stubs import (
    EVENT,
    EVIDENCE,
    HUNT,
    SYSTEM,
    Ec2,
    Platform,
    config,
    enriched,
    raising,
)

SUBSCRIPTION = "0f8fad5b-d9cb-469f-a165-70867728950e"
AZURE = System.of(Kind.AZURE_VM, account="az", subscription=SUBSCRIPTION, group="RG-Web", vm="Web-1")
FACTS = Instance(
    AZURE.instance, "westeurope", name="Web-1", platform="linux", tags={"owner": "shop-team"},
    disks=("os", "data"), disks_gib=(30, 190),
)  # fmt: skip
UNNAMED = replace(EVIDENCE, name="disk 1", instance="", account_id="")
TARGET = {"kind": "azure_vm", "account": "az"}


def hunts_azure():
    plain = config()
    return type(plain).model_validate(
        {
            **plain.model_dump(include={"platform"}),
            "platform": {"url": "https://cado.example", "api_key": "env:API_KEY"},
            "accounts": {"az": {"provider": "azure", "cado_account": "azure-main"}},
            "hunts": {"weekly": {"targets": [TARGET]}},
            "owners": {"shop-team": OwnerConfig(slack="S0123456789").model_dump()},
        }
    )


def asked_for(ledger: Ledger, system: System, pipeline: int, facts: Instance | None) -> Capture:
    capture = Capture(HUNT.id, system, CaptureState.REQUESTED, pipeline_ids=(pipeline,), facts=facts)
    return ledger.captures.plan(capture)


def processing(id: int, triggered_by: int | None) -> Pipeline:
    return Pipeline(id, "processing", "Processing", "complete", 12, 31, triggered_by, None, "")


@pytest.mark.parametrize("made_by", [processing(71, 70), processing(70, None)])
def test_the_pipeline_that_made_an_evidence_leads_to_its_capture(ledger, made_by):
    asked_for(ledger, replace(AZURE, instance=AZURE.instance.replace("web-1", "web-2")), 60, None)
    capture = asked_for(ledger, AZURE, 70, FACTS)
    platform = Platform(evidence=lambda _: UNNAMED, pipelines_of_evidence=lambda _: (made_by,))
    alarm = enriched(EVENT, ledger, platform, Ec2(raising(AssertionError("EC2"))), hunts_azure())
    assert (alarm.system, alarm.capture, alarm.instance) == (AZURE, capture, FACTS)
    assert alarm.owner == Owner(slack="S0123456789"), "Google writes labels in lower case, so case counts not"
    gap = "the platform does not say whether it runs, its size and its addresses"
    assert alarm.gaps == (Gap("System details", gap),)

    message = compose(alarm)
    shown = {fact.label: fact.value for fact in message.facts}
    assert "on Azure machine web-1 (az)" in message.title
    assert shown["System"] == f"Azure machine web-1 (subscription {SUBSCRIPTION}, group rg-web)"
    assert (shown["Location"], shown["Size"], shown["Owner"]) == (
        "westeurope",
        "2 disks, 220 GB",
        "shop-team",
    )
    assert "Instance" not in shown
    console = {link.name: link.url for link in links_of(alarm, CaseStatus())}["console"]
    assert console == (
        f"https://portal.azure.com/#@/resource/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-web/providers/"
        "Microsoft.Compute/virtualMachines/web-1"
    )


def test_an_evidence_of_no_capture_moves_an_alarm_to_no_system(ledger):
    asked_for(ledger, AZURE, 70, FACTS)
    platform = Platform(evidence=lambda _: UNNAMED, pipelines_of_evidence=lambda _: (processing(71, 99),))
    alarm = enriched(EVENT, ledger, platform, Ec2(), hunts_azure())
    assert (alarm.system, alarm.capture) == (None, None)


def test_a_text_moves_no_alarm_to_an_instance_of_the_same_hunt(ledger):
    """SYSTEM is in the hunt, and its capture has no evidence yet."""
    asked_for(ledger, AZURE, 70, FACTS)
    event = replace(EVENT, instance=SYSTEM.instance)
    platform = Platform(evidence=lambda _: UNNAMED, pipelines_of_evidence=lambda _: (processing(71, 70),))
    assert enriched(event, ledger, platform, Ec2(), hunts_azure()).system == AZURE
    silent = replace(platform, pipelines_of_evidence=raising(Unavailable("The platform is down.")))
    assert enriched(event, ledger, silent, Ec2(), hunts_azure()).capture is None


def test_no_link_is_made_of_odd_names(ledger):
    odd = System.of(Kind.AZURE_VM, account="az", subscription=SUBSCRIPTION, group="rg", vm="a/../b?c")
    asked_for(ledger, odd, 70, replace(FACTS, name="<!channel> *bold*"))
    platform = Platform(evidence=lambda _: UNNAMED, pipelines_of_evidence=lambda _: (processing(71, 70),))
    alarm = enriched(EVENT, ledger, platform, Ec2(), hunts_azure())
    assert alarm.system == odd
    assert "console" not in {link.name for link in links_of(alarm, CaseStatus())}


# Pods of one Deployment


def pod(name: str) -> System:
    parts = {"cluster": "c1", "namespace": "shop", "pod": name, "container": "app"}
    return System.of(Kind.EKS, account="prod", region="us-east-1", **parts)


class OfPods(Enricher):
    """The platform finds the same on one pod after another."""

    pods: tuple[str, ...] = ()

    def enrich(self, event: Event) -> Alarm:
        alarm = super().enrich(event)
        assert alarm.evidence
        system = pod(self.instances[0])
        hunt = Hunt("weekly", event.received_at)
        capture = Capture(hunt.id, system, CaptureState.PROCESSED, mode="triage")
        evidence: Evidence = replace(alarm.evidence, instance="")
        return replace(alarm, evidence=evidence, instance=None, system=system, hunt=hunt, capture=capture)


@pytest.fixture
def hunts(stage: Stage) -> Hunts:
    hunts = Hunts(stage)
    hunts.enricher = OfPods()
    stage.work = handlers(stage.runtime, hunts.enricher, stage.tools)
    return hunts


def test_two_pods_of_one_deployment_over_two_hunts_are_one_case(hunts):
    queries, ledger = hunts.stage.runtime.queries, hunts.stage.runtime.ledger
    assert hunts.find(found(), on="web-7d4b9c8f5d-x2x4z")
    assert not hunts.find(found(), on="web-5c9d8f7b4c-bcdfg"), "the next pod has the finding of the last one"
    lasting = pod("web-x2x4z").lasting
    (case,) = queries.cases.open().rows
    assert case.key == f"system/{lasting}/1"
    assert [row.key for row in queries.cases.of_system(pod("web-7d4b9c8f5d-x2x4z").key).rows] == [case.key]
    events = queries.events.list(system=pod("web-5c9d8f7b4c-bcdfg").key).rows
    assert len(events) == 2
    assert list(ledger.findings.of_systems([lasting])) == [lasting]
    assert hunts.find(found(), on="db-0"), "a pod of another workload is another system"


def test_what_is_known_good_of_a_pod_is_so_of_the_next_one(hunts):
    hunts.find(found(), on="web-7d4b9c8f5d-x2x4z")
    (case,) = hunts.stage.runtime.queries.cases.open().rows
    hunts.close(case=case.key)
    assert not hunts.find(found(), on="web-5c9d8f7b4c-bcdfg")
    assert hunts.find(found("Other.Tool"), on="web-5c9d8f7b4c-bcdfg")


@pytest.mark.parametrize(
    ("match", "why"),
    [
        ({"kind": ["eks", "ecs"]}, None),
        ({"kind": "azure_vm"}, "kind is eks, not azure_vm"),
        ({"instance": "app"}, None),
        ({"instance": "eks:prod/us-east-1/c1/shop/web-*/app"}, None),
        ({"instance": "eks:prod/us-east-1/c1/shop/db-*/app"}, "instance is eks:prod/"),
        ({"region": "us-*"}, None),
    ],
)
def test_routes_and_mutes_match_kind_name_and_what_lasts(match, why):
    alarm = Alarm(EVENT, Severity.SUSPICIOUS, system=pod("web-7d4b9c8f5d-x2x4z"))
    said = mismatch(MatchConfig.model_validate(match), known_values(alarm, config()), alarm)
    assert (said is None) == (why is None)
    assert (said or "").startswith(why or "")


def test_a_configured_mute_without_a_kind_keeps_the_id_that_earlier_versions_gave_it():
    written = {"match": {"instance": "build-*", "tags": {"Env": ["prod"]}}, "by": "Ada", "why": "x"}
    times = {"at": "2026-11-29", "until": "2026-12-31"}
    assert MuteConfig.model_validate(written | times).mute().id == "config-c65c1969b627"


def test_an_example_of_a_route_has_a_kind():
    settings = hunts_azure()
    said = Description(
        kind="azure_vm", instance="web-1", account="az", region="westeurope", tag=("Env=prod",)
    )
    alarm = apply(said, minimal_alarm(), settings)
    known = known_values(alarm, settings)
    assert (known["kind"], known["region"], known["account"]) == (["azure_vm"], ["westeurope"], ["az"])
    assert "web-1" in known["instance"]
    unsaid = known_values(apply(Description(kind="gke"), minimal_alarm(), settings), settings)
    assert (unsaid["kind"], unsaid["account"], unsaid["region"]) == (["gke"], [], [])
    with pytest.raises(NotUsable, match="there is no kind of system 'vm'"):
        apply(Description(kind="vm"), minimal_alarm(), settings)


def test_captures_of_pods_are_remembered_together(stage):
    ledger, now = stage.runtime.ledger, stage.runtime.now()
    hunt = Hunt("weekly", now)
    for name, alarms in (("web-7d4b9c8f5d-x2x4z", 3), ("web-5c9d8f7b4c-bcdfg", 0)):
        capture = ledger.captures.plan(Capture(hunt.id, pod(name), mode="triage", requested_at=now))
        ledger.captures.update(
            capture, state=CaptureState.PROCESSED, malicious=alarms, requested_at=now, ended_at=now
        )
    lasting = pod("web-x2x4z")
    assert ledger.captures.past_hunts(lasting.lasting) == [(hunt.id, 3)]
    ((key, covered),) = ledger.systems.all()
    assert key == lasting.lasting_key
    assert set(covered.weeks[next(iter(covered.weeks))].values()) == {"malicious"}
    rows = stage.runtime.queries.captures.of_system(pod("web-5c9d8f7b4c-bcdfg").key).rows
    assert {row.system for row in rows} == {pod("web-7d4b9c8f5d-x2x4z"), pod("web-5c9d8f7b4c-bcdfg")}
    assert ledger.captures.captured_since(now - timedelta(days=1)) == {lasting.lasting_key}
