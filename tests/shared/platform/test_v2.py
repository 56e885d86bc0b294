"""API v2: what it asks, what it makes of the answers, and what it refuses."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import pytest

from shared.models.evidence import Project
from shared.platform.answers import Identity, Pipeline
from shared.platform.client import Cado
from shared.platform.errors import NotFound, Refused
from shared.platform.v2 import CadoV2
from tests.shared.platform.replies import Platform, client, sample


def v2(answers: Mapping[str, Any], **settings: Any) -> tuple[Cado, Platform]:
    cado, platform, _ = client(
        {f"{route.split()[0]} /api/v2{route.split()[1]}": answer for route, answer in answers.items()},
        api_version="v2",
        **settings,
    )
    return cado, platform


def test_every_call_of_v3_is_replaced() -> None:
    """A call that is not would be sent to a platform that has no v3."""
    of_v3 = {
        name
        for name, member in vars(Cado).items()
        if inspect.isfunction(member) and "/api/v3" in inspect.getsource(member)
    }
    assert of_v3 <= set(vars(CadoV2))
    assert "webhooks" in vars(CadoV2)


def test_v2_projects() -> None:
    listed = [{"id": 1, "caseName": "other"}, {"id": 2, "caseName": "hunt a"}]
    cado, platform = v2(
        {
            "GET /projects": [(200, []), (200, listed)],
            "POST /projects": [(409, {"msg": "Project name already exists"})],
            "GET /projects/2": (200, listed[1]),
        }
    )
    assert cado.open_project("hunt a", "why") == 2
    assert platform.calls[1] == (
        "POST",
        "/api/v2/projects",
        None,
        {"caseName": "hunt a", "description": "why"},
    )
    assert cado.project(2) == Project(2, "hunt a")
    assert cado.version() == ""
    assert cado.whoami() == Identity("not told by API v2", frozenset(), told=False)


def test_v2_capture() -> None:
    cado, platform = v2(
        {"POST /projects/2/imports/ec2": (200, {"pipeline_id": 1, "evidence_id": 0})}, bucket="b"
    )
    assert cado.capture_ec2(2, "i-0abc", "us-east-1", cloud_id="Default") == (1,)
    body = platform.calls[0][3] or {}
    assert (body["instance_id"], body["region"], body["bucket"], body["include_disks"]) == (
        "i-0abc",
        "us-east-1",
        "b",
        True,
    )


@pytest.mark.parametrize("asked", [{"mode": "triage"}, {"mode": "scan"}, {"cloud_id": "prod"}])
def test_v2_refuses_what_it_cannot_do_before_it_asks(asked: dict[str, Any]) -> None:
    cado, platform = v2({})
    with pytest.raises(Refused, match="API v2"):
        cado.capture_ec2(2, "i-0abc", "us-east-1", **asked)
    assert platform.calls == []


OLD = {
    "pipeline_id": 9,
    "pipeline_type": "processing",
    "name": "",
    "created": "2021-10-20T13:04:21.198000",
    "evidence_id": 10,
    "evidence_name": "cado_cloud_collector_i-0593beef_8GB_17.dd.gz",
    "project_id": 2,
    "summary": {"total": 2, "success": 1, "failure": 1},
    "terminated": True,
    "subtasks": [{"name": "Build", "state": "FAILURE", "progress_text": ["Error: no space"]}],
}


STARTED = {"pipeline_id": 8, "pipeline_type": "acquisition", "name": "Acquiring i-0593beef", "evidence_id": 0}


@pytest.mark.parametrize("wrapped", [{"pipelines": [OLD, STARTED]}, [OLD, STARTED]])
def test_v2_pipelines(wrapped: Any) -> None:
    cado, platform = v2({"GET /tasks/pipelines": (200, wrapped)})
    assert list(cado.pipelines(2)) == [
        Pipeline(9, "processing", "", "failed", 2, 10, None, 1_634_735_061_198, "Error: no space", 2),
        Pipeline(8, "acquisition", "Acquiring i-0593beef", "queued", None, None, None, None, ""),
    ]
    assert [evidence.instance for evidence in cado.evidences(2)] == ["i-0593beef"]
    assert platform.calls[0][2] == {"project_id": 2}


@pytest.mark.parametrize("wrapped", [OLD, [OLD], {"pipelines": [STARTED, OLD]}])
def test_v2_one_pipeline(wrapped: Any) -> None:
    cado, _ = v2({"GET /tasks/pipelines": (200, wrapped)})
    assert cado.pipeline(9).reason == "Error: no space"


def test_v2_says_what_it_cannot_be_asked() -> None:
    cado, platform = v2({})
    with pytest.raises(NotFound, match="API v2 cannot be asked about one evidence"):
        cado.evidence(1)
    with pytest.raises(NotFound, match="API v2 cannot be asked for alarms"):
        cado.findings(1)
    assert platform.calls == []


def test_samples_of_v2() -> None:
    cado, _ = v2(
        {
            "GET /projects": sample("v2_projects_get_list_200"),
            "POST /projects": sample("v2_projects_post_201"),
            "POST /projects/1/imports/ec2": sample("v2_imports_ec2_post_200"),
            "GET /tasks/pipelines": [
                sample("v2_tasks_pipelines_by_project_200"),
                sample("v2_tasks_pipelines_by_id_failed_200"),
            ],
        }
    )
    assert cado.find_project("Project Name_XSOAR") == 2
    assert cado.open_project("another", "why") == 1
    assert cado.capture_ec2(1, "i-00000000000", "us-east-1") == (1,)
    assert [(listed.id, listed.state, listed.evidence_id) for listed in cado.pipelines(1)] == [
        (9, "complete", 10)
    ]
    assert cado.pipeline(1).state == "failed"
