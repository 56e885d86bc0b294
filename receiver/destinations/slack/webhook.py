"""A message → one Slack incoming webhook: Block Kit in, `ok` out.

Everything stands in top-level blocks and not in a coloured attachment, which Slack folds behind "Show more":
at three in the morning the findings must be there without a tap. Severity is a shape in the header. All text
from outside is escaped and either in a `plain_text` object or, where it holds a mark, in a code span, so that
no mention, link or formatting can be formed. slack-sdk makes the request, and `shared.http.client` sends it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from http import HTTPStatus
from itertools import groupby
from typing import Any
from urllib.request import Request

from slack_sdk.webhook import WebhookClient, WebhookResponse

from receiver.destinations.classify import Mask, json_object, judge, reach, said, unanswered
from receiver.destinations.contract import CaseRef, Check, Delivered, Outcome, Rejected, Retry
from receiver.destinations.size import fit
from receiver.destinations.slack.escape import flat, safe
from receiver.destinations.slack.escape import plain as plain_text
from receiver.destinations.slack.plain_text import call, is_about_layout, plain
from receiver.destinations.slack.traits import WEBHOOK
from receiver.destinations.wording import MARKS, REPEAT, in_one, safe_links, techniques
from receiver.intake.slack_request import ACKNOWLEDGE, CREATE_ISSUE, MAX_VALUE
from receiver.messages.message import Fact, Link, Message
from shared.config.destinations.slack import LONGEST_SLACK_LINK
from shared.config.urls import check_webhook_url
from shared.http.answers import Answer
from shared.http.client import Http
from shared.http.errors import NetworkError
from shared.http.urls import host_of
from shared.models.event_kinds import ACKNOWLEDGED
from shared.models.evidence import Finding
from shared.secrets import Secret
from shared.text import escape_slack, shorten, slack_code

log = logging.getLogger(__name__)

# docs.slack.dev/reference/block-kit, counted after escaping. The sum of all text is undocumented: messages of
# 11,341 characters and more were refused (github.com/slackapi/bolt-js #2509).
MAX_ALL_TEXT = 9_500
MAX_HEADER = 150
MAX_SECTION = 3_000
MAX_FIELDS = 10
MAX_ELEMENTS = 10
WIDE = 100  # characters; a longer fact would be a tower in its column
TIMEOUT = 20.0  # seconds for the whole answer

_REFUSED = {
    # docs.slack.dev/messaging/sending-messages-using-incoming-webhooks, "Handling errors"
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
_LATER = frozenset(
    {"rate_limited", "ratelimited", "rollup_error", "internal_error", "fatal_error", "service_unavailable"}
)
_ADVICE = {
    400: "Slack refuses this message",
    401: "the webhook's URL is not valid: make a new webhook",
    403: "the webhook may not post: ask an administrator of the workspace",
    404: "the webhook is gone or its URL is mistyped: make a new webhook",
    410: "the webhook or its channel is gone: make a new webhook",
    413: "Slack finds this message too long; this is a fault in huntbridge",
}


class SlackDestination:
    """One channel, by its incoming webhook. It can only append: Slack gives no reference back."""

    traits = WEBHOOK

    def __init__(
        self,
        name: str,
        webhook_url: Secret,
        http: Http,
        *,
        timeout: float = TIMEOUT,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Raises ValueError where the URL cannot be a Slack webhook."""
        if wrong := check_webhook_url("slack", webhook_url.reveal()):
            raise ValueError(wrong)
        self.name = name
        self._http, self._clock = http, clock
        self._mask = Mask(webhook_url.reveal())
        self._origin = host_of(webhook_url.reveal())
        self._client = _Client(webhook_url.reveal(), http, timeout)

    def deliver(self, message: Message, case: CaseRef) -> Outcome:
        try:
            answer = self._post(payload(message))
            refused = layout_refused(answer, _word(answer))
            if not refused:
                return self._judge(answer)
            report_layout(self.name, message, refused)
            outcome = self._judge(self._post(plain(message, refused)))
        except NetworkError as error:
            return unanswered(error)
        return replace(outcome, note=as_plain_text(refused)) if isinstance(outcome, Delivered) else outcome

    def _post(self, body: Mapping[str, Any]) -> Answer:
        response = self._client.send_dict(dict(body))
        return Answer(response.status_code, response.headers, response.body.encode())

    def check(self) -> Check:
        return reach(self._http, self._origin, "Slack")

    def _judge(self, answer: Answer) -> Outcome:
        """By the body first: Slack's statuses vary for the same error, and 200 is only good with `ok`."""
        verdict = judge(answer, now=self._clock(), mask=self._mask, advice=_ADVICE)
        word = _word(answer)
        if word in _REFUSED:
            unauthorized = isinstance(verdict, Rejected) and verdict.unauthorized
            return Rejected(f"{_REFUSED[word]} ({word})", unauthorized)
        if word in _LATER and not isinstance(verdict, Retry):
            return Retry(f"answered {answer.status} {word}", ambiguous=word.endswith("_error"))
        if isinstance(verdict, Delivered) and word != "ok":
            return Rejected(f"answered {answer.status}, but not `ok`{said(answer, self._mask)}")
        return verdict


