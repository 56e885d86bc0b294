"""If a `serve` runs on the data directory, checks it by asking its /health."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from shared.hosting.runtime import Runtime
from shared.http.errors import NetworkError
from shared.local.data_directory import address, is_served
from shared.models.checks import CheckResult, failed, passed, warned
from shared.text import one_line

_TIMEOUT = 5.0  # seconds
_MAX_PROBLEMS = 20


def findings(runtime: Runtime, data: Path) -> Iterator[CheckResult]:
    what = "serve"
    if not is_served(data):
        yield passed(what, f"not running on {data.absolute()}")
        return
    url = address(data)
    if url is None:
        yield warned(what, "running, but its address is not known")
        return
    try:
        answer = runtime.http().request("GET", f"{url}/health", read_timeout=_TIMEOUT)
        health = answer.json()
    except NetworkError as error:
        yield failed(what, f"running, but it does not answer at {url}: {error}")
        return
    except ValueError:
        yield failed(what, f"what answers at {url} is not huntbridge (status {answer.status})")
        return
    problems = _problems(health) or ([] if answer.status == 200 else [f"it answers with {answer.status}"])
    for problem in problems[:_MAX_PROBLEMS]:
        yield failed(what, f"running at {url}: {problem}")
    if not problems:
        yield passed(what, f"running at {url} and healthy")


def _problems(health: Any) -> list[str]:
    problems = health.get("problems") if isinstance(health, dict) else None
    return [one_line(str(problem), 300) for problem in problems] if isinstance(problems, list) else []
