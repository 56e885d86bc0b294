"""What a case is about: its worst alarm, together with those that came moments after it.

A destination that edits the message of a case shows this. Where a message cannot be edited,
receiver/deliveries/groups.py makes one message of the same alarms.
"""

from __future__ import annotations

from dataclasses import replace

from receiver.cases.group_rules import MOST_IN_GROUP, end_of_group, may_join, may_share
from receiver.messages.counts import malicious_count, suspicious_count
from receiver.messages.together import together
from shared.config.delivery import DeliveryConfig
from shared.models.alarms import Alarm
from shared.models.cases import Case
from shared.models.codec import dump, load
from shared.models.deliveries import DeliveryState
from shared.queues.sizes import fitted_alarm
from shared.storage.ledger.ledger import Ledger


def what_it_is_about(case: Case, alarm: Alarm, ledger: Ledger, rules: DeliveryConfig) -> Case:
    """The case after one more alarm. If the alarm comes moments after the worst one, it is added to it;
    otherwise the worse of the two counts."""
    event = alarm.event
    if event.id in case.group:
        return case  # an item may be repeated
    end = end_of_group(alarm, rules)
    is_near = case.group_until is not None and event.received_at <= case.group_until
    if is_near and len(case.group) < MOST_IN_GROUP and may_join(alarm, case.group, rules):
        members = [ledger.events.whole_alarm(id) for id in case.group]
        known = [member for member in members if member]
        if len(known) == len(members):
            whole = _as_first(together([*known, alarm]))
            fitted = load(Alarm, fitted_alarm(dump(whole)))
            until = min(end, case.group_until or end)
            return replace(case, alarm=fitted, group=(*case.group, event.id), group_until=until)
    if _badness(alarm) < _badness(case.alarm):
        return replace(case, alarm=_as_first(case.alarm))
    begins = may_share(alarm, rules)
    return replace(
        case,
        alarm=_as_first(alarm),
        group=(event.id,) if begins else (),
        group_until=end if begins else None,
    )


def is_part(alarm: Alarm, case: Case) -> bool:
    """Whether the case's message shows this alarm together with others."""
    return bool(case.alarm.group) and not alarm.group and alarm.event.id in case.group


def joins(alarm: Alarm, case: Case, destination: str, ledger: Ledger) -> bool:
    """Whether the destination was told moments ago of another alarm that is shown together with this one, and
    is as severe."""
    if not is_part(alarm, case):
        return False
    for id in case.group[: case.group.index(alarm.event.id)]:
        earlier = ledger.events.whole_alarm(id)
        is_told = ledger.deliveries.get(id, destination).state is DeliveryState.DELIVERED
        if is_told and earlier and earlier.severity.rank >= alarm.severity.rank:
            return True
    return False


def _as_first(alarm: Alarm) -> Alarm:
    """The alarm as what the whole case is about: it adds to nothing that was told before."""
    judgement = replace(alarm.judgement, continues=False) if alarm.judgement else None
    return replace(alarm, earlier=None, may_repeat=False, judgement=judgement)


def _badness(alarm: Alarm) -> tuple[int, int, int]:
    return alarm.severity.rank, malicious_count(alarm) or 0, suspicious_count(alarm) or 0