def _word(answer: Answer) -> str:
    """Slack's answer in one word: `ok` or an error. Plain text from a webhook, JSON from its neighbours."""
    found = json_object(answer)
    return "ok" if found.get("ok") is True else str(found.get("error") or answer.text.strip())


def layout_refused(answer: Answer, word: str) -> str:
    """What Slack says of the form or the size of a message; empty where it says nothing of these."""
    if is_about_layout(word):
        return word
    return "413" if answer.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE else ""


def report_layout(name: str, message: Message, refused: str) -> None:
    log.error(
        "%s refuses the layout of event %s (%s): this is a fault in huntbridge; sent again as plain text",
        *(name, message.id, refused),
    )


def as_plain_text(refused: str) -> str:
    return f"sent as plain text, since Slack refused its layout ({refused})"


# The message.


def payload(message: Message, *, buttons: bool = False) -> dict[str, Any]:
    """What is posted: blocks for the channel, `text` for notifications and screen readers. `buttons`: those
    for what the message offers, beside those of its links."""
    offers = message.offers if buttons and 0 < len(message.case_key) <= MAX_VALUE else ()
    shown = replace(message, offers=offers)
    return fit(shown, _payload, _text_length, MAX_ALL_TEXT)


def _payload(message: Message) -> dict[str, Any]:
    return {
        "text": flat(in_one(message)),
        "blocks": list(_blocks(message)),
        "unfurl_links": False,
        "unfurl_media": False,
    }


def ephemeral(text: str) -> dict[str, Any]:
    """A text for one user alone. Nothing in it is read as markup."""
    section = {"type": "section", "text": plain_text(text, MAX_SECTION)}
    return {"text": flat(text, MAX_SECTION), "blocks": [section]}


def _blocks(message: Message) -> Iterator[dict[str, Any]]:
    yield {"type": "header", "text": plain_text(f"{MARKS[message.severity]} {message.title}", MAX_HEADER)}
    if message.maybe_repeat:
        yield _section(f"*{REPEAT}*")
    if message.owner and (mention := call(message.owner)):
        label = "Taken by" if message.kind == ACKNOWLEDGED else "Owner"
        yield _section(f"*{label}* {mention}")
    if message.summary:
        yield {"type": "section", "text": plain_text(message.summary, 600)}
    yield from _fields(message.facts[:MAX_FIELDS])
    if message.findings:
        yield from map(_section, _joined(["*Alarms, worst first*", *map(_finding, message.findings)]))
    if message.lines:
        yield from map(
            _section, _joined(["*Systems, worst first*", *(f"• {safe(x, 300)}" for x in message.lines)])
        )
    if message.quote:
        escaped = map(escape_slack, message.quote.replace("`", "\u02cb"))
        yield from (_section(f"```\n{part}\n```") for part in _joined(escaped, glue=""))
    yield from _fields(message.facts[MAX_FIELDS:])
    if message.left_out:
        yield _section(f"_{escape_slack(message.left_out)}_")
    if buttons := [*_offers(message), *map(_button, safe_links(message, longest=LONGEST_SLACK_LINK))]:
        yield {"type": "actions", "elements": buttons}
    small = [
        *([safe(message.footer, 500)] if message.footer else []),
        *(f"Note: {safe(gap, 300)}" for gap in message.gaps),
        f"Event {slack_code(shorten(message.id, 200))}",
    ]
    yield {"type": "context", "elements": [_mrkdwn(part) for part in _joined(small)][:MAX_ELEMENTS]}


