"""The client of the platform's API: what it asks, what it makes of the answer, and what of every failure."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.http.errors import ConnectionBroken, TimedOut
from shared.models.evidence import Artefact, Evidence, Finding, Project
from shared.models.severity import Severity
from shared.platform.answers import Identity
from shared.platform.errors import CadoError, Conflict, NotFound, Refused, Unauthorized
from tests.shared.platform.replies import client, ok, project, sample, update

# --- who and what


def test_whoami() -> None:
    user = {"rbac_role": "Lead Analyst", "permissions": {"projects_create": True, "webhook_write": False}}
    cado, platform, _ = client({"GET /api/v3/auth/whoami": ok(user)})
    assert cado.whoami() == Identity("Lead Analyst", frozenset({"projects_create"}))
    assert platform.calls == [("GET", "/api/v3/auth/whoami", None, None)]


def test_version_is_asked_once() -> None:
    cado, platform, _ = client({"GET /api/v3/platform/update": update("2.324.0")})
    assert [cado.version(), cado.version()] == ["2.324.0", "2.324.0"]
    assert len(platform.calls) == 1


@pytest.mark.parametrize("status", [403, 404])
def test_a_version_that_is_not_told(status: int) -> None:
    cado, _, _ = client({"GET /api/v3/platform/update": (status, {"message": "no"})})
    assert cado.version() == ""


# --- projects


def test_a_project_is_found_by_its_exact_name_on_any_page() -> None:
    near = [project(1, "hunt a b"), project(2, "HUNT A")]
    cado, platform, _ = client(
        {"GET /api/v3/projects": [ok(near, pages=2), ok([project(7, "hunt a")], pages=2)]}
    )
    assert cado.find_project("hunt a") == 7
    assert [params for _, _, params, _ in platform.calls] == [
        {"name": "hunt a", "per_page": 100, "page": 1},
        {"name": "hunt a", "per_page": 100, "page": 2},
    ]


def test_a_project_that_is_there_is_not_made_again() -> None:
    cado, platform, _ = client({"GET /api/v3/projects": ok([project(7, "hunt a")], pages=1)})
    assert cado.open_project("hunt a", "why") == 7
    assert [method for method, *_ in platform.calls] == ["GET"]


@pytest.mark.parametrize(
    ("version", "path", "field"),
    [
        ("2.324.0", "/api/v3/projects", "case_name"),
        ("2.247.0", "/api/v3/projects", "case_name"),
        ("2.246.9", "/api/v3/projects", "caseName"),
        ("2.225.0", "/api/v3/projects", "caseName"),
        ("2.224.1", "/api/v2/projects", "caseName"),
    ],
)
def test_how_a_project_is_opened_by_version(version: str, path: str, field: str) -> None:
    made = (
        (201, {"id": 9, "msg": "Created"}) if "v2" in path else ok({"message": "made", "id": 9}, status=201)
    )
    cado, platform, _ = client(
        {
            "GET /api/v3/projects": ok([], pages=0),
            "GET /api/v3/platform/update": update(version),
            f"POST {path}": made,
        }
    )
    assert cado.open_project("hunt a", "why") == 9
    assert platform.calls[-1] == ("POST", path, None, {field: "hunt a", "description": "why"})


@pytest.mark.parametrize(
    ("refusal", "then"),
    [
        ((400, {"message": "caseName: Missing data for required field", "code": "V"}), "/api/v3/projects"),
        ((405, {"message": "Method not allowed", "code": "M"}), "/api/v2/projects"),
    ],
)
def test_how_a_project_is_opened_where_the_version_is_not_told(refusal: Any, then: str) -> None:
    made = {"status": "success", "id": 9, "data": {"id": 9}}
    cado, platform, _ = client(
        {
            "GET /api/v3/projects": ok([], pages=0),
            "POST /api/v3/projects": [refusal, (201, made)],
            "POST /api/v2/projects": (201, made),
        }
    )
    assert cado.open_project("hunt a", "why") == 9
    posts = [(path, next(iter(body or {}))) for method, path, _, body in platform.calls if method == "POST"]
    assert posts == [("/api/v3/projects", "case_name"), (then, "caseName")]


@pytest.mark.parametrize(
    "refusal",
    [(409, {"message": "Project name already exists"}), (400, {"message": "case_name already exists"})],
)
def test_a_project_that_somebody_made_in_between(refusal: Any) -> None:
    cado, platform, _ = client(
        {
            "GET /api/v3/projects": [ok([], pages=0), ok([project(7, "hunt a")], pages=1)],
            "POST /api/v3/projects": refusal,
        }
    )
    assert cado.open_project("hunt a", "why") == 7
    assert [method for method, *_ in platform.calls] == ["GET", "GET", "POST", "GET"]


def test_a_project_that_exists_and_cannot_be_seen() -> None:
    cado, _, _ = client(
        {"GET /api/v3/projects": ok([], pages=0), "POST /api/v3/projects": (409, {"message": "exists"})}
    )
    with pytest.raises(Conflict, match="hunt a exists on the platform, but the user of the API key cannot"):
        cado.open_project("hunt a", "why")


def test_another_refusal_is_not_taken_for_a_conflict() -> None:
    cado, platform, _ = client(
        {"GET /api/v3/projects": ok([], pages=0), "POST /api/v3/projects": (400, {"message": "no licence"})}
    )
    with pytest.raises(Refused, match=r"^The platform refused it \(400\): no licence\.$"):
        cado.open_project("hunt a", "why")
    assert sum(method == "POST" for method, *_ in platform.calls) == 1


def test_a_project_whose_making_was_never_answered_is_looked_for_before_it_is_made_again() -> None:
    lost = TimedOut("cado.example", sent=True)
    cado, platform, slept = client(
        {
            "GET /api/v3/projects": [ok([], pages=0), ok([project(7, "hunt a")], pages=1)],
            "POST /api/v3/projects": lost,
        }
    )
    assert cado.open_project("hunt a", "why") == 7
    assert sum(method == "POST" for method, *_ in platform.calls) == 1
    assert slept == [0.5]


def test_one_project() -> None:
    cado, _, _ = client({"GET /api/v3/projects/12": ok(project(12, "a\u202eb"))})
    assert cado.project(12) == Project(12, "ab", malicious=1, suspicious=2)


# --- captures


@pytest.mark.parametrize(
    ("mode", "flags"), [("full", {}), ("triage", {"acquire_with_host": True}), ("scan", {"fast_scan": True})]
)
def test_what_a_capture_asks_for(mode: str, flags: dict[str, bool]) -> None:
    cado, platform, _ = client(
        {"POST /api/v3/import/aws/ec2": ok({"pipeline_ids": [{"id": 301}, {"id": 302}]})}
    )
    assert cado.capture_ec2(12, "i-0abc", "us-east-1", cloud_id="prod", mode=mode) == (301, 302)
    body = {"instance_id": "i-0abc", "region": "us-east-1", "project_id": 12, "cloud_id": "prod", **flags}
    assert platform.calls == [("POST", "/api/v3/import/aws/ec2", None, body)]


def test_a_capture_in_the_platforms_own_account_names_none() -> None:
    cado, platform, _ = client({"POST /api/v3/import/aws/ec2": ok({"pipeline_ids": [{"id": 0}]})})
    assert cado.capture_ec2(0, "i-0abc", "us-east-1") == (0,)
    assert platform.calls[0][3] == {"instance_id": "i-0abc", "region": "us-east-1", "project_id": 0}


# --- reads are repeated, within bounds


# --- pipelines


# --- evidence


def evidence(**rest: Any) -> dict[str, Any]:
    return {
        "id": 31,
        "project_id": 12,
        "display_name": "vol-080c",
        "alarms": {"malicious": 7, "suspicious": 8},
        "details": {"os": "Linux", "hostname": "web\x00-1", "disk_size": 8_192},
        "resource": {
            "id": "vol-080c",
            "type": "EBS",
            "account_id": "111122223333",
            "parent_id": "i-05938bed528eb12b9",
        },
        "last_processed": 1_783_303_000,
        **rest,
    }


def test_one_evidence() -> None:
    cado, _, _ = client({"GET /api/v3/evidences/31": ok(evidence())})
    assert cado.evidence(31) == Evidence(
        id=31,
        project_id=12,
        name="vol-080c",
        hostname="web-1",
        os="Linux",
        size_mb=8_192,
        resource="vol-080c",
        resource_type="EBS",
        instance="i-05938bed528eb12b9",
        account_id="111122223333",
        malicious=7,
        suspicious=8,
        processed_at=datetime(2026, 7, 6, 1, 56, 40, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    ("rest", "instance"),
    [
        ({"resource": {"id": "i-05938bed528eb12b9", "type": "EC2"}}, "i-05938bed528eb12b9"),
        ({"resource": None, "display_name": "cado_cloud_collector_i-0593beef_8GB_17.dd.gz"}, "i-0593beef"),
        ({"resource": {"id": "vol-1"}, "display_name": "mi-0593beef"}, ""),
        ({"resource": {"parent_id": "i-12"}}, ""),
        ({"resource": "none", "details": 5, "alarms": None}, ""),
        ({"resource": {"account_type": "AWS"}, "display_name": "i-0593beef"}, "i-0593beef"),
        ({"resource": {"account_type": "Azure"}, "display_name": "app-i-0593beef"}, ""),
        ({"resource": {"id": "i-0593beef", "account_type": "GCP"}}, ""),
        ({"resource": {"parent_id": "i-0593beef", "account_type": "AWS", "type": "ECS"}}, ""),
    ],
)
def test_the_instance_behind_an_evidence(rest: dict[str, Any], instance: str) -> None:
    cado, _, _ = client({"GET /api/v3/evidences/31": ok(evidence(**rest))})
    assert cado.evidence(31).instance == instance


def test_all_evidence_of_a_project() -> None:
    pages = [ok([evidence(), evidence(id=None)], pages=2), ok([evidence(), evidence(id=32)], pages=2)]
    cado, platform, _ = client({"GET /api/v3/evidences": pages})
    assert [evidence.id for evidence in cado.evidences(12)] == [31, 32]
    assert platform.calls[0][2] == {"project_id": 12, "per_page": 100, "page": 1}


# --- findings


def row(description: str, count: int, severity: int, **rest: Any) -> dict[str, Any]:
    return {"description": description, "total_count": count, "severity": severity, **rest}


ROWS = [
    row("Login", 40, 10),
    row("Possible WebShell", 8, 3, attack=["T1505.003", None]),
    row("Backdoor", 1, 1),
    row("Miner", 5, 1, attack=["T1496"]),
]


def test_findings_of_a_project_worst_first() -> None:
    cado, platform, _ = client({"GET /api/v3/alarms/summary": ok({"total": 54, "breakdown": ROWS})})
    assert cado.findings(12) == (
        Finding("Miner", 5, Severity.MALICIOUS, ("T1496",)),
        Finding("Backdoor", 1, Severity.MALICIOUS),
        Finding("Possible WebShell", 8, Severity.SUSPICIOUS, ("T1505.003",)),
        Finding("Login", 40, Severity.INFO),
    )
    assert platform.calls[0][2] == {"investigation_id": 12, "evidence_id": None}
    assert len(platform.calls) == 1


def test_findings_of_one_evidence_have_paths() -> None:
    alarms = [
        {"description": "Miner", "severity": 1, "full_path": "/tmp/a"},
        {"description": "Miner", "severity": 1, "full_path": "/tmp/b"},
    ]
    cado, platform, _ = client(
        {"GET /api/v3/alarms/summary": ok({"breakdown": ROWS[2:]}), "GET /api/v3/alarms": ok(alarms, pages=1)}
    )
    assert [(finding.description, finding.path) for finding in cado.findings(12, 31)] == [
        ("Miner", "/tmp/a"),
        ("Backdoor", ""),
    ]
    assert platform.calls[1:] == [
        (
            "GET",
            "/api/v3/alarms",
            {"investigation_id": 12, "evidence_id": 31, "alarm_severity": [1], "per_page": 100, "page": 1},
            None,
        )
    ]


@pytest.mark.parametrize("answer", [(403, {}), (500, {}), ok("none"), ConnectionBroken("h", sent=True)])
def test_findings_do_without_paths(answer: Any) -> None:
    cado, platform, _ = client(
        {"GET /api/v3/alarms/summary": ok({"breakdown": ROWS[3:]}), "GET /api/v3/alarms": answer}
    )
    assert cado.findings(12, 31) == (Finding("Miner", 5, Severity.MALICIOUS, ("T1496",)),)
    assert len(platform.calls) == 2


def test_findings_are_counted_where_the_platform_has_no_summary() -> None:
    alarms = [row("Miner", 0, 1, full_path="/tmp/a"), row("Login", 0, 10), row("Miner", 0, 1, full_path="/b")]
    for alarm in alarms:
        del alarm["total_count"]
    cado, platform, _ = client(
        {"GET /api/v3/platform/update": update("2.260.1"), "GET /api/v3/alarms": ok(alarms, pages=1)}
    )
    assert cado.findings(12, 31) == (
        Finding(
            "Miner",
            2,
            Severity.MALICIOUS,
            path="/tmp/a",
            artefacts=(Artefact("/tmp/a", 1), Artefact("/b", 1)),
        ),
        Finding("Login", 1, Severity.INFO, artefacts=(Artefact("", 1),)),
    )
    assert platform.calls[-1][2] == {"project_id": 12, "evidence_id": 31, "per_page": 100, "page": 1}


@pytest.mark.parametrize("version", [update("2.324.0"), (403, {})])
def test_a_project_that_is_not_there_has_no_findings_of_others(version: Any) -> None:
    cado, platform, _ = client(
        {"GET /api/v3/platform/update": version, "GET /api/v3/alarms": ok([row("Other", 1, 1)], pages=1)}
    )
    with pytest.raises(NotFound):
        cado.findings(12)
    assert "/api/v3/alarms" not in [path for _, path, _, _ in platform.calls]


# --- v2


# --- any answer at all

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inside: (
        st.lists(inside, max_size=3)
        | st.dictionaries(
            st.sampled_from(["id", "data", "pipeline", "summary", "status", "created", "details", "alarms"])
            | st.sampled_from(
                ["resource", "name", "breakdown", "attack", "last_processed", "subtasks", "total"]
            ),
            inside,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@given(_JSON, st.sampled_from(["v2", "v3"]))
def test_any_answer_is_a_value_or_a_typed_error(data: Any, api: str) -> None:
    for body in (data, {"status": "success", "data": data}, {"status": "success", "data": [data]}):
        answer = (200, body)
        routes = ("projects", "projects/1", "pipelines", "pipelines/1", "evidences", "evidences/1", "alarms")
        more = ("alarms/summary", "auth/whoami", "platform/update", "tasks/pipelines")
        cado, _, _ = client({f"GET /api/{api}/{route}": answer for route in routes + more}, api_version=api)
        for ask in (
            cado.whoami,
            cado.version,
            lambda cado=cado: cado.find_project("x"),
            lambda cado=cado: cado.project(1),
            lambda cado=cado: list(cado.pipelines(1)),
            lambda cado=cado: cado.pipeline(1),
            lambda cado=cado: cado.evidence(1),
            lambda cado=cado: list(cado.evidences(1)),
            lambda cado=cado: cado.findings(1, 1),
        ):
            with suppress(CadoError):
                ask()


# --- the bodies that stand beside the project


def test_samples_of_v3() -> None:
    cado, _, _ = client(
        {
            "GET /api/v3/projects": sample("v3_projects_get_list_200"),
            "GET /api/v3/projects/12": sample("v3_projects_get_one_200"),
            "POST /api/v3/projects": sample("v3_projects_post_201"),
            "POST /api/v3/import/aws/ec2": sample("v3_import_aws_ec2_post_200"),
            "GET /api/v3/pipelines": sample("v3_pipelines_list_200"),
            "GET /api/v3/pipelines/301": sample("v3_pipelines_get_failed_200"),
            "GET /api/v3/evidences": sample("v3_evidences_list_200"),
            "GET /api/v3/evidences/31": sample("v3_evidences_get_200"),
            "GET /api/v3/alarms": sample("v3_alarms_list_200"),
            "GET /api/v3/alarms/summary": sample("v3_alarms_summary_200"),
        }
    )
    assert cado.find_project("weekly_scan_2026-07-06") == 12
    assert cado.open_project("another", "why") == 12
    assert cado.project(12).malicious == 7
    assert cado.capture_ec2(12, "i-05938bed528eb12b9", "us-east-1") == (301,)
    assert [(listed.id, listed.state, listed.triggered_by) for listed in cado.pipelines(12)] == [
        (302, "complete", 301),
        (301, "complete", None),
    ]
    assert cado.pipeline(301).reason.startswith("Error: Unrecoverable error")
    assert [evidence.instance for evidence in cado.evidences(12)] == ["i-05938bed528eb12b9"]
    assert cado.evidence(31).hostname == "ip-172-31-78-104"
    first, second = cado.findings(12, 31)
    assert (first.severity, first.attack, first.path) == (
        Severity.MALICIOUS,
        ("T1496",),
        "/var/www/html/wp-content/plugins/uploads/a.sh",
    )
    assert (second.severity, second.count) == (Severity.SUSPICIOUS, 8)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("v3_error_401", Unauthorized),
        ("v3_error_403", Unauthorized),
        ("v3_error_404", NotFound),
        ("v3_error_409", Conflict),
        ("v2_not_found_404", NotFound),
        ("v2_projects_post_409", Conflict),
    ],
)
def test_samples_of_refusals(name: str, kind: type[CadoError]) -> None:
    cado, _, _ = client({"GET /api/v3/projects/5": sample(name)})
    with pytest.raises(kind):
        cado.project(5)


# --- the key


# --- what stands in the platform's place
