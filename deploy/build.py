"""Builds the folder that one Lambda function is deployed from.

It copies the function's package (`scheduler` or `receiver`) and `shared`, installs the locked packages, and
compiles bytecode for the function's Python. It needs pip and no Docker. `sam build` runs it through the
Makefile.
"""

from __future__ import annotations

import argparse
import ast
import gzip
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("scheduler", "receiver")
PLATFORMS = {"arm64": "manylinux2014_aarch64", "x86_64": "manylinux2014_x86_64"}
PYTHON = "3.13"
UNPACKED = "/var/task"  # where Lambda unpacks the function
LIMIT = 45 * 1024 * 1024  # bytes, unpacked
# botocore calls these itself: to find a bucket's region, and for the credentials of a role.
CALLED_BY_BOTOCORE = {"head_bucket", "create_session", "assume_role", "assume_role_with_web_identity"}


def main() -> None:
    parser = argparse.ArgumentParser(description="Build the folder of one Lambda function.")
    parser.add_argument("room", choices=ROOMS)
    parser.add_argument("target", type=Path, help="an empty or new folder")
    parser.add_argument("--arch", choices=PLATFORMS, default="arm64")
    given = parser.parse_args()
    target: Path = given.target.resolve()
    target.mkdir(parents=True, exist_ok=True)
    if any(target.iterdir()):
        sys.exit(f"{target} is not empty: its files would be deployed too")
    install(given.room, target, PLATFORMS[given.arch])
    copy_rooms(given.room, target)
    trim_botocore(target / "botocore" / "data")
    compile_all(target)
    size = sum(file.stat().st_size for file in target.rglob("*") if file.is_file())
    say(f"{given.room} for {given.arch}: {size / 1024 / 1024:.1f} MB unpacked")
    if size > LIMIT:
        sys.exit(f"the {given.room} function is larger than {LIMIT / 1024 / 1024:.0f} MB")


def copy_rooms(room: str, target: Path) -> None:
    caches = shutil.ignore_patterns("__pycache__", "*.pyc", ".*")

    def leave_out(folder: str, names: list[str]) -> set[str]:
        local = {"local"} if Path(folder) == ROOT / "shared" else set()
        return local | set(caches(folder, names))

    for name in ("shared", room):
        shutil.copytree(ROOT / name, target / name, ignore=leave_out)


def install(room: str, target: Path, platform: str) -> None:
    """Install the wheels of the lock file for the target's platform, not for this machine's."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    command += ["--no-compile", "--require-hashes", "--no-deps", "--only-binary=:all:"]
    command += ["--implementation=cp", f"--python-version={PYTHON}", f"--platform={platform}"]
    command += [f"--target={target}", f"--requirement={ROOT / 'requirements' / room}.txt"]
    subprocess.run(command, check=True)  # noqa: S603  every argument is set above
    needless = (target / "bin", *target.glob("*/tests"))  # commands, and the packages' own tests
    for folder in needless:
        shutil.rmtree(folder, ignore_errors=True)


def trim_botocore(data: Path) -> None:
    """Keep only what the code uses of botocore's data: the models of the services that it names, and in them
    the operations that it names. A client reads its service's whole model when it is made, and the model of
    EC2 has 830 operations."""
    texts, attributes = names_in_code()
    called = texts | attributes | CALLED_BY_BOTOCORE
    services = {entry.name for entry in data.iterdir() if entry.is_dir()} & texts
    for entry in data.iterdir():
        if entry.is_dir() and entry.name not in services:
            shutil.rmtree(entry)
    for service in services:
        *old, newest = sorted((data / service).iterdir())
        for folder in old:
            shutil.rmtree(folder)
        packed = newest / "service-2.json.gz"
        model = json.loads(gzip.decompress(packed.read_bytes()))
        (newest / "service-2.json").write_text(json.dumps(trimmed(model, called)))
        packed.unlink()
    endpoints = json.loads((data / "endpoints.json").read_text())
    for partition in endpoints["partitions"]:
        every = partition["services"]
        partition["services"] = {name: every[name] for name in every.keys() & services}
    (data / "endpoints.json").write_text(json.dumps(endpoints))


def trimmed(model: dict[str, Any], called: set[str]) -> dict[str, Any]:
    """The model of a service with the operations that are called, and with the shapes that they use."""
    called = {name.replace("_", "") for name in called}  # DescribeInstances is called as describe_instances
    every = model["operations"]
    operations = {name: every[name] for name in every if name.lower() in called}
    shapes: dict[str, Any] = {}
    unread: list[Any] = [operations]
    while unread:
        for name in shapes_in(unread.pop()) - shapes.keys():
            shapes[name] = model["shapes"][name]
            unread.append(shapes[name])
    return {**model, "operations": operations, "shapes": shapes}


def shapes_in(part: Any) -> set[str]:
    """The names of the shapes that a part of a model refers to."""
    if isinstance(part, list):
        return set().union(*map(shapes_in, part))
    if not isinstance(part, dict):
        return set()
    named = {part["shape"]} if isinstance(part.get("shape"), str) else set()
    return named.union(*map(shapes_in, part.values()))


def names_in_code() -> tuple[set[str], set[str]]:
    """The texts and the attributes in `shared/aws`, which alone uses boto3. Services such as "sqs" are among
    the texts. An operation is a text such as "send_message", or an attribute as in `client.send_message`."""
    sources = (ROOT / "shared/aws").rglob("*.py")
    nodes = [node for source in sources for node in ast.walk(ast.parse(source.read_text()))]
    texts = {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return texts, {node.attr for node in nodes if isinstance(node, ast.Attribute)}


def compile_all(target: Path) -> None:
    """Compile the bytecode, which Lambda cannot write. It is not checked against the time of the source
    (PEP 552), since Lambda sets other times when it unpacks."""
    python = target_python()
    if python is None:
        say(f"warning: no Python {PYTHON} here, so no bytecode: cold starts take about twice as long")
        return
    name, environment = python
    command = [name, "-I", "-m", "compileall", "-q", "-j", "0", "--invalidation-mode", "unchecked-hash"]
    command += ["-s", str(target), "-p", UNPACKED, str(target)]
    subprocess.run(command, check=True, env=environment)  # noqa: S603  found by target_python


def target_python() -> tuple[str, dict[str, str]] | None:
    """Command and environment of a Python of the target's version: this one, from the PATH, or from pyenv."""
    version = tuple(map(int, PYTHON.split(".")))
    check = f"import sys; sys.exit(sys.version_info[:2] != {version})"
    named = f"python{PYTHON}"
    for name, extra in ((sys.executable, {}), (named, {}), (named, {"PYENV_VERSION": PYTHON})):
        command, environment = shutil.which(name), {**os.environ, **extra}
        if command is None:
            continue
        result = subprocess.run([command, "-I", "-c", check], env=environment, capture_output=True)  # noqa: S603
        if result.returncode == 0:
            return command, environment
    return None


def target_executable() -> str | None:
    """The path of the Python of the target's version itself, not of a version manager's wrapper for it."""
    python = target_python()
    if python is None:
        return None
    command = [python[0], "-I", "-c", "import sys; print(sys.executable)"]
    result = subprocess.run(command, env=python[1], capture_output=True, text=True, check=True)  # noqa: S603
    return result.stdout.strip()


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


if __name__ == "__main__":
    main()
