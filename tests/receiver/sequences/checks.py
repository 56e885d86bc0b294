"""What must hold after any sequence."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from cli.why import lines
from receiver.messages.message import Message
from shared.models.cases import CaseState
from shared.models.decisions import Verdict
from shared.models.event_kinds import ALARM_KINDS
from shared.models.judgements import Judgement
from shared.models.severity import Severity
from shared.models.system_findings import Status
from tests.receiver.sequences.oracle import PLACES, Closing, Event, Key, Oracle, Sight, no_more, told_by
from tests.receiver.sequences.world import EXTRA, World


class Checks:
    def __init__(self, world: World, oracle: Oracle) -> None:
        self.world, self.oracle = world, oracle
        self.checked: set[str] = set()  # events

    def all(self) -> None:
        self.note_what_was_told()
        for event in self.oracle.events.values():
            if event.id not in self.checked:
                self.no_item_is_lost(event)
                self.nothing_is_withheld_without_a_reason(event)
                self.checked.add(event.id)
        self.nothing_is_told_twice_unmarked()
        self.every_case_has_an_end()

    def note_what_was_told(self) -> None:
        self.oracle.told.clear()
        for tool in self.world.tools.values():
            for _, message in tool.seen:
                if is_telling(message):
                    self.oracle.told.setdefault((message.case_key, message.id), []).append(message)

    def messages(self, id: str) -> list[Message]:
        return [
            message
            for tool in self.world.tools.values()
            for _, message in tool.seen
            if message.id == id and is_telling(message)
        ]

    def no_item_is_lost(self, event: Event) -> None:
        detail = self.world.runtime.queries.events.get(event.id)
        assert detail, f"{event.id} was lost"
        for name in detail.row.to:
            tool = self.world.tools[name]
            arrived = any(message.id == event.id and is_telling(message) for _, message in tool.seen)
            assert arrived or name == EXTRA, f"{event.id} did not arrive at {name}"

    def nothing_is_withheld_without_a_reason(self, event: Event) -> None:
        for sight in event.sights.values():
            self.is_told_or_explained(event, sight)

    def is_told_or_explained(self, event: Event, sight: Sight) -> None:
        detail = self.world.runtime.queries.events.get(event.id)
        assert detail
        row, about = detail.row, f"{event.id}: {sight.name} at {sight.place} on {event.disk.system}"
        if row.merged_into:
            same_disk = [each for each in self.oracle.events.values() if each.disk is event.disk]
            if any(_tells(message, sight) for each in same_disk for message in self.messages(each.id)):
                return None
            return self.is_told_or_explained(self.oracle.events[row.merged_into], sight)
        if any(_tells(message, sight) for message in self.messages(event.id)):
            return None
        judgement = detail.alarm.judgement if detail.alarm else None
        reasons = set(self.oracle.may_withhold(event, sight, row.case))
        assert reasons, f"{about} was withheld, and nothing covers it: {judgement}"
        text = "\n".join(lines(self.world.runtime, detail, judgement))
        if judgement is None:
            assert row.mute, f"{about} was withheld without a reason"
            assert row.mute in text
            return None
        claims = {(each.description, PLACES[each.path]): each for each in judgement.findings}
        claim = claims.get(sight.key)
        assert claim, f"{about} was withheld, and the judgement does not name it: {judgement}"
        if claim.status is Status.SEEN:
            assert "seen" in reasons, f"{about} was not told before in {row.case}, but {reasons}: {judgement}"
            assert Status.SEEN.words in text
            assert row.case in text
        else:
            assert claim.status.is_withheld, f"{about} was not told: {claim}"
            assert claim.author in reasons, f"{about} is not covered by {claim}, but {reasons}"
            assert f"{claim.by} of {claim.author} until" in text, text
        return None

    def nothing_is_told_twice_unmarked(self) -> None:
        for tool in self.world.tools.values():
            told = [message for _, message in tool.seen if is_telling(message)]
            for number, message in enumerate(told):
                for earlier in told[:number]:
                    if repeats(earlier, message) and not self.may_tell_again(earlier, message):
                        assert is_marked(message), f"{message.id} repeats {earlier.id} at {tool.name}"
                self.says_something_new_of_its_case(message, told[:number])

    def may_tell_again(self, earlier: Message, message: Message) -> bool:
        """Whether a message that tells nothing more than an earlier one is no repeat of it.

        A decision about a case whose alarm has not arrived yet opens the thread with what the case is about,
        and the alarm itself still comes. What nobody judged by name when the case was closed is told again.
        """
        opened = earlier.id not in self.oracle.events and message.id in self.oracle.events
        return opened or self.is_update_of(earlier, message) or self.was_closed_between(earlier, message)

    def is_update_of(self, update: Message, message: Message) -> bool:
        """Whether the first message says that it is an update of the other, which it has overtaken, or of an
        update of it."""
        if not is_marked(update):
            return False
        everything = [each for tool in self.world.tools.values() for _, each in tool.seen]
        before = {
            each.id: each.alarm.earlier.event_id for each in everything if each.alarm and each.alarm.earlier
        }
        id = update.id
        while id in before:
            id = before[id]
            if id == message.id:
                return True
        return False

    def was_closed_between(self, earlier: Message, message: Message) -> bool:
        events = self.oracle.events
        return (
            earlier.id != message.id
            and earlier.id in events
            and message.id in events
            and any(
                closing.case == message.case_key
                and closing.start <= events[message.id].end
                and closing.end >= events[earlier.id].start
                for closing in self.oracle.closings
            )
        )

    def says_something_new_of_its_case(self, message: Message, before: list[Message]) -> None:
        alarm = message.alarm
        known = [
            each
            for each in before
            if each.case_key == message.case_key and self.was_judged_before(each, message)
        ]
        if not (alarm and alarm.judgement and alarm.judgement.complete and known) or is_marked(message):
            return
        told: dict[Key, list[Sight]] = {}
        for each in known:
            closed = self.was_closed_between(each, message)
            for key, sight in told_by(each).items() if not closed else ():
                told.setdefault(key, []).append(sight)
        new = [sight for key, sight in told_by(message).items() if not no_more(sight, told.get(key, ()))]
        assert new, f"{message.id} says nothing new of {message.case_key}, and does not say so"

    def was_judged_before(self, one: Message, other: Message) -> bool:
        """False for a message that overtook the other one, whose worker died after it was judged. A decision
        that opens a thread is no event."""
        events = self.oracle.events
        return one.id in events and other.id in events and events[one.id].start < events[other.id].start

    def every_case_has_an_end(self) -> None:
        reasons = [reason for reason in self.world.dead() if f"no destination '{EXTRA}'" not in reason]
        assert not reasons, reasons
        cases = self.world.runtime.ledger.cases
        for event in self.oracle.events.values():
            detail = self.world.runtime.queries.events.get(event.id)
            assert detail
            if not detail.row.case or detail.row.merged_into:
                continue
            case = cases.get(detail.row.case)
            is_open = detail.row.severity in (Severity.MALICIOUS, Severity.SUSPICIOUS)
            assert case or not is_open or not detail.row.to, f"there is no case {detail.row.case}"
            if case and case.state is CaseState.CLOSED:
                closure = case.closure
                assert closure
                assert closure.verdict
                assert closure.by
                assert closure.at

    def every_case_can_be_closed(self, close_as: Callable[..., Any]) -> None:
        cases, queries = self.world.runtime.ledger.cases, self.world.runtime.queries
        keys = {
            detail.row.case
            for id in self.oracle.events
            if (detail := queries.events.get(id)) and detail.row.case and not detail.row.merged_into
        }
        for key in sorted(keys):
            case = cases.get(key)
            if case and case.state is not CaseState.CLOSED:
                system = case.system.instance if case.system else ""
                until = self.world.moment + timedelta(days=1)
                close_as(Closing("", key, system, False, self.world.tick, until), Verdict.TRUE_POSITIVE, None)
                self.world.drain()
                after = cases.get(key)
                assert after
                assert after.state is CaseState.CLOSED
                assert after.closure
                assert after.closure.by.startswith("person-")


def is_telling(message: Message) -> bool:
    """Whether people see a new message about alarms."""
    return message.kind in ALARM_KINDS and not message.silent


def is_marked(message: Message) -> bool:
    repeated = message.alarm is not None and message.alarm.may_repeat
    return message.maybe_repeat or repeated or message.title.startswith("Update: ")


def repeats(earlier: Message, message: Message) -> bool:
    """Whether the message tells only what an earlier one told about the same run of the platform."""
    if earlier.id == message.id:
        return True
    one, other = earlier.alarm, message.alarm
    if not (one and other and one.evidence and other.evidence and one.evidence.id == other.evidence.id):
        return False
    before, now = told_by(earlier), told_by(message)
    return bool(now) and all(
        key in before
        and (sight.count <= before[key].count)
        and (before[key].malicious or not sight.malicious)
        for key, sight in now.items()
    )


def _tells(message: Message, sight: Sight) -> bool:
    """Whether the message names the finding, or says that nobody knows what was found."""
    findings = message.alarm.findings if message.alarm else ()
    if not any(each.artefacts for each in findings):
        return not findings or any(each.description == sight.name for each in findings)
    return sight.key in told_by(message)


__all__ = ["Checks", "Judgement"]
