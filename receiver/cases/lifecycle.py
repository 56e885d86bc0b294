"""What is known of a case whichever the destination: its worst alarm, who was told, who has taken it.

Alarms, clicks in Slack, `huntbridge ack` and the timer of reminders come in; what a message may say of its
case, and messages that somebody has taken it or that nobody has, go out. Who is first is decided by one
conditional write, and what follows from it has an id of its own: it may be done again and is told once.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from receiver.intake.slack_request import ACKNOWLEDGE, CREATE_ISSUE
from receiver.messages.compose import Message, Standing, compose
from shared.config.config import Config
from shared.config.destinations.jira import JiraConfig
from shared.config.destinations.slack import SlackConfig
from shared.hosting.runtime import Runtime
from shared.models.acknowledgements import Acknowledgement
from shared.models.alarms import Alarm
from shared.models.cases import CaseFile
from shared.models.codec import dump, load
from shared.models.event_kinds import ACKNOWLEDGED, OWN_KINDS, TEST, UNACKNOWLEDGED
from shared.models.events import Event
from shared.models.severity import Severity
from shared.queues import items
from shared.queues.ports import Dead, Done, Verdict
from shared.storage import audit
from shared.text import one_line

log = logging.getLogger(__name__)

_UNKNOWN = "huntbridge knows nothing of this case any more, so nothing was done."


class Cases:
    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._jiras = _jiras(runtime.config)

    # Alarms

    def add(self, alarm: Alarm, names: list[str]) -> list[str]:
        """Where an alarm goes: to `names`, and to the issue that somebody asked for."""
        if not _can_be_taken(alarm):
            return names

        def change(file: CaseFile | None) -> CaseFile:
            file = file or CaseFile(alarm)
            worst = alarm if _how_bad(alarm) >= _how_bad(file.alarm) else file.alarm
            worst = replace(worst, earlier=None, may_repeat=False)
            return replace(file, alarm=worst, told=_with(file.told, names))

        file = self._runtime.ledger.change_case_file(alarm.case_key, change, durable=False)
        assert file is not None
        reminders = self._runtime.config.reminders
        if reminders and alarm.severity is Severity.MALICIOUS and not file.taken:
            self._runtime.ledger.await_acknowledgement(alarm.case_key, reminders.after)
        return list(_with(names, [file.issue_in] if file.issue_in in self._jiras else []))

    def message(self, alarm: Alarm, destination: str, *, maybe_repeat: bool, opens: bool) -> Message:
        """What this destination is told. `opens`: it has nothing of the case yet that this could follow."""
        case = self.standing(alarm, destination)
        if alarm.findings_total > len(alarm.findings):  # the item had no room for all of it
            whole = self._runtime.ledger.whole_alarm(alarm.event.id) or alarm
            alarm = replace(whole, earlier=alarm.earlier)
        message = compose(alarm, self._runtime.config, maybe_repeat=maybe_repeat, case=case)
        if opens and message.kind == ACKNOWLEDGED and message.overview:
            # The alarm is still on its way there: an issue must say what it is about, whoever has it.
            return replace(message.overview, id=message.id, maybe_repeat=maybe_repeat)
        return message

    def is_taken(self, case_key: str) -> bool:
        file = self._runtime.ledger.case_file(case_key)
        return bool(file and file.taken)

    def standing(self, alarm: Alarm, destination: str) -> Standing:
        """For a message about this alarm to this destination."""
        file = self._runtime.ledger.case_file(alarm.case_key)
        if file is None or alarm.event.kind == TEST:
            return Standing()
        return Standing(
            taken=file.taken,
            issue=None if destination in self._jiras else self._issue(alarm.case_key, file),
            offers=_offers(file, self._jiras),
            worst=file.alarm if alarm.event.kind in (ACKNOWLEDGED, UNACKNOWLEDGED) else None,
        )

    def state(self, case_key: str, destination: str) -> Message | None:
        """How the case stands, for the message that is edited to it; None where there is no such case."""
        file = self._runtime.ledger.case_file(case_key)
        if file is None:
            return None
        return replace(
            compose(file.alarm, self._runtime.config, case=self.standing(file.alarm, destination)),
            silent=True,
        )

    def refresh(self, case_key: str, why: str) -> None:
        """The case's messages are edited where that can be done. `why` is the same for the same change."""
        file, destinations = self._runtime.ledger.case_file(case_key), self._runtime.config.destinations
        for name in file.told if file else ():
            config = destinations.get(name)
            if isinstance(config, SlackConfig) and config.token:
                id = f"refresh:{case_key}:{why}:{name}"
                self._runtime.deliveries.put(items.refresh(name, case_key), id=id)

    def _issue(self, case_key: str, file: CaseFile) -> tuple[str, str] | None:
        """Key and URL of the case's issue, where it has one."""
        from receiver.destinations.jira.destination import issue_url

        for name in self._jiras:
            config = self._runtime.config.destinations[name]
            key = self._runtime.ledger.case_ref(case_key, name) if name in file.told else ""
            if isinstance(config, JiraConfig) and (url := issue_url(config, key)):
                return key, url
        return None

    # Clicks

    def click(self, id: str, content: Mapping[str, Any]) -> Verdict:
        """Handles an item of [events] that the web room put there. `id` is the same for the same click."""
        if self._runtime.ledger.note("click", id):
            return Done()  # a replay, or an item that came twice
        clicked, ref = content["click"], content["signed_by"]
        apps = [
            name
            for name, one in self._runtime.config.destinations.items()
            if isinstance(one, SlackConfig) and ref in one.signing_secret
        ]
        if not apps:
            return Dead(f"a click was signed with {ref}, and no destination has that signing_secret")
        key = clicked["value"]
        file = self._runtime.ledger.case_file(key)
        # Who can sign for one app has no say in cases that only others were told of.
        told = [name for name in apps if file and name in file.told]
        if clicked["action"] == ACKNOWLEDGE and told:
            at = datetime.fromisoformat(content["at"])
            taken = Acknowledgement(id, at, clicked["name"] or clicked["user"], clicked["user"], "Slack")
            answer = self._refuse(key, taken, self._app_of(clicked["channel"], key, told))
            answer = answer or self._acknowledge(key, taken)
        elif clicked["action"] == CREATE_ISSUE and told:
            answer = self._create_issue(key, id)
        else:
            answer = _UNKNOWN
        if answer:
            to = {"channel": clicked["channel"], "user": clicked["user"]}
            app = self._app_of(clicked["channel"], key, told or apps)
            self._runtime.deliveries.put(items.whisper(app, to, answer), id=f"{id}:whisper")
        self._runtime.ledger.save_note("click", id, {"at": content["at"]})
        return Done()

    def _refuse(self, case_key: str, asked: Acknowledgement, name: str) -> str:
        """What is to be told to a user who may not acknowledge; empty where the user may. `name`: the
        destination whose message the user clicked."""
        config = self._runtime.config.destinations[name]
        allowed = config.may_acknowledge if isinstance(config, SlackConfig) else None
        if allowed is None or asked.slack in allowed:
            return ""
        audit.refused(self._runtime.store, case_key, asked, f"not in may_acknowledge of {name}")
        log.warning("case %s was not taken: %s may not acknowledge at %s", case_key, asked.slack, name)
        return (
            f"You may not acknowledge “{self._title(case_key)}”: only the users in may_acknowledge of "
            "huntbridge's configuration may. Nothing was changed."
        )

    def _app_of(self, channel: str, case_key: str, names: list[str]) -> str:
        """The destination of these whose channel this is: one app may be in many."""
        for name in names:
            config = self._runtime.config.destinations[name]
            ref = self._runtime.ledger.case_ref(case_key, name)
            if channel == getattr(config, "channel", "") or f'"{channel}"' in ref:  # it is JSON
                return name
        return names[0]

    def acknowledge(self, content: Mapping[str, Any]) -> Verdict:
        """Handles an item of [events] that `huntbridge ack` put there."""
        self._acknowledge(content["acknowledge"], load(Acknowledgement, content["taken"]))
        return Done()

    def _acknowledge(self, case_key: str, taken: Acknowledgement) -> str:
        """What is to be told to who has clicked; empty where the messages of the case say it."""
        held = self._runtime.ledger.acknowledge(case_key, taken)
        if held is None:
            return _UNKNOWN
        if held.id != taken.id:
            return _held(self._title(case_key), held, taken)
        audit.acknowledged(self._runtime.store, case_key, taken)
        file = self._runtime.ledger.case_file(case_key)
        assert file is not None
        event = _event(file.alarm, ACKNOWLEDGED, case_key, held.at)
        alarm = replace(
            file.alarm,
            event=event,
            case=case_key,
            taken=held,
            findings=(),
            findings_total=0,
            gaps=(),
            owner=None,
            change=None,
        )
        self._tell(alarm, file.told)
        log.info("case %s was taken by %s", case_key, one_line(held.by, 80))
        return ""

    def _title(self, case_key: str) -> str:
        file = self._runtime.ledger.case_file(case_key)
        return compose(file.alarm, self._runtime.config).title if file else case_key

    def _create_issue(self, case_key: str, id: str) -> str:
        if not self._jiras:
            return "No Jira project is configured here any more, so no issue was created."
        to = self._jiras[0]

        def change(file: CaseFile | None) -> CaseFile | None:
            if file is None or any(name in self._jiras for name in file.told):
                return file
            return replace(file, issue_in=to, issue_asked=id, told=_with(file.told, [to]))

        file = self._runtime.ledger.change_case_file(case_key, change)
        if file is None:
            return _UNKNOWN
        if file.issue_asked != id:
            issue, title = self._issue(case_key, file), self._title(case_key)
            return f"“{title}” has an issue already" + (
                f": {issue[1]}" if issue else ", or it is on its way."
            )
        delivery = f"{file.alarm.event.id}:{file.issue_in}"
        self._runtime.deliveries.put(items.delivery(file.issue_in, dump(file.alarm)), id=delivery)
        self.refresh(case_key, "asked")
        log.info("an issue for case %s was asked for, in %s", case_key, file.issue_in)
        return ""

    # Reminders

    def remind(self, content: Mapping[str, Any]) -> Verdict:
        """Handles an item of [events] that the timer put there."""
        case_key, number, reminders = content["remind"], content["number"], self._runtime.config.reminders
        file = self._runtime.ledger.case_file(case_key)
        if file is None or file.taken or reminders is None:
            return Done()
        event = _event(file.alarm, UNACKNOWLEDGED, f"{case_key}:{number}", self._runtime.now())
        if self._runtime.ledger.routed(event.id) is not None:
            return Done()  # by another timer, or before a later alarm let the case wait once more
        since = f"{datetime.fromisoformat(content['since']).astimezone(UTC):%Y-%m-%d %H:%M} UTC"
        text = f"First told at {since}. Reminder {number} of {reminders.times}."
        alarm = replace(file.alarm, event=replace(event, text=text), case=case_key)
        self._runtime.ledger.change_case_file(
            case_key, lambda file: replace(file, told=_with(file.told, reminders.to)) if file else None
        )
        self._tell(alarm, reminders.to)
        log.warning("nobody has taken case %s: reminder %d", case_key, number)
        return Done()

    def _tell(self, alarm: Alarm, names: Iterable[str]) -> None:
        there = [name for name in names if name in self._runtime.config.destinations]
        for name in there:
            id = f"{alarm.event.id}:{name}"
            self._runtime.deliveries.put(items.delivery(name, dump(alarm)), id=id)
        event = replace(alarm.event, evidence_id=None)  # of its alarms this tells nothing that is new
        self._runtime.ledger.record_routed(event, alarm.severity, there, case=alarm.case_key)


