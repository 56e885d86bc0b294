"""The simulated platform: its answers against the platform's own OpenAPI file, its refusals, its stories."""

import copy
import json
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
from flask import Flask, request
from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from demo.platform.records import SimAlarm, SimInstance, SimVolume, SimVulnerability
from demo.platform.simulation import Platform
from demo.platform.v3 import routes as v3
from demo.serving import serving
from tests.demo.platform import kinds

NOW = 1_783_296_012.0
SPEC = Path(__file__).resolve().parents[4] / "shared" / "contracts" / "cado-api-2.324.0.json"
needs_spec = pytest.mark.skipif(
    not SPEC.exists(), reason="the platform's OpenAPI file is not beside the project"
)

MINER = SimAlarm("Malicious File Detected: cryptomining_malware_wannamine", 1, 5, ("T1496",), "/tmp/.x/m")
SHELL = SimAlarm("Possible WebShell Command", 3, 8, ("T1505.003",))
SUDO = SimAlarm("User accessing sudo", 10, 2, ("T1548",))
WEB, DB, APP, IDLE, OWN, FAR = FLEET = (
    SimInstance(
        "i-0aaa", "web-1", "us-east-1", hostname="ip-10-0-0-1",
        volumes=(SimVolume("vol-0a1", 8, (MINER, SHELL)), SimVolume("vol-0a2", 100, (SUDO,))),
    ),
    SimInstance("i-0bbb", "db-1", "us-east-1", volumes=(SimVolume("vol-0b1"),), fails="Snapshot refused"),
    SimInstance(
        "i-0ccc", "app-1", "eu-west-1", hostname="app", os="Windows",
        volumes=(SimVolume("vol-0c1", fails="NTFS is damaged"),),
    ),
    SimInstance(
        "i-0ddd",
        "idle-1",
        "eu-west-1",
        volumes=(SimVolume("vol-0d1"),),
        vulnerabilities=(
            SimVulnerability("CVE-2026-0001", fixed="1.0.2", in_use="true"),
            SimVulnerability("CVE-2026-0002", "high"),
            SimVulnerability("CVE-2026-0003", "low"),
        ),
    ),
    SimInstance("i-0eee", "CadoResponse", "us-east-1", importable=False),
    SimInstance("i-0fff", "far", "us-east-1", account="prod", volumes=(SimVolume("vol-0f1"),)),
)  # fmt: skip
KEYS = {
    "admin": "Administrator",
    "platform": "Platform Administrator",
    "lead": "Lead Analyst",
    "analyst": "Analyst",
    "reader": "Read Only Analyst",
}


def make(systems=(), **options):
    options = {"rng": random.Random(7), "clock": lambda: NOW, **options}
    return Platform((*FLEET, *systems), KEYS, **options)


def ask(platform, method, path, body=None, *, key="admin", api="/api/v3"):
    """One request through the WSGI app; returns (status, body)."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    answer = platform.app.test_client().open(api + path, method=method, json=body, headers=headers)
    return answer.status_code, answer.get_json()


def data(platform, method, path, body=None, **options):
    status, answer = ask(platform, method, path, body, **options)
    assert status in (200, 201), answer
    return answer["data"]


def capture(platform, project, machine, **flags):
    body = {"instance_id": machine.instance_id, "region": machine.region, "project_id": project, **flags}
    if machine.account != "Default":
        body["cloud_id"] = machine.account
    return data(platform, "POST", "/import/aws/ec2", body)["pipeline_ids"][0]["id"]


def new_project(platform, name="weekly"):
    return data(platform, "POST", "/projects", {"case_name": name})["id"]


def hook(platform, event_type="processing_with_alarms", url="http://127.0.0.1:1/", **fields):
    body = {"name": "bridge", "payload_type": "custom", "url": url, "event_type": event_type, **fields}
    return data(platform, "POST", "/webhooks", body)["id"]


@contextmanager
def receiver(status=200):
    """A loopback server that keeps what it is sent; yields (url, list of (headers, body))."""
    app, got = Flask("receiver"), []

    @app.post("/hook")
    def take():
        got.append((dict(request.headers), request.get_json()))
        return "", status

    with serving(app) as url:
        yield f"{url}/hook", got


# The platform's own OpenAPI file


def contract():
    spec = json.loads(SPEC.read_text())
    _make_strict(spec)
    return spec


def _make_strict(node):
    """OpenAPI 3.0's `nullable`, which the file still uses, as 2020-12 has it; and no unknown field."""
    if isinstance(node, list):
        for inner in node:
            _make_strict(inner)
    elif isinstance(node, dict):
        if node.get("nullable") is True and isinstance(node.get("type"), str):
            node["type"] = [node["type"], "null"]
        if isinstance(node.get("properties"), dict) and "type" in node:
            node.setdefault("additionalProperties", False)
        for inner in node.values():
            _make_strict(inner)


