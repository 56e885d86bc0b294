"""Every browse call, every import in every mode, and what the platform says about itself, against Prism.

Prism answers "string" and 0 everywhere, and names the same next page for ever.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from shared.models.kinds_of_system import ABILITIES
from shared.models.systems import Kind, System
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
from shared.platform.client import Cado
from shared.platform.imports import CaptureOptions, Export
from shared.platform.readiness_answers import AccountChecked, AccountIssue, License
from tests.contract.conftest import Recorder

POD = {"cluster": "c", "namespace": "shop", "pod": "web-1", "container": "app"}
SYSTEMS = {
    Kind.EC2: System("i-0123456789abcdef0", "us-east-1"),
    Kind.AZURE_VM: System.of(Kind.AZURE_VM, account="az", subscription="0f8f", group="rg", vm="web-1"),
    Kind.GCE: System.of(Kind.GCE, account="g", region="europe-west1-b", project="shop", vm="db"),
    Kind.ECS: System.of(Kind.ECS, account="prod", region="us-east-1", cluster="c", task="t", container="app"),
    Kind.EKS: System.of(Kind.EKS, account="prod", region="us-east-1", **POD),
    Kind.AKS: System.of(Kind.AKS, account="az", subscription="0f8f", group="rg", **POD),
    Kind.GKE: System.of(Kind.GKE, account="g", region="europe-west1", project="shop", **POD),
    Kind.LAMBDA: System.of(Kind.LAMBDA, account="prod", region="us-east-1", function="billing"),
}
EVERY_OPTION = CaptureOptions(
    host_options={"collection_type": "custom", "light_mode": True, "groups": ["logs"]},
    acquisition_resource_group="forensics",
    export=Export("forensics", "exports", "projects/p/regions/r/subnetworks/n", True),
    file_name="hb-0123456789abcdef",
)
BARE = CaptureOptions(export=Export("forensics", "exports"))
AZURE, GOOGLE = {"subscription": "s", "group": "g"}, {"project": "p", "zone": "z"}
PLACES = {Kind.EKS: {"region": "us-east-1"}, Kind.AKS: AZURE, Kind.GKE: GOOGLE}
TAGS, DISKS = {"string": "string"}, (FoundDisk("string", 0),)
LISTS: list[tuple[Any, Any]] = [
    (lambda b: b.azure_subscriptions("az"), CloudPlace("string", "string")),
    (lambda b: b.azure_groups("az", "s"), "string"),
    (
        lambda b: b.azure_machines("az", "s", "g", name="web-1", tags=["a:b", "c:d"]),
        AzureMachine("string", "string", "windows", TAGS, DISKS),
    ),
    (lambda b: b.google_projects("g"), CloudPlace("string", "string")),
    (
        lambda b: b.google_machines("g", "p", name="db", state="RUNNING", labels=["a:b"]),
        GoogleMachine("string", "string", "string", "string", "string", TAGS, DISKS),
    ),
    (lambda b: b.ecs_clusters("prod", "us-east-1"), "string"),
    (lambda b: b.ecs_tasks("prod", "us-east-1", "c"), EcsTask("string", True)),
    (lambda b: b.ecs_containers("prod", "us-east-1", "c", "t"), EcsContainer("string", True)),
    (lambda b: b.functions("prod", "us-east-1"), LambdaFunction("string", "string")),
]


@pytest.mark.parametrize(("call", "expected"), LISTS)
def test_each_list(cado: Cado, call: Any, expected: Any) -> None:
    assert list(call(cado.browse)) == [expected]


@pytest.mark.parametrize("kind", PLACES)
def test_kubernetes(cado: Cado, http: Recorder, kind: Kind) -> None:
    browse, place = cado.browse, PLACES[kind]
    zone = "string" if kind is Kind.GKE else ""
    assert list(browse.clusters(kind, "a", place)) == [Cluster("string", zone, True)]
    assert list(browse.pods(kind, "a", place, "c")) == [Pod("string", "string")]
    pod = Pod("web-1", "shop")
    assert list(browse.containers(kind, "a", place, "c", pod)) == [PodContainer("string", "string")]
    assert len(http.answers) == 3  # no page is asked for without an end


@pytest.mark.parametrize(
    ("kind", "mode", "options"),
    [
        (kind, mode, options)
        for kind, ability in ABILITIES.items()
        for mode in ability.modes
        for options in (BARE, EVERY_OPTION)
    ],
)
def test_each_import(cado: Cado, http: Recorder, kind: Kind, mode: str, options: CaptureOptions) -> None:
    assert cado.capture(12, SYSTEMS[kind], "account", mode, options=options) == (0,)
    assert [request.split(" ")[0] for request, _ in http.answers if "/import/" in request] == ["POST"]


def test_what_it_says_about_itself(cado: Cado) -> None:
    about = cado.readiness
    assert about.license() == License("FULL", None)
    settings = about.settings()
    assert (settings.local_workers, settings.most_workers, settings.custom_yara) == (True, 0, True)
    assert about.facts().supports_aws
    assert [worker.id for worker in about.workers()] == ["string"]
    account = AccountChecked("string", "aws", "string")
    assert list(about.accounts(failing=True)) == [account]
    assert about.account("prod") == AccountChecked(
        "string", "aws", "string", (AccountIssue("string", "string", "string"),)
    )


def test_pipelines_of_an_evidence(cado: Cado) -> None:
    assert [pipeline.id for pipeline in cado.pipelines_of_evidence(31)] == [0]


def test_a_hunt_of_many_kinds(prism: str, tmp_path: Path) -> None:
    """Prism names everything "string". Its clusters of Kubernetes are private."""
    config = {
        "platform": {"url": prism, "api_key": "env:API_KEY"},
        "accounts": {
            "az": {"provider": "azure", "cado_account": "az"},
            "g": {
                "provider": "gcp",
                "cado_account": "g",
                "export": {"project": "forensics", "bucket": "exports"},
            },
        },
        "hunts": {
            "mixed": {
                "targets": [
                    {"instance": "i-0123456789abcdef0", "region": "us-east-1"},
                    {"kind": "azure_vm", "account": "az", "names": "string"},
                    {"kind": "gce", "account": "g", "project": "p", "zone": "string", "name": "string"},
                    {"kind": "ecs", "regions": "us-east-1"},
                    {"kind": "eks", "regions": "us-east-1"},
                    {"kind": "aks", "account": "az"},
                    {"kind": "gke", "account": "g"},
                    {"kind": "lambda", "region": "us-east-1", "name": "string"},
                ]
            }
        },
    }
    path = tmp_path / "huntbridge.yaml"
    path.write_text(json.dumps(config))
    environ = {
        "PATH": os.environ["PATH"],
        "API_KEY": "k",
        "HUNTBRIDGE_CONFIG": str(path),
        "HUNTBRIDGE_DATA": str(tmp_path / "data"),
    }
    done = subprocess.run(
        [sys.executable, "-m", "cli.main", "hunt", "run", "mixed"],
        env=environ,
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "7 of 7 systems" in done.stdout  # so Prism has allowed each import
    assert done.stderr.count("left out") == 1  # and each list
    assert "1 left out: the platform cannot reach private clusters" in done.stderr
