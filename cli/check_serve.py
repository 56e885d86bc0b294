"""How the `serve` on the data directory does, where one runs: what its /health says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cli.findings import Finding
from shared.hosting.runtime import Runtime
from shared.http.errors import NetworkError
from shared.local.serving import address, is_served
from shared.text import one_line

_WITHIN = 5.0  # seconds
_MOST = 20  # problems that are told


def findings(runtime: Runtime, data: Path) -> Iterator[Finding]:
    if not is_served(data):
        yield Finding("serve", True, f"none runs on {data.absolute()}")
        return
    url = address(data)
    if url is None:
        yield Finding("serve", True, "one runs, and where it answers is not known", warning=True)
        return
    try:
        answer = runtime.http().request("GET", f"{url}/health", read_timeout=_WITHIN)
        told = answer.json()
    except NetworkError as error:
        yield Finding("serve", False, f"one runs and does not answer at {url}: {error}")
        return
    except ValueError:
        yield Finding("serve", False, f"what answers at {url} is not huntbridge (status {answer.status})")
        return
    problems = _problems(told) or ([] if answer.status == 200 else [f"it answers with {answer.status}"])
    for problem in problems[:_MOST]:
        yield Finding("serve", False, f"the one at {url}: {problem}")
    if not problems:
        yield Finding("serve", True, f"the one at {url} is well")


def _problems(told: Any) -> list[str]:
    problems = told.get("problems") if isinstance(told, dict) else None
    return [one_line(str(one), 300) for one in problems] if isinstance(problems, list) else []