def errors_of(spec, method, rule, status, answer):
    """What is wrong with an answer, by the schema of its path; a status that is not listed is a `default`."""
    operation = spec["paths"][rule][method.lower()]
    key = str(status) if str(status) in operation["responses"] else "default"
    if "$ref" in (response := operation["responses"][key]):
        where = response["$ref"]
    else:
        where = f"#/paths/{rule.replace('/', '~1')}/{method.lower()}/responses/{key}"
    pointer = f"urn:spec{where}/content/application~1json/schema"
    registry = Registry().with_resource("urn:spec", DRAFT202012.create_resource(spec))
    validator = Draft202012Validator({"$ref": pointer}, registry=registry)
    return [error.message for error in validator.iter_errors(answer)]


# What is asked of each route: (path, body).
ASKED = {
    ("GET", "/projects"): ("/projects?get_alarm_summary=true&order_by=-malicious", None),
    ("POST", "/projects"): ("/projects", {"case_name": "another", "description": "d", "users": []}),
    ("GET", "/projects/{project_id}"): ("/projects/11", None),
    ("GET", "/import/aws/ec2"): ("/import/aws/ec2?cloud_id=Default&region=us-east-1", None),
    ("POST", "/import/aws/ec2"): (
        "/import/aws/ec2",
        {"instance_id": "i-0ddd", "region": "eu-west-1", "project_id": 11},
    ),
    ("GET", "/pipelines"): ("/pipelines", None),
    ("GET", "/pipelines/status"): ("/pipelines/status", None),
    ("GET", "/pipelines/{id}"): ("/pipelines/302", None),
    ("PATCH", "/pipelines/{id}"): ("/pipelines/301", {"aborted": True}),
    ("GET", "/evidences"): ("/evidences", None),
    ("GET", "/evidences/{evidence_id}"): ("/evidences/31", None),
    ("PATCH", "/projects/{project_id}"): ("/projects/11", {"ioc": "evil.example;C2"}),
    ("POST", "/evidences/process"): ("/evidences/process", {"evidence_id": 31}),
    ("GET", "/indicators"): ("/indicators?investigation_id=11", None),
    ("GET", "/intelligence"): ("/intelligence?yara=true", None),
    ("PATCH", "/intelligence"): ("/intelligence", {"yara": "rule a { condition: false }", "ioc": "b"}),
    ("GET", "/alarms"): ("/alarms?investigation_id=11", None),
    ("GET", "/alarms/summary"): ("/alarms/summary?investigation_id=11", None),
    ("GET", "/alarms/overview"): ("/alarms/overview?investigation_ids=11&investigation_ids=99", None),
    ("GET", "/vulnerabilities"): ("/vulnerabilities?severity=critical&severity=high&page=1", None),
    ("GET", "/webhooks"): ("/webhooks", None),
    ("POST", "/webhooks"): (
        "/webhooks",
        {
            "name": "n",
            "payload_type": "slack",
            "url": "https://x.example/",
            "event_type": "audit_event_login",
        },
    ),
    ("PATCH", "/webhooks/{webhook_id}"): ("/webhooks/1", {"enabled": False}),
    ("POST", "/webhooks/test"): ("/webhooks/test", {"id": 1}),
    ("DELETE", "/webhooks/{webhook_id}"): ("/webhooks/1", None),
    ("GET", "/auth/whoami"): ("/auth/whoami", None),
    ("GET", "/platform/update"): ("/platform/update", None),
    ("GET", "/platform"): ("/platform", None),
    ("GET", "/system/status"): ("/system/status", None),
    ("GET", "/accounts"): ("/accounts", None),
    ("GET", "/license"): ("/license", None),
    **kinds.ASKED,
}


def spec_rule(route):
    return route.rule.replace("{pipeline_id}", "{id}")


@pytest.fixture(scope="module")
def spec():
    return contract()


def test_every_route_is_asked_below():
    assert {(route.method, spec_rule(route)) for route in v3.ROUTES} == set(ASKED)


@needs_spec
@pytest.mark.parametrize(
    ("method", "rule", "progress"),
    [
        (method, rule, progress)
        for method, rule in ASKED
        for progress in ("queued", "under way", "settled")
        # there is none yet
        if not (rule in ("/evidences/{evidence_id}", "/evidences/process") and progress == "queued")
        if (method, rule) not in kinds.ASKED or progress == "under way"  # they do not depend on it
    ],
)
def test_every_answer_keeps_the_contract(spec, method, rule, progress):
    platform = make(kinds.SYSTEMS, workers=2)
    with receiver() as (url, _):
        hook(platform, url=url)
        project = new_project(platform)
        for machine in (WEB, DB, APP, IDLE):
            capture(platform, project, machine)
        if progress != "queued":
            while not platform.world.alarms:
                platform.tick()
        if progress == "settled":
            platform.settle()
        path, body = ASKED[method, rule]
        status, answer = ask(platform, method, path, body)
    assert status in (200, 201), answer
    assert errors_of(spec, method, f"/api/v3{rule}", status, answer) == []


@needs_spec
def test_a_broken_answer_fails_the_contract(spec):
    platform = make()
    capture(platform, new_project(platform), WEB)
    platform.settle()
    _, good = ask(platform, "GET", "/pipelines")
    check = ("GET", "/api/v3/pipelines", 200)
    assert errors_of(spec, *check, good) == []
    without, wrong, extra, unknown = (copy.deepcopy(good) for _ in range(4))
    del without["data"][0]["status"]
    wrong["data"][0]["pipeline"]["id"] = "301"
    extra["data"][0]["invented"] = 1
    unknown["data"][0]["status"] = "done"
    answers: list[Any] = [without, wrong, extra, unknown, {"data": []}]
    for broken in answers:
        assert errors_of(spec, *check, broken) != []


