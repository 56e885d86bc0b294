"""A stand-in for the platform that answers from lists, and the bodies that it answers with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from shared.http.answers import Answer
from shared.http.client import Http
from shared.platform.client import Cado
from shared.platform.transport import Transport
from shared.platform.v2 import CadoV2
from shared.secrets import Secret

KEY = "k-5ecret-key"


SAMPLES = Path(__file__).resolve().parents[4] / "shared" / "samples" / "api"
Call = tuple[str, str, Mapping[str, Any] | None, Mapping[str, Any] | None]


class Platform(Http):
    """Answers by method and path from a list for each; the last answer of a list is given again and again."""

    def __init__(self, answers: Mapping[str, Any]) -> None:
        super().__init__()
        self.calls: list[Call] = []
        self._answers = {
            route: list(given) if isinstance(given, list) else [given] for route, given in answers.items()
        }

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        data: bytes | None = None,
        read_timeout: float | None = None,
    ) -> Answer:
        assert headers == {"Authorization": f"Bearer {KEY}"}
        path = url.removeprefix("https://cado.example")
        self.calls.append((method, path, params, json))
        waiting = self._answers.get(f"{method} {path}", [(404, {"message": "no such thing"})])
        answer = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, Answer) else reply(*answer)


def reply(status: int, body: Any, headers: Mapping[str, str] | None = None) -> Answer:
    return Answer(status, headers or {}, body if isinstance(body, bytes) else json.dumps(body).encode())


def ok(data: Any, pages: int | None = None, status: int = 200) -> tuple[int, Any]:
    page = (
        {"pagination": {"type": "page", "total_pages": pages, "current_page": 1}} if pages is not None else {}
    )
    return status, {"status": "success", "data": data, **page}


def client(
    answers: Mapping[str, Any], *, api_version: str = "v3", bucket: str = ""
) -> tuple[Cado, Platform, list[float]]:
    platform, slept = Platform(answers), []  # type: tuple[Platform, list[float]]
    transport = Transport(
        "https://cado.example",
        Secret(KEY),
        platform,
        sleep=slept.append,
        rng=lambda: 0.0,
        now=lambda: 0.0,
    )
    return (CadoV2(transport, bucket=bucket) if api_version == "v2" else Cado(transport)), platform, slept


def update(version: str) -> tuple[int, Any]:
    return ok({"version_info": {"backend_version": version}, "allow_updates": True})


def project(number: int, name: str) -> dict[str, Any]:
    return {"id": number, "details": {"name": name}, "alarms": {"malicious": 1, "suspicious": 2}}


def pipeline(number: int, **rest: Any) -> dict[str, Any]:
    return {"pipeline": {"id": number, "type": "acquisition"}, "name": "Acquiring i-0abc", **rest}


def sample(name: str) -> Answer:
    path = SAMPLES / f"{name}.json"
    if not path.exists():
        pytest.skip(f"the sample bodies are not beside the project ({path.name})")
    return Answer(int(name.rpartition("_")[2]) if name[-1].isdigit() else 200, {}, path.read_bytes())
