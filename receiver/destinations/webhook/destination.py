"""A message → any receiver that takes a signed webhook, such as a SIEM or a SOAR: a CloudEvents document in,
2xx out.

The receiver knows by the signature that huntbridge sent it, and when; docs/webhook-destination.md tells how
it is checked. The URL is kept like a secret: many receivers have no other.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from receiver.destinations.classify import Mask, judge, reach, sized, unanswered
from receiver.destinations.contract import CaseRef, Check, Delivered, Destination, Outcome
from receiver.destinations.webhook.schema import MAX_BYTES, payload
from receiver.destinations.webhook.traits import WEBHOOK
from receiver.messages.message import Message
from shared.config.destinations.webhook import WebhookDestinationConfig
from shared.config.urls import check_webhook_url
from shared.http.answers import Answer
from shared.http.client import Http
from shared.http.errors import NetworkError
from shared.http.urls import host_of
from shared.secrets import Secret, SecretRef

SIGNATURE = "Huntbridge-Signature"
SHORTEST_SECRET = 16  # characters; a shorter one could be found by trying

_URL = "the receiver does not know this URL: check it"
_KEY = "the receiver does not take the signature or the URL: has its copy of the secret changed?"
_ADVICE = {
    400: "the receiver refuses this message",
    401: _KEY,
    403: _KEY,
    404: _URL,
    405: _URL,
    410: _URL,
    413: "the receiver takes not even 16 KiB: raise its limit to 64 KiB",
    415: "the receiver does not take application/cloudevents+json: set it up for CloudEvents",
    422: "the receiver refuses this message",
}


class WebhookDestination:
    """One receiver. It can only append."""

    traits = WEBHOOK

    def __init__(
        self,
        name: str,
        url: Secret,
        secrets: Sequence[Secret],
        http: Http,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`secrets`: one, or two during a rotation; it is signed with each. `clock` gives epoch seconds.

        Raises ValueError where the URL or a secret cannot be right, and says what to do.
        """
        if wrong := check_webhook_url("webhook", url.reveal()):
            raise ValueError(wrong)
        if any(len(secret.reveal()) < SHORTEST_SECRET for secret in secrets):
            raise ValueError(
                f"a secret has at least {SHORTEST_SECRET} characters; make one with: openssl rand -hex 32"
            )
        self.name = name
        self._url, self._secrets, self._http, self._clock = url, tuple(secrets), http, clock
        self._mask = Mask(url.reveal(), *(secret.reveal() for secret in secrets))

    def deliver(self, message: Message, case: CaseRef) -> Outcome:
        def send(share: float) -> Answer:
            body = payload(message, int(MAX_BYTES * share))
            headers = {
                "Content-Type": "application/cloudevents+json; charset=utf-8",
                SIGNATURE: sign(body, self._secrets, int(self._clock())),
            }
            return self._http.request("POST", self._url.reveal(), headers=headers, data=body)

        try:
            answer, note = sized(send)
        except NetworkError as error:
            return unanswered(error)
        outcome = judge(answer, now=self._clock(), mask=self._mask, advice=_ADVICE)
        return replace(outcome, note=note) if isinstance(outcome, Delivered) else outcome

    def check(self) -> Check:
        return reach(self._http, host_of(self._url.reveal()), "the receiver")


def build(
    name: str, config: WebhookDestinationConfig, secret: Callable[[SecretRef], Secret], http: Http
) -> Destination:
    """Raises SecretError, and ValueError where the URL or a secret cannot be right."""
    url = config.url_ref
    return WebhookDestination(
        name,
        secret(url) if url else Secret(config.url),
        [secret(ref) for ref in config.secrets],
        http,
    )


def sign(body: bytes, secrets: Sequence[Secret], at: int) -> str:
    """`t=<at>,v1=<hex>`, with one v1 for each secret: HMAC-SHA256 over `<at>.<body>`. `at`: epoch seconds."""
    signed = f"{at}.".encode() + body
    macs = (hmac.digest(secret.reveal().encode(), signed, "sha256").hex() for secret in secrets)
    return ",".join((f"t={at}", *(f"v1={mac}" for mac in macs)))
