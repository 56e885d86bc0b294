"""The rules of the house, read from the imports of every module."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("scheduler", "receiver", "shared", "cli", "demo", "bench")
# Which rooms may import which: nobody imports cli and bench, and the demo is only started by its command.
MAY_IMPORT = {
    "shared": {"shared"},
    "scheduler": {"scheduler", "shared"},
    "receiver": {"receiver", "shared"},
    "cli": {"cli", "scheduler", "receiver", "shared", "demo"},
    "demo": {"demo", "shared"},
    "bench": {"bench", "cli", "demo", "scheduler", "receiver", "shared"},
}
# Where a library may be imported, as the beginning of a path.
ONLY_IN = {
    "boto3": ("shared/aws/",),
    "botocore": ("shared/aws/",),
    "sqlite3": ("shared/local/",),
    "flask": ("receiver/web.py", "demo/"),
    "waitress": ("shared/local/",),
    "slack_sdk": ("receiver/destinations/slack",),
    "moto": ("demo/",),
}


def modules() -> list[Path]:
    return [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]


def imported(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute here"
            yield node.module or ""


def broken(path: str, source: str) -> list[str]:
    room = path.split("/")[0]
    found = []
    for name in imported(source):
        top = name.split(".")[0]
        if top in ROOMS and top not in MAY_IMPORT[room]:
            found.append(f"{path} imports {name}: {room} must not import {top}")
        if top in ONLY_IN and not path.startswith(ONLY_IN[top]):
            found.append(f"{path} imports {name}: only {' and '.join(ONLY_IN[top])} may")
    return found


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_keep_the_rules(path):
    assert broken(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("path", "source", "said"),
    [
        ("shared/http/client.py", "from receiver.events import route", "shared must not import receiver"),
        ("scheduler/plan.py", "import receiver.web", "scheduler must not import receiver"),
        (
            "receiver/deliveries/worker.py",
            "def f():\n    from scheduler import plan",
            "receiver must not import scheduler",
        ),
        ("receiver/events/enrich.py", "import boto3", "only shared/aws/ may"),
        ("scheduler/plan.py", "from sqlite3 import connect", "only shared/local/ may"),
        (
            "receiver/events/route.py",
            "from flask import request",
            "only receiver/web.py and demo/ may",
        ),
        ("demo/run.py", "from cli.serve import serve", "demo must not import cli"),
    ],
)
def test_the_rules_bite(path, source, said):
    (found,) = broken(path, source)
    assert said in found
