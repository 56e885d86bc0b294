"""`huntbridge serve`: runs the whole of huntbridge until a signal stops it."""

from __future__ import annotations

import logging
from functools import partial
from importlib.metadata import version
from ipaddress import ip_address
from pathlib import Path

import click

from cli import serve_metrics
from cli.assemble import load_config, local_runtime
from cli.exit_codes import DataUnusable, Misused
from cli.health import Health
from cli.operator import here, operator
from cli.serve_console import served_console
from cli.serve_metrics import CLOCK
from cli.serve_web import Options, edge
from cli.settings import settings
from cli.signals import stop_signals
from cli.web_process import TALKATIVE
from cli.workers import workers
from receiver.intake.refusals import Refusals
from receiver.intake.sender_secrets import accepted, readable
from receiver.intake.webhook_request import MAX_BODY
from receiver.intake.webhooks import WEBHOOK, Webhooks
from receiver.web import create_app
from scheduler.timer import JOBS, Job, Jobs
from scheduler.triggers import on_schedule
from shared.aws.regions import known_regions
from shared.config.tokens import refusal, warning
from shared.config.warnings import warnings
from shared.hosting import log as logs
from shared.hosting.runtime import Runtime
from shared.local.core import Core
from shared.local.data_directory import AlreadyServed, announce, sole_server
from shared.local.hunt_starter import Clock
from shared.local.listen import Listener
from shared.local.server import Server, Timer
from shared.local.webhook_quota import WebhookQuota
from shared.metrics.memory import Memory
from shared.secrets import Secret, SecretError, SecretRef
from shared.storage.audit import configuration_loaded
from shared.storage.ledger.refusals import RefusalCounts
from shared.storage.ports import StoreError

log = logging.getLogger(__name__)

# Seconds in which the clock checks all schedules and starts the due hunts. Finding the systems of one hunt in
# AWS may take three minutes.
CLOCK_BUDGET = 600.0


def _is_address(context: click.Context, option: click.Parameter, text: str | None) -> str | None:
    try:
        return text and str(ip_address(text))
    except ValueError:
        raise click.BadParameter("write an IP address, such as 127.0.0.1") from None


@click.command(short_help="Run everything on this machine.")
@settings
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=8080,
    show_default=True,
    help="The port to listen on; 0 means any free port.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--trusted-proxy",
    "proxy",
    metavar="ADDRESS",
    envvar="HUNTBRIDGE_TRUSTED_PROXY",
    callback=_is_address,
    help="IP address of the proxy in front. Its X-Forwarded-For names the sender of a refused webhook.",
)
@click.option("--log-json", is_flag=True, help="Write the log as one JSON object per line.")
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"], case_sensitive=False),
    default="info",
    show_default=True,
    envvar="HUNTBRIDGE_LOG_LEVEL",
    help="Write log lines of this level and above.",
)
def serve(
    config_path: str | None,
    data: Path,
    port: int,
    host: str,
    proxy: str | None,
    log_json: bool,
    log_level: str,
) -> None:
    """Receive webhooks, deliver alarms, start hunts on their schedules and follow them to their end.

    It listens on 127.0.0.1, so put a proxy with TLS in front of it. SIGTERM, SIGHUP or Ctrl-C stops it when
    the work in progress is done; a second signal stops it at once. All other work is in the data directory
    and continues at the next start, which also reads a changed configuration.
    """
    logs.setup(log_level.upper(), json=log_json, version=version("huntbridge"))
    runtime = local_runtime(load_config(config_path), data)
    memory = serve_metrics.begin(runtime.config, runtime.now().timestamp())
    try:
        with (
            logs.once_a_minute(
                *TALKATIVE,
                "receiver.web",
                "console.proxy_user",
                "console.sign_in",
            ),
            sole_server(data) as lock,
        ):
            server = assemble(runtime)
            configuration_loaded(
                runtime.store, runtime.config, operator(runtime), here("serve"), runtime.now()
            )
            options = Options(host, port, proxy, log_level, log_json)
            _run_until_signal(server, runtime, data, lock, options, memory)
    except AlreadyServed as error:
        raise DataUnusable(str(error)) from None
    except StoreError as error:
        raise DataUnusable(str(error)) from None
    except SecretError as error:
        raise Misused(str(error)) from None


