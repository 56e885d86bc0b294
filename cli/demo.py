"""`huntbridge demo`: runs huntbridge with a simulated platform and simulated chat tools."""

from __future__ import annotations

import json
import signal
import tempfile
import threading
from pathlib import Path

import click

from cli.exit_codes import Failed
from shared.hosting import log


@click.command(short_help="Try it without an account anywhere.")
@click.option("--once", is_flag=True, help="Run one hunt, print its summary and end.")
@click.option(
    "--json", "as_json", is_flag=True, help="With --once: print the summary as JSON and nothing else."
)
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=8080,
    show_default=True,
    help="The port of the demo's pages.",
)
def demo(once: bool, as_json: bool, port: int) -> None:
    """Run a hunt on a simulated platform, and show its alarms in a simulated Slack, Teams and Jira.

    The command prints a link to the demo's first page. That page leads to the console and to the simulated
    tools, and says how other commands can work on the demo. huntbridge itself is not simulated. With --once
    the exit code is 0 only if every alarm reached every destination of its route.
    """
    log.setup("WARNING", json=False)
    try:
        from demo import run
    except ImportError as error:
        raise Failed(
            f"{error.name} is missing: the packages of the demo are an extra, because nothing else needs "
            "them. Start it with `uvx --from 'huntbridge[demo]' huntbridge demo`, or add them to this "
            "environment with `pip install 'huntbridge[demo]'`"
        ) from None
    with tempfile.TemporaryDirectory(prefix="huntbridge-demo-") as folder:
        try:
            if not once:
                stopped = threading.Event()
                for number in (signal.SIGTERM, signal.SIGINT):
                    signal.signal(number, lambda *_: stopped.set())
                run.show(Path(folder), port, click.echo, stopped)
                return
            summary = run.once(Path(folder), lambda line: None if as_json else click.echo(line, err=True))
        except run.DemoError as error:
            raise Failed(str(error)) from None
        except OSError as error:
            raise Failed(f"the demo cannot listen on port {port}: {error.strerror}") from None
    click.echo(json.dumps(summary) if as_json else _in_words(summary))
    if summary["lost"] or summary["repeated"]:
        raise Failed("not every alarm reached every destination once")


def _in_words(summary: dict[str, object]) -> str:
    return "\n".join(f"{key:>10}: {json.dumps(value)}" for key, value in summary.items())
