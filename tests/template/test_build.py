"""What was built is what is meant: the rooms of one function, its packages, and nothing besides.

Reads the folders that `make build` made; says so and skips where there are none.
"""

from __future__ import annotations

import ast
import gzip
import importlib.util
import json
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import botocore.session
import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILDS = [".aws-sam/build", ".aws-sam/build-x86_64"]
MACHINE = {".aws-sam/build": "aarch64", ".aws-sam/build-x86_64": "x86_64"}
MAGIC_OF_313 = 3571  # CPython 3.13's bytecode (Include/internal/pycore_magic_number.h)
MB = 1024 * 1024


@pytest.fixture(params=["Scheduler", "Receiver", "Edge", "EdgeSnap"])
def function(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def room(function: str) -> str:
    return "scheduler" if function == "Scheduler" else "receiver"


@pytest.fixture(params=BUILDS)
def built(request: pytest.FixtureRequest, function: str, room: str) -> Path:
    folder: Path = ROOT / request.param / f"{function}Function"
    if not folder.is_dir():
        arch = "" if request.param == BUILDS[0] else " ARCH=x86_64"
        pytest.skip(f"nothing was built there: make build{arch}")
    sources = [one for name in ("shared", room, "deploy") for one in (ROOT / name).rglob("*.py")]
    if max(one.stat().st_mtime for one in sources) > folder.stat().st_mtime:
        pytest.skip("the code is newer than what was built from it: make build")
    return folder


@pytest.mark.parametrize("build", BUILDS)
def test_the_built_template_is_of_the_architecture_that_was_built(build: str) -> None:
    template = ROOT / build / "template.yaml"
    if not template.is_file():
        pytest.skip(f"nothing was built in {build}: make build")
    found = re.findall(r"^ *- (arm64|x86_64)$", template.read_text(), re.M)

    assert found == [MACHINE[build].replace("aarch64", "arm64")]


def files(folder: Path) -> set[str]:
    return {str(one.relative_to(folder)) for one in folder.rglob("*") if one.is_file()}


def test_its_rooms(built: Path, room: str) -> None:
    """The function's own room and `shared` without its local side, file for file."""
    wanted = {
        str(one.relative_to(ROOT))
        for name in ("shared", room)
        for one in (ROOT / name).rglob("*.*")
        if one.suffix in (".py", ".json", ".typed") and "shared/local" not in str(one)
    }
    there = {one for one in files(built) if one.split("/")[0] in ("shared", "scheduler", "receiver")}

    assert {one for one in there if not one.endswith(".pyc")} == wanted


def test_its_packages(built: Path, room: str) -> None:
    """Those of the lock file, each in its version, and no other folder at the top."""
    lock = (ROOT / f"requirements/{room}.txt").read_text()
    locked = {(name.lower(), version) for name, version in re.findall(r"^([\w.-]+)==(\S+)", lock, re.M)}
    information = list(built.glob("*.dist-info"))
    packaged = {
        tuple(one.name.removesuffix(".dist-info").lower().replace("_", "-").rsplit("-", 1))
        for one in information
    }
    belongs = {room, "shared", "__pycache__"}
    for one in information:
        lines = (one / "RECORD").read_text().splitlines()
        belongs |= {line.split(",")[0].split("/")[0] for line in lines}

    assert packaged == locked
    assert {one.name for one in built.iterdir()} <= belongs


def test_nothing_that_a_function_does_not_need(built: Path) -> None:
    unwanted = re.compile(
        r"(^|/)(tests?|bin)/"
        r"|^(cli|demo|bench|docs|deploy|requirements|moto|pytest|pip|setuptools)/|^shared/local/"
    )
    packages = {one for one in files(built) if "dist-info" not in one}

    assert [one for one in packages if unwanted.search(one)] == []


def test_the_models_of_the_services_that_the_code_names(built: Path) -> None:
    """No service that `shared/aws` names as a text is missing, and no other one is there."""
    texts = {
        node.value
        for source in (ROOT / "shared/aws").rglob("*.py")
        for node in ast.walk(ast.parse(source.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    wanted = {name for name in botocore.session.get_session().get_available_services() if name in texts}

    assert {"autoscaling", "organizations", "sqs"} <= wanted
    assert {one.name for one in (built / "botocore/data").iterdir()} == {
        "_retry.json",
        "endpoints.json",
        "partitions.json",
        "sdk-default-configuration.json",
        *wanted,
    }


# Lambda, SQS and others make these calls, with the permission of a role or for it.
NOT_CALLED_BY_CODE = {
    *("ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface", "ec2:DescribeNetworkInterfaces"),
    *("ec2:AssignPrivateIpAddresses", "ec2:UnassignPrivateIpAddresses", "ec2:DescribeSubnets"),
    *("kms:Decrypt", "kms:GenerateDataKey"),
}


def test_the_operations_that_the_roles_allow(built: Path) -> None:
    """botocore's models keep only the operations that `shared/aws` names. Each call needs a permission."""
    models = {
        path.parts[-3]: json.loads(path.read_text())["operations"]
        for path in (built / "botocore/data").glob("*/*/service-2.json")
    }
    template = re.sub(r"#.*", "", (ROOT / "template.yaml").read_text())
    actions = set(re.findall(r"\b([a-z0-9]+):([A-Z]\w+)", template))
    allowed = {(service, name) for service, name in actions if service in models}

    assert len(allowed) > 30
    assert {f"{one[0]}:{one[1]}" for one in allowed if one[1] not in models[one[0]]} == NOT_CALLED_BY_CODE


def test_its_size(built: Path) -> None:
    assert sum((built / one).stat().st_size for one in files(built)) <= 45 * MB


def test_its_libraries_are_the_target_s(built: Path) -> None:
    libraries = [one for one in files(built) if one.endswith(".so")]

    assert libraries
    assert [
        one for one in libraries if f"313-{MACHINE[str(built.parent.relative_to(ROOT))]}-" not in one
    ] == []


def test_its_bytecode_is_good_whatever_the_times_of_the_files(built: Path) -> None:
    sources = {one for one in files(built) if one.endswith(".py")}
    compiled = {one for one in files(built) if one.endswith(".pyc")}
    if not compiled:
        pytest.skip("built without Python 3.13, so without bytecode")
    assert {re.sub(r"__pycache__/(.+)\.cpython-313\.pyc$", r"\1.py", one) for one in compiled} == sources
    for one in compiled:
        head = (built / one).read_bytes()[:8]
        assert int.from_bytes(head[:2], "little") == MAGIC_OF_313
        assert int.from_bytes(head[4:], "little") == 0b01  # by hash, and unchecked


def test_no_trace_of_the_machine_that_built_it(built: Path) -> None:
    here = str(ROOT).encode()

    assert [one for one in files(built) if here in (built / one).read_bytes()] == []


# Only the command line and `serve` compile rules. It is imported where that is done (scheduler/intelligence/
# current_set.py takes the stored set in a function).
NOT_IN_FUNCTIONS = {"scheduler/intelligence/rules.py: yara_x"}


def test_everything_that_is_imported_is_there(built: Path, room: str) -> None:
    """Read and not run: the libraries are those of another machine."""
    missing = set()
    for source in [*(built / "shared").rglob("*.py"), *(built / room).rglob("*.py")]:
        for node in ast.walk(ast.parse(source.read_text())):
            names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names = [node.module]
            for name in names:
                top = name.split(".")[0]
                there = (built / top).is_dir() or (built / f"{top}.py").is_file()
                if top not in sys.stdlib_module_names and not there:
                    missing.add(f"{source.relative_to(built)}: {name}")

    assert missing <= NOT_IN_FUNCTIONS


@pytest.fixture
def build() -> ModuleType:
    spec = importlib.util.spec_from_file_location("build", ROOT / "deploy/build.py")
    assert spec
    assert spec.loader
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


def test_a_service_that_the_code_asks_keeps_its_model(
    build: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shared/aws").mkdir(parents=True)
    (tmp_path / "shared/aws/new.py").write_text('clients.call("kms", "decrypt")\nx = "not a service"\n')
    for name in ("kms", "iot"):
        for version in ("2014-11-01", "2026-01-01"):
            folder = tmp_path / "data" / name / version
            folder.mkdir(parents=True)
            (folder / "service-2.json.gz").write_bytes(gzip.compress(json.dumps(MODEL).encode()))
    endpoints = {"partitions": [{"regions": {}, "services": {"kms": {"a": 1}, "iot": {}}}]}
    (tmp_path / "data/endpoints.json").write_text(json.dumps(endpoints))
    monkeypatch.setattr(build, "ROOT", tmp_path)

    build.trim_botocore(tmp_path / "data")

    assert files(tmp_path / "data") == {"endpoints.json", "kms/2026-01-01/service-2.json"}
    model = json.loads((tmp_path / "data/kms/2026-01-01/service-2.json").read_text())
    assert set(model["operations"]) == {"Decrypt"}
    assert set(model["shapes"]) == {"DecryptRequest", "Key", "shape", "Denied"}
    assert model["metadata"] == MODEL["metadata"]
    (partition,) = json.loads((tmp_path / "data/endpoints.json").read_text())["partitions"]
    assert partition == {"regions": {}, "services": {"kms": {"a": 1}}}


# A request with a list of keys, each of which may contain keys.
MODEL: dict[str, Any] = {
    "metadata": {"apiVersion": "2014-11-01"},
    "operations": {
        "Decrypt": {"name": "Decrypt", "input": {"shape": "DecryptRequest"}, "errors": [{"shape": "Denied"}]},
        "Encrypt": {"name": "Encrypt", "input": {"shape": "EncryptRequest"}},
    },
    "shapes": {
        "DecryptRequest": {"type": "structure", "members": {"shape": {"shape": "Key"}}},
        "EncryptRequest": {"type": "structure", "members": {"Text": {"shape": "Text"}}},
        "Key": {"type": "structure", "members": {"Keys": {"shape": "Key"}, "Name": {"shape": "shape"}}},
        "shape": {"type": "string"},
        "Text": {"type": "string"},
        "Denied": {"type": "structure", "members": {}},
    },
}


def test_what_is_shipped_is_not_laid_over_something_else(build: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "left-over").touch()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["build.py", "scheduler", str(tmp_path)])
        with pytest.raises(SystemExit, match="is not empty"):
            build.main()
