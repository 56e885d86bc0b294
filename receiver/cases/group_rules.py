"""Which alarms of one system share a message, and for how long a message waits for them.

Alarms share a message if they are of one case, and the next one comes before the group ends. A group ends
`group_wait` seconds after its first alarm, or `group_wait_malicious` seconds after its first malicious one.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from receiver.messages.subject import system_of
from shared.config.delivery import DeliveryConfig
from shared.models.alarms import Alarm
from shared.models.event_kinds import ALARM_KINDS
from shared.models.severity import Severity

MOST_IN_GROUP = 20  # alarms


def end_of_group(alarm: Alarm, config: DeliveryConfig) -> datetime:
    """When a group ends that has this alarm."""
    wait = config.group_wait
    if alarm.severity is Severity.MALICIOUS:
        wait = min(wait, config.group_wait_malicious)
    return alarm.event.received_at + timedelta(seconds=wait)


def may_share(alarm: Alarm, config: DeliveryConfig) -> bool:
    """Whether the alarm may begin a group. What is a repeat, or may be one, has its own message, which says
    so."""
    is_repeat = alarm.may_repeat or alarm.sent_again is not None
    is_alarm = alarm.event.kind in ALARM_KINDS and system_of(alarm) is not None
    return bool(config.group_wait) and is_alarm and not is_repeat and alarm.earlier is None


def may_join(alarm: Alarm, group: Collection[str], config: DeliveryConfig) -> bool:
    """Whether the alarm may join these events. An update joins only the alarm that it adds to: people who
    were told that one before must see that this is an update."""
    if alarm.earlier and alarm.earlier.event_id in group:
        return bool(config.group_wait) and not (alarm.may_repeat or alarm.sent_again)
    return may_share(alarm, config)
