"""The edge of `serve`: the web process that accepts webhooks, and the import of what it accepted."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from cli.exit_codes import DataUnusable
from cli.web_process import Given
from receiver.intake.refusals import Refusals
from shared.hosting.runtime import Runtime
from shared.local.inbox import FOLDER
from shared.local.inbox_import import InboxImport
from shared.local.listen import Listener
from shared.local.queue import SqliteQueue
from shared.local.web_counts import count
from shared.local.web_process import CannotStart, WebProcess
from shared.metrics.memory import Memory


class Options(NamedTuple):
    """What the command line says about the edge."""

    host: str
    port: int
    proxy: str | None
    log_level: str
    log_json: bool


def given(runtime: Runtime, data: Path, options: Options) -> bytes:
    """What the web process is told."""
    return Given(
        str(data.absolute() / FOLDER),
        list(runtime.config.webhook.tokens),
        options.proxy,
        options.log_level.upper(),
        options.log_json,
        version("huntbridge"),
    ).encode()


class Edge(NamedTuple):
    process: WebProcess
    importer: InboxImport

    def start(self) -> None:
        """Raises DataUnusable."""
        self.importer.bring_in()  # what an earlier `serve` accepted before it was killed
        try:
            self.process.start()
        except CannotStart:
            raise DataUnusable("the web process could not be started; the lines above say why") from None


def edge(
    runtime: Runtime,
    data: Path,
    lock: int,
    options: Options,
    listener: Listener,
    refusals: Refusals,
    full: Callable[[], str],
    memory: Memory,
) -> Edge:
    """The edge of this listener's port. `lock`: the descriptor of the lock of the data directory."""
    assert isinstance(runtime.events, SqliteQueue)
    importer = InboxImport(runtime.events, data / FOLDER, lambda: process.refuse(full()))
    process = WebProcess(
        "cli.web_process",
        given(runtime, data, options),
        listener,
        lock=lock,
        stored=importer.wake,
        counted=lambda content: count(content, memory, refusals.count),
    )
    return Edge(process, importer)
