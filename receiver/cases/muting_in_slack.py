"""Mutes the findings of a case that somebody chose to mute in Slack.

The mute covers the findings that were told in the case, on its system alone. Malicious ones, and whatever the
system had never before, are told as ever.
"""

from __future__ import annotations

import hashlib
import logging
import re
import shlex
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from receiver.cases.lifecycle import CaseLifecycle
from receiver.cases.muting import MAX_NAME, MAX_WHY, Muting
from receiver.cases.next_hunt import next_hunt
from receiver.intake.slack_request import ONE_DAY, SEVEN_DAYS, UNTIL_NEXT_HUNT
from receiver.messages.subject import system_of
from shared.config.config import Config
from shared.config.patterns import fits
from shared.models.case_states import named
from shared.models.cases import Case, CaseState
from shared.models.fingerprints import rule_of
from shared.models.mutes import LONGEST, Mute, MuteMatch
from shared.models.occurrences import occurrences
from shared.models.severity import Severity
from shared.models.systems import System
from shared.phrases import counted, utc_minute
from shared.queues import items
from shared.storage.ledger.ledger import Ledger
from shared.storage.ledger.mutes import MuteRefused
from shared.text import one_line

log = logging.getLogger(__name__)

_MUTED = frozenset(Severity) - {Severity.MALICIOUS}
_MOST_FINDINGS = 100  # of one mute
_SHOWN = 5  # kinds of finding that the answer names
# A second click changes nothing while a mute of the same findings lasts as long, less this.
_SAME = timedelta(hours=1)
_LENGTHS = {ONE_DAY: timedelta(days=1), SEVEN_DAYS: timedelta(days=7)}
_FOLDED = re.compile(r"<[a-z ]+>|\*")


@dataclass(eq=False, repr=False)
class MutingInSlack:
    muting: Muting
    cases: CaseLifecycle
    ledger: Ledger
    config: Config
    preview: Callable[[Mute, System], str]  # a sentence: what a mute would have covered on this system

    def mute(self, id: str, item: items.SlackClick) -> str:
        """Mute what was told in the case, and tell it. Returns the answer to the person who clicked. `id` is
        the click's id: a repeat with it changes nothing."""
        case_key, click = item.click.value, item.click
        case = self.ledger.cases.get(case_key)
        title = f"“{self.cases.title(case_key)}”"
        system = (case.system or system_of(case.alarm)) if case else None
        if case is None or system is None:
            return f"Nothing was muted: {title} names no system."
        if case.state is CaseState.CLOSED:
            return f"Nothing was muted: {_closed(case)} {title}."
        until = self._until(click.length, case, item.at)
        if until is None:
            return f"Nothing was muted: the hunt of {title} is not scheduled, so nobody knows the next one."
        found = self._found(case_key, case, system.lasting)
        others = ((mark, text) for mark, (text, severity) in found.items() if severity in _MUTED)
        harmless = dict(list(others)[-_MOST_FINDINGS:])
        if not harmless:
            return (
                f"Nothing was muted: {title} has no finding that is not malicious. Only “huntbridge mute add "
                f"--instance {shlex.quote(system.lasting)} --malicious” mutes malicious ones."
            )
        asked = Mute(
            id=hashlib.sha256(id.encode("utf-8", "surrogatepass")).hexdigest()[:12],
            match=_match(system.lasting, harmless),
            until=until,
            by=one_line(click.name, MAX_NAME) or click.user,
            why=one_line(f"muted in Slack from the message of {title}", MAX_WHY),
            at=item.at,
            origin=f"Slack, user {click.user}",
            until_next_hunt=click.length == UNTIL_NEXT_HUNT,
        )
        try:
            stored = self.muting.add(asked, lambda known: _is_enough(known, asked))
        except MuteRefused as refused:
            return f"Nothing was muted: {refused}."
        how_to_end = f"To end it: huntbridge mute end {stored.id} --by NAME"
        if stored.id != asked.id:
            return f"{title} is muted already, until {_end(stored)}, by {named(stored.by)}. {how_to_end}"
        log.info("muted in Slack", extra={"case": case_key, "mute": stored.id})
        return (
            f"You muted {counted(len(harmless), 'finding')} of {title} until {_end(asked)}: "
            f"{_kinds(harmless.values())}. {self.preview(asked, system)} "
            f"Malicious findings, and whatever else is found on {system.as_lasting.title}, are still told. "
            f"{how_to_end}"
        )

    def _until(self, length: str, case: Case, at: datetime) -> datetime | None:
        if length == UNTIL_NEXT_HUNT:
            due = next_hunt(case.alarm, self.config, at)
            return min(due, at + LONGEST) if due else None
        return at + _LENGTHS[length]

    def _found(self, case_key: str, case: Case, lasting: str) -> dict[str, tuple[str, Severity]]:
        """The findings that were told in the case, by their fingerprint: what they are, and how severe."""
        found = {
            mark: (finding.description, finding.told_severity)
            for mark, finding in self.ledger.findings.of_system(lasting).findings.items()
            if finding.case == case_key
        }
        if found:
            return found
        # Cases do not live across hunts, or the platform did not confirm the alarm.
        alarm = self.ledger.events.whole_alarm(case.alarm.event.id) or case.alarm
        return {each.fingerprint: (each.description, each.severity) for each in occurrences(alarm.findings)}


def _match(lasting: str, found: Mapping[str, str]) -> MuteMatch:
    """The findings by their fingerprints. The mute says what they are as well: an earlier version knows no
    fingerprints, and people read it."""
    kinds = tuple(dict.fromkeys(map(_pattern, found.values())))
    return MuteMatch(instance=(lasting,), finding=kinds, fingerprint=tuple(found))


def _pattern(description: str) -> str:
    """A pattern for the description. What changes from hunt to hunt is `*`; a wildcard of the description
    itself stands for one character only."""
    folded = _FOLDED.sub(lambda found: "?" if found[0] == "*" else "*", rule_of(description))
    return folded if fits(description, [folded]) else description.replace("*", "?")


def _is_enough(known: Mute, asked: Mute) -> bool:
    return (
        known.in_force(asked.at)
        and set(known.match.instance) == set(asked.match.instance)
        and set(asked.match.fingerprint) <= set(known.match.fingerprint)
        and known.until_next_hunt in (False, asked.until_next_hunt)
        and known.until >= asked.until - _SAME
    )


def _end(mute: Mute) -> str:
    earlier = ", or the next hunt if that begins earlier" if mute.until_next_hunt else ""
    return utc_minute(mute.until) + earlier


def _kinds(descriptions: Iterable[str]) -> str:
    kinds = list(dict.fromkeys(one_line(description, 100) for description in descriptions))
    more = f" and {counted(len(kinds) - _SHOWN, 'other kind')}" if len(kinds) > _SHOWN else ""
    return ", ".join(f"“{kind}”" for kind in kinds[:_SHOWN]) + more


def _closed(case: Case) -> str:
    closure = case.closure
    return f"{named(closure.by)} has closed" if closure else "somebody has closed"
