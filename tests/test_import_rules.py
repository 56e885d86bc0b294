"""The rules of the house, read from the source of every module: imports and the length of files."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PRODUCT = ("shared", "receiver", "scheduler", "cli", "console")
HOUSES = (*PRODUCT, "demo", "bench")
# Which houses may import which: nobody imports cli and bench, and the demo is only started by its command.
MAY_IMPORT = {
    "shared": {"shared"},
    "scheduler": {"scheduler", "shared"},
    "receiver": {"receiver", "shared"},
    "console": {"console", "receiver", "scheduler", "shared"},
    "cli": {"cli", "console", "scheduler", "receiver", "shared", "demo"},
    "demo": {"console", "demo", "shared"},
    "bench": {"bench", "cli", "console", "demo", "scheduler", "receiver", "shared"},
}
# The rooms of a house, the lowest first. A room may import rooms of its own layer and of lower layers.
LAYERS = {
    "shared": (
        {"text", "phrases", "models", "log_context"},
        {"metrics", "secrets", "http"},
        {"config"},
        {"platform"},
        {"storage"},
        {"failures"},
        {"queues"},
        {"aws", "local"},
        {"hosting"},
    ),
    "receiver": (
        {"intake", "messages"},
        {"cases", "destinations", "events"},
        {"deliveries"},
        {"web", "edge", "handler", "assemble"},
    ),
}
# Where a library may be imported, as the beginning of a path.
ONLY_IN = {
    "apig_wsgi": ("receiver/edge.py",),
    "boto3": ("shared/aws/",),
    "botocore": ("shared/aws/",),
    "click": ("cli/",),
    "flask": ("receiver/web.py", "console/", "demo/"),
    "greenlet": ("shared/local/core.py",),
    "itsdangerous": ("console/",),
    "jwt": ("console/signed_token.py",),
    "jinja2": ("shared/config/templates.py", "console/"),
    "moto": ("demo/",),
    "prometheus_client": ("shared/local/prometheus.py",),
    "requests": ("shared/http/", "demo/", "bench/"),
    "rich": ("cli/",),
    "slack_sdk": ("receiver/destinations/slack/",),
    "sqlite3": ("shared/local/",),
    "waitress": ("shared/local/",),
    "yaml": ("shared/config/yaml.py", "demo/", "bench/"),
}
MAX_LINES = 400  # of a file of the product


def paths() -> list[Path]:
    return [path for house in HOUSES for path in sorted((ROOT / house).rglob("*.py"))]


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imported(source: str) -> Iterator[str]:
    """The dotted names of everything that the source imports, at any place."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute here"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def layer_of(house: str, room: str) -> int | None:
    return next((number for number, rooms in enumerate(LAYERS[house]) if room in rooms), None)


def broken(path: str, source: str) -> list[str]:
    """Every rule that a file breaks, as a sentence."""
    house, _, rest = path.partition("/")
    room = rest.split("/")[0].removesuffix(".py")
    problems = []
    for name in imported(source):
        top, _, below = name.partition(".")
        if top in HOUSES and top not in MAY_IMPORT[house]:
            problems.append(f"{path} imports {name}: {house} must not import {top}")
        if top in ONLY_IN and not path.startswith(ONLY_IN[top]):
            problems.append(f"{path} imports {name}: only {' and '.join(ONLY_IN[top])} may")
        if top == house and house in LAYERS and room != "__init__":
            own, other = layer_of(house, room), layer_of(house, below.split(".")[0])
            if own is None:
                problems.append(f"{path}: {house}/{room} has no layer")
            elif other is not None and other > own:
                problems.append(f"{path} imports {name}, which stands above it")
    if house in PRODUCT and (lines := len(source.splitlines())) > MAX_LINES:
        problems.append(f"{path} has {lines} lines, and {MAX_LINES} are the most")
    return problems


def import_graph(sources: Mapping[str, str]) -> dict[str, set[str]]:
    """Which of these modules each of them imports. `sources`: by the module's dotted name."""
    graph = {}
    for module, source in sources.items():
        names = {name if name in sources else name.rpartition(".")[0] for name in imported(source)}
        graph[module] = names & sources.keys() - {module}
    return graph