def opening(alarm: Alarm, config: Config, told: Iterable[str]) -> Standing:
    """How a case stands that begins with this alarm, which `told` are told of."""
    if not _can_be_taken(alarm):
        return Standing()
    return Standing(offers=_offers(CaseFile(alarm, tuple(told)), _jiras(config)))


def _jiras(config: Config) -> list[str]:
    return [name for name, one in config.destinations.items() if isinstance(one, JiraConfig)]


def _offers(file: CaseFile, jiras: Collection[str]) -> tuple[str, ...]:
    has_issue = any(name in jiras for name in file.told)
    offers = {ACKNOWLEDGE: not file.taken, CREATE_ISSUE: bool(jiras) and not has_issue}
    return tuple(name for name, open_ in offers.items() if open_)


def _can_be_taken(alarm: Alarm) -> bool:
    return alarm.severity is not Severity.INFO and alarm.event.kind not in OWN_KINDS | {TEST}


def _how_bad(alarm: Alarm) -> tuple[int, int, int]:
    malicious = alarm.event.malicious if alarm.malicious is None else alarm.malicious
    suspicious = alarm.event.suspicious if alarm.suspicious is None else alarm.suspicious
    return alarm.severity.rank, malicious or 0, suspicious or 0


def _with(names: Iterable[str], more: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*names, *more)))


def _event(alarm: Alarm, kind: str, about: str, at: datetime) -> Event:
    """An event of the same case as the alarm's."""
    return replace(alarm.event, id=f"{kind}:{about}", kind=kind, received_at=at, title="", text="", note="")


def _held(title: str, held: Acknowledgement, asked: Acknowledgement) -> str:
    who = "You have" if held.slack and held.slack == asked.slack else f"{one_line(held.by, 80)} has"
    return f"{who} taken “{title}” already, at {held.at.astimezone(UTC):%Y-%m-%d %H:%M} UTC."
