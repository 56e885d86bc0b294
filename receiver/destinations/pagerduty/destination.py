"""Opens, acknowledges and resolves incidents of one PagerDuty service, by its Events API v2.

A case is one incident, because all of its events have the same key. A 202 means that PagerDuty queued the
event. An event for an incident that is not open changes nothing there.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from receiver.destinations.classify import classify_network_error
from receiver.destinations.contract import CaseRef, Check, Delivered, Destination, Outcome, Preview
from receiver.destinations.mask import Mask
from receiver.destinations.pagerduty.errors import classify_event
from receiver.destinations.pagerduty.event import MAX_BYTES, SHORT_BYTES, event, serialized
from receiver.destinations.pagerduty.traits import PAGERDUTY
from receiver.destinations.paging import Act, acts_of, overtaken
from receiver.destinations.size import send_shorter_if_refused
from receiver.messages.message import Message
from shared.config.destinations.pagerduty import PagerDutyConfig
from shared.http.answers import Answer
from shared.http.client import Http
from shared.http.errors import NetworkError
from shared.secrets import Secret, SecretRef

_NO_INCIDENT = "huntbridge/check"  # the key of an incident that never exists
_USUAL = {"type": "pagerduty", "routing_key": "env:ROUTING_KEY"}


class PagerDutyDestination:
    """One service. Safe to use from several threads."""

    traits = PAGERDUTY

    def __init__(
        self,
        name: str,
        config: PagerDutyConfig,
        http: Http,
        routing_key: Secret,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`clock` gives epoch seconds. Raises ValueError, which says what to do, if the key is malformed."""
        if not re.fullmatch(r"[0-9A-Za-z]{32}", routing_key.reveal()):
            raise ValueError(
                "a routing key of PagerDuty has 32 letters and digits: copy the integration key of an "
                "Events API v2 integration"
            )
        self.name = name
        self._config, self._key, self._http, self._clock = config, routing_key, http, clock
        self._mask = Mask(routing_key.reveal())

    def deliver(self, message: Message, case: CaseRef) -> Outcome:
        notes = [overtaken(message)]
        for act in acts_of(message):
            outcome = self._send(act, message)
            if not isinstance(outcome, Delivered):
                return outcome
            notes.append(outcome.note)
        return Delivered(note="; ".join(filter(None, notes)))

    def check(self) -> Check:
        """Resolves an incident that does not exist: PagerDuty checks the key, and nobody sees anything."""
        try:
            answer = self._post({"event_action": Act.RESOLVE.value, "dedup_key": _NO_INCIDENT})
        except NetworkError as error:
            return Check(False, f"PagerDuty cannot be reached: {error}")
        outcome = self._classify(answer)
        if isinstance(outcome, Delivered):
            return Check(True, "PagerDuty takes events with this key; whom it pages is not asked")
        return Check(False, outcome.reason)

    def _send(self, act: Act, message: Message) -> Outcome:
        def send(share: float) -> Answer:
            return self._post(event(act, message, self._config, MAX_BYTES if share == 1 else SHORT_BYTES))

        try:
            answer, note = send_shorter_if_refused(send)
        except NetworkError as error:
            return classify_network_error(error)
        outcome = self._classify(answer)
        return replace(outcome, note=note) if isinstance(outcome, Delivered) else outcome

    def _post(self, body: dict[str, Any]) -> Answer:
        return self._http.request(
            "POST",
            self._config.events_url,
            headers={"Content-Type": "application/json; charset=utf-8"},
            data=serialized({"routing_key": self._key.reveal(), **body}),
        )

    def _classify(self, answer: Answer) -> Outcome:
        return classify_event(answer, now=self._clock(), mask=self._mask)


def build(
    name: str, config: PagerDutyConfig, secret: Callable[[SecretRef], Secret], http: Http
) -> Destination:
    """Raises SecretError, and ValueError if the key is malformed."""
    return PagerDutyDestination(name, config, http, secret(config.routing_key))


def preview(message: Message, config: PagerDutyConfig | None) -> Preview:
    config = config or PagerDutyConfig.model_validate(_USUAL)
    act = next(iter(acts_of(message)), Act.TRIGGER)
    return Preview(event(act, message, config))
