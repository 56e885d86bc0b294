"""Which pipelines of a project belong to a capture whose request got no answer."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from scheduler.recognise import PERHAPS_BEGUN, Recognised, recognise
from shared.models.captures import Capture, CaptureState
from shared.models.systems import Instance, Kind, System
from shared.platform.answers import Pipeline

ASKED = datetime(2026, 11, 29, 2, 0, tzinfo=UTC)
SETTLE = 90.0


def capture(system: System, state: CaptureState = CaptureState.UNKNOWN, **fields: Any) -> Capture:
    return Capture("weekly@then", system, state, requested_at=ASKED, **fields)


def azure(name: str, **fields: Any) -> Capture:
    system = System.of(Kind.AZURE_VM, account="az", subscription="s", group="g", vm=name)
    return capture(system, **fields)


def pod(name: str, container: str, **fields: Any) -> Capture:
    place = {"cluster": "c", "namespace": "shop", "pod": name, "container": container}
    return capture(System.of(Kind.EKS, account="prod", region="us-east-1", **place), **fields)


def pipeline(id: int, name: str = "Acquiring Azure VM", after: float = 1.0, **fields: Any) -> Pipeline:
    created = (ASKED + timedelta(seconds=after)).timestamp() * 1_000
    plain = Pipeline(id, "acquisition", name, "queued", 11, None, None, int(created), "")
    return replace(plain, **fields)


def found(capture: Capture, pipelines: list[Pipeline], *others: Capture) -> Recognised:
    return recognise(capture, pipelines, lambda: [capture, *others], SETTLE)


def test_an_ec2_instance_is_recognised_by_its_id_and_no_other_capture_is_read():
    ec2 = capture(System("i-0aaaaaaaaaaaaaaa1", "us-east-1"), earlier_pipeline_ids=(1,))
    name = "Acquiring i-0aaaaaaaaaaaaaaa1"
    pipelines = [pipeline(1, name), pipeline(2, name), pipeline(3, name, triggered_by=2), pipeline(4)]
    assert recognise(ec2, pipelines, lambda: pytest.fail("read"), SETTLE) == Recognised((2,))


@pytest.mark.parametrize(
    ("name", "is_its"),
    [
        ("Acquiring web-1", True),
        ("Acquiring WEB-1.", True),
        ("web-1 (Azure)", True),
        ("Acquiring web-10", False),
        ("Acquiring my-web-1", False),
        ("Acquiring web-1.example", False),
    ],
)
def test_the_name_is_a_whole_word(name, is_its):
    # The other capture is unknown too, so only the name decides.
    others = azure("db-1")
    result = found(azure("web-1"), [pipeline(1, name)], others)
    assert result == (Recognised((1,)) if is_its else Recognised((), (1,)))


def test_each_disk_of_an_azure_machine_has_a_pipeline():
    pipelines = [
        pipeline(1, "Acquiring web-1"),
        pipeline(2, "Acquiring web-1"),
        pipeline(3, "Acquiring db-1"),
    ]
    assert found(azure("web-1"), pipelines, azure("db-1")) == Recognised((1, 2))


def test_the_only_pipeline_that_is_left_is_taken_whatever_its_name():
    done = azure("db-1", state=CaptureState.REQUESTED, pipeline_ids=(1,))
    assert found(azure("web-1"), [pipeline(1), pipeline(2)], done) == Recognised((2,))


def test_a_machine_with_two_disks_may_have_two_pipelines_without_a_name():
    two = azure("web-1", facts=Instance("", "", disks_gib=(8, 8)))
    assert found(two, [pipeline(1), pipeline(2)]) == Recognised((1, 2))
    assert found(azure("web-1"), [pipeline(1), pipeline(2)]) == Recognised((), (1, 2))


def test_two_requests_without_an_answer_cannot_be_told_apart_without_names():
    web, db = azure("web-1"), azure("db-1")
    assert found(web, [pipeline(1)], db) == Recognised((), (1,))
    assert found(web, [], db) == Recognised(())


def test_what_failed_although_it_may_have_begun_still_competes():
    failed = azure("db-1", state=CaptureState.FAILED, reason=f"{PERHAPS_BEGUN}: look")
    refused = azure("db-1", state=CaptureState.FAILED, reason="No such machine.")
    assert found(azure("web-1"), [pipeline(1)], failed) == Recognised((), (1,))
    assert found(azure("web-1"), [pipeline(1)], refused) == Recognised((1,))


def test_an_unknown_capture_of_ec2_does_not_compete():
    ec2 = capture(System("i-0aaaaaaaaaaaaaaa1", "us-east-1"))
    pipelines = [pipeline(1, "Acquiring i-0aaaaaaaaaaaaaaa1"), pipeline(2)]
    assert found(azure("web-1"), pipelines, ec2) == Recognised((2,))


@pytest.mark.parametrize(
    "other",
    [
        pipeline(1, "Acquiring db-1"),  # it names a system that is planned only
        pipeline(1, after=-61.0),
        pipeline(1, after=SETTLE + 61.0),
        pipeline(1, triggered_by=7),
        pipeline(1, type="processing"),
    ],
)
def test_what_cannot_be_its_pipeline(other):
    assert found(azure("web-1"), [other], azure("db-1", state=CaptureState.PLANNED)) == Recognised(())


def test_a_pipeline_without_a_time_may_be_its():
    assert found(azure("web-1"), [pipeline(1, created_ms=None)]) == Recognised((1,))


def test_containers_of_one_name_are_told_apart_by_their_pods():
    mine, sibling, other = pod("web-x2x4q", "app"), pod("web-x2x4q", "log"), pod("web-z7z8w", "app")
    assert found(mine, [pipeline(1, "app of web-x2x4q")], sibling, other) == Recognised((1,))
    assert found(sibling, [pipeline(1, "app of web-x2x4q")], mine, other) == Recognised(())
    assert found(mine, [pipeline(1, "Acquiring app")], other) == Recognised((), (1,))
    assert found(
        mine, [pipeline(1, "Acquiring app")], replace(other, state=CaptureState.RUNNING)
    ) == Recognised((1,))


def test_pipelines_of_an_earlier_attempt_do_not_count():
    again = azure("web-1", attempt=2, earlier_pipeline_ids=(1,))
    assert found(again, [pipeline(1, "Acquiring web-1")]) == Recognised(())
