"""A request of Slack's interactivity: the bytes and headers as they came in, what somebody clicked out.

Slack signs the body as it sends it (docs.slack.dev, "Verifying requests from Slack"), so nothing is parsed
before the signature fits. Light on purpose: the web room imports it.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

from shared.queues.items import Click
from shared.secrets import Secret, SecretRef

# What huntbridge's buttons are called; a button that is only a link sends a click as well.
ACKNOWLEDGE, CREATE_ISSUE = "acknowledge", "create-issue"

MAX_AGE = 300  # seconds that a signature is good for, as Slack recommends
MAX_NAME = 200  # characters of a user's name
MAX_VALUE = 400  # characters of a case's key: less than a button holds, and than DynamoDB takes as a key
_SIGNATURE = re.compile(r"v0=([0-9a-f]{64})", re.ASCII)
_SECONDS = re.compile(r"\d{1,12}", re.ASCII)
_USER = re.compile(r"[UW][A-Z0-9]{2,20}", re.ASCII)
_CHANNEL = re.compile(r"[CGD][A-Z0-9]{2,20}", re.ASCII)
_TS = re.compile(r"\d{1,12}\.\d{1,9}", re.ASCII)


class NotAuthentic(Exception):
    """It was not Slack that sent this, or not now; the text says why and is safe to log."""


class Malformed(ValueError):
    """Slack signed it, and it is no click of the form that Slack documents."""


def signed_by(
    body: bytes, timestamp: str, signature: str, secrets: Mapping[SecretRef, Secret], now: float
) -> SecretRef:
    """Which of the signing secrets this body was signed with. `now`: epoch seconds. Raises NotAuthentic."""
    given = _SIGNATURE.fullmatch(signature)
    if not given or not _SECONDS.fullmatch(timestamp):
        raise NotAuthentic("it bears no signature of Slack")
    if abs(now - int(timestamp)) > MAX_AGE:
        raise NotAuthentic(
            f"it was signed more than {MAX_AGE} s from now: a replay, or a clock that is wrong"
        )
    signed = b"v0:" + timestamp.encode() + b":" + body
    matches = [  # all of them are looked at, so that the time tells nothing
        ref
        for ref, secret in secrets.items()
        if hmac.compare_digest(
            hmac.new(secret.reveal().encode(), signed, hashlib.sha256).hexdigest(), given[1]
        )
    ]
    if not matches:
        raise NotAuthentic("it was signed with no signing_secret that is known here")
    return matches[0]


def identity(timestamp: str, signature: str) -> str:
    """The same for the same signature, and for no other: by it a request that comes twice is known."""
    return f"slack-{hashlib.sha256(f'{timestamp}:{signature}'.encode()).hexdigest()[:24]}"


def click(body: bytes) -> Click | None:
    """The click; None for an interaction that needs no work, such as a button that is only a link. Raises
    Malformed."""
    try:
        (payload,) = parse_qs(body.decode("ascii"), max_num_fields=8, strict_parsing=True)["payload"]
        found = json.loads(payload)
    except (ValueError, KeyError, RecursionError) as error:
        raise Malformed("no form with one payload of JSON") from error
    if not isinstance(found, dict) or not isinstance(found.get("type"), str):
        raise Malformed("a payload without a type")
    if found["type"] != "block_actions":
        return None
    actions = found.get("actions")
    if not isinstance(actions, list) or not all(isinstance(action, dict) for action in actions):
        raise Malformed("block_actions without actions")
    clicked = [action for action in actions if action.get("action_id") in (ACKNOWLEDGE, CREATE_ISSUE)]
    if not clicked:
        return None
    user, container = _object(found, "user"), _object(found, "container")
    return Click(
        action=clicked[0]["action_id"],
        value=_text(clicked[0], "value", re.compile(rf"[^\x00-\x1f]{{1,{MAX_VALUE}}}")),
        user=_text(user, "id", _USER),
        name=str(user.get("username") or user.get("name") or "")[:MAX_NAME],
        channel=_text(_object(found, "channel"), "id", _CHANNEL),
        ts=_text(container, "message_ts", _TS),
    )


def _object(found: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = found.get(key)
    if not isinstance(value, dict):
        raise Malformed(f"a click without {key}")
    return value


def _text(found: Mapping[str, Any], key: str, form: re.Pattern[str]) -> str:
    value = found.get(key)
    if not isinstance(value, str) or not form.fullmatch(value):
        raise Malformed(f"a click whose {key} is of another form")
    return value
