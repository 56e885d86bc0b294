"""Delivers to one Slack channel by a bot token: one parent message for each case, and replies in its thread.

The parent is edited to show the present state of the case; the thread has its history. The ref of a delivery
(see case_thread.py) says where the parent is. The edit comes before the reply, because an edit can be
repeated and a reply cannot. If the parent is gone or accepts no more replies, a new parent replaces it. If
the channel is gone, its name is looked up again, and a new channel of that name gets a new parent. huntbridge
never searches for an earlier post, since its token may not read. So a message that may be a repeat says so.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from receiver.destinations.classify import classify_network_error
from receiver.destinations.contract import (
    CaseRef,
    Check,
    Delivered,
    Links,
    Outcome,
    Recipient,
    Rejected,
    Retry,
    TermsForm,
)
from receiver.destinations.slack.blocks import Form, ephemeral_payload, payload
from receiver.destinations.slack.case_thread import CaseThread, is_message
from receiver.destinations.slack.channel import Channel
from receiver.destinations.slack.check import check_bot
from receiver.destinations.slack.client import TIMEOUT, SlackApi
from receiver.destinations.slack.errors import SlackAnswer
from receiver.destinations.slack.parent import parent, parent_form, stands_alone, without_mention
from receiver.destinations.slack.plain_text import plain_payload, plain_text_note, report_refused_layout
from receiver.destinations.slack.terms_dialog import dialog
from receiver.destinations.slack.traits import BOT
from receiver.destinations.stopped import Stopped
from receiver.messages.message import Message
from shared.http.client import Http
from shared.http.errors import NetworkError
from shared.models.event_kinds import UNACKNOWLEDGED
from shared.secrets import Secret

_TOKEN = re.compile(r"(xoxe\.)?xox[bp]-[A-Za-z0-9-]+", re.ASCII)
_NEW_CHANNEL = "the channel was made anew, so a new message was posted"


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
        """`channel`: an id such as C0123456789, or a name such as #soc. `interactive`: messages have buttons.
        `timeout`: seconds for one call. Raises ValueError if the token is not a bot token of Slack."""
        if not _TOKEN.fullmatch(token.reveal()):
            raise ValueError(
                "this is not a bot token of Slack, which begins with xoxb- (api.slack.com/apps, your app, "
                "OAuth & Permissions)"
            )
        self.name = name
        self._interactive = interactive
        self._api = SlackApi(token.reveal(), base_url, http or Http(), timeout, clock)
        self._channel = Channel(self._api, channel)

    def deliver(self, message: Message, case: CaseRef) -> Outcome:
        thread = CaseThread.parse(case.ref)
        try:
            if message.silent:
                return self._refresh(message, thread)
            if thread is None:
                return self._open(message, None)
            if self._channel.configured not in (thread.to, thread.channel):
                return self._open(message, thread, "the channel has changed, so a new message was posted")
            return self._follow(message, thread)
        except NetworkError as error:
            return classify_network_error(error)
        except Stopped as stopped:
            return stopped.outcome

    def send_ephemeral(self, to: Recipient, text: str, links: Links = ()) -> Outcome:
        """Shows the text in the channel. In a thread, Slack would show it only to people who have the thread
        open."""
        body = ephemeral_payload(text, links)
        try:
            answer = self._api.post_ephemeral(to.channel, to.user, body)
            if answer.refused_layout:
                del body["blocks"]
                answer = self._api.post_ephemeral(to.channel, to.user, body)
            return answer.outcome
        except NetworkError as error:
            return classify_network_error(error)

    def ask_for_terms(self, trigger: str, form: TermsForm) -> Outcome:
        try:
            return self._api.open_dialog(trigger, dialog(form)).outcome
        except NetworkError as error:
            return classify_network_error(error)

    def check(self) -> Check:
        try:
            return check_bot(self._api, self._channel)
        except NetworkError as error:
            return Check(False, f"Slack cannot be reached: {error}")
        except Stopped as stopped:
            return Check(False, stopped.outcome.reason)

    # The three ways to deliver

    def _open(self, message: Message, earlier: CaseThread | None, note: str = "") -> Outcome:
        """Post a new parent, and the whole message in its thread: the parent shows only what a decision
        needs, and it will be edited."""
        thread = earlier.after(message) if earlier else None
        text = parent(message, thread) if thread else message
        form = Form.WHOLE if message.silent else parent_form(message)
        channel = self._channel.for_parent(earlier)
        posted = self._post(channel, text, form, buttons=self._interactive)
        if posted.channel_gone and (moved := self._channel.moved_from(channel)):
            posted = self._post(moved, text, form, buttons=self._interactive)
        if not posted.delivered:
            return posted.outcome
        posted_in, ts = posted.body.get("channel"), posted.body.get("ts")
        if not is_message(posted_in, ts):
            return Delivered(note="Slack took the message and did not say where it stands")
        thread = thread or CaseThread.begin(self._channel.configured, message)
        thread = thread.at(self._channel.configured, str(posted_in), str(ts))
        missing = "" if stands_alone(message) or message.silent else self._copy_into_thread(message, thread)
        return Delivered(thread.format(), _joined(note, posted.note, missing))

    def _follow(self, message: Message, earlier: CaseThread) -> Outcome:
        """Edit the parent, and reply in the thread."""
        thread = earlier.after(message)
        edited = self._edit_parent(message, thread)
        if edited.parent_gone:
            return self._open(message, earlier, "the case's message is gone, so a new one was posted")
        if edited.channel_gone and self._channel.moved_from(earlier.channel):
            return self._open(message, earlier, _NEW_CHANNEL)
        note = edited.note
        if edited.refuses_edit:
            note = f"the case's message could not be edited ({edited.code})"
        elif not edited.delivered:
            return edited.outcome
        is_news = (earlier.is_worsened_by(message) or message.loud) and not message.joins
        loud = is_news or message.kind == UNACKNOWLEDGED
        reply = message if loud else without_mention(message)
        broadcast: dict[str, Any] = {"reply_broadcast": True} if loud else {}
        replied = self._post(earlier.channel, reply, thread_ts=earlier.ts, **broadcast)
        if broadcast and replied.refuses_broadcast:
            note = _joined(
                note, f"in the thread alone: Slack refused to show it in the channel ({replied.code})"
            )
            replied = self._post(earlier.channel, reply, thread_ts=earlier.ts)
        if replied.refuses_reply:
            return self._open(
                message, earlier, f"the case's thread takes no reply ({replied.code}), so a new one was begun"
            )
        if replied.channel_gone and self._channel.moved_from(earlier.channel):
            return self._open(message, earlier, _NEW_CHANNEL)
        if not replied.delivered:
            return replied.outcome
        return Delivered(thread.format(), _joined(note, replied.note))

    def _refresh(self, message: Message, thread: CaseThread | None) -> Outcome:
        """Edit the parent and nothing else. If it cannot be edited, the next alarm updates it. If the channel
        was replaced by a new one of the same name, the case gets a new parent there."""
        if thread is None:
            return Rejected("the case has no message here that could be edited")
        edited = self._edit_parent(message, thread)
        if edited.parent_gone or edited.refuses_edit:
            return Delivered(thread.format(), f"the case's message could not be edited ({edited.code})")
        if edited.channel_gone and self._channel.moved_from(thread.channel):
            return self._open(message, thread, _NEW_CHANNEL)
        return Delivered(thread.format(), edited.note) if edited.delivered else edited.outcome

    # Single messages

    def _copy_into_thread(self, message: Message, thread: CaseThread) -> str:
        """Post the copy. Returns why it is missing; empty if it was posted. The parent shows the alarm either
        way."""
        try:
            copy = without_mention(message)  # the parent has mentioned the owner
            outcome = self._post(thread.channel, copy, thread_ts=thread.ts).outcome
        except NetworkError as error:
            outcome = classify_network_error(error)
        return "" if isinstance(outcome, Delivered) else f"not in the thread as well: {outcome.reason}"

    def _edit_parent(self, message: Message, thread: CaseThread) -> SlackAnswer:
        """An edit can be repeated, so its outcome is never ambiguous."""

        def edit(body: Mapping[str, Any]) -> SlackAnswer:
            return self._api.edit(thread.channel, thread.ts, body)

        try:
            text, form = parent(message, thread), parent_form(message)
            answer = self._with_fallback(edit, text, form, buttons=self._interactive)
        except NetworkError as error:
            raise Stopped(replace(classify_network_error(error), ambiguous=False)) from None
        if isinstance(answer.outcome, Retry):
            return replace(answer, outcome=replace(answer.outcome, ambiguous=False))
        return answer

    def _post(
        self,
        channel: str,
        message: Message,
        form: Form = Form.WHOLE,
        *,
        buttons: bool = False,
        **more: Any,
    ) -> SlackAnswer:
        def post(body: Mapping[str, Any]) -> SlackAnswer:
            return self._api.post(channel, body, **more)

        return self._with_fallback(post, message, form, buttons=buttons)

    def _with_fallback(
        self, send: Callable[[Mapping[str, Any]], SlackAnswer], message: Message, form: Form, *, buttons: bool
    ) -> SlackAnswer:
        """Send the message. If Slack refuses its layout, send it once more as plain text."""
        answer = send(payload(message, buttons=buttons, form=form))
        refused = answer.refused_layout
        if not refused:
            return answer
        report_refused_layout(self.name, message, refused)
        return replace(send(plain_payload(message, refused, form)), note=plain_text_note(refused))


def _joined(*notes: str) -> str:
    return "; ".join(filter(None, notes))
