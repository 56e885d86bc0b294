"""The bundle that is deployed without the SAM command line: what `make bundle` makes of a build."""

from __future__ import annotations

import importlib.util
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILT = ROOT / ".aws-sam/build/template.yaml"


@pytest.fixture
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("bundle", ROOT / "deploy/bundle.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def build(tmp_path: Path) -> Path:
    """The built template, with a small file instead of the code of each function."""
    if not BUILT.is_file():
        pytest.skip("nothing was built: make build")
    folder = tmp_path / "build"
    folder.mkdir()
    (folder / "template.yaml").write_text(BUILT.read_text())
    for name in re.findall(r"CodeUri: (\w+)", BUILT.read_text()):
        (folder / name).mkdir()
        (folder / name / "code.py").write_text(
            f"room = {'scheduler' if 'Scheduler' in name else 'receiver'!r}\n"
        )
    return folder


def test_each_function_gets_its_archive_from_the_bucket(
    script: ModuleType,
    build: Path,
    tmp_path: Path,
    read: Callable[[str], dict[str, Any]],
    translate: Callable[[Any], Any],
) -> None:
    target = tmp_path / "bundle"
    target.mkdir()
    script.bundle(build, target)
    template = translate(read(str(target / "template.yaml")))
    code = {
        name: one["Properties"]["Code"]
        for name, one in template["Resources"].items()
        if one["Type"] == "AWS::Lambda::Function"
    }

    assert set(code) == {"SchedulerFunction", "ReceiverFunction", "EdgeFunction", "EdgeSnapFunction"}
    for name, place in code.items():
        assert place["S3Bucket"] == {"Ref": "CodeBucket"}
        key = place["S3Key"]["Fn::Sub"].removeprefix("${CodePrefix}")
        with zipfile.ZipFile(target / key) as archive:
            room = "scheduler" if name == "SchedulerFunction" else "receiver"
            assert archive.read("code.py").decode() == f"room = {room!r}\n"
            assert archive.getinfo("code.py").external_attr >> 16 == 0o644
    assert len(list(target.glob("*.zip"))) == 2


def test_the_same_build_makes_the_same_bundle(script: ModuleType, build: Path, tmp_path: Path) -> None:
    made = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        script.bundle(build, tmp_path / name)
        made.append({file.name: file.read_bytes() for file in (tmp_path / name).iterdir()})

    assert made[0] == made[1]
