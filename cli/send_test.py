"""`huntbridge send-test`: sends one message, marked TEST, to a real destination.

It opens no case and records nothing in the ledger.
"""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from pathlib import Path

import click

from cli.assemble import destination, load_config, reading_runtime
from cli.exit_codes import Failed, Misused
from cli.settings import settings
from receiver.destinations.contract import NEW_CASE, Delivered, Rejected, Retry
from receiver.messages.compose import compose
from shared.config.config import Config
from shared.models.alarms import Alarm
from shared.models.event_kinds import TEST
from shared.models.events import Event
from shared.models.severity import Severity
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
    match sender.deliver(compose(_marked_alarm(name, config, datetime.now(UTC)), config), NEW_CASE):
        case Delivered(ref, note):
            issue = f": {ref}" if sender.traits.tracks_issues else ""
            click.echo(f"delivered to {name}{issue}" + (f" ({note})" if note else ""))
        case Rejected(reason):
            raise Failed(f"{name} refused it: {reason}")
        case Retry(reason, after, ambiguous):
            wait = f"; it asks to wait {after:.0f} s" if after else ""
            unsure = "; it may have arrived all the same" if ambiguous else ""
            raise NotNow(f"not delivered to {name}: {reason}{wait}{unsure}")


def _marked_alarm(name: str, config: Config, now: datetime) -> Alarm:
    """The alarm that the TEST message is composed from."""
    event = Event(f"test:{secrets.token_hex(4)}", TEST, now, title=name)
    return Alarm(event, Severity.INFO, link=config.platform.url)
