"""Sends one message that is marked TEST to a real destination. It opens no case and is not in the ledger."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime

from receiver.destinations.contract import NEW_CASE, Delivered, Destination, Rejected
from receiver.messages.compose import compose
from shared.config.config import Config
from shared.models.alarms import Alarm
from shared.models.event_kinds import TEST
from shared.models.events import Event
from shared.models.severity import Severity


@dataclass(frozen=True)
class SentTest:
    """The outcome of the message, as a sentence without a full stop."""

    said: str
    delivered: bool
    later: bool = False  # not delivered; it may work later


def send_test(destination: Destination, name: str, config: Config, now: datetime) -> SentTest:
    """`name` is the destination's name in the configuration."""
    outcome = destination.deliver(compose(_marked_alarm(name, config, now), config), NEW_CASE)
    if isinstance(outcome, Delivered):
        issue = f": {outcome.ref}" if destination.traits.tracks_issues else ""
        note = f" ({outcome.note})" if outcome.note else ""
        return SentTest(f"delivered to {name}{issue}{note}", delivered=True)
    if isinstance(outcome, Rejected):
        return SentTest(f"{name} refused it: {outcome.reason}", delivered=False)
    wait = f"; it asks to wait {outcome.after:.0f} s" if outcome.after else ""
    unsure = "; it may have arrived all the same" if outcome.ambiguous else ""
    said = f"not delivered to {name}: {outcome.reason}{wait}{unsure}"
    return SentTest(said, delivered=False, later=True)


def _marked_alarm(name: str, config: Config, now: datetime) -> Alarm:
    """The alarm that the TEST message is composed from."""
    event = Event(f"test:{secrets.token_hex(4)}", TEST, now, title=name)
    return Alarm(event, Severity.INFO, link=config.platform.url)