@needs_spec
@pytest.mark.parametrize("route", v3.ROUTES, ids=lambda route: f"{route.method} {route.rule}")
def test_roles_are_those_of_the_contract(spec, route):
    operation = spec["paths"][f"/api/v3{spec_rule(route)}"][route.method.lower()]
    assert set(route.roles) == set(operation["x-Required Roles"])


# Refusals

IMPORT = {"instance_id": "i-0aaa", "region": "us-east-1", "project_id": 11}
HOOK = {
    "name": "n",
    "payload_type": "custom",
    "url": "http://127.0.0.1:1/",
    "event_type": "processing_failed",
}
REFUSED: list[tuple[str | None, str, str, Any, int, str]] = [
    # who, method, path, body, status, a part of the message
    (None, "GET", "/projects", None, 401, "token"),
    ("wrong", "GET", "/projects", None, 401, "token"),
    ("wrong", "GET", "/system/status", None, 401, "token"),
    ("platform", "GET", "/projects", None, 403, "permission"),
    ("platform", "POST", "/projects", {"case_name": "x"}, 403, "permission"),
    ("platform", "POST", "/import/aws/ec2", IMPORT, 403, "permission"),
    ("platform", "GET", "/evidences", None, 403, "permission"),
    ("platform", "GET", "/alarms", None, 403, "permission"),
    ("platform", "GET", "/pipelines", None, 403, "permission"),
    ("lead", "GET", "/webhooks", None, 403, "permission"),
    ("lead", "POST", "/webhooks", HOOK, 403, "permission"),
    ("analyst", "POST", "/projects", {"case_name": "x"}, 403, "permission"),
    ("analyst", "DELETE", "/webhooks/1", None, 403, "permission"),
    ("reader", "POST", "/import/aws/ec2", IMPORT, 403, "permission"),
    ("reader", "GET", "/accounts", None, 403, "permission"),
    ("admin", "GET", "/nothing", None, 404, "not found"),
    ("admin", "GET", "/projects/abc", None, 404, "not found"),
    ("admin", "GET", "/projects/99", None, 404, "Project"),
    ("admin", "GET", "/pipelines/99", None, 404, "Pipeline"),
    ("admin", "GET", "/evidences/99", None, 404, "Evidence"),
    ("admin", "GET", "/alarms/summary?investigation_id=99", None, 404, "Project"),
    ("admin", "PATCH", "/webhooks/99", {"enabled": True}, 404, "Webhook"),
    ("admin", "POST", "/webhooks/test", {"id": 99}, 404, "Webhook"),
    ("admin", "PUT", "/projects", {}, 405, "method"),
    ("admin", "DELETE", "/system/status", None, 405, "method"),
    ("admin", "POST", "/projects", None, 400, "JSON"),
    ("admin", "POST", "/projects", [], 400, "JSON"),
    ("admin", "POST", "/projects", {}, 400, "case_name is a required field"),
    ("admin", "POST", "/projects", {"case_name": ""}, 400, "1 to 80"),
    ("admin", "POST", "/projects", {"case_name": "x" * 81}, 400, "1 to 80"),
    ("admin", "POST", "/projects", {"case_name": 5}, 400, "a string"),
    ("admin", "POST", "/projects", {"caseName": "x"}, 400, "case_name"),
    ("admin", "POST", "/projects", {"case_name": "weekly"}, 409, "already exists"),
    ("admin", "POST", "/import/aws/ec2", {**IMPORT, "project_id": 99}, 404, "Project"),
    ("admin", "POST", "/import/aws/ec2", {**IMPORT, "project_id": "11"}, 400, "an integer"),
    ("admin", "POST", "/import/aws/ec2", {**IMPORT, "project_id": True}, 400, "an integer"),
    ("admin", "POST", "/import/aws/ec2", {**IMPORT, "skip_processing": "true"}, 400, "a boolean"),
    ("admin", "POST", "/import/aws/ec2", {**IMPORT, "region": "eu-west-1"}, 404, "i-0aaa"),
    ("admin", "POST", "/import/aws/ec2", {**IMPORT, "cloud_id": "prod"}, 404, "i-0aaa"),
    ("admin", "POST", "/import/aws/ec2", {**IMPORT, "cloud_id": "none"}, 400, "none does not exist"),
    ("admin", "POST", "/import/aws/ec2", {**IMPORT, "instance_id": "i-0fff"}, 404, "i-0fff"),
    ("admin", "POST", "/import/aws/ec2", {**IMPORT, "instance_id": "i-0eee"}, 400, "cannot be imported"),
    ("admin", "GET", "/import/aws/ec2?region=us-east-1", None, 400, "cloud_id is required"),
    ("admin", "GET", "/import/aws/ec2?cloud_id=Default&region=r&cursor=%25", None, 400, "cursor"),
    ("admin", "GET", "/alarms/overview", None, 400, "investigation_ids is required"),
    ("admin", "GET", "/alarms/summary", None, 400, "investigation_id is required"),
    ("admin", "GET", "/pipelines?pipeline_status=success", None, 400, "pipeline_status"),
    ("admin", "GET", "/pipelines?project_id=weekly", None, 400, "an integer"),
    ("admin", "GET", "/projects?page=0", None, 400, "1 or more"),
    ("admin", "GET", "/projects?per_page=-1", None, 400, "1 or more"),
    ("admin", "GET", "/evidences?order_by=size", None, 400, "order_by"),
    ("admin", "POST", "/webhooks", {**HOOK, "event_type": "alarm"}, 400, "event_type"),
    ("admin", "POST", "/webhooks", {**HOOK, "payload": {"t": "$Title"}}, 400, "$Event"),
    ("admin", "POST", "/webhooks", {**HOOK, "payload": {"$Title": "$Event"}}, 400, "$Title"),
    ("admin", "POST", "/webhooks", {**HOOK, "payload": "$Title $Event"}, 400, "an object"),
    ("admin", "POST", "/webhooks", {**HOOK, "payload_type": "jira"}, 400, "detection"),
    ("admin", "POST", "/webhooks", {**HOOK, "url": "example.com"}, 400, "url"),
    ("admin", "PATCH", "/webhooks/1", {"enabled": "no"}, 400, "a boolean"),
    ("admin", "PATCH", "/webhooks/1", {"payload": {}}, 400, "$Title"),
]  # fmt: skip


