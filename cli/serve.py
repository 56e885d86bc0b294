"""`huntbridge serve`: runs the whole of huntbridge until a signal stops it."""

from __future__ import annotations

import logging
import sys
from importlib.metadata import version
from ipaddress import ip_address
from pathlib import Path

import click

from cli import serve_metrics
from cli.assemble import load_config, local_runtime
from cli.exit_codes import DataUnusable, Misused
from cli.serve_web import Options
from cli.serving import Serving
from cli.settings import settings
from cli.signals import RELOAD, handled_signals
from cli.web_process import TALKATIVE
from shared.hosting import log as logs
from shared.local.data_directory import AlreadyServed, sole_server
from shared.secrets import SecretError
from shared.storage.ports import StoreError

log = logging.getLogger(__name__)

# Seconds after which a thread that computes lets another one go on. When a destination has answered, one
# thread reads the answer and another one stores it. If the process dies before, the message is repeated.
_SWITCH_INTERVAL = 0.001


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

    It listens on 127.0.0.1, so put a proxy with TLS in front of it. SIGTERM or Ctrl-C stops it when the work
    in progress is done; a second signal stops it at once. All other work is in the data directory and
    continues at the next start. SIGHUP and `huntbridge config reload` load a changed configuration without a
    stop.
    """
    logs.setup(log_level.upper(), json=log_json, version=version("huntbridge"))
    sys.setswitchinterval(_SWITCH_INTERVAL)
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
            options = Options(host, port, proxy, log_level, log_json)
            _run_until_signal(Serving(runtime, config_path, data, lock, options, memory))
    except AlreadyServed as error:
        raise DataUnusable(str(error)) from None
    except StoreError as error:
        raise DataUnusable(str(error)) from None
    except SecretError as error:
        raise Misused(str(error)) from None


def _run_until_signal(serving: Serving) -> None:
    with handled_signals() as signals:
        serving.start()
        while (signal := signals.wait()) == RELOAD:
            serving.reload()
        log.info("stopping", extra={"signal": signal})
        if not serving.server.stop(signals.again):
            log.warning("some work did not end in time and is done again at the next start")
