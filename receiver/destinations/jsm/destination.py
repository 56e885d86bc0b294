"""Opens, acknowledges and closes alerts of one team in Jira Service Management's operations.

A case is one alert, because all of its requests have the same alias. A later message of the case is a note.
The alert is created again before the note. While the alert is open, JSM only counts the request. If a person
closed it, JSM makes a new alert, so that somebody is paged.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from receiver.destinations.classify import classify_network_error
from receiver.destinations.contract import (
    CaseRef,
    Check,
    Delivered,
    Destination,
    Outcome,
    Preview,
    Rejected,
    Retry,
)
from receiver.destinations.jsm import alert
from receiver.destinations.jsm.client import JsmApi, Processed
from receiver.destinations.jsm.errors import says_no_alert
from receiver.destinations.jsm.traits import JSM
from receiver.destinations.paging import Act, acts_of, overtaken
from receiver.destinations.size import send_shorter_if_refused
from receiver.destinations.stopped import Stopped
from receiver.messages.message import Message
from shared.config.destinations.jsm import JsmConfig
from shared.http.client import Http
from shared.http.errors import NetworkError
from shared.secrets import Secret, SecretRef
from shared.text import one_line

_MAX_NOTE = 500
_USUAL = {"type": "jsm", "api_key": "env:JSM_API_KEY"}
_PATHS = {Act.ACKNOWLEDGE: "acknowledge", Act.RESOLVE: "close"}


class JsmDestination:
    """One team, by the key of its API integration. Safe to use from several threads."""

    traits = JSM

    def __init__(
        self,
        name: str,
        config: JsmConfig,
        http: Http,
        api_key: Secret,
        *,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`clock` gives epoch seconds. Raises ValueError, which says what to do, if the key is malformed."""
        self.name = name
        self._config = config
        self._api = JsmApi(config, http, api_key, clock=clock, sleep=sleep)

    def deliver(self, message: Message, case: CaseRef) -> Outcome:
        ref, notes = "", [overtaken(message)]
        try:
            for act in acts_of(message):
                if act is Act.TRIGGER:
                    ref, note = self._trigger(message, case.ref)
                else:
                    note = self._change(act, message)
                notes.append(note)
        except NetworkError as error:
            return classify_network_error(error)
        except Stopped as stopped:
            return stopped.outcome
        return Delivered(ref=ref, note=one_line("; ".join(filter(None, notes)), _MAX_NOTE))

    def check(self) -> Check:
        try:
            outcome = self._api.check()
        except NetworkError as error:
            return Check(False, f"Jira Service Management cannot be reached: {error}")
        if isinstance(outcome, Delivered):
            return Check(True, "Jira Service Management takes the key; whom its alerts page is not asked")
        return Check(False, outcome.reason)

    def _trigger(self, message: Message, before: str) -> tuple[str, str]:
        """Create the case's alert; if it is open already, add a note to it. `before`: the alert of an earlier
        message; empty if there was none. Returns the alert's id and a note for the record."""
        made, note = self._post(
            message, "", lambda short: alert.create(message, self._config, *_limit(short))
        )
        if made.ok is False:
            raise Stopped(Rejected(f"Jira Service Management made no alert: “{made.status}”"))
        alias = alert.alias_of(message)
        # An alert whose id is not known has its alias as the reference.
        is_same = bool(before) and (made.alert in ("", before) or before == alias)
        if is_same:
            noted, shortened = self._post(
                message, _path(alias, "notes"), lambda short: alert.note(message, *_limit(short))
            )
            note = note or shortened
            if noted.ok is False:
                raise Stopped(Rejected(f"Jira Service Management took no note: “{noted.status}”"))
        unknown = f"the outcome is not known: {made.status or 'not processed yet'}"
        return made.alert or alias, "; ".join(filter(None, (note, "" if made.ok else unknown)))

    def _change(self, act: Act, message: Message) -> str:
        """Acknowledge or close the case's alert. Returns a note for the record."""
        path = _path(alert.alias_of(message), _PATHS[act])
        done, _ = self._post(message, path, lambda short: alert.change(message))
        if done.ok is not False:
            return ""
        if says_no_alert(done.status):
            return f"nothing was changed: “{done.status}”"
        raise Stopped(Rejected(f"Jira Service Management changed nothing: “{done.status}”"))

    def _post(
        self, message: Message, path: str, body: Callable[[bool], Mapping[str, Any]]
    ) -> tuple[Processed, str]:
        """Make a request and ask for its outcome. `body`: of the request; its argument says whether it must
        be short. Returns a note too if it was shortened. Raises NetworkError, and Stopped if the request was
        not accepted, or if JSM has not processed it yet; it is made again once."""
        answer, note = send_shorter_if_refused(lambda share: self._api.post(path, body(share < 1)))
        outcome = self._api.outcome(answer)
        if isinstance(outcome, Retry | Rejected):
            raise Stopped(outcome)
        assert isinstance(outcome, Processed)
        if outcome.ok is None and not outcome.status and not message.maybe_repeat:
            raise Stopped(Retry("Jira Service Management has not processed it yet", ambiguous=True))
        return outcome, note


def build(name: str, config: JsmConfig, secret: Callable[[SecretRef], Secret], http: Http) -> Destination:
    """Raises SecretError, and ValueError if the key is malformed."""
    return JsmDestination(name, config, http, secret(config.api_key))


def preview(message: Message, config: JsmConfig | None) -> Preview:
    act = next(iter(acts_of(message)), Act.TRIGGER)
    if act is not Act.TRIGGER:
        return Preview(alert.change(message))
    return Preview(alert.create(message, config or JsmConfig.model_validate(_USUAL)))


def _path(alias: str, what: str) -> str:
    return f"/{alias}/{what}?identifierType=alias"


def _limit(short: bool) -> tuple[int, ...]:
    """The limit of a text, if it is not the usual one."""
    return (alert.SHORT_DESCRIPTION,) if short else ()
