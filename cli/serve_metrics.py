"""The metrics of `serve`: what records them, and who may read the page /metrics."""

from __future__ import annotations

import logging
import platform
from collections.abc import Callable, Sequence
from importlib.metadata import version

from cli.exit_codes import Misused
from receiver.intake.sender_secrets import readable
from scheduler.timer import JOBS
from shared.config.config import Config
from shared.config.listen import host_and_port
from shared.config.tokens import refusal
from shared.hosting.readings import Readings
from shared.hosting.runtime import Runtime
from shared.local.listen import Listener
from shared.local.prometheus import METRICS, MetricsPage, WsgiApp
from shared.local.server import Server
from shared.metrics.definitions import (
    BUILD,
    JOB_LAST_RUN,
    JOB_LAST_SUCCESS,
    PROBLEM_THREADS,
    STARTED,
)
from shared.metrics.instruments import Reading, install
from shared.metrics.memory import Memory
from shared.secrets import Secret

log = logging.getLogger(__name__)

CLOCK = "clock"  # the timer that starts due hunts
_MAX_BODY = 1024  # bytes; a request for metrics has no body


def begin(config: Config, started_at: float) -> Memory:
    """Record the measurements of this process from now on. `started_at`: epoch seconds."""
    jobs = [*(job.name for job in JOBS), CLOCK]
    memory = Memory({"destination": config.destinations, "timer_job": jobs})
    install(memory)
    BUILD.set(1, version=version("huntbridge"), python_version=platform.python_version())
    STARTED.set(started_at)
    for name in jobs:
        JOB_LAST_RUN.set(0, timer_job=name)
        JOB_LAST_SUCCESS.set(0, timer_job=name)
    return memory


def metrics_page(memory: Memory, runtime: Runtime, server: Server) -> MetricsPage | None:
    """The page /metrics; None if nobody may read it. Raises Misused."""
    config = runtime.config.metrics
    if not config.token and config.listen is None:
        return None
    return MetricsPage(memory, _readings(runtime, server), _tokens(runtime))


def listener(page: WsgiApp, address: str) -> Listener:
    """Answers at an address of its own. Raises Misused if it cannot be listened on."""
    host, port = host_and_port(address)
    try:
        made = Listener(page, host, port, max_body=_MAX_BODY, proxy=None, on_refusal=_ignore)
    except OSError as error:
        raise Misused(f"metrics.listen: {address} cannot be listened on: {error.strerror}") from None
    log.info("metrics are served", extra={"address": host, "port": made.port, "path": METRICS})
    return made


def _readings(runtime: Runtime, server: Server) -> Callable[[], Sequence[Reading]]:
    readings = Readings(runtime)
    return lambda: [*readings(), PROBLEM_THREADS.read(len(server.problems()))]


def _tokens(runtime: Runtime) -> Callable[[], list[Secret]] | None:
    """Raises Misused if a token can be guessed."""
    refs = runtime.config.metrics.token
    if not refs:
        return None

    def tokens() -> list[Secret]:
        found = readable(refs, runtime.secret, "metrics token")
        return [token for token in found.values() if not refusal(token.reveal())]

    for ref, token in readable(refs, runtime.secret, "metrics token").items():
        if why := refusal(token.reveal()):
            raise Misused(f"the metrics token {ref} {why}")
    return tokens


def _ignore(path: str, status: int, reason: str, peer: str) -> None:
    """A refused request for metrics is not counted among the webhooks."""
