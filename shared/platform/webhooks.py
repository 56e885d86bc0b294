"""The platform's own webhooks: list, create, update, delete and test. Needs an administrator's API key.

The API has them since 2.244.0.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shared.platform.answers import Webhook
from shared.platform.errors import NotFound, Unavailable
from shared.platform.transport import Transport
from shared.platform.wire import MadeWebhookJson, ProblemJson, WebhookJson, parse, unwrap, webhook_from
from shared.secrets import Secret
from shared.text import one_line

_PATH = "/api/v3/webhooks"
_WHAT = "webhooks, which its API has since 2.244.0"


class Webhooks:
    """Safe to use from several threads. Every method raises CadoError."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self) -> tuple[Webhook, ...]:
        """All webhooks of the platform, in the order of their ids."""
        parsed = (parse(WebhookJson, item) for item in self._transport.pages(_PATH, {}, what=_WHAT))
        by_id = {
            webhook.id: webhook_from(webhook, webhook.id) for webhook in parsed if webhook.id is not None
        }
        return tuple(by_id[number] for number in sorted(by_id))

    def create(
        self, name: str, event_type: str, url: str, payload: Mapping[str, Any], payload_type: str = "custom"
    ) -> Webhook:
        """A value of `payload` may be a `Secret`; no error holds it. The call is not idempotent: after an
        ambiguous answer this looks for a webhook of this name before it sends the request again."""
        body = {"name": name, "event_type": event_type, "url": url, "payload_type": payload_type}
        in_doubt = False
        for pause in self._transport.attempts():
            if in_doubt and (existing := self._find(name, event_type, url)):
                return existing
            try:
                return _created(self._send("POST", _PATH, {**body, "payload": payload}, _WHAT))
            except Unavailable as error:
                in_doubt = in_doubt or error.ambiguous
                pause(error)
        raise AssertionError("the last pause raises")

    def update(self, webhook_id: int, **changes: Any) -> None:
        """`changes` are any of name, url, payload (as in `create`), payload_type, event_type and enabled."""
        for pause in self._transport.attempts():
            try:
                self._send("PATCH", f"{_PATH}/{webhook_id}", changes, f"webhook {webhook_id}")
                return
            except Unavailable as error:
                pause(error)

    def delete(self, webhook_id: int) -> None:
        """Does nothing if the webhook is gone already."""
        for pause in self._transport.attempts():
            try:
                self._transport.call("DELETE", f"{_PATH}/{webhook_id}")
                return
            except NotFound:
                return
            except Unavailable as error:
                pause(error)

    def test(self, webhook_id: int) -> str:
        """Ask the platform once to send its test message. Returns what the platform says about it."""
        what = f"webhook {webhook_id}"
        answer = self._transport.call("POST", f"{_PATH}/test", body={"id": webhook_id}, what=what)
        return one_line(parse(ProblemJson, unwrap(answer)).message or "")

    def _send(self, method: str, path: str, body: Mapping[str, Any], what: str) -> Any:
        payload = body.get("payload") or {}
        hidden = tuple(value for value in payload.values() if isinstance(value, Secret))
        if payload:
            body = {**body, "payload": revealed(payload)}
        return self._transport.call(method, path, body=body, what=what, hidden=hidden)

    def _find(self, name: str, event_type: str, url: str) -> Webhook | None:
        wanted = (name, event_type, url)
        for webhook in self.list():
            if (webhook.name, webhook.event_type, webhook.url) == wanted:
                return webhook
        return None


def revealed(payload: Mapping[str, Any]) -> dict[str, Any]:
    """A webhook's payload as it is sent, with its secrets in clear text."""
    return {key: value.reveal() if isinstance(value, Secret) else value for key, value in payload.items()}


def _created(answer: Any) -> Webhook:
    made = parse(MadeWebhookJson, unwrap(answer, ambiguous=True))
    if made.id is None:
        raise Unavailable("The platform made a webhook and did not say which.", ambiguous=True)
    return webhook_from(made.webhook, made.id)