def circles(graph: Mapping[str, set[str]]) -> list[list[str]]:
    """Circles in the graph: for each node that is on one, the shortest circle through it."""
    shortest = set()
    for start in graph:
        ways = [[start]]
        seen: set[str] = set()
        while ways:
            way = ways.pop(0)
            for following in sorted(graph.get(way[-1], ())):
                if following == start:
                    shortest.add(tuple(sorted(way)))
                    ways.clear()
                    break
                if following not in seen:
                    seen.add(following)
                    ways.append([*way, following])
    return [list(circle) for circle in sorted(shortest)]


def rooms_of(graph: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """The same graph between rooms, for the houses that have layers."""
    rooms: dict[str, set[str]] = {}
    for module, others in graph.items():
        room, *_ = between = [".".join(name.split(".")[:2]) for name in (module, *sorted(others))]
        if room.partition(".")[0] in LAYERS:
            rooms.setdefault(room, set()).update(name for name in between if name != room)
    return rooms


@pytest.fixture(scope="module")
def graph() -> dict[str, set[str]]:
    sources = {}
    for path in paths():
        module = relative(path).removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        sources[module] = path.read_text(encoding="utf-8")
    return import_graph(sources)


@pytest.mark.parametrize("path", paths(), ids=relative)
def test_the_rules_are_kept(path):
    assert broken(relative(path), path.read_text(encoding="utf-8")) == []


def test_no_modules_import_each_other_in_a_circle(graph):
    assert len(graph) > 200
    assert circles(graph) == []


def test_no_rooms_import_each_other_in_a_circle(graph):
    assert circles(rooms_of(graph)) == []


def test_every_room_has_a_layer():
    for house, layers in LAYERS.items():
        modules = (ROOT / house).rglob("*.py")
        rooms = {path.relative_to(ROOT / house).parts[0].removesuffix(".py") for path in modules}
        assert set().union(*layers) == rooms - {"__init__"}


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
        ("demo/run.py", "from cli.serve import serve", "demo must not import cli"),
        ("receiver/web.py", "from console.app import create_app", "receiver must not import console"),
        ("console/app.py", "from cli.serve import serve", "console must not import cli"),
        ("receiver/events/enrich.py", "import boto3", "only shared/aws/ may"),
        ("shared/hosting/runtime.py", "from botocore.config import Config", "only shared/aws/ may"),
        ("scheduler/plan.py", "from sqlite3 import connect", "only shared/local/ may"),
        (
            "receiver/events/route.py",
            "from flask import request",
            "only receiver/web.py and console/ and demo/ may",
        ),
        (
            "receiver/destinations/teams/client.py",
            "import slack_sdk",
            "only receiver/destinations/slack/ may",
        ),
        ("receiver/destinations/teams/client.py", "import requests", "only shared/http/ and demo/"),
        ("shared/queues/heartbeats.py", "from shared.hosting.runtime import Runtime", "stands above it"),
        ("shared/secrets.py", "def f():\n    import shared.aws.secrets", "stands above it"),
        ("shared/models/alarms.py", "from shared import config", "stands above it"),
        ("receiver/intake/refusals.py", "from receiver.web import create_app", "stands above it"),
        ("receiver/events/worker.py", "from receiver.deliveries import send", "stands above it"),
        ("shared/new/room.py", "from shared.text import one_line", "shared/new has no layer"),
        ("cli/serve.py", "\n" * 401, "has 401 lines, and 400 are the most"),
    ],
)
def test_the_rules_bite(path, source, said):
    (problem,) = broken(path, source)
    assert said in problem


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("shared/aws/clients.py", "import boto3"),
        ("shared/hosting/runtime.py", "from shared.aws import stack"),
        ("receiver/events/worker.py", "from receiver.cases import lifecycle"),
        ("cli/serve.py", "\n" * 400),
        ("demo/world.py", "\n" * 401),
    ],
)
def test_the_rules_let_pass_what_is_allowed(path, source):
    assert broken(path, source) == []


def test_a_circle_is_found():
    sources = {
        "shared.a": "from shared.b import thing",
        "shared.b": "def f():\n    from shared import c",
        "shared.c": "import shared.a",
        "shared.d": "from shared.a import other\nimport shared.d",
    }
    assert circles(import_graph(sources)) == [["shared.a", "shared.b", "shared.c"]]


def test_a_circle_of_rooms_is_found_where_no_modules_form_one():
    graph = {
        "receiver.events.worker": {"receiver.cases.lifecycle"},
        "receiver.cases.send_reminders": {"receiver.events.route"},
    }
    assert circles(graph) == []
    assert circles(rooms_of(graph)) == [["receiver.cases", "receiver.events"]]