@pytest.mark.parametrize(("key", "method", "path", "body", "status", "part"), REFUSED)
def test_it_refuses_what_the_platform_refuses(key, method, path, body, status, part):
    platform = make()
    new_project(platform)
    hook(platform)
    got, answer = ask(platform, method, path, body, key=key)
    assert (got, answer["status"], set(answer)) == (status, "error", {"status", "message", "code"})
    assert part in answer["message"]
    assert platform.asked == {}
    assert len(platform.world.projects) == 1


def test_a_body_that_is_not_json_is_refused():
    for content_type in ("application/json", "text/plain"):
        answer = make().app.test_client().post(
            "/api/v3/projects", data="{", content_type=content_type, headers={"Authorization": "Bearer lead"}
        )  # fmt: skip
        assert answer.status_code == 400


def test_a_role_that_there_is_not_is_refused_at_once():
    with pytest.raises(ValueError, match="no such role: Boss"):
        Platform(FLEET, {"k": "Boss"})


@pytest.mark.parametrize("key", ["admin", "lead", "analyst"])
def test_who_may_import_may(key):
    platform = make()
    new_project(platform)
    assert ask(platform, "POST", "/import/aws/ec2", IMPORT, key=key)[0] == 200


def test_whoami_says_what_a_key_may_do():
    lead, manager = (data(make(), "GET", "/auth/whoami", key=key) for key in ("lead", "platform"))
    assert lead["rbac_role"] == "Lead Analyst"
    names = ("projects_create", "import_data_full", "webhook_write")
    assert [lead["permissions"][n] for n in names] == [True, True, False]
    assert [manager["permissions"][n] for n in names] == [False, False, True]


# The story


