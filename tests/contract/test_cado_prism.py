"""Every request of the client against Prism, and a whole hunt by the command line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from shared.models.evidence import Evidence, Finding, Project
from shared.models.severity import Severity
from shared.models.vulnerabilities import Vulnerability
from shared.platform.answers import Pipeline, PipelinesStatus, Webhook
from shared.platform.client import Cado
from shared.platform.errors import Refused
from shared.platform.transport import Transport
from shared.secrets import Secret
from tests.contract.conftest import Recorder


def test_whoami(cado: Cado) -> None:
    identity = cado.whoami()
    assert identity.role
    assert identity.told


def test_version(cado: Cado) -> None:
    assert cado.version() == "string"


def test_projects(cado: Cado, http: Recorder) -> None:
    assert cado.find_project("string") == 0
    assert cado.find_project("hunt 2026-01-04") is None
    assert cado.open_project("hunt 2026-01-04", "why") == 0
    assert any(request.startswith("POST") for request, _ in http.answers)
    assert cado.project(12) == Project(12, "string", malicious=0, suspicious=0)


@pytest.mark.parametrize("mode", ["full", "triage", "scan"])
def test_capture(cado: Cado, mode: str) -> None:
    assert cado.capture_ec2(12, "i-0123456789abcdef0", "us-east-1", cloud_id="Default", mode=mode) == (0,)


def test_options_of_a_capture(cado: Cado) -> None:
    options = {
        "collection_type": "custom", "light_mode": True, "skip_scan": True, "additional_files_only": True,
        "groups": ["logs"], "additional_files": ["/etc/passwd"],
    }  # fmt: skip
    here = (12, "i-0123456789abcdef0", "us-east-1")
    assert cado.capture_ec2(*here, mode="triage", host_options=options, skip_processing=True) == (0,)


def test_who_sees_a_project(cado: Cado) -> None:
    assert cado.open_project("hunt 2026-01-04", "why", users=["alice"], groups=["analysts"]) == 0


def test_how_busy_it_is(cado: Cado) -> None:
    assert cado.pipelines_status() == PipelinesStatus(0, 0, None)


def test_pipelines(cado: Cado) -> None:
    # Prism answers 0 for each number, and 0 is no time at which a pipeline was created.
    expected = Pipeline(0, "processing", "string", "complete", 0, 0, 0, None, "")
    assert list(cado.pipelines(12)) == [expected]
    assert cado.pipeline(301) == expected


def test_evidence(cado: Cado) -> None:
    def expected(number: int) -> Evidence:
        return Evidence(
            id=number,
            project_id=0,
            name="string",
            hostname="string",
            os="string",
            size_mb=0,
            resource="string",
            resource_type="string",
            account_id="string",
            malicious=0,
            suspicious=0,
            disk_hash="string",
            preserved="string",
        )

    assert cado.evidence(31) == expected(31)
    assert list(cado.evidences(12)) == [expected(0)]


def test_findings(cado: Cado) -> None:
    expected = (Finding("string", 0, Severity.INFO, ("string",)),)
    assert cado.findings(12) == expected
    assert cado.findings(12, 31) == expected


def test_artefacts_of_findings(cado: Cado, http: Recorder) -> None:
    # Prism's summary has no malicious and no suspicious finding, so the list is asked as if it had.
    summary = tuple(
        (Finding("string", 1, severity), 0) for severity in (Severity.MALICIOUS, Severity.SUSPICIOUS)
    )
    miner, _ = cado._alarm_lists.complete(12, 31, summary)
    assert miner.path == "string"
    assert [artefact.listed for artefact in miner.artefacts] == [False]  # Prism's alarm has severity 0
    assert len(http.answers) == 2


def test_vulnerabilities(cado: Cado) -> None:
    vulnerability = Vulnerability(
        "string", "critical", "string", "string", "string", "string", "string", in_use=True, evidence_id=0
    )
    assert cado.vulnerabilities.of_project(12) == ([vulnerability], True)


def test_importable(cado: Cado) -> None:
    expected = [("string", True)] * 2  # each of Prism's pages names the same next one
    assert list(cado.importable("Default", "us-east-1")) == expected
    assert list(cado.importable("Default", "us-east-1", ["i-0123456789abcdef0", "i-01234567"])) == expected


def test_webhooks(cado: Cado) -> None:
    url = "hunt.example"  # the spec says format: hostname; the platform's own pages take a whole URL
    (webhook,) = cado.webhooks.list()
    assert (webhook.id, webhook.name, webhook.url) == (0, "string", "example.com")
    made = cado.webhooks.create(
        "huntbridge processing_with_alarms",
        "processing_with_alarms",
        url,
        {"token": Secret("token"), "event": "processing_with_alarms", "title": "$Title", "message": "$Event"},
    )
    assert isinstance(made, Webhook)
    cado.webhooks.update(1, url=url, payload_type="custom", enabled=True)
    assert cado.webhooks.test(1) == "string"
    cado.webhooks.delete(1)


# --- the gate bites


def test_the_old_name_of_a_field_is_refused(prism: str, http: Recorder) -> None:
    cado = Cado(Transport(prism, Secret("k"), http))
    with pytest.raises(Refused):
        cado._post_project("/api/v3", "caseName", "hunt", "why")
    assert (http.answers[-1][1].status, "sl-violations" in http.answers[-1][1].headers) == (422, True)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/import/aws/ec2", {"instance_id": "i-1", "region": "us-east-1", "project_id": "twelve"}),
        ("POST", "/import/aws/ec2", {"instance_id": "i-1", "region": "us-east-1"}),
        ("POST", "/projects", {"case_name": "x" * 81}),
        ("GET", "/pipelines?project_id=twelve", None),
        ("GET", "/alarms/summary", None),
    ],
)
def test_a_wrong_request_is_refused(
    prism: str, http: Recorder, method: str, path: str, body: dict[str, object] | None
) -> None:
    answer = http.request(method, f"{prism}/api/v3{path}", json=body, headers={"Authorization": "Bearer k"})
    assert answer.status in (400, 422), answer.text


def test_a_request_without_a_key_is_refused(prism: str, http: Recorder) -> None:
    assert http.request("GET", f"{prism}/api/v3/projects").status == 401


def test_a_hunt_by_the_environment_alone(prism: str, tmp_path: Path) -> None:
    environ = {
        "PATH": os.environ["PATH"],
        "HUNTBRIDGE_DATA": str(tmp_path / "data"),
        "PLATFORM_IP": prism,
        "API_KEY": "k",
        "SYSTEM1": '{"region":"us-east-1","instanceid":"i-0123456789abcdef0"}',
    }
    command = [sys.executable, "-m", "cli.main", "hunt", "run"]
    done = subprocess.run(
        command,
        env=environ,
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "1 of 1 systems" in done.stdout
