"""Numbers of any length in the platform's answers: an absurd one is not known, and costs nothing else."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from shared.http.answers import Answer
from shared.http.client import Http
from shared.models.codec import dump
from shared.models.severity import Severity
from shared.platform.client import Cado
from shared.platform.transport import Transport
from shared.secrets import Secret

ABSURD = {
    "of 401 digits": "1" + "0" * 400,
    "of 4,300 digits": "9" * 4_300,
    "of 5,000 digits": "9" * 5_000,
    "of 5,000 digits, below zero": "-" + "9" * 5_000,
    "of 5,000 digits, in a string": '"' + "9" * 5_000 + '"',
    "of 20 digits": "9" * 20,
    "of 64 bits": str(2**63 - 1),
    "not a number": "NaN",
    "infinite": "Infinity",
    "infinite below zero": "-Infinity",
    "infinite by its exponent": "1e999",
    "a large float": "1e300",
    "a fraction": "0.5",
    "below zero": "-1",
    "a small number below zero": "-1e-320",
}


class Platform(Http):
    def __init__(self, number: str) -> None:
        super().__init__()
        self.number = number

    def request(self, method: str, url: str, **_: Any) -> Answer:
        return Answer(200, {}, self.answer(url).replace("@", self.number).encode())

    def answer(self, url: str) -> str:
        if "/evidences/" in url:
            return (
                '{"data": {"id": @, "project_id": @, "display_name": "vol-1", "last_processed": @, '
                '"alarms": {"malicious": @, "suspicious": @}, '
                '"details": {"disk_size": @, "hostname": "web"}}}'
            )
        if "/alarms/summary" in url:
            return (
                '{"data": {"breakdown": ['
                '{"description": "Miner", "total_count": @, "severity": 1}, '
                '{"total_count": 1, "severity": @}]}}'
            )
        if url.endswith("/alarms"):
            return '{"data": []}'
        if url.endswith("/pipelines"):
            return (
                '{"pagination": {"total_pages": @}, "data": [{"pipeline": {"id": @, "type": "acquisition"}}, '
                '{"pipeline": {"id": 7}, "created": @, "status": "complete", "triggering_pipeline_id": @, '
                '"project": {"id": @}, "evidence": {"id": @}, "summary": {"success": @, "failure": @}}]}'
            )
        if url.endswith("/pipelines/status"):
            return '{"data": {"queued": @, "in_progress": @, "limit": @}}'
        if url.endswith("/webhooks"):
            return '{"data": [{"id": 5, "times_sent": @, "last_sent": @}, {"id": @}]}'
        if "/projects/" in url:
            return '{"data": {"id": @, "alarms": {"malicious": @}, "last_update": @}}'
        raise AssertionError(url)


@pytest.mark.parametrize("number", ABSURD.values(), ids=ABSURD)
def test_an_absurd_number_is_not_known(number: str) -> None:
    cado = Cado(Transport("https://cado.example", Secret("k"), Platform(number), tries=1))
    evidence, project = cado.evidence(4), cado.project(3)
    assert (evidence.project_id, evidence.malicious, evidence.suspicious, evidence.size_mb) == (None,) * 4
    assert (evidence.id, evidence.hostname) == (4, "web")
    assert (project.id, project.malicious) == (3, None)
    if number != "0.5":  # of a time, a fraction is none too odd
        assert (evidence.processed_at, project.updated_at) == (None, None)
    findings = {(finding.description, finding.count, finding.severity) for finding in cado.findings(3, 4)}
    assert findings == {("Miner", 0, Severity.MALICIOUS), ("", 1, Severity.INFO)}
    (pipeline,) = cado.pipelines(3)
    told = (pipeline.triggered_by, pipeline.project_id, pipeline.evidence_id, pipeline.created_ms)
    assert (pipeline.id, pipeline.steps_ended, told) == (7, 0, (None,) * 4)
    status = cado.pipelines_status()
    assert (status.queued, status.in_progress, status.limit) == (0, 0, None)
    (webhook,) = cado.webhooks.list()
    assert (webhook.id, webhook.times_sent) == (5, None)
    dump(evidence), dump(project)


@pytest.mark.parametrize(
    ("seconds", "moment"),
    [
        ("1783303000", datetime(2026, 7, 6, 1, 56, 40, tzinfo=UTC)),
        ("1783303000000", datetime(2026, 7, 6, 1, 56, 40, tzinfo=UTC)),
        ("7258118400", None),  # the year 2200
        ("99999999999", None),
        ("0", None),
        ("253402300800000", None),  # the year 10000, in milliseconds
    ],
)
def test_a_time_is_between_1970_and_2200(seconds: str, moment: datetime | None) -> None:
    cado = Cado(Transport("https://cado.example", Secret("k"), Platform(seconds), tries=1))
    assert cado.evidence(4).processed_at == moment