def assemble(runtime: Runtime) -> Server:
    """The server with its workers and timers.

    Raises SecretError if the secret of a destination cannot be read, so that the error shows at the start and
    not at the first alarm.
    """
    core = Core()
    work = workers(runtime, core)
    for doubt in warnings(runtime.config, known_regions()):
        log.warning("the configuration may be wrong", extra={"reason": doubt})
    for name, hunt in runtime.config.hunts.items():
        for problem in hunt.problems:
            log.warning("the hunt has a mistake", extra={"hunt": name, "reason": problem})
        if never := hunt.never_runs(runtime.now()):
            log.warning("the hunt will not run", extra={"hunt": name, "reason": f"its schedule {never}"})
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
        texts={name: hunt.schedule_form for name, hunt in runtime.config.hunts.items()},
    )
    jobs = Jobs(runtime)
    return Server(
        work,
        [
            *(
                Timer(
                    job.name,
                    partial(jobs.run, job),
                    min(runtime.config.follow.interval, job.at_least_every),
                    within=job.budget,
                )
                for job in JOBS
            ),
            Timer(CLOCK, partial(jobs.run, Job(CLOCK, lambda _: clock.tick(), CLOCK_BUDGET)), 1.0),
        ],
        core,
    )


def _run_until_signal(
    server: Server, runtime: Runtime, data: Path, lock: int, web: Options, memory: Memory
) -> None:
    config = runtime.config
    _check_tokens(runtime)
    refs = config.slack_signing_secrets

    def signing() -> dict[SecretRef, Secret]:
        return readable(refs, runtime.secret, "signing secret")

    def tokens() -> list[Secret]:
        return accepted(config.webhook.tokens, runtime.secret)

    refusals = Refusals(
        runtime.events, runtime.ledger.notes, RefusalCounts(runtime.store, runtime.now), runtime.now
    )
    full = WebhookQuota(
        (runtime.events, runtime.deliveries),
        data,
        most=config.webhook.max_waiting,
        keep_free=config.webhook.keep_free_mb * 1024 * 1024,
    )

    def closed() -> str:
        if config.webhook.tokens and not tokens():
            return "no webhook token can be read: every webhook is refused"
        return full()

    app = create_app(
        runtime.events,
        tokens,
        runtime.now,
        Health(runtime, server, refusals, closed),
        signing if refs else None,
        refused=refusals,
        full=full,
    )

    console = served_console(runtime, data, web.host, web.proxy)
    try:
        listener = Listener(
            serve_metrics.with_metrics(console.beside(app) if console else app, memory, runtime, server),
            web.host,
            web.port,
            max_body=MAX_BODY,
            proxy=web.proxy,
            on_refusal=Webhooks(tokens, runtime.now, full, refusals).refused_early,
            pages=console.pages if console else None,
            accepts=False,
        )
    except OSError as error:
        raise Misused(f"{web.host}:{web.port} cannot be listened on: {error.strerror}") from None
    web_edge = edge(runtime, data, lock, web, listener, refusals, full, memory)
    server.add(Timer("refusals", refusals.report, 10.0))
    with stop_signals() as signals:
        web_edge.start()
        server.listen(web_edge.process)
        server.listen(web_edge.importer, "inbox")
        server.listen(listener, "pages")
        if console and console.listener:
            server.listen(console.listener, "console")
        server.start()
        host = f"[{web.host}]" if ":" in web.host and not web.host.startswith("[") else web.host
        url = f"http://{host}:{listener.port}"
        announce(data, url)
        click.echo(f"huntbridge serves {url}; webhooks go to {url}{WEBHOOK}")
        if console:
            click.echo(console.opened_by(url))
        if refs:
            signing()  # logs unreadable signing secrets at start-up
        if not config.destinations:
            log.error("no destination is configured: alarms are kept and not delivered")
        signal = signals.wait()
        log.info("stopping", extra={"signal": signal})
        if signal == "SIGHUP":
            log.info("a changed configuration is read at the next start")
        if not server.stop(signals.again):
            log.warning("some work did not end in time and is done again at the next start")


def _check_tokens(runtime: Runtime) -> None:
    """Report wrong webhook tokens before the first webhook arrives. Raises Misused."""
    tokens = readable(runtime.config.webhook.tokens, runtime.secret)
    for ref, token in tokens.items():
        if why := refusal(token.reveal()):
            raise Misused(f"the webhook token {ref} {why}")
        if weakness := warning(token.reveal()):
            log.warning("a weak webhook token", extra={"reason": f"the webhook token {ref} {weakness}"})
    if not tokens:
        log.error(
            "every webhook is refused",
            extra={
                "reason": "no webhook token can be read (the lines above say why)"
                if runtime.config.webhook.tokens
                else "no webhook token is configured; write webhook.tokens or set WEBHOOK_TOKEN"
            },
        )
