"""A message → one Slack channel, by a bot token: one parent per case, which is edited to the current state,
and a thread with what happened.

Where the parent stands and how bad the case was at worst is in the reference that the ledger keeps. The edit
comes before the reply, since it can be repeated and a reply cannot. A parent that is gone, or that takes no
more replies, is followed by a new one. Where the channel is gone, its name is looked up again: a channel that
was made anew under the name gets a new parent. Whether something was posted before is never looked for: a
token that may only write cannot read, and a repeat says that it is one.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.request import Request

from slack_sdk.web import SlackResponse, WebClient

from receiver.destinations.classify import Mask, asked_to_wait, json_object, judge, said, unanswered
from receiver.destinations.contract import CaseRef, Check, Delivered, Outcome, Recipient, Rejected, Retry
from receiver.destinations.slack.case import Thread, current, is_place, parent, stands_alone, to_nobody
from receiver.destinations.slack.plain_text import plain
from receiver.destinations.slack.traits import BOT
from receiver.destinations.slack.webhook import (
    TIMEOUT,
    as_plain_text,
    ephemeral,
    layout_refused,
    payload,
    quiet,
    report_layout,
    sent,
)
from receiver.messages.message import Message
from shared.config.destinations.slack import SLACK_CHANNEL_ID
from shared.http.answers import Answer
from shared.http.client import Http
from shared.http.errors import NetworkError
from shared.models.event_kinds import UNACKNOWLEDGED
from shared.secrets import Secret
from shared.text import one_line

MAX_CURSOR = 500  # characters
MAX_PAGES = 20  # of conversations.list, which may be asked for about 20 pages a minute (Tier 2)
PAGE = 999  # channels; docs.slack.dev, conversations.list: "under 1000"
_TOKEN = re.compile(r"(xoxe\.)?xox[bp]-[A-Za-z0-9-]+", re.ASCII)

# The words are those of docs.slack.dev/reference/methods, chat.postMessage and chat.update, "Errors".
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
_REFUSED = {
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
# The channel may have been made anew under its name. Where it was not, the word says what to do.
_CHANNEL_GONE = frozenset(
    {"channel_not_found", "is_archived", "is_inactive", "not_in_channel", "no_permission"}
)
# The last is said of a message of another app, which huntbridge was before it was installed anew.
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
# It may have been carried out, in part or in whole.
_OPEN = frozenset({"internal_error", "fatal_error", "update_failed"})
_LATER = _OPEN | {
    "ratelimited",
    "rate_limited",
    "message_limit_exceeded",
    "request_timeout",
    "service_unavailable",
    "team_added_to_org",
    "org_login_required",
    "external_channel_migrating",
}
_ADVICE = {
    401: _BAD_TOKEN["invalid_auth"],
    403: _ADMIN,
    404: "what answers there is not Slack: is there a proxy in between?",
    413: _TOO_LONG,
}


_NEW_CHANNEL = "the channel was made anew, so a new message was posted"


class _Ended(Exception):
    """Ends a delivery early, with what became of it. Never leaves this module."""

    def __init__(self, outcome: Retry | Rejected) -> None:
        super().__init__(outcome.reason)
        self.outcome = outcome


@dataclass(frozen=True)
class _Said:
    """What Slack said: its verdict, and the word for what is wrong; empty where nothing is."""

    verdict: Outcome
    word: str
    body: Mapping[str, Any]
    headers: Mapping[str, str]
    layout: str = ""  # what it said of the form or the size of the message, where that is at fault
    note: str = ""  # what was not carried out as asked

    @property
    def cannot_be_done(self) -> bool:
        """Whether the edit itself is refused, or for a reason that is not known here: the alarm is told
        without it."""
        unknown = self.word not in _REFUSED and isinstance(self.verdict, Rejected)
        return self.word in _NO_EDIT or bool(self.word and unknown)

    @property
    def body_of_success(self) -> Mapping[str, Any]:
        """Raises _Ended where it is none. For questions: nothing was to be carried out."""
        if isinstance(self.verdict, Delivered):
            return self.body
        ended = self.verdict
        raise _Ended(replace(ended, ambiguous=False) if isinstance(ended, Retry) else ended)


class SlackBotDestination:
    """One channel, by its id or its name."""

    traits = BOT

    def __init__(
        self,
        name: str,
        token: Secret,
        channel: str,
        http: Http | None = None,
        *,
        interactive: bool = False,
        base_url: str = "https://slack.com/api/",
        timeout: float = TIMEOUT,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`channel`: an id such as C0123456789, or a name such as #soc. `interactive`: clicks on its buttons
        are taken. Raises ValueError where the token cannot be one."""
        if not _TOKEN.fullmatch(token.reveal()):
            raise ValueError(
                "this is not a bot token of Slack, which begins with xoxb- (api.slack.com/apps, your app, "
                "OAuth & Permissions)"
            )
        self.name = name
        self._named, self._clock, self._interactive = channel, clock, interactive
        self._id = channel if re.fullmatch(SLACK_CHANNEL_ID, channel) else ""
        self._mask = Mask(token.reveal())
        self._client = _Client(token.reveal(), base_url, http or Http(), timeout)

    def deliver(self, message: Message, case: CaseRef) -> Outcome:
        before = Thread.read(case.ref)
        try:
            if message.silent:
                return self._refresh(message, before)
            if before is None:
                return self._open(message, None)
            if self._named not in (before.to, before.channel):
                return self._open(message, before, "the channel has changed, so a new message was posted")
            return self._follow(message, before)
        except NetworkError as error:
            return unanswered(error)
        except _Ended as ended:
            return ended.outcome

    def send_ephemeral(self, to: Recipient, text: str) -> Outcome:
        """In the channel, and not in the thread, where Slack shows it to nobody who has not opened that."""
        what = {"channel": to.channel, "user": to.user, **ephemeral(text)}
        try:
            told = self._ask(self._client.chat_postEphemeral, **what)
            if told.layout:
                del what["blocks"]
                told = self._ask(self._client.chat_postEphemeral, **what)
            return told.verdict
        except NetworkError as error:
            return unanswered(error)

    def check(self) -> Check:
        try:
            return self._check()
        except NetworkError as error:
            return Check(False, f"Slack cannot be reached: {error}")
        except _Ended as ended:
            return Check(False, ended.outcome.reason)

    # What is posted

    def _open(self, message: Message, before: Thread | None, note: str = "") -> Outcome:
        """A new parent, and in its thread what this alarm said: the parent will be edited."""
        case = before.after(message) if before else None
        first = parent(message, case) if case else message
        place = self._place(before)
        posted = self._post(place, first, buttons=self._interactive)
        if posted.word in _CHANNEL_GONE and (moved := self._moved(place)):
            posted = self._post(moved, first, buttons=self._interactive)
        if not isinstance(posted.verdict, Delivered):
            return posted.verdict
        channel, ts = posted.body.get("channel"), posted.body.get("ts")
        if not is_place(channel, ts):
            return Delivered(note="Slack took the message and did not say where it stands")
        if case is None:
            title = current(message.case_overview.title)
            counts = (message.malicious, message.suspicious)
            case = Thread(self._named, "", "", message.severity, *counts, 1, title)
        case = replace(case, to=self._named, channel=str(channel), ts=str(ts))
        missing = "" if stands_alone(message) or message.silent else self._copy(message, case)
        return Delivered(case.written(), _joined(note, posted.note, missing))

    def _copy(self, message: Message, case: Thread) -> str:
        """Why it is not in the thread; empty where it is. The alarm was told either way."""
        try:
            told = to_nobody(message)  # who was called once is not called again
            verdict = self._post(case.channel, told, thread_ts=case.ts).verdict
        except NetworkError as error:
            verdict = unanswered(error)
        return "" if isinstance(verdict, Delivered) else f"not in the thread as well: {verdict.reason}"

    def _follow(self, message: Message, before: Thread) -> Outcome:
        case = before.after(message)
        edited = self._edit_parent(message, case)
        if edited.word in _PARENT_GONE:
            return self._open(message, before, "the case's message is gone, so a new one was posted")
        if edited.word in _CHANNEL_GONE and self._moved(before.channel):
            return self._open(message, before, _NEW_CHANNEL)
        note = edited.note
        if edited.cannot_be_done:
            note = f"the case's message could not be edited ({edited.word})"
        elif not isinstance(edited.verdict, Delivered):
            return edited.verdict
        loud = before.worsened_by(message) or message.kind == UNACKNOWLEDGED
        told = message if loud else to_nobody(message)
        broadcast = {"reply_broadcast": True} if loud else {}
        replied = self._post(before.channel, told, thread_ts=before.ts, **broadcast)
        if broadcast and replied.word in _NO_BROADCAST:
            note = _joined(
                note, f"in the thread alone: Slack refused to show it in the channel ({replied.word})"
            )
            replied = self._post(before.channel, told, thread_ts=before.ts)
        if replied.word in _NO_REPLY:
            return self._open(
                message, before, f"the case's thread takes no reply ({replied.word}), so a new one was begun"
            )
        if replied.word in _CHANNEL_GONE and self._moved(before.channel):
            return self._open(message, before, _NEW_CHANNEL)
        if not isinstance(replied.verdict, Delivered):
            return replied.verdict
        return Delivered(case.written(), _joined(note, replied.note))

    def _refresh(self, message: Message, before: Thread | None) -> Outcome:
        """Edits and nothing more: where that cannot be done, the next alarm brings what is missing. A channel
        that was made anew is told how the case stands."""
        if before is None:
            return Rejected("the case has no message here that could be edited")
        edited = self._edit_parent(message, before)
        if edited.word in _PARENT_GONE or edited.cannot_be_done:
            return Delivered(before.written(), f"the case's message could not be edited ({edited.word})")
        if edited.word in _CHANNEL_GONE and self._moved(before.channel):
            return self._open(message, before, _NEW_CHANNEL)
        return (
            Delivered(before.written(), edited.note)
            if isinstance(edited.verdict, Delivered)
            else edited.verdict
        )

    def _post(self, channel: str, message: Message, *, buttons: bool = False, **more: Any) -> _Said:
        def post(body: Mapping[str, Any]) -> _Said:
            return self._ask(self._client.chat_postMessage, channel=channel, **body, **more)

        return self._laid_out(post, message, buttons=buttons)

    def _laid_out(
        self, send: Callable[[Mapping[str, Any]], _Said], message: Message, *, buttons: bool
    ) -> _Said:
        """Sends the message, and where Slack refuses its layout, sends it once more as plain text."""
        told = send(payload(message, buttons=buttons))
        if not told.layout:
            return told
        report_layout(self.name, message, told.layout)
        return replace(send(plain(message, told.layout)), note=as_plain_text(told.layout))

    def _edit_parent(self, message: Message, case: Thread) -> _Said:
        """An edit can be repeated: it is never open whether it was carried out."""

        def edit(body: Mapping[str, Any]) -> _Said:
            what = {key: body[key] for key in ("text", "blocks") if key in body}
            return self._ask(self._client.chat_update, channel=case.channel, ts=case.ts, **what)

        try:
            found = self._laid_out(edit, parent(message, case), buttons=self._interactive)
        except NetworkError as error:
            raise _Ended(replace(unanswered(error), ambiguous=False)) from None
        if isinstance(found.verdict, Retry):
            return replace(found, verdict=replace(found.verdict, ambiguous=False))
        return found

    # What is asked

    def _channel(self) -> str:
        """The channel's id. Only an answer is remembered."""
        if not self._id:
            self._id = self._found()
        return self._id

    def _place(self, before: Thread | None) -> str:
        """Where a new message goes. A channel that was renamed is not found by its name any more; an open
        case stays in it."""
        try:
            return self._channel()
        except _Ended as ended:
            if before is None or before.to != self._named or isinstance(ended.outcome, Retry):
                raise
            return before.channel

    def _moved(self, channel: str) -> str:
        """The channel that has the name of this one now; empty where it is the same one, or where there is
        none. A channel that the configuration names by its id has no name to look up."""
        if re.fullmatch(SLACK_CHANNEL_ID, self._named):
            return ""
        self._id = ""
        try:
            found = self._channel()
        except _Ended as ended:
            if isinstance(ended.outcome, Retry):
                raise
            return ""
        return "" if found == channel else found

    def _found(self) -> str:
        try:
            return self._listed()
        except NetworkError as error:
            raise _Ended(replace(unanswered(error), ambiguous=False)) from None

    def _listed(self) -> str:
        """The id of the channel of that name; an archived one only where there is no other. Private ones are
        listed only for a token with groups:read."""
        types, cursor, name = "public_channel,private_channel", "", self._named.removeprefix("#")
        archived = ""
        for _ in range(MAX_PAGES):
            more = {"cursor": cursor} if cursor else {}
            page = self._ask(self._client.conversations_list, types=types, limit=PAGE, **more)
            if page.word == "missing_scope" and types != "public_channel":
                types = "public_channel"
                continue
            body = page.body_of_success
            channels = body.get("channels")
            for one in channels if isinstance(channels, list) else []:
                if isinstance(one, dict) and one.get("name") == name:
                    id = one.get("id")
                    if isinstance(id, str) and re.fullmatch(SLACK_CHANNEL_ID, id):
                        if one.get("is_archived") is not True:
                            return id
                        archived = id
            metadata = body.get("response_metadata")
            cursor = str(metadata.get("next_cursor") or "") if isinstance(metadata, dict) else ""
            if archived and not cursor:
                return archived
            if not cursor or len(cursor) > MAX_CURSOR:
                private = (
                    "" if "private" in types else " among the public ones, and private ones are not listed"
                )
                raise _Ended(
                    Rejected(
                        f"there is no channel #{name} that the app can see{private}: invite the app, "
                        "or write the channel's id"
                    )
                )
        raise _Ended(
            Rejected(f"channel #{name} is not among the first {MAX_PAGES * PAGE:,}: write its id as channel")
        )

    def _check(self) -> Check:
        me = self._ask(self._client.auth_test)
        body = me.body_of_success
        who = f"{one_line(str(body.get('user')), 60)} in {one_line(str(body.get('team')), 60)}"
        scopes = _scopes(me.headers)
        if scopes and "chat:write" not in scopes:
            return Check(False, f"Slack knows {who}, and the app lacks the scope chat:write")
        id = self._channel()
        where = self._named if self._named == id else f"{self._named} ({id})"
        asked = self._ask(self._client.conversations_info, channel=id)
        if asked.word == "missing_scope":
            return Check(
                True,
                f"Slack knows {who}; without the scope channels:read only a message can tell "
                f"whether it may post in {where}",
            )
        found = asked.body_of_success.get("channel")
        found = found if isinstance(found, dict) else {}
        if found.get("is_archived") is True:
            return Check(False, f"{where}: {_ARCHIVED}")
        anywhere = "chat:write.public" in scopes and found.get("is_private") is not True
        if found.get("is_member") is False and not anywhere:
            return Check(False, f"{where}: {_INVITE}")
        return Check(True, f"Slack: {who} may post in {where}")

    def _ask(self, method: Callable[..., SlackResponse], **arguments: Any) -> _Said:
        answer: Answer = method(**arguments).headers["answer"]
        return self._judge(answer)

    def _judge(self, answer: Answer) -> _Said:
        """By the body first: Slack says ok or not inside a 200."""
        body = json_object(answer)
        verdict = judge(answer, now=self._clock(), mask=self._mask, advice=_ADVICE)
        error = body.get("error")
        word = error if isinstance(error, str) and body.get("ok") is not True else ""
        if word in _REFUSED:
            verdict = Rejected(self._refused(word, body), unauthorized=word in _BAD_TOKEN)
        elif word in _LATER:
            wait = asked_to_wait(answer, self._clock())
            verdict = Retry(f"answered {answer.status} {word}", after=wait, ambiguous=word in _OPEN)
        elif isinstance(verdict, Delivered) and body.get("ok") is not True:
            told = f": {one_line(self._mask(word), 100)}" if word else said(answer, self._mask)
            verdict = Rejected(f"answered {answer.status}, but not ok{told}")
        return _Said(verdict, word, body, answer.headers, layout_refused(answer, word))

    def _refused(self, word: str, body: Mapping[str, Any]) -> str:
        """What is wrong and what to do, and what Slack says of it: which scope, which block."""
        details: Any = body.get("needed")
        if word.startswith("invalid_"):
            metadata = body.get("response_metadata")
            details = metadata.get("messages") if isinstance(metadata, dict) else None
        told = one_line(self._mask(one_line(str(details), 500)), 150) if details else ""
        return f"{_REFUSED[word]} ({word}{': ' if told else ''}{told})"


def _joined(*notes: str) -> str:
    return "; ".join(filter(None, notes))


def _scopes(headers: Mapping[str, str]) -> frozenset[str]:
    """What the token may do, which Slack says with each answer; empty where it does not."""
    told = next((value for name, value in headers.items() if name.lower() == "x-oauth-scopes"), "")
    return frozenset(filter(None, (scope.strip() for scope in told.split(","))))


class _Client(WebClient):
    """slack-sdk's client, sending through `Http`. Left to itself it repeats a request, follows redirects,
    reads an answer of any length and for any time, and raises where it cannot decode it."""

    def __init__(self, token: str, base_url: str, http: Http, timeout: float) -> None:
        super().__init__(token, base_url, retry_handlers=[], logger=quiet())
        self._http, self._seconds = http, timeout

    def __repr__(self) -> str:
        return "<slack-sdk client>"

    def _perform_urllib_http_request_internal(self, url: str, req: Request) -> dict[str, Any]:
        """What slack-sdk gets is a success that it does not look into, with Slack's own answer beside it."""
        answer = sent(self._http, url, req, self._seconds)
        return {"status": 200, "headers": {"answer": answer}, "body": b"-"}
