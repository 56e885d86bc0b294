"""`huntbridge console`: the console on this machine alone, one-time links, and hashes of passwords."""

from __future__ import annotations

import logging
import threading
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from cli.assemble import load_config, on_aws, runtime_of
from cli.check import Checks
from cli.exit_codes import DataUnusable, Misused
from cli.operator import operator
from cli.serve_console import LINK, OWN_THREADS, WITHIN
from cli.settings import settings
from cli.signals import handled_signals
from cli.stack import on_stack
from console.app import MAX_FORM, create_app
from console.assemble import sign_in
from console.context import ConsoleContext
from console.one_time_links import OneTimeLinks
from console.passwords import MAX_PASSWORD, SHORTEST, hashed
from shared.config.console import ConsoleConfig
from shared.config.listen import host_and_port, is_loopback_host
from shared.hosting.runtime import utc_now
from shared.local.data_directory import address, is_served
from shared.local.listen import Listener
from shared.storage import kinds
from shared.storage.ports import Store, StoreError

log = logging.getLogger(__name__)


@click.group(invoke_without_command=True, short_help="Open the console, also of a stack on AWS.")
@click.pass_context
@on_stack
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=0,
    help="The port on 127.0.0.1 [default: any free port].",
)
@settings
def console(context: click.Context, config_path: str | None, data: Path, port: int) -> None:
    """Show the console on this machine until Ctrl-C, and print the link that opens it.

    With --stack it shows a stack on AWS, with your own AWS credentials; docs/operate/aws.md has the
    permissions. Without it, it shows the ledger of this machine; a running `serve` has the console too.
    """
    if context.invoked_subcommand:
        return
    runtime = runtime_of(load_config(config_path), data, write=True)
    runtime.store.get(kinds.NOTE, kinds.HEALTH_NOTES, "write")  # reports missing permissions now
    readonly = why_readonly(runtime.store)
    with TemporaryDirectory(prefix="huntbridge-console-") as folder, handled_signals() as signals:
        sign = sign_in(runtime, Path(folder), operator=operator(runtime), config=ConsoleConfig())
        checks = Checks(runtime, data)
        app = create_app(ConsoleContext(runtime, version("huntbridge"), readonly, checks), sign)
        try:
            listener = Listener(
                app,
                "127.0.0.1",
                port,
                max_body=MAX_FORM,
                proxy=None,
                on_refusal=lambda *_: None,
                threads=OWN_THREADS,
            )
        except OSError as error:
            raise Misused(f"127.0.0.1:{port} cannot be listened on: {error.strerror}") from None
        threading.Thread(target=listener.run, name="console", daemon=True).start()
        url = f"http://127.0.0.1:{listener.port}"
        if readonly:
            click.echo(readonly)
        click.echo(f"open the console with this link; it works once: {url}{LINK}?token={sign.links.new()}")
        click.echo("Ctrl-C stops it")
        signals.wait()
        listener.close()


def why_readonly(store: Store) -> str:
    """Why these credentials cannot change anything, as a sentence; empty if they can. It tries a write that
    can never be done, since the version that it expects does not exist."""
    if not on_aws():
        return ""
    try:
        store.put(kinds.NOTE, kinds.HEALTH_NOTES, "console", {}, expect=2**53)
    except StoreError as error:
        return f"You can look and not act here, since the ledger cannot be written: {error}"
    return ""


@console.command(short_help="Print a link that opens the console of `serve`.")
@settings
def link(config_path: str | None, data: Path) -> None:
    """Print a link that signs in one browser, once, within an hour, as an administrator.

    It works for the `serve` that runs on the same data directory.
    """
    config = load_config(config_path).console
    if config.proxy:
        raise Misused("console.proxy is configured: the proxy signs users in, and there are no links")
    served = address(data) if is_served(data) else None
    if served is None:
        raise DataUnusable(f"no serve runs on the data directory {data.absolute()}; start it first")
    if config.listen:
        host, port = host_and_port(config.listen)
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
        served = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    try:
        token = OneTimeLinks(data, utc_now).new()
    except OSError as error:
        raise DataUnusable(f"{data.absolute()} cannot be written: {error.strerror}") from None
    click.echo(f"{served}{LINK}?token={token}")
    click.echo(f"It works once, within {WITHIN}.", err=True)
    if config.listen and not is_loopback_host(host_and_port(config.listen)[0]):
        click.echo("If a proxy stands in front, put its address in place of the first part.", err=True)


@console.command(short_help="Print the hash of a password for console.users.")
def password() -> None:
    """Ask for a password twice, and print what console.users.….password_hash needs."""
    first = click.prompt("Password", hide_input=True, err=True)
    if len(first) < SHORTEST:
        raise click.ClickException(f"a password needs at least {SHORTEST} characters; four words are good")
    if len(first) > MAX_PASSWORD or "\0" in first:
        raise click.ClickException(f"a password has at most {MAX_PASSWORD} characters, and no NUL")
    if click.prompt("The same again", hide_input=True, err=True) != first:
        raise click.ClickException("these were two different passwords")
    click.echo(hashed(first))
    click.echo("Write it in quotes, and restart serve. Sessions with the old password end then.", err=True)