def test_one_hunt_from_project_to_webhooks():
    platform = make(kinds.SYSTEMS, workers=2)
    with receiver(202) as (url, got):
        payload = {"token": "t", "text": "*$Title*\nDetails: $Event", "deep": [{"event": "$Event"}]}
        for kind in (
            "high_severity_alarm", "suspicious_severity_event", "processing_with_alarms",
            "processing_finished", "processing_failed", "admin_login",
        ):  # fmt: skip
            hook(platform, kind, url, payload=payload)
        project = new_project(platform)
        ids = [capture(platform, project, machine) for machine in (WEB, DB, APP)]
        assert ids == [301, 302, 303]
        assert data(platform, "GET", "/pipelines/status") == {
            "complete": 0, "failed": 0, "in_progress": 2, "queued": 1, "limit": 2,
        }  # fmt: skip
        assert data(platform, "GET", "/alarms") == []
        platform.settle()
        texts = sorted(body["text"] for _, body in got)
        headers = got[0][0]

    pipelines = {p["pipeline"]["id"]: p for p in data(platform, "GET", "/pipelines")}
    assert {i: (p["name"], p["status"]) for i, p in pipelines.items() if i in ids} == {
        301: ("Acquiring i-0aaa", "complete"),
        302: ("Acquiring i-0bbb", "failed"),
        303: ("Acquiring i-0ccc", "complete"),
    }
    assert sorted(
        (p["pipeline"]["type"], p["triggering_pipeline_id"], p["evidence"]["name"], p["status"])
        for i, p in pipelines.items()
        if i not in ids
    ) == [
        ("processing", 301, "vol-0a1", "complete"),
        ("processing", 301, "vol-0a2", "complete"),
        ("processing", 303, "vol-0c1", "failed"),
    ]
    steps = data(platform, "GET", "/pipelines/302")["subtasks"]
    assert [s["state"] for s in steps] == ["SUCCESS", "FAILURE", *["CANCELLED"] * 3]
    assert steps[1]["progress_text"] == ["Error: Snapshot refused"]

    evidence = {e["display_name"]: e for e in data(platform, "GET", f"/evidences?project_id={project}")}
    first, second, broken = (evidence[name] for name in ("vol-0a1", "vol-0a2", "vol-0c1"))
    assert first["resource"] | {"account_id": ""} == {
        "id": "vol-0a1", "type": "EBS", "account_id": "", "account_type": "AWS", "roles": [],
        "parent_id": "i-0aaa",
    }  # fmt: skip
    assert (first["details"]["hostname"], first["details"]["disk_size"]) == ("ip-10-0-0-1", 8192)
    assert [e["alarms"] for e in (first, second, broken)] == [
        {"malicious": 5, "suspicious": 8},
        {"malicious": 0, "suspicious": 0},
        {"malicious": 0, "suspicious": 0},
    ]
    assert [e["processing_ran"] for e in (first, second, broken)] == [True, True, False]

    summary = data(platform, "GET", f"/alarms/summary?investigation_id={project}")
    assert summary["total"] == 15
    assert [(r["description"], r["total_count"], r["severity"]) for r in summary["breakdown"]] == [
        (MINER.description, 5, 1), (SHELL.description, 8, 3), (SUDO.description, 2, 10),
    ]  # fmt: skip
    assert data(platform, "GET", f"/projects/{project}")["alarms"] == {"malicious": 5, "suspicious": 8}
    assert data(platform, "GET", f"/alarms/overview?investigation_ids={project}") == [
        {"investigation_id": project, "malicious": 5, "suspicious": 8}
    ]

    where = [f"in project id 11 evidence id {e['id']}." for e in (first, second, broken)]
    assert texts == sorted(
        f"*{title}*\nDetails: {event}"
        for title, event in [
            ("HIGH SEVERITY ALARM DETECTED", f"5 high severity alarms detected {where[0]}"),
            ("SUSPICIOUS SEVERITY EVENT DETECTED", f"8 suspicious severity events detected {where[0]}"),
            ("PROCESSING WITH ALARMS", f"Processing finished with 13 alarms {where[0]}"),
            ("PROCESSING FINISHED", f"Processing finished {where[0]}"),
            ("PROCESSING WITH ALARMS", f"Processing finished with 2 alarms {where[1]}"),
            ("PROCESSING FINISHED", f"Processing finished {where[1]}"),
            ("PROCESSING FAILED", f"Processing failed {where[2]} Error: NTFS is damaged"),
        ]
    )
    assert set(headers) == {"Host", "Content-Type", "Content-Length"}
    assert headers["Content-Type"] == "application/json"
    assert platform.delivered == 7
    assert platform.asked == {"i-0aaa": 1, "i-0bbb": 1, "i-0ccc": 1}


def test_nothing_is_found_before_its_processing_has_ended():
    platform = make()
    capture(platform, new_project(platform), WEB)
    seen = []
    while platform.tick():
        total = data(platform, "GET", "/alarms/summary?investigation_id=11")["total"]
        done = [p for p in data(platform, "GET", "/pipelines?type=processing") if p["status"] == "complete"]
        assert bool(total) == bool(done)
        seen.append(total)
    assert seen[0] == 0
    assert data(platform, "GET", "/alarms/summary?investigation_id=11")["total"] == 15


def test_no_more_pipelines_run_than_there_are_workers():
    platform = make(workers=1)
    project = new_project(platform)
    for machine in (WEB, IDLE, FAR):
        capture(platform, project, machine)
    while platform.tick():
        counts = data(platform, "GET", "/pipelines/status")
        assert (counts["in_progress"], counts["failed"]) == (1, 0)
    assert data(platform, "GET", "/pipelines/status") == {
        "complete": 7, "failed": 0, "in_progress": 0, "queued": 0, "limit": 1,
    }  # fmt: skip


def test_one_long_look_at_the_clock_is_as_good_as_many_short_ones():
    def run(steps, seconds):
        platform = make(workers=2)
        project = new_project(platform)
        for machine in (WEB, DB, APP, IDLE):
            capture(platform, project, machine)
        for _ in range(steps):
            platform.tick(seconds)
        assert not platform.busy
        return data(platform, "GET", "/pipelines?per_page=50")

    assert run(1, 60.0) == run(600, 0.1)


def test_pace_scales_how_long_everything_takes():
    spans = []
    for pace in (1.0, 0.1):
        platform = make(pace=pace)
        capture(platform, new_project(platform), WEB)
        platform.settle()
        spans.append(platform.now() - NOW)
    assert 3 < spans[0] < 7
    assert spans[1] == pytest.approx(spans[0] / 10, rel=0.01)


