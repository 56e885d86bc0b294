"""Which buttons and menus the message about a case offers, where people can click."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from receiver.cases.next_hunt import next_hunt
from receiver.intake.slack_request import (
    ACKNOWLEDGE,
    CAPTURE_AGAIN,
    CLOSE,
    CREATE_ISSUE,
    MUTE,
    UNTIL_NEXT_HUNT,
)
from receiver.messages.subject import system_of
from shared.config.config import Config
from shared.models.cases import Case, CaseState


def offers(case: Case, trackers: Collection[str], config: Config, now: datetime) -> tuple[str, ...]:
    """The buttons and menus that the case still needs."""
    buttons: list[str] = []
    if case.state is CaseState.CLOSED:
        return ()
    if case.state is CaseState.OPEN:
        buttons.append(ACKNOWLEDGE)
    if trackers and not any(name in trackers for name in (*case.told, *case.held)):
        buttons.append(CREATE_ISSUE)
    about_a_system = case.system or system_of(case.alarm)
    if about_a_system and config.capture_again.enabled:
        buttons.append(CAPTURE_AGAIN)
    buttons.append(CLOSE)
    if about_a_system:
        buttons.append(MUTE)
        if next_hunt(case.alarm, config, now):
            buttons.append(UNTIL_NEXT_HUNT)
    return tuple(buttons)
