"""What the wheel and the source archive hold."""

from __future__ import annotations

import subprocess
import tarfile
import zipfile
from email.message import Message
from email.parser import Parser
from importlib.metadata import version

import pytest

from tests.package.smoke import ROOT
from tests.test_import_rules import PRODUCT

PACKAGES = (*PRODUCT, "demo")
NAME = f"huntbridge-{version('huntbridge')}"
WHEEL = ROOT / f"dist/{NAME}-py3-none-any.whl"


@pytest.fixture(scope="module")
def wheel() -> set[str]:
    with zipfile.ZipFile(WHEEL) as archive:
        return set(archive.namelist())


@pytest.fixture(scope="module")
def metadata() -> Message:
    with zipfile.ZipFile(WHEEL) as archive:
        return Parser().parsestr(archive.read(f"{NAME}.dist-info/METADATA").decode())


def test_the_wheel_has_every_file_of_the_packages_and_nothing_else(wheel: set[str]) -> None:
    tracked = subprocess.run(
        ["git", "ls-files", *PACKAGES], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()

    assert {one for one in wheel if ".dist-info/" not in one} == set(tracked)


def test_the_packages_say_that_they_have_types(wheel: set[str]) -> None:
    assert {f"{package}/py.typed" for package in PACKAGES} <= wheel


def test_the_licences_are_in_the_wheel_and_in_its_metadata(wheel: set[str], metadata: Message) -> None:
    assert {f"{NAME}.dist-info/licenses/{name}" for name in ("LICENSE", "NOTICE")} <= wheel
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata.get_all("License-File") == ["LICENSE", "NOTICE"]


def test_the_changelog_describes_the_version() -> None:
    assert f"\n## [{version('huntbridge')}] - " in (ROOT / "CHANGELOG.md").read_text()


def test_the_source_archive_has_what_an_installation_needs_and_no_tests() -> None:
    with tarfile.open(ROOT / f"dist/{NAME}.tar.gz") as archive:
        names = {one.removeprefix(f"{NAME}/") for one in archive.getnames()}

    wanted = {"pyproject.toml", "LICENSE", "NOTICE", "CHANGELOG.md", "Containerfile", "requirements/run.txt"}
    assert wanted <= names
    assert {
        f"deploy/{name}" for name in ("install.sh", "systemd/huntbridge.service", "compose.yaml")
    } <= names
    assert not [one for one in names if one.startswith("tests") or "/tests/" in one]
