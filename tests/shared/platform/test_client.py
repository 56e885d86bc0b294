"""The client of the platform's API: what it asks, what it makes of the answer, and what of every failure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.http.answers import Answer
from shared.http.client import Http
from shared.http.deadlines import within
from shared.http.errors import ConnectFailed, ConnectionBroken, TimedOut, TlsFailed, UnknownHost
from shared.models.evidence import Evidence, Finding, Project
from shared.models.severity import Severity
from shared.platform.answers import Identity, Pipeline
from shared.platform.client import Cado
from shared.platform.errors import CadoError, Conflict, NotFound, Refused, Unauthorized, Unavailable
from shared.platform.transport import Transport
from shared.platform.v2 import CadoV2
from shared.secrets import Secret, SecretError

KEY = "k-5ecret-key"
SAMPLES = Path(__file__).resolve().parents[4] / "shared" / "samples" / "api"
Call = tuple[str, str, Mapping[str, Any] | None, Mapping[str, Any] | None]


class Platform(Http):
    """Answers by method and path from a list for each; the last answer of a list is given again and again."""

    def __init__(self, answers: Mapping[str, Any]) -> None:
        super().__init__()
        self.calls: list[Call] = []
        self._answers = {
            route: list(given) if isinstance(given, list) else [given] for route, given in answers.items()
        }

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        data: bytes | None = None,
        read_timeout: float | None = None,
    ) -> Answer:
        assert headers == {"Authorization": f"Bearer {KEY}"}
        path = url.removeprefix("https://cado.example")
        self.calls.append((method, path, params, json))
        waiting = self._answers.get(f"{method} {path}", [(404, {"message": "no such thing"})])
        answer = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, Answer) else reply(*answer)


def reply(status: int, body: Any, headers: Mapping[str, str] | None = None) -> Answer:
    return Answer(status, headers or {}, body if isinstance(body, bytes) else json.dumps(body).encode())


def ok(data: Any, pages: int | None = None, status: int = 200) -> tuple[int, Any]:
    page = (
        {"pagination": {"type": "page", "total_pages": pages, "current_page": 1}} if pages is not None else {}
    )
    return status, {"status": "success", "data": data, **page}


def client(
    answers: Mapping[str, Any], *, api_version: str = "v3", bucket: str = ""
) -> tuple[Cado, Platform, list[float]]:
    platform, slept = Platform(answers), []  # type: tuple[Platform, list[float]]
    transport = Transport(
        "https://cado.example",
        Secret(KEY),
        platform,
        sleep=slept.append,
        rng=lambda: 0.0,
        now=lambda: 0.0,
    )
    return (CadoV2(transport, bucket=bucket) if api_version == "v2" else Cado(transport)), platform, slept


def update(version: str) -> tuple[int, Any]:
    return ok({"version_info": {"backend_version": version}, "allow_updates": True})


def project(number: int, name: str) -> dict[str, Any]:
    return {"id": number, "details": {"name": name}, "alarms": {"malicious": 1, "suspicious": 2}}


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


@pytest.mark.parametrize(
    ("answer", "ambiguous", "after"),
    [
        (ConnectFailed("cado.example", sent=False), False, None),
        (UnknownHost("cado.example", sent=False), False, None),
        (TlsFailed("cado.example", sent=False), False, None),
        (TimedOut("cado.example", sent=False), False, None),
        (TimedOut("cado.example", sent=True), True, None),
        (ConnectionBroken("cado.example", sent=True), True, None),
        (reply(429, {}, {"Retry-After": "7"}), False, 7.0),
        (reply(503, b"<html>", {"retry-after": "Thu, 01 Jan 1970 00:01:00 GMT"}), False, 60.0),
        (reply(503, {}), False, None),
        (reply(500, {}), True, None),
        (reply(502, b"<html>Bad Gateway"), True, None),
        (reply(504, {}), True, None),
        (reply(408, {}), True, None),
        (reply(200, b"<html>log in"), True, None),
        (reply(200, {"status": "success", "data": {"pipeline_ids": []}}), True, None),
        (reply(200, {"status": "success", "data": {"pipeline_ids": "many"}}), True, None),
        (reply(200, {"status": "success"}), True, None),
        (reply(200, []), True, None),
    ],
)
def test_a_capture_is_sent_once_whatever_comes(answer: Any, ambiguous: bool, after: float | None) -> None:
    cado, platform, slept = client({"POST /api/v3/import/aws/ec2": answer})
    with pytest.raises(Unavailable) as caught:
        cado.capture_ec2(12, "i-0abc", "us-east-1")
    assert (caught.value.ambiguous, caught.value.after) == (ambiguous, after)
    assert (len(platform.calls), slept) == (1, [])


@pytest.mark.parametrize(
    ("status", "kind", "says"),
    [
        (302, Refused, "The platform points to another address (302); write"),
        (400, Refused, "The platform refused it (400): told [C_1]."),
        (401, Unauthorized, "The platform refused the API key (401): told [C_1]. Make a new key"),
        (403, Unauthorized, "The role of the API key may not do this (403): told [C_1]. Hunts need the role"),
        (404, NotFound, "The platform does not know instance i-0abc (404): told [C_1]."),
        (409, Conflict, "The platform has one already (409): told [C_1]."),
        (422, Refused, "The platform refused it (422): told [C_1]."),
    ],
)
def test_a_refusal_is_one_plain_sentence(status: int, kind: type[CadoError], says: str) -> None:
    body = {"status": "error", "message": "told.", "code": "C_1"}
    cado, platform, _ = client({"POST /api/v3/import/aws/ec2": (status, body)})
    with pytest.raises(CadoError) as caught:
        cado.capture_ec2(12, "i-0abc", "us-east-1")
    assert type(caught.value) is kind
    assert str(caught.value).startswith(says)
    assert caught.value.status == status
    assert len(platform.calls) == 1


def test_hostile_text_in_a_refusal() -> None:
    message = f"bad\u202e key {KEY}\x1b[31m\n" + "x" * 5_000
    cado, _, _ = client({"GET /api/v3/auth/whoami": (401, {"message": message})})
    with pytest.raises(Unauthorized) as caught:
        cado.whoami()
    text = str(caught.value)
    assert text.startswith("The platform refused the API key (401): bad key <secret>[31m xxx")
    assert (len(text) < 400, KEY in text, "\n" in text) == (True, False, False)


def test_a_key_that_cannot_be_a_header() -> None:
    cado = Cado(Transport("https://cado.example", Secret("a\nb\u20ac"), Http()))
    with pytest.raises(Refused) as caught:
        cado.whoami()
    assert "look at the key" in str(caught.value)


# --- reads are repeated, within bounds


def test_a_read_is_tried_three_times() -> None:
    cado, platform, slept = client({"GET /api/v3/auth/whoami": (502, {})})
    with pytest.raises(Unavailable) as caught:
        cado.whoami()
    assert caught.value.ambiguous is False
    assert (len(platform.calls), slept) == (3, [0.5, 1.0])


def test_a_read_that_works_the_second_time() -> None:
    lost = ConnectionBroken("cado.example", sent=True)
    cado, _, slept = client({"GET /api/v3/auth/whoami": [lost, ok({"rbac_role": "Analyst"})]})
    assert (cado.whoami().role, slept) == ("Analyst", [0.5])


@pytest.mark.parametrize(("wait", "slept"), [("12", [12.0, 12.0]), ("31", [])])
def test_a_read_waits_as_long_as_it_is_told_within_reason(wait: str, slept: list[float]) -> None:
    cado, _, paused = client({"GET /api/v3/auth/whoami": reply(429, {}, {"Retry-After": wait})})
    with pytest.raises(Unavailable) as caught:
        cado.whoami()
    assert (caught.value.after, paused) == (float(wait), slept)


@pytest.mark.parametrize(
    "answer", [TlsFailed("cado.example", sent=False, detail="expired"), reply(200, b"<html>")]
)
def test_a_read_that_cannot_get_better_is_not_repeated(answer: Any) -> None:
    cado, platform, _ = client({"GET /api/v3/auth/whoami": answer})
    with pytest.raises(Unavailable):
        cado.whoami()
    assert len(platform.calls) == 1


# --- pipelines


def pipeline(number: int, **rest: Any) -> dict[str, Any]:
    return {"pipeline": {"id": number, "type": "acquisition"}, "name": "Acquiring i-0abc", **rest}


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


def test_pages_of_the_default_size_where_a_large_one_is_refused() -> None:
    pages = [(400, {"message": "per_page"}), ok([pipeline(1)], pages=2), ok([pipeline(2)], pages=2)]
    cado, platform, _ = client({"GET /api/v3/pipelines": pages})
    assert [one.id for one in cado.pipelines(12)] == [1, 2]
    assert [params for _, _, params, _ in platform.calls] == [
        {"project_id": 12, "per_page": 100, "page": 1},
        {"project_id": 12, "page": 1},
        {"project_id": 12, "page": 2},
    ]


def test_pages_without_end_are_given_up() -> None:
    cado, platform, _ = client({"GET /api/v3/pipelines": ok([], pages=10**9)})
    with pytest.raises(Refused, match="more than 2000 pages"):
        list(cado.pipelines(12))
    assert len(platform.calls) == 2_000


@pytest.mark.parametrize(
    ("found", "state"),
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
def test_the_state_of_a_pipeline(found: dict[str, Any], state: str) -> None:
    cado, _, _ = client({"GET /api/v3/pipelines/5": ok(pipeline(5, **found))})
    one = cado.pipeline(5)
    assert (one.state, one.ended) == (state, state in ("complete", "failed", "cancelled"))


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
    assert [one.reason for one in cado.pipelines(12)] == ["Error: no space"]
    assert [one.reason for one in cado.pipelines(12)] == ["Error: no space"]
    assert [path for _, path, _, _ in platform.calls].count("/api/v3/pipelines/5") == 1


def test_why_a_pipeline_failed_where_it_cannot_be_looked_up() -> None:
    steps = [{"name": "Mount the disk", "state": "FAILURE"}]
    cado, _, _ = client(
        {"GET /api/v3/pipelines": ok([pipeline(5, status="failed", subtasks=steps)], pages=1)}
    )
    assert [one.reason for one in cado.pipelines(12)] == ["Mount the disk failed"]


def test_many_failed_pipelines_do_not_mean_as_many_requests() -> None:
    failed = [
        pipeline(n, status="failed", subtasks=[{"name": "Copy", "state": "FAILURE"}]) for n in range(90)
    ]
    cado, platform, _ = client({"GET /api/v3/pipelines": ok(failed, pages=1)})
    assert {one.reason for one in cado.pipelines(12)} == {"Copy failed"}
    assert len(platform.calls) == 21


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
    ],
)
def test_the_instance_behind_an_evidence(rest: dict[str, Any], instance: str) -> None:
    cado, _, _ = client({"GET /api/v3/evidences/31": ok(evidence(**rest))})
    assert cado.evidence(31).instance == instance


def test_all_evidence_of_a_project() -> None:
    pages = [ok([evidence(), evidence(id=None)], pages=2), ok([evidence(), evidence(id=32)], pages=2)]
    cado, platform, _ = client({"GET /api/v3/evidences": pages})
    assert [one.id for one in cado.evidences(12)] == [31, 32]
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
        {"description": "Miner", "full_path": "/tmp/a"},
        {"description": "Miner", "full_path": "/tmp/b"},
    ]
    cado, platform, _ = client(
        {"GET /api/v3/alarms/summary": ok({"breakdown": ROWS[2:]}), "GET /api/v3/alarms": ok(alarms, pages=9)}
    )
    assert [(one.description, one.path) for one in cado.findings(12, 31)] == [
        ("Miner", "/tmp/a"),
        ("Backdoor", ""),
    ]
    assert platform.calls[1:] == [
        (
            "GET",
            "/api/v3/alarms",
            {"investigation_id": 12, "evidence_id": 31, "alarm_severity": [1]},
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
        Finding("Miner", 2, Severity.MALICIOUS, path="/tmp/a"),
        Finding("Login", 1, Severity.INFO),
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


def v2(answers: Mapping[str, Any], **settings: Any) -> tuple[Cado, Platform]:
    cado, platform, _ = client(
        {f"{route.split()[0]} /api/v2{route.split()[1]}": answer for route, answer in answers.items()},
        api_version="v2",
        **settings,
    )
    return cado, platform


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
def test_v2_refuses_what_it_cannot_do_before_it_asks(asked: dict[str, str]) -> None:
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
    assert [one.instance for one in cado.evidences(2)] == ["i-0593beef"]
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


def sample(name: str) -> Answer:
    path = SAMPLES / f"{name}.json"
    if not path.exists():
        pytest.skip(f"the sample bodies are not beside the project ({path.name})")
    return Answer(int(name.rpartition("_")[2]) if name[-1].isdigit() else 200, {}, path.read_bytes())


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
    assert [(one.id, one.state, one.triggered_by) for one in cado.pipelines(12)] == [
        (302, "complete", 301),
        (301, "complete", None),
    ]
    assert cado.pipeline(301).reason.startswith("Error: Unrecoverable error")
    assert [one.instance for one in cado.evidences(12)] == ["i-05938bed528eb12b9"]
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
    assert [(one.id, one.state, one.evidence_id) for one in cado.pipelines(1)] == [(9, "complete", 10)]
    assert cado.pipeline(1).state == "failed"


# --- the key


class Keys:
    """A place in which the key is kept, and in which somebody else puts a newer one."""

    def __init__(self, *keys: str) -> None:
        self.keys, self.current, self.renewed = list(keys), keys[0], 0

    def read(self) -> Secret:
        if not self.current:
            raise SecretError("env:API_KEY: the environment variable API_KEY is not set")
        return Secret(self.current)

    def renew(self) -> None:
        self.renewed += 1
        self.current = self.keys.pop(0)


class Gate(Http):
    """A platform that takes one key alone."""

    def __init__(self, key: str) -> None:
        super().__init__()
        self.key, self.seen = key, []  # type: tuple[str, list[str]]

    def request(self, method: str, url: str, **sent: Any) -> Answer:
        self.seen.append(sent["headers"]["Authorization"].removeprefix("Bearer "))
        return reply(*ok({"pipeline_ids": [{"id": 7}]})) if self.seen[-1] == self.key else reply(401, {})


def capture(keys: Keys, gate: Gate) -> tuple[int, ...]:
    cado = Cado(Transport("https://cado.example", keys.read, gate, renew=keys.renew))
    return cado.capture_ec2(1, "i-0abc", "us-east-1")


def test_a_key_is_looked_up_with_every_request() -> None:
    keys, gate = Keys("old"), Gate("old")
    cado = Cado(Transport("https://cado.example", keys.read, gate))
    cado.capture_ec2(1, "i-0abc", "us-east-1")
    keys.current = gate.key = "new"
    cado.capture_ec2(1, "i-0abc", "us-east-1")
    assert gate.seen == ["old", "new"]


def test_a_refused_key_is_read_again_and_the_request_sent_once_more() -> None:
    keys, gate = Keys("old", "new"), Gate("new")
    keys.keys = ["new"]
    assert capture(keys, gate) == (7,)
    assert gate.seen == ["old", "new"]


@pytest.mark.parametrize("after", ["old", ""])
def test_a_refused_key_without_a_newer_one_is_refused(after: str) -> None:
    keys, gate = Keys("old"), Gate("another")
    keys.keys = [after]
    with pytest.raises(Unauthorized):
        capture(keys, gate)
    assert (gate.seen, keys.renewed) == (["old"], 1)


def test_a_key_that_cannot_be_read_now_is_an_outage_and_nothing_was_sent() -> None:
    keys, gate = Keys(""), Gate("any")
    with pytest.raises(Unavailable) as caught:
        capture(keys, gate)
    assert (caught.value.ambiguous, gate.seen) == (False, [])
    assert "API_KEY is not set" in str(caught.value)


# --- what stands in the platform's place


def test_a_page_in_the_place_of_the_platform_is_an_outage() -> None:
    page = Answer(200, {"Content-Type": "text/html"}, b"<!DOCTYPE html><title>Sign in</title>")
    cado, _, _ = client({"GET /api/v3/auth/whoami": page})
    with pytest.raises(Unavailable) as caught:
        cado.whoami()
    assert "is a web page, such as a proxy puts in its place" in str(caught.value)


def test_a_pause_that_outlasts_the_budget_is_not_begun() -> None:
    cado, platform, slept = client({"GET /api/v3/auth/whoami": (502, {})})
    with within(0.4), pytest.raises(Unavailable):
        cado.whoami()
    assert (len(platform.calls), slept) == (1, [])
