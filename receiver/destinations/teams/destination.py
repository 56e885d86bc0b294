"""Sends a message to one Teams channel by its Workflows webhook, as an Adaptive Card.

A 202 means that the workflow accepted the card. Nobody is told whether the card was posted.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace

from receiver.destinations.classify import classify_network_error
from receiver.destinations.contract import CaseRef, Check, Delivered, Destination, Outcome, Preview
from receiver.destinations.host_check import check_host
from receiver.destinations.mask import Mask
from receiver.destinations.size import send_shorter_if_refused
from receiver.destinations.teams.card import payload
from receiver.destinations.teams.errors import classify_workflow
from receiver.destinations.teams.traits import TEAMS
from receiver.messages.message import Message
from shared.config.destinations.teams import TeamsConfig
from shared.config.webhook_urls import check_webhook_url
from shared.http.answers import Answer
from shared.http.client import Http
from shared.http.errors import NetworkError
from shared.http.urls import host_of
from shared.secrets import Secret, SecretRef


class TeamsDestination:
    """One channel, by its workflow. It can only post new cards, since a workflow returns no reference."""

    traits = TEAMS

    def __init__(
        self, name: str, webhook_url: Secret, http: Http, *, clock: Callable[[], float] = time.time
    ) -> None:
        """Raises ValueError, which says what to do, if the URL is not that of a Workflows webhook."""
        if problem := check_webhook_url("teams", webhook_url.reveal()):
            raise ValueError(problem)
        self.name = name
        self._url, self._http, self._clock = webhook_url, http, clock
        self._mask = Mask(webhook_url.reveal())

    def deliver(self, message: Message, case: CaseRef) -> Outcome:
        def send(share: float) -> Answer:
            return self._http.request(
                "POST",
                self._url.reveal(),
                headers={"Content-Type": "application/json; charset=utf-8"},
                data=payload(message, share),
            )

        try:
            answer, note = send_shorter_if_refused(send)
        except NetworkError as error:
            return classify_network_error(error)
        outcome = classify_workflow(answer, now=self._clock(), mask=self._mask)
        return replace(outcome, note=note) if isinstance(outcome, Delivered) else outcome

    def check(self) -> Check:
        return check_host(self._http, host_of(self._url.reveal()), "Teams")


def build(name: str, config: TeamsConfig, secret: Callable[[SecretRef], Secret], http: Http) -> Destination:
    """Raises SecretError, and ValueError if the URL is malformed."""
    return TeamsDestination(name, secret(config.webhook_url), http)


def preview(message: Message, config: TeamsConfig | None) -> Preview:
    viewer = "Card designer: https://adaptivecards.io/designer/ (paste the card: attachments[0].content)"
    return Preview(json.loads(payload(message)), viewer)
