"""Sends a message to one Slack channel by its incoming webhook, which answers `ok`."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from receiver.destinations.classify import classify_network_error
from receiver.destinations.contract import CaseRef, Check, Delivered, Outcome
from receiver.destinations.host_check import check_host
from receiver.destinations.mask import Mask
from receiver.destinations.slack.blocks import payload
from receiver.destinations.slack.client import TIMEOUT, SdkWebhookClient
from receiver.destinations.slack.errors import classify_webhook, webhook_refused_layout
from receiver.destinations.slack.plain_text import plain_payload, plain_text_note, report_refused_layout
from receiver.destinations.slack.traits import WEBHOOK
from receiver.messages.message import Message
from shared.config.webhook_urls import check_webhook_url
from shared.http.answers import Answer
from shared.http.client import Http
from shared.http.errors import NetworkError
from shared.http.urls import host_of
from shared.secrets import Secret


class SlackDestination:
    """One channel, by its incoming webhook. It can only post new messages, since Slack returns no
    reference."""

    traits = WEBHOOK

    def __init__(
        self,
        name: str,
        webhook_url: Secret,
        http: Http,
        *,
        timeout: float = TIMEOUT,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`timeout`: seconds. Raises ValueError if the URL is not that of a Slack webhook."""
        if problem := check_webhook_url("slack", webhook_url.reveal()):
            raise ValueError(problem)
        self.name = name
        self._http, self._clock = http, clock
        self._mask = Mask(webhook_url.reveal())
        self._origin = host_of(webhook_url.reveal())
        self._client = SdkWebhookClient(webhook_url.reveal(), http, timeout)

    def deliver(self, message: Message, case: CaseRef) -> Outcome:
        try:
            answer = self._client.post(payload(message))
            refused = webhook_refused_layout(answer)
            if not refused:
                return self._classify(answer)
            report_refused_layout(self.name, message, refused)
            outcome = self._classify(self._client.post(plain_payload(message, refused)))
        except NetworkError as error:
            return classify_network_error(error)
        return replace(outcome, note=plain_text_note(refused)) if isinstance(outcome, Delivered) else outcome

    def check(self) -> Check:
        return check_host(self._http, self._origin, "Slack")

    def _classify(self, answer: Answer) -> Outcome:
        return classify_webhook(answer, now=self._clock(), mask=self._mask)
