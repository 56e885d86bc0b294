"""The wheel in an environment of its own, for each supported Python that is here, from an empty folder."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from functools import partial
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.package import smoke
from tests.package.smoke import ROOT, Sandbox, ended
from tests.package.test_archives import WHEEL

PYTHONS = ("3.11", "3.12", "3.13", "3.14")
pytestmark = pytest.mark.timeout(900)


def path_of(version: str) -> str | None:
    """The path of a Python, which is on the PATH or in pyenv. None if it is not here."""
    for extra in ({}, {"PYENV_VERSION": version}):
        command = ["env", f"python{version}", "-c", "import sys; print(sys.executable)"]
        done = subprocess.run(command, env={**os.environ, **extra}, capture_output=True, text=True)
        if done.returncode == 0:
            return done.stdout.strip()
    return None


class Installed:
    """The wheel in a new environment."""

    def __init__(self, python: str, folder: Path, world: Sandbox) -> None:
        self.bin, self.empty, self.world = folder / "venv/bin", folder / "empty", world
        self.empty.mkdir()
        (folder / "huntbridge.yaml").write_text(world.config)
        self.environ = smoke.clean(
            {
                **world.secrets,
                "HOME": str(self.empty),
                "HUNTBRIDGE_CONFIG": str(folder / "huntbridge.yaml"),
                "HUNTBRIDGE_DATA": str(folder / "data"),
            }
        )
        ended([python, "-m", "venv", folder / "venv"])
        self.pip("--require-hashes", "-r", ROOT / "requirements/run.txt")
        self.pip("--no-deps", WHEEL)

    def pip(self, *what: str | Path) -> None:
        options = ("--quiet", "--disable-pip-version-check", "--no-warn-script-location")
        ended([self.bin / "python", "-m", "pip", "install", *options, *what], env=os.environ)

    def run(self, *args: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        return ended([self.bin / "huntbridge", *args], code=code, cwd=self.empty, env=self.environ)


@pytest.fixture(scope="module", params=PYTHONS)
def installed(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installed]:
    python = path_of(request.param)
    if python is None:
        pytest.skip(f"Python {request.param} is not here")
    folder = tmp_path_factory.mktemp(f"python-{request.param}")
    with smoke.sandbox() as world:
        yield Installed(python, folder, world)
    shutil.rmtree(folder)


def test_its_version(installed: Installed) -> None:
    facts = json.loads(installed.run("--version", "--json").stdout)

    assert facts["version"] == version("huntbridge")


def test_its_packages_fit_together(installed: Installed) -> None:
    ended([installed.bin / "python", "-m", "pip", "check"])


def test_it_checks_a_configuration(installed: Installed) -> None:
    smoke.check(installed.run)


def test_it_serves(installed: Installed, tmp_path: Path) -> None:
    log = tmp_path / "serve.log"
    command: list[str | Path] = [installed.bin / "huntbridge", "serve", "--port", "0"]
    with smoke.started(command, log, cwd=installed.empty, env=installed.environ):
        smoke.eventually(lambda: "webhooks go to " in log.read_text(), log)
        url = log.read_text().partition("huntbridge serves ")[2].partition(";")[0]
        smoke.eventually(partial(smoke.healthy, url), log)
        smoke.webhook_in_and_out(url, installed.world.slack, log)


def test_the_demo_names_its_extra_and_runs_with_it(installed: Installed) -> None:
    assert "pip install 'huntbridge[demo]'" in installed.run("demo", "--once", code=1).stderr

    installed.pip("--require-hashes", "-r", ROOT / "requirements/demo.txt")
    summary = json.loads(installed.run("demo", "--once", "--json").stdout)
    assert (summary["lost"], summary["repeated"]) == (0, 0)


def test_it_left_the_empty_folder_empty(installed: Installed) -> None:
    assert list(installed.empty.iterdir()) == []
