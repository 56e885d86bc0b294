"""The running `serve`: its addresses, the configuration in force, and how another one replaces it.

The addresses and the web process stay as they are when the configuration is loaded again. Only what answers
and works behind them is replaced, and only after all of it could be made. So no webhook is refused meanwhile.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click

from cli import serve_console, serve_metrics
from cli.assemble import load_config
from cli.exit_codes import Misused
from cli.operator import here, operator
from cli.serve_parts import Maker
from cli.serve_web import Options, edge, given
from receiver.intake.refusals import Refusals
from receiver.intake.webhook_request import MAX_BODY
from receiver.intake.webhooks import WEBHOOK, Webhooks
from shared.config.changes import settings
from shared.config.config import Config
from shared.config.load import file_of, is_local
from shared.hosting.runtime import Runtime, with_config
from shared.local import loaded
from shared.local.data_directory import announce
from shared.local.listen import Listener
from shared.local.loaded import Loaded
from shared.local.server import Server
from shared.local.web_threads import Pages
from shared.metrics.memory import Memory
from shared.secrets import SecretError
from shared.storage.audit import configuration_loaded
from shared.storage.ledger.refusals import RefusalCounts
from shared.storage.ports import StoreError

log = logging.getLogger(__name__)

# Settings that say at which addresses `serve` listens.
_ADDRESSES: tuple[tuple[str, Callable[[Config], object]], ...] = (
    ("console.listen", lambda config: config.console.enabled and config.console.listen),
    ("metrics.listen", lambda config: config.metrics.listen),
)


class Serving:
    def __init__(
        self, runtime: Runtime, config_path: str | None, data: Path, lock: int, web: Options, memory: Memory
    ) -> None:
        """Nothing answers before `start`. Raises Misused, SecretError and StoreError."""
        self._config_path, self._data, self._web, self._memory = config_path, data, web, memory
        loaded.forget(data)
        self.server = Server()
        refusals = Refusals(
            runtime.events, runtime.ledger.notes, RefusalCounts(runtime.store, runtime.now), runtime.now
        )
        self._maker = Maker(data, web, memory, self.server, refusals)
        self._parts = self._maker.make(runtime, replaces=False)
        self._listener = self._listen(runtime, refusals)
        self._own = list(self._own_listeners())
        self._edge = edge(
            runtime, data, lock, web, self._listener, refusals, lambda: self._parts.full(), memory
        )
        self._loaded: Loaded | None = None

    def start(self) -> None:
        """Raises DataUnusable and StoreError."""
        parts, server = self._parts, self.server
        self._record("serve")
        self._edge.start()
        server.listen(self._edge.process)
        server.listen(self._edge.importer, "inbox")
        server.listen(self._listener, "pages")
        for name, listener in self._own:
            server.listen(listener, name)
        server.replace(parts.workers, parts.timers, parts.core)
        self._write_down()
        url = _url(self._web.host, self._listener.port)
        announce(self._data, url)
        click.echo(f"huntbridge serves {url}; webhooks go to {url}{WEBHOOK}")
        if parts.console:
            own = dict(self._own).get("console")
            click.echo(parts.console.opened_by(_url(own.host, own.port) if own else url))

    def reload(self) -> None:
        """Load the configuration again and go by it. If it cannot be used, the log says why and the one
        before stays in force."""
        try:
            self._replace(load_config(self._config_path))
        except (Misused, SecretError, StoreError) as error:
            self._refuse(str(error))
        except Exception as error:
            log.exception("the configuration could not be loaded again")
            self._refuse(f"{type(error).__name__}: see the log of serve")

    def _replace(self, config: Config) -> None:
        before = self._parts.runtime
        for name, of in _ADDRESSES:
            if of(config) != of(before.config):
                raise Misused(f"{name} cannot change while serve runs: start serve again")
        runtime = with_config(before, config, os.environ)
        parts = self._maker.make(runtime, replaces=True)
        # From here on nothing of it can fail.
        self._memory.know("destination", config.destinations)
        self._parts = parts
        self._edge.process.renew(given(runtime, self._data, self._web))
        self.server.replace(parts.workers, parts.timers, parts.core)
        log.info("the configuration was loaded again")
        self._write_down()
        try:
            self._record("reload of serve")
        except StoreError as error:
            log.error("the audit log has no entry of the reload", extra={"reason": error})

    def _refuse(self, reason: str) -> None:
        log.error("the configuration was not loaded; the one before stays", extra={"reason": reason})
        self._write_down(reason)

    def _record(self, what: str) -> None:
        """Raises StoreError."""
        runtime = self._parts.runtime
        configuration_loaded(runtime.store, runtime.config, operator(runtime), here(what), runtime.now())

    def _write_down(self, refused: str = "") -> None:
        """Write down what is in force, and why the last one was refused, for the commands of `config`."""
        if refused and self._loaded:
            self._loaded = self._loaded.is_refused(refused)
        else:
            runtime, name = self._parts.runtime, file_of(self._config_path, os.environ)
            self._loaded = Loaded(
                os.getpid(),
                str(Path(name).absolute()) if name and is_local(name) else name,
                settings(runtime.config),
                runtime.now().isoformat(),
                self._loaded.asked + 1 if self._loaded else 0,
            )
        try:
            loaded.write(self._data, self._loaded)
        except StoreError as error:
            log.warning("what was loaded cannot be written down", extra={"reason": error})

    def _listen(self, runtime: Runtime, refusals: Refusals) -> Listener:
        webhooks = Webhooks(lambda: self._parts.tokens(), runtime.now, lambda: self._parts.full(), refusals)
        try:
            return Listener(
                lambda *request: self._parts.port(*request),
                self._web.host,
                self._web.port,
                max_body=MAX_BODY,
                proxy=self._web.proxy,
                on_refusal=webhooks.refused_early,
                pages=Pages(lambda path: self._parts.is_page(path)),
                accepts=False,
            )
        except OSError as error:
            where = f"{self._web.host}:{self._web.port}"
            raise Misused(f"{where} cannot be listened on: {error.strerror}") from None

    def _own_listeners(self) -> Iterable[tuple[str, Listener]]:
        """The listeners of addresses that the configuration names. Raises Misused."""
        parts = self._parts
        if parts.console and parts.console.own:
            yield "console", serve_console.listener(self._console, parts.console.own, self._web.proxy)
        if parts.metrics and (address := parts.runtime.config.metrics.listen):
            yield "metrics", serve_metrics.listener(self._metrics, address)

    def _console(self, *request: Any) -> Any:
        assert self._parts.console
        return self._parts.console.app(*request)

    def _metrics(self, *request: Any) -> Any:
        assert self._parts.metrics
        return self._parts.metrics(*request)


def _url(host: str, port: int) -> str:
    return f"http://{f'[{host}]' if ':' in host and not host.startswith('[') else host}:{port}"
