"""What a definition says about its captures and its project, as the platform is asked for it."""

from __future__ import annotations

import pytest

from shared.models.captures import CaptureState
from tests.scheduler.staging import QUIET

OPTIONS = {"collection_type": "custom", "groups": ["logs"], "additional_files": "/etc/ld.so.preload"}


@pytest.fixture
def asked(make_stage):
    """Runs a hunt of this definition and returns the bodies of its requests: project, capture."""

    def run(hunt, target=None, **settings):
        targets = [{"instance": QUIET.instance_id, "region": QUIET.region, **(target or {})}]
        stage = make_stage(
            (QUIET,), settings.pop("settings", None), hunt={**hunt, "targets": targets}, **settings
        )
        bodies, transport = [], stage.runtime.cado._transport
        real = transport.call

        def call(method, path, **rest):
            if method == "POST":
                bodies.append(rest["body"])
            return real(method, path, **rest)

        transport.call = call
        stage.start()
        stage.work()
        stage.run_platform()
        for _ in range(3):
            stage.follow()
            stage.forward(60)
        assert stage.states() == [CaptureState.PROCESSED]
        return bodies

    return run


def test_who_sees_the_project(asked):
    project, _ = asked({"project": {"users": ["alice", "bob"], "groups": "analysts"}})
    assert project == {
        "case_name": "weekly 2026-11-29 02:00Z",
        "description": "huntbridge hunt weekly@2026-11-29T02:00:00Z",
        "users": [{"username": "alice"}, {"username": "bob"}],
        "groups": [{"name": "analysts"}],
    }


@pytest.mark.parametrize(
    ("hunt", "target", "expected"),
    [
        ({}, {}, {}),
        ({"capture": "triage"}, {}, {"acquire_with_host": True}),
        ({"capture": "triage"}, {"capture": "scan"}, {"fast_scan": True}),
        ({"capture": "scan"}, {"capture": "full"}, {}),
        (
            {"capture": "triage", "host_options": OPTIONS},
            {},
            {
                "acquire_with_host": True,
                "host_options": {
                    "collection_type": "custom",
                    "groups": ["logs"],
                    "additional_files": ["/etc/ld.so.preload"],
                },
            },
        ),
        ({"host_options": OPTIONS}, {}, {}),
        ({"skip_processing": True}, {}, {"skip_processing": True}),
        ({"skip_processing": True}, {"capture": "scan"}, {"fast_scan": True}),
    ],
)
def test_what_is_asked_of_a_capture(asked, hunt, target, expected):
    _, capture = asked(hunt, target)
    assert capture == {
        "instance_id": QUIET.instance_id, "region": QUIET.region, "project_id": 11, **expected
    }  # fmt: skip


def test_an_old_platform_is_not_asked_for_what_it_does_not_know(make_stage):
    stage = make_stage((QUIET,), {"api_version": "v2"}, hunt={"skip_processing": True}, v3=False)
    stage.start()
    stage.work()
    assert stage.states() == [CaptureState.FAILED]
    assert "API v2 knows neither skip_processing" in stage.captures()[QUIET.instance_id].reason
