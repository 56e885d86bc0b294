"""Handles what people do with a case: they decide about it, mute its findings or ask for an issue.

The web function, the console and the commands put an item into [events] for each action. The handlers here
work on the items. If several people decide about a case, one conditional write in the ledger decides who is
first. Each message about an action has its own id, so an action that is handled twice sends its messages
once.
"""

from __future__ import annotations

import logging
from dataclasses import replace

from receiver.cases.capturing_again import CapturingAgain, in_words
from receiver.cases.closing_terms import ClosingTerms
from receiver.cases.deciding import Deciding
from receiver.cases.lifecycle import CaseDestinations, CaseLifecycle, union
from receiver.cases.muting_in_slack import MutingInSlack
from receiver.intake.slack_request import ACKNOWLEDGE, CAPTURE_AGAIN, CLOSE, CREATE_ISSUE, MUTE
from shared.config.config import Config
from shared.config.destinations.slack import LONGEST_SLACK_LINK, SlackConfig
from shared.models import console_pages
from shared.models.acknowledgements import Acknowledgement
from shared.models.captures_again import AgainRefused
from shared.models.case_states import DecisionRefused, UnknownCase, made, named
from shared.models.cases import Case, CaseState
from shared.models.codec import dump, load
from shared.models.decisions import Action, CaseDecision, Verdict
from shared.models.people import Person
from shared.phrases import utc_minute
from shared.queues import items, ports
from shared.queues.ports import Dead, Done, Queue
from shared.storage import audit, kinds
from shared.storage.ledger.ledger import Ledger
from shared.storage.ports import Store

log = logging.getLogger(__name__)

_UNKNOWN_CASE = "huntbridge knows nothing of this case any more, so nothing was done."
_NO_REASON = "closed in Slack, where no reason was given"
_AUDITED = {
    ACKNOWLEDGE: audit.ACK,
    CLOSE: audit.CASE_CLOSE,
    MUTE: audit.MUTE_ADD,
    CAPTURE_AGAIN: audit.CAPTURE_AGAIN,
}
_VERBS = {CAPTURE_AGAIN: "capture again the system of"}
_NO_TRACKER = "No Jira project is configured here any more, so no issue was created."


