"""The two sides on which the commands about cases work, each with a simulated AWS or a data directory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.hosting import runtime
from shared.hosting.configuration import load
from shared.hosting.runtime import Runtime
from tests.emulated import Resources
from tests.moto_server import moto_server

Side = tuple[Runtime, dict[str, str]]

_ENVIRON = {
    "PLATFORM_IP": "https://cado.example",
    "API_KEY": "k",
    "SLACK_WEBHOOK_URL": "https://hooks.slack.com/services/T0/B0/x",
    "TEAMS_WEBHOOK_URL": "",
    "HUNTBRIDGE_CONFIG": "",
    "HUNTBRIDGE_TABLE": "",
    "COLUMNS": "300",
}


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    with moto_server() as url:
        yield url


@pytest.fixture(params=["sqlite", "aws"])
def empty_side(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Side:
    """A side without cases, and the environment of a command on it."""
    monkeypatch.chdir(tmp_path)
    environ = _ENVIRON | {"HUNTBRIDGE_DATA": str(tmp_path / "data")}
    if request.param == "aws":
        environ |= Resources(request.getfixturevalue("moto")).environ
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        return runtime.aws(load(None, environ), environ), environ
    return runtime.local(load(None, environ), tmp_path / "data", environ), environ
