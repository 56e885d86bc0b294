"""API v3: webhooks."""

from __future__ import annotations

from typing import Any

from demo.platform.calls import Call, Field, Refused
from demo.platform.hooks import DEFAULT_PAYLOAD, EVENT_TYPES, PAYLOAD_TYPES, TEST, Webhook
from demo.platform.v3.answers import WEBHOOK_LAST_SENT, WEBHOOK_TIMES_SENT, Answer

_WEBHOOK = {
    "name": Field(str),
    "payload": Field(dict),
    "payload_type": Field(str, choices=PAYLOAD_TYPES),
    "url": Field(str),
    "event_type": Field(str, choices=EVENT_TYPES),
    "enabled": Field(bool),
}
_NEW_WEBHOOK = {
    name: Field(field.kind, required=name != "payload", choices=field.choices)
    for name, field in _WEBHOOK.items()
    if name != "enabled"
}


def list_webhooks(call: Call) -> Answer:
    part, page = call.page(list(call.webhooks.by_id.values()))
    return Answer([_webhook_item(call, h) for h in part], page)


def create_webhook(call: Call) -> Answer:
    body = call.body(_NEW_WEBHOOK)
    body.setdefault("payload", DEFAULT_PAYLOAD)
    _check_webhook(body)
    hook = call.webhooks.add(**body)
    return Answer({"id": hook.id, "webhook": _webhook(hook)}, status=201)


def update_webhook(call: Call, webhook_id: int) -> Answer:
    hook = _known_webhook(call, webhook_id)
    changes = call.body(_WEBHOOK)
    _check_webhook(_webhook(hook) | changes)
    for name, value in changes.items():
        setattr(hook, name, value)
    return Answer({"id": hook.id, "webhook": _webhook(hook)})


def delete_webhook(call: Call, webhook_id: int) -> Answer:
    del call.webhooks.by_id[_known_webhook(call, webhook_id).id]
    return Answer()


def test_webhook(call: Call) -> Answer:
    hook = _known_webhook(call, call.body({"id": Field(int, required=True)})["id"])
    if not call.webhooks.fire(hook, TEST).delivered:
        raise Refused(400, "The webhook could not be sent")
    return Answer({"id": hook.id, "message": "Webhook successfully fired"})


def _known_webhook(call: Call, webhook_id: int) -> Webhook:
    hook = call.webhooks.by_id.get(webhook_id)
    if hook is None:
        raise Refused(404, "Webhook not found")
    return hook


def _check_webhook(body: dict[str, Any]) -> None:
    """Refuses what the product's documentation does not allow in a webhook."""
    if not body["name"]:
        raise Refused(400, "name must not be empty")
    if not body["url"].startswith(("http://", "https://")):
        raise Refused(400, "url must be a URL")
    if body["payload_type"] == "jira" and not body["event_type"].startswith("detection_"):
        raise Refused(400, "The jira payload type is only for detection events")
    texts = "\n".join(_strings(body["payload"]))
    if body["payload_type"] == "custom" and not ("$Title" in texts and "$Event" in texts):
        raise Refused(400, "The payload must have both $Title and $Event as values")


def _strings(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for each in inner for text in _strings(each)]


def _webhook(hook: Webhook) -> dict[str, Any]:
    return {
        "name": hook.name,
        "payload": hook.payload,
        "payload_type": hook.payload_type,
        "url": hook.url,
        "event_type": hook.event_type,
        "enabled": hook.enabled,
    }


def _webhook_item(call: Call, hook: Webhook) -> dict[str, Any]:
    item = {"id": hook.id, **_webhook(hook)}
    if call.version >= WEBHOOK_LAST_SENT:
        item["last_sent"] = hook.last_sent
    if call.version >= WEBHOOK_TIMES_SENT:
        item["times_sent"] = hook.times_sent
    return item
