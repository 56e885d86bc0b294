"""Reads an interaction from Slack's request: checks the signature, then finds what was clicked.

Slack signs the bytes of the body (docs.slack.dev, "Verifying requests from Slack"), so nothing is parsed
before the signature is checked. This module imports little, so that the web function starts fast.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

from shared.models.decisions import Verdict
from shared.queues.items import Click
from shared.secrets import Secret, SecretRef

# The action ids of huntbridge's buttons, and of its menu. Slack also reports clicks on buttons that are only
# links.
ACKNOWLEDGE, CREATE_ISSUE, CLOSE = "acknowledge", "create-issue", "close"

MAX_AGE = 300  # seconds for which a signature is valid, as Slack recommends
MAX_NAME = 200  # characters of a user's name
MAX_VALUE = 400  # characters of a case key: fits into a button's value and into a key of DynamoDB
_CASE_KEY = re.compile(rf"[^\x00-\x1f]{{1,{MAX_VALUE}}}")
_VERDICT = re.compile("|".join(Verdict))
_SIGNATURE = re.compile(r"v0=([0-9a-f]{64})", re.ASCII)
_SECONDS = re.compile(r"\d{1,12}", re.ASCII)
_USER = re.compile(r"[UW][A-Z0-9]{2,20}", re.ASCII)
_CHANNEL = re.compile(r"[CGD][A-Z0-9]{2,20}", re.ASCII)
_TS = re.compile(r"\d{1,12}\.\d{1,9}", re.ASCII)


class NotAuthentic(Exception):
    """The request is not signed by Slack, or its signature is too old or in the future. The text says why and
    is safe to log."""


class Malformed(ValueError):
    """Slack signed this request, but it does not have the form that Slack documents."""


def signed_by(
    body: bytes, timestamp: str, signature: str, secrets: Mapping[SecretRef, Secret], now: float
) -> SecretRef:
    """The signing secret that the body was signed with. `now`: epoch seconds. Raises NotAuthentic."""
    given = _SIGNATURE.fullmatch(signature)
    if not given or not _SECONDS.fullmatch(timestamp):
        raise NotAuthentic("it has no signature of Slack")
    if abs(now - int(timestamp)) > MAX_AGE:
        raise NotAuthentic(f"it was signed more than {MAX_AGE} s from now: a replay, or a wrong clock")
    signed = b"v0:" + timestamp.encode() + b":" + body
    matches = [  # tries every secret, so that the time reveals nothing
        ref
        for ref, secret in secrets.items()
        if hmac.compare_digest(
            hmac.new(secret.reveal().encode(), signed, hashlib.sha256).hexdigest(), given[1]
        )
    ]
    if not matches:
        raise NotAuthentic("it was signed with no signing_secret that is configured here")
    return matches[0]


def request_id(timestamp: str, signature: str) -> str:
    """An id of the request, so that a replayed request is recognised."""
    return f"slack-{hashlib.sha256(f'{timestamp}:{signature}'.encode()).hexdigest()[:24]}"


def read_click(body: bytes) -> Click | None:
    """The click; None for an interaction that needs no work, such as a button that is only a link. Raises
    Malformed."""
    try:
        (payload,) = parse_qs(body.decode("ascii"), max_num_fields=8, strict_parsing=True)["payload"]
        interaction = json.loads(payload)
    except (ValueError, KeyError, RecursionError) as error:
        raise Malformed("it is no form with one payload of JSON") from error
    if not isinstance(interaction, dict) or not isinstance(interaction.get("type"), str):
        raise Malformed("its payload has no type")
    if interaction["type"] != "block_actions":
        return None
    actions = interaction.get("actions")
    if not isinstance(actions, list) or not all(isinstance(action, dict) for action in actions):
        raise Malformed("its block_actions have no actions")
    clicked = [action for action in actions if action.get("action_id") in (ACKNOWLEDGE, CREATE_ISSUE, CLOSE)]
    if not clicked:
        return None
    action = clicked[0]
    closes = action["action_id"] == CLOSE
    user, container = _object(interaction, "user"), _object(interaction, "container")
    return Click(
        action=action["action_id"],
        value=_text(action, "block_id" if closes else "value", _CASE_KEY),
        user=_text(user, "id", _USER),
        name=str(user.get("username") or user.get("name") or "")[:MAX_NAME],
        channel=_text(_object(interaction, "channel"), "id", _CHANNEL),
        ts=_text(container, "message_ts", _TS),
        verdict=_text(_object(action, "selected_option"), "value", _VERDICT) if closes else "",
    )


def _object(parent: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = parent.get(key)
    if not isinstance(value, dict):
        raise Malformed(f"the click has no {key}")
    return value


def _text(parent: Mapping[str, Any], key: str, form: re.Pattern[str]) -> str:
    value = parent.get(key)
    if not isinstance(value, str) or not form.fullmatch(value):
        raise Malformed(f"the {key} of the click has another form")
    return value
