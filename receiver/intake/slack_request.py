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
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from shared.models.decisions import Verdict
from shared.queues.items import Click
from shared.secrets import Secret, SecretRef

# The action ids of huntbridge's buttons, and of its menus. Slack also reports clicks on buttons that are only
# links.
ACKNOWLEDGE, CREATE_ISSUE, CLOSE, MUTE = "acknowledge", "create-issue", "close", "mute"
CAPTURE_AGAIN = "capture-again"
_MENUS = (CLOSE, MUTE)

# The options of the menu that mutes.
ONE_DAY, SEVEN_DAYS, UNTIL_NEXT_HUNT = "1d", "7d", "until-next-hunt"

# The dialog in which the terms of a closing are chosen, and its fields.
TERMS = "close-terms"
SCOPE, DAYS, WHY, MALICIOUS = "scope", "days", "why", "malicious"

MAX_AGE = 300  # seconds for which a signature is valid, as Slack recommends
MAX_NAME = 200  # characters of a user's name
MAX_VALUE = 400  # characters of a case key: fits into a button's value and into a key of DynamoDB
MAX_WHY = 500  # characters of a reason
MAX_NAMED = 10  # malicious findings that are named: the most that Slack shows as check boxes
_CASE_KEY = re.compile(rf"[^\x00-\x1f]{{1,{MAX_VALUE}}}")
_VERDICT = re.compile("|".join(Verdict))
_LENGTH = re.compile("|".join((ONE_DAY, SEVEN_DAYS, UNTIL_NEXT_HUNT)))
_SIGNATURE = re.compile(r"v0=([0-9a-f]{64})", re.ASCII)
_SECONDS = re.compile(r"\d{1,12}", re.ASCII)
_TRIGGER = re.compile(r"[\x21-\x7e]{1,200}")
_METADATA = re.compile(r"[^\x00-\x1f]{1,3000}")
_CLOSURE = re.compile(r"[a-z0-9-]{1,100}", re.ASCII)
_SCOPE = re.compile(r"system|hunt|everywhere|tag:[0-9a-f]{16}", re.ASCII)
_DAYS = re.compile(r"[1-9]\d{0,2}", re.ASCII)
_FINGERPRINT = re.compile(r"[0-9a-f]{16}", re.ASCII)
_USER = re.compile(r"[UW][A-Z0-9]{2,20}", re.ASCII)
_CHANNEL = re.compile(r"[CGD][A-Z0-9]{2,20}", re.ASCII)
_TS = re.compile(r"\d{1,12}\.\d{1,9}", re.ASCII)


@dataclass(frozen=True)
class Chosen:
    """The terms that somebody chose in the dialog."""

    case_key: str
    closure_id: str
    user: str
    why: str
    scope: str
    days: int
    malicious: tuple[str, ...]


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


def read_interaction(body: bytes) -> Click | Chosen | None:
    """What somebody did; None for an interaction that needs no work, such as a button that is only a link.
    Raises Malformed."""
    try:
        (payload,) = parse_qs(body.decode("ascii"), max_num_fields=8, strict_parsing=True)["payload"]
        interaction = json.loads(payload)
    except (ValueError, KeyError, RecursionError) as error:
        raise Malformed("it is no form with one payload of JSON") from error
    if not isinstance(interaction, dict) or not isinstance(interaction.get("type"), str):
        raise Malformed("its payload has no type")
    if interaction["type"] == "view_submission":
        return _chosen(interaction)
    return _click(interaction) if interaction["type"] == "block_actions" else None


def _click(interaction: dict[str, Any]) -> Click | None:
    actions = interaction.get("actions")
    if not isinstance(actions, list) or not all(isinstance(action, dict) for action in actions):
        raise Malformed("its block_actions have no actions")
    known = (ACKNOWLEDGE, CREATE_ISSUE, CAPTURE_AGAIN, *_MENUS)
    clicked = [action for action in actions if action.get("action_id") in known]
    if not clicked:
        return None
    action = clicked[0]
    chosen = action["action_id"]
    closes, mutes = chosen == CLOSE, chosen == MUTE
    user, container = _object(interaction, "user"), _object(interaction, "container")
    return Click(
        action=chosen,
        value=_text(action, "block_id" if chosen in _MENUS else "value", _CASE_KEY),
        user=_text(user, "id", _USER),
        name=str(user.get("username") or user.get("name") or "")[:MAX_NAME],
        channel=_text(_object(interaction, "channel"), "id", _CHANNEL),
        ts=_text(container, "message_ts", _TS),
        verdict=_text(_object(action, "selected_option"), "value", _VERDICT) if closes else "",
        trigger=_trigger(interaction) if closes else "",
        length=_text(_object(action, "selected_option"), "value", _LENGTH) if mutes else "",
    )


def _trigger(interaction: dict[str, Any]) -> str:
    """Empty if there is none: the verdict counts without a dialog as well."""
    trigger = interaction.get("trigger_id")
    return trigger if isinstance(trigger, str) and _TRIGGER.fullmatch(trigger) else ""


def _chosen(interaction: dict[str, Any]) -> Chosen | None:
    """The terms from huntbridge's dialog; None for another dialog."""
    view = _object(interaction, "view")
    if view.get("callback_id") != TERMS:
        return None
    try:
        about = json.loads(_text(view, "private_metadata", _METADATA))
    except (ValueError, RecursionError) as error:
        raise Malformed("the dialog does not say which case it is about") from error
    if not isinstance(about, dict):
        raise Malformed("the dialog does not say which case it is about")
    values = _object(_object(view, "state"), "values")

    def value(field: str, key: str) -> Any:
        """What is chosen in a field; None if the dialog has no such field."""
        return _object(_object(values, field), field).get(key) if field in values else None

    why = value(WHY, "value")
    if not isinstance(why, str) or not 0 < len(why) <= MAX_WHY:
        raise Malformed("the dialog has no reason, or one that is too long")
    named = value(MALICIOUS, "selected_options") or []
    if not isinstance(named, list) or len(named) > MAX_NAMED:
        raise Malformed("the dialog names too many findings")
    scope, days = value(SCOPE, "selected_option"), value(DAYS, "selected_option")
    return Chosen(
        case_key=_text(about, "case", _CASE_KEY),
        closure_id=_text(about, "closure", _CLOSURE),
        user=_text(_object(interaction, "user"), "id", _USER),
        why=why,
        scope=_text(_option(scope), "value", _SCOPE) if scope else "",
        days=int(_text(_option(days), "value", _DAYS)) if days else 0,
        malicious=tuple(_text(_option(each), "value", _FINGERPRINT) for each in named),
    )


def _option(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Malformed("the dialog has another form")
    return value


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