_OFFERS = {ACKNOWLEDGE: "Acknowledge", CREATE_ISSUE: "Create Jira issue"}


def _offers(message: Message) -> Iterator[dict[str, Any]]:
    for offer in message.offers:
        style = {"style": "primary"} if offer == ACKNOWLEDGE else {}
        text = plain_text(_OFFERS[offer], 75)
        yield {"type": "button", "action_id": offer, "text": text, "value": message.case_key, **style}


def _button(link: Link) -> dict[str, Any]:
    return {
        "type": "button",
        "action_id": f"open_{link.name}",
        "text": plain_text(link.text, 75),
        "url": link.url,
    }


def _fields(facts: tuple[Fact, ...]) -> Iterator[dict[str, Any]]:
    """In two columns, a long one across both. The first ten come before the findings, the rest after them."""
    for wide, group in groupby(facts, lambda fact: len(fact.value) > WIDE):
        fields = [_mrkdwn(_field(fact)) for fact in group]
        if wide:
            yield from ({"type": "section", "text": field} for field in fields)
            continue
        for start in range(0, len(fields), MAX_FIELDS):
            yield {"type": "section", "fields": fields[start : start + MAX_FIELDS]}


def _field(fact: Fact) -> str:
    label, value = flat(fact.label), shorten(fact.value, 300)
    return f"*{label}*\n{slack_code(value) if fact.code else safe(value, 300)}"


def _finding(finding: Finding) -> str:
    links = [f"<{link.url}|{escape_slack(link.text)}>" for link in techniques(finding)]
    parts = (
        f"{MARKS[finding.severity]} *{finding.count:,} ×* {safe(finding.description, 200)}",
        ", ".join(links),
        slack_code(shorten(finding.path, 200)),
    )
    return "  ".join(filter(None, parts))


def _mrkdwn(text: str) -> dict[str, Any]:
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": _mrkdwn(text)}


def _joined(parts: Iterable[str], glue: str = "\n") -> Iterator[str]:
    """Whole parts, already escaped, joined up to what a section holds."""
    joined: list[str] = []
    length = 0
    for part in parts:
        if joined and length + len(part) > MAX_SECTION - 10:  # room for the fences of a quote
            yield glue.join(joined)
            joined, length = [], 0
        joined.append(part)
        length += len(part) + len(glue)
    if joined:
        yield glue.join(joined)


def _text_length(body: Mapping[str, Any]) -> int:
    return sum(map(len, _texts(body)))


def _texts(node: Any) -> Iterator[str]:
    for key, value in node.items():
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, dict):
                yield from _texts(child)
            elif key == "text":
                yield child


# The way out.


def quiet() -> logging.Logger:
    """A logger outside of logging's tree: no configuration can make it speak."""
    return logging.Logger("slack-sdk", level=logging.CRITICAL + 1)


class _Client(WebhookClient):
    """slack-sdk's client, sending through `Http`. Left to itself it follows a redirect and takes the page
    there for success, reads an answer of any length and for any time, and logs the URL: the credential.
    """

    def __init__(self, url: str, http: Http, timeout: float) -> None:
        super().__init__(url, retry_handlers=[], logger=quiet())
        self._http, self._seconds = http, timeout

    def __repr__(self) -> str:
        return "<slack-sdk client>"

    def _perform_http_request_internal(self, url: str, req: Request) -> WebhookResponse:
        answer = sent(self._http, url, req, self._seconds)
        return WebhookResponse(
            url=url, status_code=answer.status, body=answer.text, headers=dict(answer.headers)
        )


def sent(http: Http, url: str, request: Request, timeout: float) -> Answer:
    """The answer to what slack-sdk would send. Raises NetworkError."""
    body = request.data
    return http.request(
        request.get_method(),
        url,
        headers=dict(request.header_items()),
        data=body if isinstance(body, bytes) else None,
        read_timeout=timeout,
    )
