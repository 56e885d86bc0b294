"""`huntbridge send-test`: sends one message, marked TEST, to a real destination.

It opens no case and records nothing in the ledger.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from cli.assemble import destination, load_config, reading_runtime
from cli.exit_codes import Failed, Misused
from cli.settings import settings
from receiver.deliveries.send_test import send_test as deliver_test
from shared.secrets import SecretError


class NotNow(Failed):
    exit_code = 5  # there was no answer, or the destination asked to wait: it may work later


@click.command("send-test", short_help="Send one message that is marked TEST.")
@settings
@click.argument("name", metavar="DESTINATION")
def send_test(config_path: str | None, data: Path, name: str) -> None:
    """Send a message that is clearly marked TEST to DESTINATION, and print the result.

    No case is opened. In Jira this creates an issue, which you may delete; in PagerDuty an incident and in
    Jira Service Management an alert, of the lowest severity, which you may close. For Teams, "delivered"
    means that the workflow accepted the message: look at the channel to see whether it was posted.

    The exit code is 0 if the message was delivered, 1 if it was refused, and 5 if there was no answer or it
    may work later.
    """
    config = load_config(config_path)
    if name not in config.destinations:
        known = ", ".join(config.destinations) or "none is configured"
        raise Misused(f"there is no destination {name!r}; there is: {known}")
    try:
        sender = destination(reading_runtime(config, data), name)
    except SecretError as error:
        raise Misused(f"destinations.{name}: {error}") from None
    sent = deliver_test(sender, name, config, datetime.now(UTC))
    if sent.later:
        raise NotNow(sent.said)
    if not sent.delivered:
        raise Failed(sent.said)
    click.echo(sent.said)