@pytest.mark.parametrize(
    ("flags", "kinds", "evidence"),
    [
        (
            {},
            ["processing"] * 2 + ["acquisition"],
            [("vol-0a2", "EBS", 0, True), ("vol-0a1", "EBS", 5, True)],
        ),
        (
            {"skip_processing": True},
            ["acquisition"],
            [("vol-0a2", "EBS", 0, False), ("vol-0a1", "EBS", 0, False)],
        ),
        ({"fast_scan": True}, ["scanning"], [("vol-0a2", "EBS", 0, True), ("vol-0a1", "EBS", 5, True)]),
        ({"acquire_with_host": True}, ["processing", "acquisition"], [("ip-10-0-0-1", "EC2", 5, True)]),
    ],
)
def test_the_ways_to_capture(flags, kinds, evidence):
    platform = make()
    capture(platform, new_project(platform), WEB, **flags)
    platform.settle()
    assert [p["pipeline"]["type"] for p in data(platform, "GET", "/pipelines")] == kinds
    assert [
        (e["display_name"], e["resource"]["type"], e["alarms"]["malicious"], e["processing_ran"])
        for e in data(platform, "GET", "/evidences")
    ] == evidence


def test_a_scan_fails_with_its_volume():
    platform = make()
    pipeline = capture(platform, new_project(platform), APP, fast_scan=True)
    platform.settle()
    assert data(platform, "GET", f"/pipelines/{pipeline}")["status"] == "failed"
    assert data(platform, "GET", "/evidences") == []


def test_a_pipeline_can_be_aborted_and_frees_its_worker():
    platform = make(workers=1)
    project = new_project(platform)
    first, second, third = (capture(platform, project, machine) for machine in (WEB, IDLE, FAR))
    for pipeline in (first, third):
        assert data(platform, "PATCH", f"/pipelines/{pipeline}", {"aborted": True}) == {
            "pipeline_id": pipeline
        }
    platform.settle()
    states = {p["pipeline"]["id"]: p["status"] for p in data(platform, "GET", "/pipelines")}
    assert states == {first: "cancelled", second: "complete", third: "cancelled", 304: "complete"}


def test_asking_twice_captures_twice():
    platform = make()
    project = new_project(platform)
    assert capture(platform, project, WEB) != capture(platform, project, WEB)
    assert platform.asked["i-0aaa"] == 2


def test_filters():
    platform = make()
    first, second = new_project(platform, "Weekly 1"), new_project(platform, "Weekly 10")
    for project, machine in ((first, WEB), (second, IDLE), (second, FAR)):
        capture(platform, project, machine)
    platform.settle()

    def names(path):
        return [each.get("display_name") or each.get("name") for each in data(platform, "GET", path)]

    assert [p["id"] for p in data(platform, "GET", "/projects?name=weekly%201")] == [second, first]
    assert [p["id"] for p in data(platform, "GET", f"/projects?project_id={first}")] == [first]
    assert "alarms" not in data(platform, "GET", "/projects")[0]
    assert data(platform, "GET", "/projects?created_end_timestamp=5.5") == []
    assert names(f"/evidences?project_id={first}&order_by=id") == ["vol-0a1", "vol-0a2"]
    assert names("/evidences?is_compromised=true") == ["vol-0a1"]
    assert names(f"/pipelines?project_id={second}&type=acquisition") == [
        "Acquiring i-0fff",
        "Acquiring i-0ddd",
    ]
    assert len(data(platform, "GET", "/alarms?alarm_severity=1&alarm_severity=10&per_page=50")) == 7
    assert data(platform, "GET", f"/alarms?investigation_id={second}") == []
    assert data(platform, "GET", "/alarms/summary?investigation_id=11&alarm_severity=3")["total"] == 8
    assert [a["account_name"] for a in data(platform, "GET", "/accounts")] == ["Default", "prod"]


# Pages


def test_pages_hold_everything_once():
    platform = make()
    ids = [new_project(platform, f"p{n}") for n in range(23)]
    got = []
    for number in (1, 2, 3, 4):
        _, answer = ask(platform, "GET", f"/projects?page={number}")
        got += [p["id"] for p in answer["data"]]
        assert answer["pagination"] == {
            "type": "page", "total_records": 23, "current_page": number, "total_pages": 3, "per_page": 10,
        }  # fmt: skip
    assert got == ids[::-1]


def test_a_page_is_never_larger_than_the_platform_gives():
    platform = make()
    for number in range(101):
        new_project(platform, f"p{number}")
    _, answer = ask(platform, "GET", "/projects?per_page=1000")
    assert (len(answer["data"]), answer["pagination"]["per_page"]) == (100, 100)
    assert answer["pagination"]["total_pages"] == 2


def test_instances_are_browsed_by_cursor():
    fleet = [SimInstance(f"i-{n:04}", f"n{n}", "us-east-1") for n in range(120)]
    platform, cursor, got = Platform(fleet, KEYS), "", []
    for _ in range(3):
        path = f"/import/aws/ec2?cloud_id=Default&region=us-east-1&cursor={cursor}"
        _, answer = ask(platform, "GET", path)
        got += [i["instance_id"] for i in answer["data"]]
        cursor = answer["pagination"].get("next_token", "")
    assert (got, cursor) == ([i.instance_id for i in fleet], "")


# Webhooks


def run_with_hook(platform, url, **fields):
    number = hook(platform, "high_severity_alarm", url, **fields)
    capture(platform, new_project(platform), WEB)
    platform.settle()
    return next(h for h in data(platform, "GET", "/webhooks") if h["id"] == number)


