"""Changes the token that the platform's webhooks send, one webhook after the other.

Each webhook is tested with the new token before the next one is changed. If the test does not arrive, the
webhook gets the previous token back. So a webhook works at any time, as long as both tokens are valid here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from scheduler.webhook_registration import wanted_webhook
from shared.platform.answers import Webhook
from shared.platform.client import Cado
from shared.platform.errors import CadoError
from shared.platform.webhooks import revealed
from shared.secrets import Secret


@dataclass(frozen=True)
class Rotated:
    """The outcome of one webhook. `failed` is empty if the new token was seen working through it."""

    hook: Webhook
    failed: str = ""
    sends: str = "new"  # which token the platform sends now: new, previous, or unsure


def rotate(cado: Cado, hook: Webhook, new: Secret, previous: Secret, arrived: Callable[[], bool]) -> Rotated:
    """Have the webhook send the new token, and the previous one again if a test with it fails. `arrived`
    waits for the test, and returns whether it came. Raises nothing."""
    try:
        _send(cado, hook, new)
    except CadoError as error:
        # The change may have been made all the same.
        return _put_back(cado, hook, previous, f"the platform did not change it: {error}")
    try:
        cado.webhooks.test(hook.id)
    except CadoError as error:
        return _put_back(cado, hook, previous, f"the test failed: {error}")
    if not arrived():
        return _put_back(cado, hook, previous, "the test did not arrive")
    return Rotated(hook)


def _send(cado: Cado, hook: Webhook, token: Secret) -> None:
    payload = wanted_webhook(hook.event_type, hook.url, token)["payload"]
    if hook.payload != revealed(payload):
        cado.webhooks.update(hook.id, payload=payload)


def _put_back(cado: Cado, hook: Webhook, previous: Secret, failed: str) -> Rotated:
    try:
        payload = wanted_webhook(hook.event_type, hook.url, previous)["payload"]
        cado.webhooks.update(hook.id, payload=payload)
    except CadoError as error:
        return Rotated(hook, f"{failed}; the previous token could not be put back: {error}", "unsure")
    return Rotated(hook, failed, "previous")
