"""`huntbridge serve`: everything in one process, until it is told to stop."""

from __future__ import annotations

import logging
import signal
import threading
from pathlib import Path

import click

from cli.assemble import (
    CAPTURE_THREADS,
    DataUnusable,
    Misused,
    load_config,
    local_runtime,
    receiver,
    settings,
)
from cli.operator import here, operator
from receiver.tokens import accepted, readable
from receiver.web import create_app, depths
from scheduler.handler import captures_handler, on_schedule, on_timer
from shared import leases
from shared import log as logs
from shared.audit import configuration_loaded
from shared.config_warnings import warnings
from shared.ledger import StoreError
from shared.local.clock import Clock
from shared.local.server import AlreadyServed, Server, Timer, Workers, sole_server
from shared.runtime import Runtime
from shared.secrets import Secret, SecretError

log = logging.getLogger(__name__)


@click.command(short_help="Everything in one process, until it is told to stop.")
@settings
@click.option(
    "--port", type=click.IntRange(0, 65_535), default=8080, show_default=True, help="0 takes a free one."
)
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--log-json", is_flag=True, help="One JSON object per line of the log.")
def serve(config_path: str | None, data: Path, port: int, host: str, log_json: bool) -> None:
    """Receive webhooks, deliver alarms, start hunts on their schedules and follow them to their end.

    Listens on 127.0.0.1: put a proxy with TLS in front of it. Stops on SIGTERM or Ctrl-C, after what it has
    in hand; all else is in the data directory and goes on with the next start.
    """
    logs.setup("INFO", json=log_json)
    runtime = local_runtime(load_config(config_path), data)
    try:
        with sole_server(data):
            server = assemble(runtime)
            configuration_loaded(
                runtime.store, runtime.config, operator(runtime), here("serve"), runtime.now()
            )
            _until_told_to_stop(server, runtime, host, port)
    except AlreadyServed as error:
        raise DataUnusable(str(error)) from None
    except StoreError as error:
        raise DataUnusable(str(error)) from None
    except SecretError as error:
        raise Misused(str(error)) from None


def assemble(runtime: Runtime) -> Server:
    """Raises SecretError where a destination's secret cannot be had: better now than with the first alarm."""
    work = receiver(runtime)
    for warning in warnings(runtime.config):
        log.warning("%s", warning)
    for name, hunt in runtime.config.hunts.items():
        if never := hunt.never_runs(runtime.now()):
            log.warning("hunt %s: its schedule %s", name, never)
    clock = Clock(
        {
            name: calendar
            for name, hunt in runtime.config.hunts.items()
            if (calendar := hunt.calendar) is not None
        },
        lambda name, at: on_schedule(runtime, name, at),
        runtime.store,
        runtime.now,
        catch_up=[name for name, hunt in runtime.config.hunts.items() if hunt.catch_up],
        forms={name: hunt.schedule_form for name, hunt in runtime.config.hunts.items()},
    )
    return Server(
        [
            Workers(runtime.captures, captures_handler(runtime), leases.CAPTURE, threads=CAPTURE_THREADS),
            Workers(runtime.events, work.event, leases.EVENT, threads=4),
            Workers(runtime.deliveries, work.delivery, leases.DELIVERY, threads=8),
        ],
        [
            Timer("follow", lambda: on_timer(runtime), runtime.config.follow.interval),
            Timer("clock", clock.tick, 1.0),
        ],
    )


def _until_told_to_stop(server: Server, runtime: Runtime, host: str, port: int) -> None:
    told = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: told.set())
    queues = (runtime.captures, runtime.events, runtime.deliveries)

    def tokens() -> list[Secret]:
        return accepted(runtime.config.webhook.tokens, runtime.secret)

    signing = runtime.config.slack_signing_secrets
    app = create_app(
        runtime.events,
        tokens,
        runtime.now,
        lambda: depths(queues),
        (lambda: readable(signing, runtime.secret, "signing secret")) if signing else None,
    )
    try:
        port = server.listen(app, host, port)
    except OSError as error:
        raise Misused(f"{host}:{port} cannot be listened on: {error.strerror}") from None
    server.start()
    click.echo(f"huntbridge serves http://{host}:{port}; webhooks go to http://{host}:{port}/webhooks/cado")
    if signing:
        readable(
            signing, runtime.secret, "signing secret"
        )  # tells of none that can be had before a click does
    if not tokens():
        log.error("no webhook token is configured: every webhook is refused (webhook.tokens, WEBHOOK_TOKEN)")
    if not runtime.config.destinations:
        log.error("no destination is configured: alarms are kept and go nowhere")
    told.wait()
    log.info("stopping")
    if not server.stop():
        log.warning("some work did not end in time and was handed back: the next start does it again")
