"""What `serve` runs for one configuration: workers, timers, and what its addresses answer.

To make it changes nothing, so a configuration that cannot be served leaves the one in force as it is.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from cli import serve_metrics
from cli.exit_codes import Misused
from cli.health import Health
from cli.serve_console import ServedConsole, served_console
from cli.serve_metrics import CLOCK
from cli.serve_web import Options
from cli.workers import workers
from console.assemble import CannotServe
from console.beside import beside, is_page
from receiver.intake.refusals import Refusals
from receiver.intake.sender_secrets import accepted, readable
from receiver.web import create_app
from scheduler.timer import JOBS, Job, Jobs
from scheduler.triggers import on_schedule
from shared.aws.regions import known_regions
from shared.config.tokens import refusal, warning
from shared.config.warnings import warnings
from shared.hosting.runtime import Runtime
from shared.local import prometheus
from shared.local.core import Core, Workers
from shared.local.hunt_starter import Clock
from shared.local.prometheus import MetricsPage, WsgiApp
from shared.local.server import Server, Timer
from shared.local.webhook_quota import WebhookQuota
from shared.metrics.memory import Memory
from shared.secrets import Secret

log = logging.getLogger(__name__)

# Seconds in which the clock checks all schedules and starts the due hunts. Finding the systems of one hunt in
# AWS may take three minutes.
CLOCK_BUDGET = 600.0


@dataclass(eq=False, repr=False)
class Parts:
    """What runs for one configuration."""

    runtime: Runtime
    core: Core
    workers: list[Workers]
    timers: list[Timer]
    tokens: Callable[[], list[Secret]]
    full: WebhookQuota
    port: WsgiApp  # answers at the port of the webhooks
    console: ServedConsole | None
    metrics: MetricsPage | None

    def is_page(self, path: str) -> bool:
        """Whether the port has a page of the console under this path."""
        return self.console is not None and self.console.own is None and is_page(path)


class Maker:
    """Makes the parts for a configuration. Counts and refusals go on from one configuration to the next."""

    def __init__(self, data: Path, web: Options, memory: Memory, server: Server, refusals: Refusals) -> None:
        self._data, self._web, self._memory = data, web, memory
        self._server, self._refusals = server, refusals

    def make(self, runtime: Runtime, *, replaces: bool) -> Parts:
        """Raises Misused, and SecretError if the secret of a destination cannot be read. So the error shows
        now and not at the first alarm.

        Webhooks are served at a start even if the console cannot be, and `serve` waits for tokens that cannot
        be read yet. A configuration that `replaces` another one must have both.
        """
        core = Core()
        work = workers(runtime, core)
        warn(runtime)
        check_tokens(runtime, required=replaces)
        config = runtime.config
        refs = config.slack_signing_secrets
        full = WebhookQuota(
            (runtime.events, runtime.deliveries),
            self._data,
            most=config.webhook.max_waiting,
            keep_free=config.webhook.keep_free_mb * 1024 * 1024,
        )

        def tokens() -> list[Secret]:
            return accepted(config.webhook.tokens, runtime.secret)

        def closed() -> str:
            if config.webhook.tokens and not tokens():
                return "no webhook token can be read: every webhook is refused"
            return full()

        signing = partial(readable, refs, runtime.secret, "signing secret")
        port: WsgiApp = create_app(
            runtime.events,
            tokens,
            runtime.now,
            Health(runtime, self._server, self._refusals, closed),
            signing if refs else None,
            refused=self._refusals,
            full=full,
        )
        served = self._console(runtime, required=replaces)
        if served and not served.own:
            port = beside(port, served.app)
        metrics = serve_metrics.metrics_page(self._memory, runtime, self._server)
        if metrics and not config.metrics.listen:
            port = prometheus.beside(port, metrics)
        if refs:
            signing()  # logs signing secrets that cannot be read
        if not config.destinations:
            log.error("no destination is configured: alarms are kept and not delivered")
        timers = [*timers_of(runtime), Timer("refusals", self._refusals.report, 10.0)]
        return Parts(runtime, core, work, timers, tokens, full, port, served, metrics)

    def _console(self, runtime: Runtime, *, required: bool) -> ServedConsole | None:
        try:
            return served_console(runtime, self._data, self._web.host, self._web.proxy)
        except CannotServe as error:
            if required:
                raise Misused(f"the console cannot be served: {error}") from None
            log.error("the console is not served", extra={"reason": error})
            return None


def warn(runtime: Runtime) -> None:
    """Log what may be wrong with a valid configuration."""
    for doubt in warnings(runtime.config, known_regions()):
        log.warning("the configuration may be wrong", extra={"reason": doubt})
    for name, hunt in runtime.config.hunts.items():
        for problem in hunt.problems:
            log.warning("the hunt has a mistake", extra={"hunt": name, "reason": problem})
        if never := hunt.never_runs(runtime.now()):
            log.warning("the hunt will not run", extra={"hunt": name, "reason": f"its schedule {never}"})


def timers_of(runtime: Runtime) -> list[Timer]:
    """The timer's jobs, and the clock that starts hunts."""
    hunts = runtime.config.hunts
    clock = Clock(
        {name: calendar for name, hunt in hunts.items() if (calendar := hunt.calendar) is not None},
        lambda name, at: on_schedule(runtime, name, at),
        runtime.store,
        runtime.now,
        catch_up=[name for name, hunt in hunts.items() if hunt.catch_up],
        texts={name: hunt.schedule_form for name, hunt in hunts.items()},
    )
    jobs = Jobs(runtime)
    return [
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
    ]


def check_tokens(runtime: Runtime, *, required: bool) -> None:
    """Report wrong webhook tokens before the first webhook arrives. Raises Misused; with `required` also if
    none of those that are configured can be read."""
    tokens = readable(runtime.config.webhook.tokens, runtime.secret)
    for ref, token in tokens.items():
        if why := refusal(token.reveal()):
            raise Misused(f"the webhook token {ref} {why}")
        if weakness := warning(token.reveal()):
            log.warning("a weak webhook token", extra={"reason": f"the webhook token {ref} {weakness}"})
    if not tokens and required and runtime.config.webhook.tokens:
        raise Misused("no webhook token can be read: every webhook would be refused")
    if not tokens:
        log.error(
            "every webhook is refused",
            extra={
                "reason": "no webhook token can be read (the lines above say why)"
                if runtime.config.webhook.tokens
                else "no webhook token is configured; write webhook.tokens or set WEBHOOK_TOKEN"
            },
        )
