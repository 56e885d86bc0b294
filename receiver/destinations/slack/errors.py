"""Decides what an answer of Slack means: maps each of Slack's error codes to the outcome of the message.

Slack answers an incoming webhook with one word of text. It answers a call of its Web API with JSON that says
`ok` or `error`, even with status 200. So the code is used before the status. If the code is not known, the
shared classifier decides by the status: a 429, for example, is retried after its Retry-After.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any

from receiver.destinations.classify import classify, json_object, quoted, requested_wait
from receiver.destinations.contract import Delivered, Outcome, Rejected, Retry
from receiver.destinations.mask import Mask
from receiver.destinations.stopped import Stopped
from shared.http.answers import Answer
from shared.metrics.definitions import RATE_LIMITED, SERVER_ERROR
from shared.text import one_line

# Codes of incoming webhooks: docs.slack.dev/messaging/sending-messages-using-incoming-webhooks, "Handling
# errors". A refusal says what is wrong and what to do.
WEBHOOK_REFUSALS = {
    "invalid_payload": "Slack cannot read this message; this is a fault in huntbridge",
    "invalid_blocks": "Slack refuses the form of this message; this is a fault in huntbridge",
    "invalid_attachments": "Slack refuses the form of this message; this is a fault in huntbridge",
    "msg_blocks_too_long": "Slack finds this message too long; this is a fault in huntbridge",
    "msg_too_long": "Slack finds this message too long; this is a fault in huntbridge",
    "no_text": "Slack finds no text in this message; this is a fault in huntbridge",
    "too_many_attachments": "Slack refuses the form of this message; this is a fault in huntbridge",
    "user_not_found": "the person that this webhook posts to is gone: make a new webhook",
    "posting_to_general_channel_denied": "this workspace lets no app post to #general: choose a channel",
    "action_prohibited": "an administrator of the workspace does not allow this webhook: ask them",
    "invalid_token": "the webhook's URL is not valid any more: make a new webhook",
    "team_disabled": "the Slack workspace is disabled: ask its owner",
    "channel_not_found": "the webhook's channel is gone: make a new webhook",
    "no_service": "the webhook is disabled, removed or mistyped: make a new webhook",
    "no_service_id": "the webhook's URL is not complete: copy it again",
    "no_active_hooks": "the webhook is disabled: make a new webhook",
    "no_team": "the Slack workspace does not exist: copy the webhook's URL again",
    "channel_is_archived": "the webhook's channel is archived: open it again or make a new webhook",
}
WEBHOOK_RETRIES = frozenset(
    {"rate_limited", "ratelimited", "rollup_error", "internal_error", "fatal_error", "service_unavailable"}
)
_WEBHOOK_ADVICE = {
    400: "Slack refuses this message",
    401: "the webhook's URL is not valid: make a new webhook",
    403: "the webhook may not post: ask an administrator of the workspace",
    404: "the webhook is gone or its URL is mistyped: make a new webhook",
    410: "the webhook or its channel is gone: make a new webhook",
    413: "Slack finds this message too long; this is a fault in huntbridge",
}

# Codes of the Web API: docs.slack.dev/reference/methods, chat.postMessage and chat.update, "Errors".
_INVITE = "the app is not in this channel: write /invite and the app's name there"
_ARCHIVED = "the channel is archived: open it again, or write another one as channel"
_ADMIN = "the workspace does not let this app post here: ask an administrator"
_AGAIN = "install the app again and put its new token where the secret is kept"
_FAULT = "Slack refuses the form of this message; this is a fault in huntbridge"
_TOO_LONG = "Slack finds this message too long; this is a fault in huntbridge"
_OLD = "Slack has changed this method; huntbridge must be updated"
_BAD_TOKEN = {
    "invalid_auth": f"Slack does not take the token: {_AGAIN}",
    "not_authed": f"Slack sees no token: {_AGAIN}",
    "account_inactive": f"the token's app or workspace is gone: {_AGAIN}",
    "token_revoked": f"the token was revoked: {_AGAIN}",
    "token_expired": f"the token has expired: {_AGAIN}, or turn token rotation off",
}
API_REFUSALS = {
    **_BAD_TOKEN,
    "channel_not_found": "there is no such channel, or it is private and the app is not in it: "
    "check channel, and invite the app",
    "not_in_channel": _INVITE,
    "is_archived": _ARCHIVED,
    "is_inactive": _ARCHIVED,
    "missing_scope": "the app lacks a scope: add it under OAuth & Permissions and install the app again",
    "not_allowed_token_type": "this kind of token may not post: use the Bot User OAuth Token, xoxb-…",
    "no_permission": f"the token may not post here: {_INVITE}",
    "restricted_action": _ADMIN,
    "restricted_action_read_only_channel": "nobody may post in this channel: choose another one",
    "restricted_action_thread_only_channel": "the channel takes replies alone: choose another one",
    "ekm_access_denied": "administrators have suspended posting to this channel: ask them",
    "access_denied": _ADMIN,
    "accesslimited": "the workspace does not take calls from this network: ask an administrator",
    "app_access_restricted": _ADMIN,
    "enterprise_is_restricted": _ADMIN,
    "team_access_not_granted": _ADMIN,
    "two_factor_setup_required": "the workspace wants two-factor authentication to be set up first",
    "team_not_found": "a token of a whole organisation needs the channel's id as channel, and not its name",
    "messages_tab_disabled": "the app takes no messages: turn its Messages Tab on, or choose a channel",
    "invalid_blocks": _FAULT,
    "invalid_blocks_format": _FAULT,
    "invalid_attachments": _FAULT,
    "too_many_attachments": _FAULT,
    "no_text": _FAULT,
    "invalid_arg_name": _FAULT,
    "invalid_arguments": _FAULT,
    "invalid_array_arg": _FAULT,
    "invalid_charset": _FAULT,
    "invalid_form_data": _FAULT,
    "invalid_post_type": _FAULT,
    "missing_post_type": _FAULT,
    "invalid_cursor": _FAULT,
    "invalid_limit": _FAULT,
    "invalid_types": _FAULT,
    "msg_too_long": _TOO_LONG,
    "msg_blocks_too_long": _TOO_LONG,
    "attachment_payload_limit_exceeded": _TOO_LONG,
    "deprecated_endpoint": _OLD,
    "method_deprecated": _OLD,
    "unknown_method": _OLD,
}
# Codes that mean that the configured channel is gone. A new channel may exist under the same name.
_CHANNEL_GONE = frozenset(
    {"channel_not_found", "is_archived", "is_inactive", "not_in_channel", "no_permission"}
)
# cant_update_message: another app posted the message, such as an earlier installation of huntbridge.
_PARENT_GONE = frozenset({"message_not_found", "thread_not_found", "cant_update_message"})
_NO_REPLY = _PARENT_GONE | {
    "cannot_reply_to_message",
    "invalid_thread_ts",
    "thread_locked",
    "restricted_action_thread_locked",
    "restricted_action_non_threadable_channel",
}
_NO_BROADCAST = frozenset({"cant_broadcast_message", "invalid_arguments", "invalid_arg_name"})
_NO_EDIT = frozenset(
    {
        "edit_window_closed",
        "block_mismatch",
        "streaming_state_conflict",
        "no_dual_broadcast_content_update",
    }
)
# After these codes Slack may have carried the call out, in part or in whole.
API_UNDECIDED = frozenset({"internal_error", "fatal_error", "update_failed"})
API_RETRIES = API_UNDECIDED | {
    "ratelimited",
    "rate_limited",
    "message_limit_exceeded",
    "request_timeout",
    "service_unavailable",
    "team_added_to_org",
    "org_login_required",
    "external_channel_migrating",
}
_API_ADVICE = {
    401: _BAD_TOKEN["invalid_auth"],
    403: _ADMIN,
    404: "what answers there is not Slack: is there a proxy in between?",
    413: _TOO_LONG,
}

# Codes that say that Slack refuses the form or the size of a message; _LAYOUT_CODE matches the others.
# docs.slack.dev, chat.postMessage, chat.update, and "Sending messages using incoming webhooks".
_LAYOUT_CODES = frozenset(
    {
        *("invalid_attachments", "too_many_attachments", "attachment_payload_limit_exceeded"),
        *(
            "invalid_payload",
            "invalid_arguments",
            "invalid_array_arg",
            "invalid_arg_name",
            "invalid_form_data",
        ),
        *("no_text", "invalid_charset", "too_many_contact_cards"),
    }
)

_LAYOUT_CODE = re.compile(
    r"(invalid_(block|text|attachment)|msg_|too_many_(block|attachment)|blocks?_too_)[a-z_]{0,40}", re.ASCII
)


@dataclass(frozen=True)
class SlackAnswer:
    """What Slack answered to a call of its Web API."""

    outcome: Outcome
    code: str  # Slack's error code; empty if there is none
    body: Mapping[str, Any]
    headers: Mapping[str, str]
    refused_layout: str = ""  # Slack's text about the form or size of the message, if refused
    note: str = ""  # how the delivery differs from the message

    @property
    def delivered(self) -> bool:
        return isinstance(self.outcome, Delivered)

    @property
    def channel_gone(self) -> bool:
        return self.code in _CHANNEL_GONE

    @property
    def parent_gone(self) -> bool:
        return self.code in _PARENT_GONE

    @property
    def refuses_reply(self) -> bool:
        """The thread takes no reply: its parent is gone, or the thread is locked."""
        return self.code in _NO_REPLY

    @property
    def refuses_broadcast(self) -> bool:
        """The reply may not be shown in the channel as well."""
        return self.code in _NO_BROADCAST

    @property
    def refuses_edit(self) -> bool:
        """The message cannot be edited, or Slack refuses the edit with an unknown code. The alarm is then
        sent without the edit."""
        unknown = self.code not in API_REFUSALS and isinstance(self.outcome, Rejected)
        return self.code in _NO_EDIT or bool(self.code and unknown)

    @property
    def body_of_success(self) -> Mapping[str, Any]:
        """For calls that change nothing: the body. Raises Stopped if the call failed."""
        if isinstance(self.outcome, Delivered):
            return self.body
        failed = self.outcome
        raise Stopped(replace(failed, ambiguous=False) if isinstance(failed, Retry) else failed)


def classify_api(answer: Answer, *, now: float, mask: Mask) -> SlackAnswer:
    """The answer to a call of the Web API. `now`: epoch seconds."""
    body = json_object(answer)
    outcome = classify(answer, now=now, mask=mask, advice=_API_ADVICE)
    error = body.get("error")
    code = error if isinstance(error, str) and body.get("ok") is not True else ""
    if code in API_REFUSALS:
        outcome = Rejected(_api_refusal(code, body, mask), unauthorized=code in _BAD_TOKEN)
    elif code in API_RETRIES:
        wait = requested_wait(answer, now)
        outcome = Retry(
            f"answered {answer.status} {code}",
            after=wait,
            ambiguous=code in API_UNDECIDED,
            error_type=_error_type(code),
        )
    elif isinstance(outcome, Delivered) and body.get("ok") is not True:
        details = f": {one_line(mask(code), 100)}" if code else quoted(answer, mask)
        outcome = Rejected(f"answered {answer.status}, but not ok{details}")
    return SlackAnswer(outcome, code, body, answer.headers, _refused_layout(answer, code))


def _api_refusal(code: str, body: Mapping[str, Any], mask: Mask) -> str:
    """What is wrong and what to do, with the scope or the block that Slack names."""
    details: Any = body.get("needed")
    if code.startswith("invalid_"):
        metadata = body.get("response_metadata")
        details = metadata.get("messages") if isinstance(metadata, dict) else None
    named = one_line(mask(one_line(str(details), 500)), 150) if details else ""
    return f"{API_REFUSALS[code]} ({code}{': ' if named else ''}{named})"


def _error_type(code: str) -> str:
    return RATE_LIMITED if code in ("rate_limited", "ratelimited") else SERVER_ERROR


def classify_webhook(answer: Answer, *, now: float, mask: Mask) -> Outcome:
    """The answer to a post to an incoming webhook. `now`: epoch seconds. Slack's statuses vary for the same
    error, and a 200 means success only together with `ok`."""
    outcome = classify(answer, now=now, mask=mask, advice=_WEBHOOK_ADVICE)
    code = _webhook_code(answer)
    if code in WEBHOOK_REFUSALS:
        unauthorized = isinstance(outcome, Rejected) and outcome.unauthorized
        return Rejected(f"{WEBHOOK_REFUSALS[code]} ({code})", unauthorized)
    if code in WEBHOOK_RETRIES and not isinstance(outcome, Retry):
        return Retry(
            f"answered {answer.status} {code}",
            ambiguous=code.endswith("_error"),
            error_type=_error_type(code),
        )
    if isinstance(outcome, Delivered) and code != "ok":
        return Rejected(f"answered {answer.status}, but not `ok`{quoted(answer, mask)}")
    return outcome


def webhook_refused_layout(answer: Answer) -> str:
    """What Slack says about the form or the size of a message; empty if it accepts both."""
    return _refused_layout(answer, _webhook_code(answer))


def _webhook_code(answer: Answer) -> str:
    """`ok` or an error code: plain text from an incoming webhook, JSON from Slack's other addresses."""
    body = json_object(answer)
    return "ok" if body.get("ok") is True else str(body.get("error") or answer.text.strip())


def _refused_layout(answer: Answer, code: str) -> str:
    if code in _LAYOUT_CODES or _LAYOUT_CODE.fullmatch(code):
        return code
    return "413" if answer.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE else ""
