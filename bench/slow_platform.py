"""The simulated platform as a process of its own that answers every request 200 ms late, as a real one does.

Any number of requests can wait at once, since none has a thread. `GET /bench/asked` returns how many captures
were asked for, and `GET /bench/requests` the time of each request for one. `--evidences` puts that many
evidences with an alarm into project 3; answers about them are kept, so that each costs nothing again.
"""

from __future__ import annotations

import argparse
import io
import json
from typing import Any

from bench.http_server import Request, Response, serve
from bench.systems import KEY, fleet, mixed_fleet
from demo.platform.records import SUSPICIOUS, Evidence, Project, SimAlarm, SimInstance
from demo.platform.simulation import Platform

LATENCY = 0.2  # seconds
PROJECT = 3
FOUND = "Possible WebShell Command"  # only the platform says so: a message with it was enriched
_PATH = "/srv/www/access.log"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--systems", type=int, default=0)
    parser.add_argument("--mixed", action="store_true")
    parser.add_argument("--evidences", type=int, default=0)
    options = parser.parse_args()
    systems = mixed_fleet(options.systems) if options.mixed else fleet(options.systems)
    platform = Platform(systems, {KEY: "Lead Analyst"}, workers=10**6)
    _add_evidences(platform, options.evidences)
    kept: dict[str, Response] = {}

    def answer(request: Request) -> Response:
        if request.target == "/bench/asked":
            return _json(sum(platform.asked.values()))
        if request.target == "/bench/requests":
            return _json([r.at for r in platform.requests if r.method == "POST" and "/import" in r.path])
        if not options.evidences or request.method != "GET":
            return _call(platform, request)
        if request.target not in kept:
            kept[request.target] = _call(platform, request)
        return kept[request.target]

    serve(answer, LATENCY)


def _add_evidences(platform: Platform, count: int) -> None:
    world, now = platform.world, platform.now()
    with world.lock:
        if count:
            world.projects[PROJECT] = Project(PROJECT, "bench", "", now, now)
        for number in range(1, count + 1):
            machine = SimInstance(f"i-{number:017x}", "", "us-east-1", hostname=f"host-{number}")
            volume = f"vol-{number:017x}"
            evidence = Evidence(
                number, PROJECT, volume, machine, volume, "EBS", machine.instance_id, 8, now, processed=now
            )
            world.add_evidence(evidence)
            world._raise_alarms([SimAlarm(FOUND, SUSPICIOUS, 2, path=_PATH)], evidence, now)


def _json(found: object) -> Response:
    return Response(body=json.dumps(found).encode(), kind="application/json")


def _call(platform: Platform, request: Request) -> Response:
    path, _, query = request.target.partition("?")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "CONTENT_TYPE": request.headers.get("content-type", ""),
        "CONTENT_LENGTH": str(len(request.body)),
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(request.body),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        **{f"HTTP_{name.upper().replace('-', '_')}": value for name, value in request.headers.items()},
    }
    got: dict[str, Any] = {}

    def start(status: str, headers: list[tuple[str, str]], exc_info: object = None) -> None:
        got.update(status=int(status.split()[0]), headers=dict(headers))

    body = b"".join(platform.app.wsgi_app(environ, start))  # type: ignore[arg-type]
    return Response(got["status"], body, got["headers"].get("Content-Type", ""))


if __name__ == "__main__":
    main()
