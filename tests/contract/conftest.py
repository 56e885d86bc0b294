"""Prism serves the platform's own specification and refuses what it does not allow."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shared.http.answers import Answer
from shared.http.client import Http
from shared.http.errors import NetworkError
from shared.platform.client import Cado
from shared.platform.transport import Transport
from shared.secrets import Secret

ROOT = Path(__file__).resolve().parents[2]
SPEC = ROOT.parent / "shared" / "contracts" / "cado-api-2.324.0.json"
PRISM = ROOT / ".cache" / "prism" / "node_modules" / ".bin" / "prism"
START_WITHIN = 60  # seconds


@pytest.fixture(scope="session")
def prism(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if not SPEC.exists():
        pytest.skip(f"the platform's specification is not beside the project ({SPEC.name})")
    if not PRISM.exists():
        pytest.skip("Prism is not there: `make test` installs it where npm is")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = tmp_path_factory.mktemp("prism") / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(PRISM), "mock", "-h", "127.0.0.1", "-p", str(port), str(SPEC)],
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        url = f"http://127.0.0.1:{port}"
        _wait(url, process, log)
        yield url
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + START_WITHIN
    probe = Http(connect_timeout=1, read_timeout=5)
    while process.poll() is None and time.monotonic() < until:
        try:
            probe.request("GET", f"{url}/api/v3/system/status")
            return
        except NetworkError:
            time.sleep(0.1)
        finally:
            probe.close()
    pytest.fail(f"Prism does not answer:\n{log.read_text(errors='replace')[-2_000:]}")


class Recorder(Http):
    """Keeps what was answered, so that a test can see what Prism thought of each request."""

    def __init__(self) -> None:
        super().__init__(read_timeout=10)
        self.answers: list[tuple[str, Answer]] = []

    def request(self, method: str, url: str, **rest: Any) -> Answer:
        answer = super().request(method, url, **rest)
        self.answers.append((f"{method} {url}", answer))
        return answer


@pytest.fixture
def http() -> Iterator[Recorder]:
    recorder = Recorder()
    yield recorder
    recorder.close()


@pytest.fixture
def cado(prism: str, http: Recorder) -> Iterator[Cado]:
    yield Cado(Transport(prism, Secret("k"), http))
    assert http.answers
    for request, answer in http.answers:
        assert answer.status in (200, 201), (request, answer.status, answer.text, answer.headers)
        assert "sl-violations" not in answer.headers, (request, answer.headers["sl-violations"])
