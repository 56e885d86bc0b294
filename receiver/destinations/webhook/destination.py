"""Sends a message as a signed CloudEvents document to any receiver, such as a SIEM or a SOAR.

The signature proves to the receiver that huntbridge sent the document, and when (see signature.py). The URL
is kept like a secret, because many receivers have no other secret.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from receiver.destinations.classify import classify_network_error
from receiver.destinations.contract import CaseRef, Check, Delivered, Destination, Outcome, Preview
from receiver.destinations.host_check import check_host
from receiver.destinations.mask import Mask
from receiver.destinations.size import send_shorter_if_refused
from receiver.destinations.webhook import ocsf as findings
from receiver.destinations.webhook.document import MAX_BYTES, payload
from receiver.destinations.webhook.errors import classify_receiver
from receiver.destinations.webhook.signature import SHORTEST_SECRET, SIGNATURE, sign, standard_headers
from receiver.destinations.webhook.traits import WEBHOOK
from receiver.messages.message import Message
from shared.config.destinations.webhook import WebhookDestinationConfig
from shared.config.webhook_urls import check_webhook_url
from shared.http.answers import Answer
from shared.http.client import Http
from shared.http.errors import NetworkError
from shared.http.urls import host_of
from shared.secrets import Secret, SecretRef


class WebhookDestination:
    """One receiver. It gets a new document for each message; earlier ones are not changed."""

    traits = WEBHOOK

    def __init__(
        self,
        name: str,
        url: Secret,
        secrets: Sequence[Secret],
        http: Http,
        *,
        ocsf: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`secrets`: one, or two during a rotation; each signs the document. `ocsf`: alarms are sent as
        findings of OCSF. `clock` gives epoch seconds.

        Raises ValueError, which says what to do, if the URL or a secret is malformed.
        """
        if problem := check_webhook_url("webhook", url.reveal()):
            raise ValueError(problem)
        if any(len(secret.reveal()) < SHORTEST_SECRET for secret in secrets):
            raise ValueError(
                f"a secret has at least {SHORTEST_SECRET} characters; make one with: openssl rand -hex 32"
            )
        self.name, self._ocsf = name, ocsf
        self._url, self._secrets, self._http, self._clock = url, tuple(secrets), http, clock
        self._mask = Mask(url.reveal(), *(secret.reveal() for secret in secrets))

    def deliver(self, message: Message, case: CaseRef) -> Outcome:
        def send(share: float) -> Answer:
            body, at = _body(message, int(MAX_BYTES * share), ocsf=self._ocsf), int(self._clock())
            headers = {
                "Content-Type": _content_type(message, ocsf=self._ocsf),
                SIGNATURE: sign(body, self._secrets, at),
                **standard_headers(body, message.id or "unknown", self._secrets, at),
            }
            return self._http.request("POST", self._url.reveal(), headers=headers, data=body)

        try:
            answer, note = send_shorter_if_refused(send)
        except NetworkError as error:
            return classify_network_error(error)
        outcome = classify_receiver(answer, now=self._clock(), mask=self._mask)
        return replace(outcome, note=note) if isinstance(outcome, Delivered) else outcome

    def check(self) -> Check:
        return check_host(self._http, host_of(self._url.reveal()), "the receiver")


def build(
    name: str, config: WebhookDestinationConfig, secret: Callable[[SecretRef], Secret], http: Http
) -> Destination:
    """Raises SecretError, and ValueError if the URL or a secret is malformed."""
    url = config.url_ref
    return WebhookDestination(
        name,
        secret(url) if url else Secret(config.url),
        [secret(ref) for ref in config.secrets],
        http,
        ocsf=config.format == "ocsf",
    )


def preview(message: Message, config: WebhookDestinationConfig | None) -> Preview:
    ocsf = config is not None and config.format == "ocsf"
    return Preview(json.loads(_body(message, MAX_BYTES, ocsf=ocsf)))


def _body(message: Message, limit: int, *, ocsf: bool) -> bytes:
    if ocsf and findings.is_finding(message):
        return findings.payload(message, limit)
    return payload(message, limit)


def _content_type(message: Message, *, ocsf: bool) -> str:
    kind = "json" if ocsf and findings.is_finding(message) else "cloudevents+json"
    return f"application/{kind}; charset=utf-8"