def test_the_default_payload_and_the_slack_formatting():
    expected = {
        "custom": "5 high severity alarms detected in project id 11 evidence id 31.",
        "slack": "$Event",  # that formatting does not fill it in
    }
    for payload_type, message in expected.items():
        platform = make()
        with receiver() as (url, got):
            item = run_with_hook(platform, url, payload_type=payload_type)
        assert item["payload"] == {"title": "$Title", "message": "$Event"}
        assert [body for _, body in got] == [{"title": "HIGH SEVERITY ALARM DETECTED", "message": message}]
        assert (item["times_sent"], item["last_sent"]) == (1, pytest.approx(platform.now()))


def test_a_webhook_that_was_not_taken_is_never_sent_again():
    platform = make()
    with receiver(503) as (url, got):
        item = run_with_hook(platform, url)
    assert (len(got), item["times_sent"], platform.delivered) == (1, 1, 0)
    assert [s.outcome for s in platform.sent] == ["503"]


def test_a_webhook_to_nobody_hurts_nobody():
    platform = make()
    run_with_hook(platform, "http://127.0.0.1:1/")
    assert [s.outcome for s in platform.sent] == ["ConnectionError"]


@pytest.mark.parametrize("url", ["https://hooks.example/x", "http://10.0.0.1/", "http://127.0.0.1.example/"])
def test_nothing_is_sent_beyond_this_machine(url):
    platform = make()
    run_with_hook(platform, url)
    assert [s.outcome for s in platform.sent] == ["refused"]


def test_dropped_webhooks_count_as_sent_and_arrive_nowhere():
    platform = make()
    platform.drop_webhooks = 1.0
    with receiver() as (url, got):
        item = run_with_hook(platform, url)
    assert (got, item["times_sent"], platform.delivered) == ([], 1, 0)


def test_webhooks_are_changed_switched_off_and_taken_away():
    platform = make()
    with receiver() as (url, got):
        number = hook(platform, "processing_finished", url)
        changed = data(platform, "PATCH", f"/webhooks/{number}", {"enabled": False}, key="platform")
        assert changed["webhook"]["enabled"] is False
        capture(platform, new_project(platform), IDLE)
        platform.settle()
        assert got == []
        assert data(platform, "POST", "/webhooks/test", {"id": number})["message"]
        assert len(got) == 1
    assert ask(platform, "POST", "/webhooks/test", {"id": number})[0] == 400  # its receiver is gone
    assert ask(platform, "DELETE", f"/webhooks/{number}") == (200, {"status": "success"})
    assert data(platform, "GET", "/webhooks") == []


# Running by itself


def test_it_runs_with_the_clock_and_stands_still_after_stop():
    platform = Platform(FLEET, KEYS, pace=0.01, rng=random.Random(1))
    told, app = threading.Event(), Flask("receiver")

    @app.post("/")
    def take():
        told.set()
        return ""

    with serving(app) as url:
        hook(platform, "processing_finished", url)
        capture(platform, new_project(platform), IDLE)
        platform.start()
        try:
            assert told.wait(10)
        finally:
            platform.stop()
    capture(platform, 11, WEB)
    assert platform.busy
    assert not [thread for thread in platform._threads if thread.is_alive()]


def test_many_may_ask_at_once():
    platform = make()
    project = new_project(platform)
    with ThreadPoolExecutor(16) as pool:
        ids = list(pool.map(lambda _: capture(platform, project, WEB), range(200)))
    assert sorted(ids) == list(range(301, 501))
    assert platform.asked == {"i-0aaa": 200}


# Faults


@contextmanager
def over_the_wire(platform):
    with serving(platform.app) as url:

        def call(method, path, body=None, timeout=5.0):
            headers = {"Authorization": "Bearer lead"}
            return requests.request(
                method, f"{url}/api/v3{path}", json=body, headers=headers, timeout=timeout
            )

        yield call


def test_a_status_in_place_of_the_work_for_as_often_as_asked():
    platform = make()
    platform.fault("POST", "/projects$", 429, times=2, headers={"Retry-After": "7"})
    with over_the_wire(platform) as call:
        first, second, third = (call("POST", "/projects", {"case_name": "x"}) for _ in range(3))
    assert [a.status_code for a in (first, second, third)] == [429, 429, 201]
    assert (first.headers["Retry-After"], first.json()["status"]) == ("7", "error")
    assert [(r.method, r.path, r.status) for r in platform.requests] == [
        ("POST", "/api/v3/projects", status) for status in (429, 429, 201)
    ]


@pytest.mark.parametrize(
    ("action", "error"), [("reset", requests.ConnectionError), ("timeout", requests.ReadTimeout)]
)
def test_an_answer_that_never_arrives_though_the_work_was_done(action, error):
    platform = make()
    new_project(platform)
    platform.fault("*", "import", action)
    with over_the_wire(platform) as call:
        with pytest.raises(error):
            call("POST", "/import/aws/ec2", IMPORT, timeout=0.2 if action == "timeout" else 5)
        assert call("GET", "/pipelines").json()["pagination"]["total_records"] == 1
        platform.stop()  # lets go of the request that hangs
    assert platform.asked == {"i-0aaa": 1}


def test_a_gateway_that_gives_up_after_the_work_was_done():
    platform = make()
    platform.fault("POST", "projects", "after:504")
    assert ask(platform, "POST", "/projects", {"case_name": "x"})[0] == 504
    assert len(data(platform, "GET", "/projects")) == 1


