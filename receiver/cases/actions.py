"""Handles what people do with a case: they acknowledge it or ask for an issue, by a click or a command.

The web function and `huntbridge ack` put an item into [events] for each action. The handlers here work on the
items. If several people acknowledge a case, one conditional write in the ledger decides who is first. Each
message about an action has its own id, so an action that is handled twice sends its messages once.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import UTC

from receiver.cases.lifecycle import CaseDestinations, CaseLifecycle, event_about, union
from receiver.intake.slack_request import ACKNOWLEDGE, CREATE_ISSUE
from shared.config.config import Config
from shared.config.destinations.slack import SlackConfig
from shared.models.acknowledgements import Acknowledgement
from shared.models.cases import Case
from shared.models.codec import dump, load
from shared.models.event_kinds import ACKNOWLEDGED
from shared.queues import items
from shared.queues.ports import Dead, Done, Queue, Verdict
from shared.storage import audit, kinds
from shared.storage.ledger.ledger import Ledger
from shared.storage.ports import Store
from shared.text import one_line

log = logging.getLogger(__name__)

_UNKNOWN_CASE = "huntbridge knows nothing of this case any more, so nothing was done."
_NO_TRACKER = "No Jira project is configured here any more, so no issue was created."


class CaseActions:
    def __init__(
        self,
        cases: CaseLifecycle,
        ledger: Ledger,
        store: Store,
        deliveries: Queue,
        config: Config,
        destinations: CaseDestinations,
    ) -> None:
        self._cases, self._ledger, self._store = cases, ledger, store
        self._deliveries, self._config, self._destinations = deliveries, config, destinations

    def click(self, id: str, item: items.SlackClick) -> Verdict:
        """Handle a click in Slack. `id` is the same whenever Slack repeats the click."""
        if self._ledger.notes.get(kinds.CLICK_NOTES, id):
            return Done()  # a replayed request, or a repeated item
        click, secret = item.click, item.signed_by
        posted_by_app = [
            name
            for name, config in self._config.destinations.items()
            if isinstance(config, SlackConfig) and secret in config.signing_secret
        ]
        if not posted_by_app:
            return Dead(f"a click was signed with {secret}, and no destination has that signing_secret")
        case_key = click.value
        case = self._ledger.cases.get(case_key)
        # An app may only act on cases that were posted through it.
        told = [name for name in posted_by_app if case and name in case.told]
        clicked_at = self._destination_of(click.channel, case_key, told or posted_by_app)
        if click.action == ACKNOWLEDGE and told:
            asked = Acknowledgement(id, item.at, click.name or click.user, click.user, "Slack")
            answer = self._refusal(case_key, asked, clicked_at) or self._acknowledge(case_key, asked)
        elif click.action == CREATE_ISSUE and told:
            answer = self._create_issue(case_key, id)
        else:
            answer = _UNKNOWN_CASE
        if answer:
            ephemeral = items.Ephemeral(clicked_at, click.channel, click.user, answer)
            self._deliveries.put(items.encode(ephemeral), id=f"{id}:whisper")
        self._ledger.notes.save(kinds.CLICK_NOTES, id, {"at": item.at.isoformat()})
        return Done()

    def acknowledge(self, item: items.AcknowledgeCase) -> Verdict:
        """Handle `huntbridge ack`."""
        self._acknowledge(item.case_key, load(Acknowledgement, item.acknowledgement))
        return Done()

    def _destination_of(self, channel: str, case_key: str, names: list[str]) -> str:
        """The destination among these that posts to this channel. One app may post to many channels."""
        for name in names:
            config = self._config.destinations[name]
            ref = self._ledger.case_references.get(case_key, name)
            # If the configuration has the name of the channel, its id is only in the reference.
            if channel in (getattr(config, "channel", ""), self._destinations.channel_of(ref)):
                return name
        return names[0]

    def _refusal(self, case_key: str, asked: Acknowledgement, destination: str) -> str:
        """The answer to a user who may not acknowledge; empty for a user who may. `destination` posted the
        message that the user clicked."""
        config = self._config.destinations[destination]
        allowed = config.may_acknowledge if isinstance(config, SlackConfig) else None
        if allowed is None or asked.slack in allowed:
            return ""
        audit.refused(self._store, case_key, asked, f"not in may_acknowledge of {destination}")
        log.warning(
            "acknowledgement refused: the user is not in may_acknowledge",
            extra={"case": case_key, "destination": destination, "user": asked.slack},
        )
        return (
            f"You may not acknowledge “{self._cases.title(case_key)}”: only the users in may_acknowledge of "
            "huntbridge's configuration may. Nothing was changed."
        )

    def _acknowledge(self, case_key: str, asked: Acknowledgement) -> str:
        """The answer to the person who asked; empty if the messages about the case already say the same."""
        holder = self._ledger.cases.acknowledge(case_key, asked)
        if holder is None:
            return _UNKNOWN_CASE
        if holder.id != asked.id:
            return _held_already(self._cases.title(case_key), holder, asked)
        audit.acknowledged(self._store, case_key, asked)
        case = self._ledger.cases.get(case_key)
        assert case is not None
        alarm = replace(
            case.alarm,
            event=event_about(case.alarm, ACKNOWLEDGED, case_key, holder.at),
            case=case_key,
            acknowledgement=holder,
            findings=(),
            findings_total=0,
            gaps=(),
            owner=None,
            change=None,
        )
        self._cases.announce(alarm, case.told)
        log.info("case acknowledged", extra={"case": case_key, "by": one_line(holder.by, 80)})
        return ""

    def _create_issue(self, case_key: str, id: str) -> str:
        """The answer to the person who asked; empty if the issue is on its way. `id` is the click's id."""
        trackers = self._destinations.trackers
        if not trackers:
            return _NO_TRACKER

        def change(case: Case | None) -> Case | None:
            if case is None or any(name in trackers for name in case.told):
                return case
            return replace(case, issue_in=trackers[0], issue_asked=id, told=union(case.told, trackers[:1]))

        case = self._ledger.cases.change(case_key, change)
        if case is None:
            return _UNKNOWN_CASE
        if case.issue_asked != id:
            issue, title = self._cases.issue(case_key, case), self._cases.title(case_key)
            return f"“{title}” has an issue already" + (
                f": {issue[1]}" if issue else ", or it is on its way."
            )
        item = items.DeliverAlarm(case.issue_in, dump(case.alarm))
        self._deliveries.put(items.encode(item), id=f"{case.alarm.event.id}:{case.issue_in}")
        self._cases.refresh(case_key, "asked")
        log.info("issue requested", extra={"case": case_key, "destination": case.issue_in})
        return ""


def _held_already(title: str, holder: Acknowledgement, asked: Acknowledgement) -> str:
    who = "You have" if holder.slack and holder.slack == asked.slack else f"{one_line(holder.by, 80)} has"
    return f"{who} taken “{title}” already, at {holder.at.astimezone(UTC):%Y-%m-%d %H:%M} UTC."
