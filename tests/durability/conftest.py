"""What the tests of durability share: a served Slack, a `serve`, and the library with the faults."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from demo.serving import serving
from demo.slack.simulation import Slack
from tests.durability.world import Served

MakeServed = Callable[..., Served]


@pytest.fixture
def make_served(tmp_path: Path) -> Iterator[MakeServed]:
    slack = Slack(path="T/B/X", rate=None)
    made: list[Served] = []

    def make(**environ: str) -> Served:
        made.append(Served(tmp_path, url + slack.path, slack, **environ))
        return made[-1]

    with serving(slack.app) as url:
        yield make
        for served in made:
            served.end()


@pytest.fixture(scope="session")
def faults(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The path of the library."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler")
    source, library = Path(__file__).with_name("faults.c"), tmp_path_factory.mktemp("faults") / "faults.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
    return str(library)
