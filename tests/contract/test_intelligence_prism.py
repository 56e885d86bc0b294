"""Every request about intelligence against Prism."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from shared.platform.answers import DetectedIndicator
from shared.platform.client import Cado
from shared.platform.transport import Transport
from shared.secrets import Secret
from tests.contract.conftest import Recorder


@pytest.fixture
def cado(prism: str) -> Iterator[Cado]:
    http = Recorder()
    yield Cado(Transport(prism, Secret("k"), http))
    http.close()
    assert http.answers
    for request, answer in http.answers:
        assert answer.status in (200, 201), (request, answer.status, answer.text, answer.headers)
        assert "sl-violations" not in answer.headers, (request, answer.headers["sl-violations"])


def test_the_global_texts(cado: Cado) -> None:
    assert cado.intelligence.yara() == "string"
    assert cado.intelligence.indicators() == "string"
    cado.intelligence.write_yara("rule hb_feed_a { condition: true }")
    cado.intelligence.write_indicators("evil.example;C2")


def test_the_indicators_of_a_project(cado: Cado) -> None:
    cado.intelligence.write_project_indicators(12, "evil.example;hb:feed:C2\n")
    assert cado.intelligence.project_indicators(12) == "string"


def test_hits(cado: Cado) -> None:
    expected = (DetectedIndicator("string", "string", "string"),)
    assert cado.detected(12) == expected
    assert cado.detected(12, 31) == expected


def test_processing_again(cado: Cado) -> None:
    assert cado.intelligence.process_again(31) == 0