def test_slow_answers_and_held_ones_do_not_hold_up_the_others():
    platform = make()
    platform.fault("GET", "/platform$", "slow:30", times=None)
    with over_the_wire(platform) as call:
        with pytest.raises(requests.ReadTimeout):
            call("GET", "/platform", timeout=0.2)
        assert call("GET", "/system/status").status_code == 200
        platform.stop()


def test_a_fault_that_is_none_is_refused():
    with pytest.raises(ValueError, match="'explode' is no fault"):
        make().fault("GET", "/", "explode")


# Old platforms


def test_before_2_247_the_name_of_a_project_is_another_field():
    platform = make(version="2.246.1")
    status, answer = ask(platform, "POST", "/projects", {"case_name": "x"})
    assert (status, answer["message"]) == (400, "caseName is a required field")
    assert ask(platform, "POST", "/projects", {"caseName": "x"})[0] == 201


def test_before_2_225_v3_opens_no_projects():
    platform = make(version="2.224.0")
    assert ask(platform, "POST", "/projects", {"case_name": "x"})[0] == 405
    assert ask(platform, "GET", "/projects")[0] == 200


def test_before_2_269_a_pipeline_has_no_status():
    platform = make(version="2.268.0", workers=1)
    project = ask(platform, "POST", "/projects", {"case_name": "x"})[1]["data"]["id"]
    for machine in (DB, IDLE):
        capture(platform, project, machine)
    assert len(data(platform, "GET", "/pipelines?pipeline_status=pending")) == 2
    platform.settle()
    assert all("status" not in p and p["terminated"] for p in data(platform, "GET", "/pipelines"))
    (failed,) = data(platform, "GET", "/pipelines?pipeline_status=failed")
    assert (failed["name"], failed["summary"]["failure"]) == ("Acquiring i-0bbb", 1)
    assert ask(platform, "GET", "/pipelines?pipeline_status=complete")[0] == 400
    assert ask(platform, "GET", "/pipelines/status")[0] == 404


def test_before_2_273_there_is_no_summary_of_alarms():
    platform = make(version="2.272.0")
    capture(platform, new_project(platform), WEB)
    platform.settle()
    assert ask(platform, "GET", "/alarms/summary?investigation_id=11")[0] == 404
    assert ask(platform, "GET", "/alarms?investigation_id=11")[0] == 400
    alarms = data(platform, "GET", "/alarms?project_id=11&evidence_id=31&per_page=50")
    assert len(alarms) == 13
    assert "evidence_id" not in alarms[0]


def test_a_platform_without_v3_does_not_know_its_paths():
    status, answer = ask(make(v3=False), "GET", "/projects")
    assert status == 404
    assert answer["msg"].startswith("The requested URL was not found on the server.")


def test_the_version_can_be_asked():
    for version in ("2.324.0", "2.190.3"):
        info = data(make(version=version), "GET", "/platform/update")["version_info"]
        assert info["backend_version"] == version


def test_the_story_over_v2():
    platform = make(v3=False)

    def call(method, path, body=None, key="lead"):
        return ask(platform, method, path, body, key=key, api="/api/v2")

    assert call("GET", "/projects", key=None)[0] == 401
    assert call("POST", "/projects", {"caseName": "x"}, key="reader")[0] == 403
    assert call("POST", "/projects", {"case_name": "x"})[0] == 400
    assert call("POST", "/projects", {"caseName": "x", "description": ""}) == (
        201,
        {"id": 11, "msg": "Created"},
    )
    assert call("POST", "/projects", {"caseName": "x"}) == (409, {"msg": "Project name already exists"})
    assert [p["caseName"] for p in call("GET", "/projects")[1]] == ["x"]
    status, missing = call(
        "POST", "/projects/99/imports/ec2", {"instance_id": "i-0aaa", "region": "us-east-1"}
    )
    assert (status, list(missing)) == (404, ["msg"])
    asked = {"bucket": "", "include_disks": "true", "compress": True, "region": "us-east-1"}
    status, begun = call("POST", "/projects/11/imports/ec2", asked | {"instance_id": "i-0aaa"})
    assert (status, begun["pipeline_id"], begun["name"]) == (200, 301, "Acquiring i-0aaa")
    assert call("POST", "/projects/11/imports/ec2", asked | {"instance_id": "i-0bbb"})[0] == 200
    assert platform.asked == {"i-0aaa": 1, "i-0bbb": 1}
    platform.settle()
    pipelines = call("GET", "/tasks/pipelines?project_id=11")[1]["pipelines"]
    assert all(p["terminated"] for p in pipelines)
    assert [(p["pipeline_id"], p["pipeline_type"]) for p in pipelines] == [
        (304, "processing"), (303, "processing"), (302, "acquisition"), (301, "acquisition"),
    ]  # fmt: skip
    failed = call("GET", "/tasks/pipelines?pipeline_id=302")[1]
    assert (failed["summary"]["failure"], failed["summary"]["cancelled"]) == (1, 3)
    assert call("GET", "/system/status") == (200, {"status": "Running"})
