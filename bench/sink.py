"""The chat that takes the messages, as a process of its own: it answers as Slack's incoming webhooks do.

It notes when each message came, at which path, and which alarms it names. `GET /arrivals` returns the notes.
An alarm is recognised by an id of sixteen hexadecimal digits. `python -m bench.sink TEXT` also notes whether
a message contains that text.
"""

from __future__ import annotations

import json
import re
import sys
import time
from dataclasses import dataclass

import requests

from bench.http_server import Request, Response, serve

_ID = re.compile(rb"(?<![0-9a-f-])[0-9a-f]{16}(?![0-9a-f-])")


@dataclass(frozen=True)
class Arrival:
    at: float  # of the monotonic clock, which all processes of a machine share
    path: str
    ids: list[str]
    marked: bool


def arrivals(url: str) -> list[Arrival]:
    """What has arrived so far at the sink with this URL."""
    return [Arrival(*note) for note in requests.get(f"{url}/arrivals", timeout=60).json()]


def first_times(noted: list[Arrival], paths: int) -> dict[str, float]:
    """When each alarm had arrived at this number of different paths; those that have not are left out."""
    found: dict[str, dict[str, float]] = {}
    for note in noted:
        for id in note.ids:
            found.setdefault(id, {}).setdefault(note.path, note.at)
    return {id: max(times.values()) for id, times in found.items() if len(times) == paths}


def main(mark: bytes) -> None:
    noted: list[tuple[float, str, list[str], bool]] = []

    def answer(request: Request) -> Response:
        if request.method == "GET":
            return Response(body=json.dumps(noted).encode(), kind="application/json")
        ids = sorted({found.decode() for found in _ID.findall(request.body)})
        noted.append((time.monotonic(), request.target, ids, mark in request.body))
        return Response()

    serve(answer)


if __name__ == "__main__":
    main(sys.argv[1].encode() if len(sys.argv) > 1 else b"")
