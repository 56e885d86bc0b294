"""Pipelines: their states, and why they failed."""

from __future__ import annotations

from typing import Any

import pytest

from shared.platform.answers import Pipeline
from tests.shared.platform.replies import client, ok, pipeline


def test_the_pipelines_of_a_project() -> None:
    first = pipeline(301, status="in_progress", created=1_783_296_013_000, project={"id": 12}, evidence=None)
    second = {
        "pipeline": {"id": 302, "type": "processing"},
        "name": "",
        "status": "complete",
        "evidence": {"id": 31, "name": "vol-1"},
        "project": {"id": 12, "name": "hunt"},
        "triggering_pipeline_id": 301,
    }
    pages = [ok([first], pages=2), ok([first, second, {"pipeline": {"id": "x"}}, None], pages=2)]
    cado, platform, _ = client({"GET /api/v3/pipelines": pages})
    assert list(cado.pipelines(12)) == [
        Pipeline(
            301, "acquisition", "Acquiring i-0abc", "in_progress", 12, None, None, 1_783_296_013_000, ""
        ),
        Pipeline(302, "processing", "", "complete", 12, 31, 301, None, ""),
    ]
    assert platform.calls[0][2] == {"project_id": 12, "per_page": 100, "page": 1}


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({"status": "queued"}, "queued"),
        ({"status": "complete"}, "complete"),
        ({"status": "cancelled"}, "cancelled"),
        ({"status": "success"}, "complete"),
        ({"status": "pending", "summary": {"total": 5, "pending": 5}}, "queued"),
        ({"status": "pending", "summary": {"total": 5, "success": 1, "pending": 4}}, "in_progress"),
        (
            {"summary": {"total": 17, "success": 4, "failure": 1, "cancelled": 12}, "terminated": True},
            "failed",
        ),
        ({"summary": {"total": 15, "success": 15}, "terminated": True}, "complete"),
        ({"summary": {"total": 5, "success": 2, "cancelled": 3}, "terminated": True}, "cancelled"),
        ({"summary": {"total": 5, "success": 5}, "terminated": True, "aborted": True}, "cancelled"),
        ({"summary": {"total": 5, "success": 5}}, "complete"),
        ({"summary": {"total": 5, "running": 1}, "terminated": False}, "in_progress"),
        ({"summary": {"total": 5, "failure": 1, "pending": 4}, "terminated": False}, "in_progress"),
        ({"summary": {}, "terminated": False}, "queued"),
        ({"status": 7, "summary": "none"}, "queued"),
    ],
)
def test_the_state_of_a_pipeline(fields: dict[str, Any], state: str) -> None:
    cado, _, _ = client({"GET /api/v3/pipelines/5": ok(pipeline(5, **fields))})
    told = cado.pipeline(5)
    assert (told.state, told.ended) == (state, state in ("complete", "failed", "cancelled"))


def test_why_a_pipeline_failed_is_looked_up_once() -> None:
    steps = [{"name": "Copy", "state": "SUCCESS"}, {"name": "Mount\nthe disk", "state": "FAILURE"}]
    said = [
        dict(steps[0], progress_text=["fine"]),
        dict(steps[1], progress_text=["Error:\u202e no\n space", 7]),
    ]
    cado, platform, _ = client(
        {
            "GET /api/v3/pipelines": ok([pipeline(5, status="failed", subtasks=steps)], pages=1),
            "GET /api/v3/pipelines/5": ok(pipeline(5, status="failed", subtasks=said)),
        }
    )
    assert [listed.reason for listed in cado.pipelines(12)] == ["Error: no space"]
    assert [listed.reason for listed in cado.pipelines(12)] == ["Error: no space"]
    assert [path for _, path, _, _ in platform.calls].count("/api/v3/pipelines/5") == 1


def test_why_a_pipeline_failed_where_it_cannot_be_looked_up() -> None:
    steps = [{"name": "Mount the disk", "state": "FAILURE"}]
    cado, _, _ = client(
        {"GET /api/v3/pipelines": ok([pipeline(5, status="failed", subtasks=steps)], pages=1)}
    )
    assert [listed.reason for listed in cado.pipelines(12)] == ["Mount the disk failed"]


def test_many_failed_pipelines_do_not_mean_as_many_requests() -> None:
    failed = [
        pipeline(n, status="failed", subtasks=[{"name": "Copy", "state": "FAILURE"}]) for n in range(90)
    ]
    cado, platform, _ = client({"GET /api/v3/pipelines": ok(failed, pages=1)})
    assert {listed.reason for listed in cado.pipelines(12)} == {"Copy failed"}
    assert len(platform.calls) == 21