class CaseActions:
    def __init__(
        self,
        cases: CaseLifecycle,
        deciding: Deciding,
        ledger: Ledger,
        store: Store,
        deliveries: Queue,
        config: Config,
        destinations: CaseDestinations,
        terms: ClosingTerms,
        muting: MutingInSlack,
        again: CapturingAgain,
    ) -> None:
        self._terms, self._muting, self._again = terms, muting, again
        self._cases, self._deciding, self._ledger, self._store = cases, deciding, ledger, store
        self._deliveries, self._config, self._destinations = deliveries, config, destinations

    def click(self, id: str, item: items.SlackClick) -> ports.Verdict:
        """Handle a click or a choice in Slack. `id` is the same whenever Slack repeats the click."""
        if self._ledger.notes.get(kinds.CLICK_NOTES, id):
            return Done()  # a replayed request, or a repeated item
        click, secret = item.click, item.signed_by
        posted_by_app = self._posted_by(secret)
        if not posted_by_app:
            return Dead(f"a click was signed with {secret}, and no destination has that signing_secret")
        case_key = click.value
        case = self._ledger.cases.get(case_key)
        # An app may only act on cases that were posted through it.
        told = [name for name in posted_by_app if case and name in case.told]
        clicked_at = self._destination_of(click.channel, case_key, told or posted_by_app)
        if not told:
            answer = _UNKNOWN_CASE
        elif click.action == CREATE_ISSUE:
            answer = self._create_issue(case_key, id)
        else:
            answer = self._refusal(id, item, clicked_at) or self._decided_by_click(id, item, clicked_at)
        if answer:
            links = self._links(case_key, mutes=click.action == MUTE) if told else ()
            ephemeral = items.Ephemeral(clicked_at, click.channel, click.user, answer, links)
            self._deliveries.put(items.encode(ephemeral), id=f"{id}:whisper", lane=clicked_at)
        self._ledger.notes.save(kinds.CLICK_NOTES, id, {"at": item.at.isoformat()})
        return Done()

    def _decided_by_click(self, id: str, item: items.SlackClick, clicked_at: str) -> str:
        """The answer to a person who may decide; empty if the messages about the case say what changed."""
        case_key, action = item.click.value, item.click.action
        if action == MUTE:
            return self._muting.mute(id, item)
        if action == CAPTURE_AGAIN:
            return self._capture_again(item)
        if action not in (ACKNOWLEDGE, CLOSE):
            return _UNKNOWN_CASE
        answer = self._decide(case_key, _asked(id, item))
        if action == CLOSE and not answer:
            answer = self._terms.ask(case_key, item, id, clicked_at)
        return answer

    def choose_terms(self, id: str, item: items.SlackTerms) -> ports.Verdict:
        """Handle the terms that somebody chose in the dialog."""
        if self._ledger.notes.get(kinds.CLICK_NOTES, id):
            return Done()
        case = self._ledger.cases.get(item.case_key)
        told = [name for name in self._posted_by(item.signed_by) if case and name in case.told]
        if not told:
            return Dead(f"terms were signed with {item.signed_by}, and its app has not posted the case")
        try:
            answer = self._terms.choose(id, item)
        except DecisionRefused as refused:
            return Dead(str(refused))
        if answer:
            self._answer_in_channel(id, item, told, answer)
        self._ledger.notes.save(kinds.CLICK_NOTES, id, {"at": item.at.isoformat()})
        return Done()

    def _answer_in_channel(self, id: str, item: items.SlackTerms, told: list[str], answer: str) -> None:
        """Answer where the case was posted, since Slack does not say where the dialog was opened."""
        for name in told:
            ref = self._ledger.case_references.get(item.case_key, name)
            if channel := self._destinations.channel_of(ref):
                links = self._links(item.case_key)
                ephemeral = items.Ephemeral(name, channel, item.user, answer, links)
                self._deliveries.put(items.encode(ephemeral), id=f"{id}:whisper", lane=name)
                return
        log.warning("terms not changed", extra={"case": item.case_key, "reason": answer})

    def _links(self, case_key: str, *, mutes: bool = False) -> tuple[tuple[str, str], ...]:
        """The pages of the console that an answer about the case leads to, if people can open these by an
        address."""
        if not (url := self._config.console.url):
            return ()
        links = [("Open the case", url + console_pages.case(case_key))]
        if mutes:
            links.append(("Open the mutes", url + console_pages.mutes()))
        return tuple(link for link in links if len(link[1]) <= LONGEST_SLACK_LINK)

    def _posted_by(self, secret: str) -> list[str]:
        """The destinations that the app with this signing secret posts to."""
        return [
            name
            for name, config in self._config.destinations.items()
            if isinstance(config, SlackConfig) and secret in config.signing_secret
        ]

    def acknowledge(self, item: items.AcknowledgeCase) -> ports.Verdict:
        """Handle an acknowledgement of the console or the command line."""
        asked = load(Acknowledgement, item.acknowledgement)
        by, at, origin, slack = asked.by, asked.at, asked.origin, asked.slack
        self._decide(
            item.case_key, CaseDecision(asked.id, Action.ACKNOWLEDGE, by, at, origin, slack, after=item.after)
        )
        return Done()

    def decide(self, item: items.DecideCase) -> ports.Verdict:
        """Handle another decision of the console, the command line or a tracker."""
        if answer := self._decide(item.case_key, load(CaseDecision, item.decision)):
            log.warning("decision refused", extra={"case": item.case_key, "reason": answer})
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

    def _refusal(self, id: str, item: items.SlackClick, destination: str) -> str:
        """The answer to a user who may not decide; empty for a user who may. `destination` posted the
        message that the user clicked."""
        config, click, case_key = self._config.destinations[destination], item.click, item.click.value
        allowed = config.may_acknowledge if isinstance(config, SlackConfig) else None
        if allowed is None or click.user in allowed:
            return ""
        by = audit.slack_user(click.name or click.user, click.user)
        after = {"refused": f"not in may_acknowledge of {destination}"}
        entry = audit.Entry(item.at, _AUDITED[click.action], by, "Slack", case_key, after=after)
        audit.record(self._store, entry, id)
        log.warning(
            "decision refused: the user is not in may_acknowledge",
            extra={
                "case": case_key,
                "destination": destination,
                "user": click.user,
                "action": click.action,
            },
        )
        verb = _VERBS.get(click.action, click.action)
        return (
            f"You may not {verb} “{self._cases.title(case_key)}”: only the users in "
            "may_acknowledge of huntbridge's configuration may. Nothing was changed."
        )

    def _decide(self, case_key: str, asked: CaseDecision) -> str:
        """The answer to the person who decided; empty if the messages about the case already say the same."""
        try:
            case = self._deciding.decide(case_key, asked)
        except UnknownCase:
            return _UNKNOWN_CASE
        except DecisionRefused as refused:
            return _refused(self._cases.title(case_key), refused, asked)
        decision = made(case, asked.id) or asked
        audit.decided(self._store, case_key, decision)
        self._cases.announce_decision(case_key, case, decision)
        log.info(
            "case decided", extra={"case": case_key, "action": decision.action, "by": named(decision.by)}
        )
        return ""

    def _capture_again(self, item: items.SlackClick) -> str:
        """The answer to the person who asked."""
        click = item.click
        person = Person(audit.slack_user(click.name or click.user, click.user), "Slack")
        try:
            return in_words(self._again.ask(click.value, person, item.at))
        except UnknownCase:
            return _UNKNOWN_CASE
        except AgainRefused as refused:
            return f"Nothing is captured again: {refused}."

    def _create_issue(self, case_key: str, id: str) -> str:
        """The answer to the person who asked; empty if the issue is on its way. `id` is the click's id."""
        trackers = self._destinations.trackers
        if not trackers:
            return _NO_TRACKER

        def change(case: Case | None) -> Case | None:
            if case is None or any(name in trackers for name in (*case.told, *case.held)):
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
        self._deliveries.put(
            items.encode(item), id=f"{case.alarm.event.id}:{case.issue_in}", lane=case.issue_in
        )
        self._cases.refresh(case_key, "asked")
        log.info("issue requested", extra={"case": case_key, "destination": case.issue_in})
        return ""


def _asked(id: str, item: items.SlackClick) -> CaseDecision:
    """The decision that somebody made by a click or a choice."""
    click = item.click
    who = click.name or click.user
    if click.action == ACKNOWLEDGE:
        return CaseDecision(id, Action.ACKNOWLEDGE, who, item.at, "Slack", click.user)
    verdict = Verdict(click.verdict)
    return CaseDecision(id, Action.CLOSE, who, item.at, "Slack", click.user, verdict=verdict, why=_NO_REASON)


def _refused(title: str, refused: DecisionRefused, asked: CaseDecision) -> str:
    """The answer to a person whose decision was refused, such as a click that came too late."""
    case = refused.case
    if case and case.state is CaseState.CLOSED and case.closure:
        closure = case.closure
        what = f"closed “{title}” as {closure.verdict.words}"
        return f"{named(closure.by)} has {what}, at {utc_minute(closure.at)}."
    if case and case.acknowledgement and asked.action is Action.ACKNOWLEDGE:
        holder = case.acknowledgement
        who = "You have" if holder.slack and holder.slack == asked.slack else f"{named(holder.by)} has"
        return f"{who} taken “{title}” already, at {utc_minute(holder.at)}."
    return f"“{title}”: {refused}."
