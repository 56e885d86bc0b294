"""A message → one Teams channel, by a Workflows webhook: an Adaptive Card in, 202 out.

The card says 1.4 and uses elements of 1.2, which phones know too. Text from outside is only ever in a
`TextRun`, where Teams reads no Markdown and no mention; who is called stands in
a `TextBlock`, which holds nothing else. A 202 means that the workflow took the card; whether it was posted,
no one is told.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from http import HTTPStatus
from typing import Any

from receiver.destinations.classify import Mask, json_object, judge, reach, said, sized, unanswered
from receiver.destinations.contract import CaseRef, Check, Delivered, Destination, Outcome, Rejected
from receiver.destinations.size import fit
from receiver.destinations.teams.traits import TEAMS
from receiver.destinations.wording import MARKS, REPEAT, in_one, safe_links, techniques
from receiver.messages.message import Fact, Message
from shared.config.destinations.teams import TEAMS_NAME, TEAMS_USER, TeamsConfig
from shared.config.urls import check_webhook_url
from shared.http.answers import Answer
from shared.http.client import Http
from shared.http.errors import NetworkError
from shared.http.urls import host_of
from shared.models.evidence import Finding
from shared.models.owners import TeamsUser
from shared.models.severity import Severity
from shared.secrets import Secret, SecretRef
from shared.text import shorten

# Microsoft says "approximately 28 KB" for the whole request (learn.microsoft.com/connectors/teams); about
# 21 KB was measured to pass. Bytes of UTF-8.
MAX_BYTES = 20_000
# Inside the workflow, after its 202, the card stands in a JSON string: each quotation mark and each backslash
# counts twice. A card of 24,453 bytes was measured as 28,897 there and refused; the limit is 28,672.
MAX_MEASURED = 26_000
MAX_QUOTE_LINES = 30
FIRST_FACTS = 10  # the rest comes after the findings
LABEL_WIDTH = "130px"
LINE_WIDTH = 72  # characters of a small monospaced text

_STYLES = {Severity.MALICIOUS: "attention", Severity.SUSPICIOUS: "warning", Severity.INFO: "accent"}
_OFF = "the workflow is deleted, switched off or its URL changed: open it in Teams, and copy the URL again"
_AUTH = (
    "the workflow's trigger does not take this URL: set 'Who can trigger the flow' to Anyone, "
    "and copy the URL again"
)
_ADVICE = {
    400: _OFF,
    401: _AUTH,
    403: _AUTH,
    404: _OFF,
    410: _OFF,
    413: "Teams finds this message too long; this is a fault in huntbridge",
}


class TeamsDestination:
    """One channel, by its workflow. It can only append: a workflow gives no reference back."""

    traits = TEAMS

    def __init__(
        self, name: str, webhook_url: Secret, http: Http, *, clock: Callable[[], float] = time.time
    ) -> None:
        """Raises ValueError where the URL cannot be a Workflows webhook, and says what to do."""
        if wrong := check_webhook_url("teams", webhook_url.reveal()):
            raise ValueError(wrong)
        self.name = name
        self._url, self._http, self._clock = webhook_url, http, clock
        self._mask = Mask(webhook_url.reveal())

    def deliver(self, message: Message, case: CaseRef) -> Outcome:
        def send(share: float) -> Answer:
            return self._http.request(
                "POST",
                self._url.reveal(),
                headers={"Content-Type": "application/json; charset=utf-8"},
                data=payload(message, share),
            )

        try:
            answer, note = sized(send)
        except NetworkError as error:
            return unanswered(error)
        outcome = self._judge(answer)
        return replace(outcome, note=note) if isinstance(outcome, Delivered) else outcome

    def check(self) -> Check:
        return reach(self._http, host_of(self._url.reveal()), "Teams")

    def _judge(self, answer: Answer) -> Outcome:
        """A success whose body tells of an error is none: gateways in front of Teams answer 200 so."""
        verdict = judge(answer, now=self._clock(), mask=self._mask, advice=_ADVICE)
        if isinstance(verdict, Rejected) and answer.status == HTTPStatus.BAD_REQUEST:
            return replace(verdict, unauthorized=True)  # so is a workflow that is off: there may be a new one
        if not isinstance(verdict, Delivered):
            return verdict
        if found := re.search(r"HTTP error ([45]\d\d)\b", answer.text):
            inner = replace(answer, status=int(found[1]))
            return judge(inner, now=self._clock(), mask=self._mask, advice=_ADVICE)
        if json_object(answer).get("error"):
            return Rejected(f"answered {answer.status}, but with an error{said(answer, self._mask)}")
        return verdict


def build(name: str, config: TeamsConfig, secret: Callable[[SecretRef], Secret], http: Http) -> Destination:
    """Raises SecretError, and ValueError where the URL cannot be right."""
    return TeamsDestination(name, secret(config.webhook_url), http)


# The card.


def payload(message: Message, share: float = 1.0) -> bytes:
    """The request's body: one message with one card, in UTF-8. `share`: of the size that Teams takes."""
    return fit(message, _payload, _fullness, share)


def _fullness(body: bytes) -> float:
    """How much of the limits a body takes; above 1 it is too long."""
    measured = len(body) + body.count(b'"') + body.count(b"\\")
    return max(len(body) / MAX_BYTES, measured / MAX_MEASURED)


def _payload(message: Message) -> bytes:
    envelope = {
        "type": "message",
        "attachments": [
            {
                "contentType": "application/vnd.microsoft.card.adaptive",
                "contentUrl": None,
                "content": _card(message),
            }
        ],
    }
    return json.dumps(envelope, ensure_ascii=False, separators=(",", ":")).encode()


def _card(message: Message) -> dict[str, Any]:
    card: dict[str, Any] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": {"width": "Full"},
        "fallbackText": _inert(shorten(in_one(message), 500)),
        "body": list(_body(message)),
    }
    if user := _called(message):
        card["msteams"]["entities"] = [
            {"type": "mention", "text": _at(user), "mentioned": {"id": user.id, "name": user.name}}
        ]
    if links := safe_links(message):
        card["actions"] = [{"type": "Action.OpenUrl", "title": link.text, "url": link.url} for link in links]
    return card


def _called(message: Message) -> TeamsUser | None:
    """Whom the card calls. The configuration took a sound id and name alone, and this is the last look."""
    user = message.owner.teams if message.owner else None
    if not user or not re.fullmatch(TEAMS_USER, user.id, re.ASCII) or not re.fullmatch(TEAMS_NAME, user.name):
        return None
    return user


def _at(user: TeamsUser) -> str:
    """A mention: Teams wants the very same text in a TextBlock and in an entity."""
    return f"<at>{user.name}</at>"


def _body(message: Message) -> Iterator[dict[str, Any]]:
    yield _heading(message)
    if user := _called(message):
        yield {"type": "TextBlock", "text": f"Owner: {_at(user)}", "wrap": True}
    if message.maybe_repeat:
        yield _block(_run(REPEAT, italic=True))
    yield from _facts(message.facts[:FIRST_FACTS])
    if message.findings:
        blocks = [block for finding in message.findings for block in _finding(finding)]
        yield _group("Alarms, worst first", blocks)
    if message.lines:
        yield _group("Systems, worst first", [_block(_run(f"• {line}", 350)) for line in message.lines])
    if message.quote:
        yield {"type": "Container", "style": "emphasis", "items": list(_quote(message.quote))}
    yield from _facts(message.facts[FIRST_FACTS:])
    if message.left_out:
        yield _block(_run(message.left_out, italic=True))
    if message.footer:
        yield _block(_run(message.footer, 500))
    small = [*(f"Note: {gap}" for gap in message.gaps), f"Event {message.id}"]
    for index, text in enumerate(small):
        yield _block(_run(text, 350, isSubtle=True, size="Small"), spacing="Small" if index else "Medium")


def _heading(message: Message) -> dict[str, Any]:
    title = _run(f"{MARKS[message.severity]} {message.title}", 300, weight="Bolder", size="Medium")
    items = [_block(title)]
    if message.summary:
        items.append(_block(_run(message.summary, 700), spacing="Small"))
    style = _STYLES.get(message.severity, "emphasis")
    return {"type": "Container", "style": style, "bleed": True, "items": items}


def _facts(facts: tuple[Fact, ...]) -> Iterator[dict[str, Any]]:
    for index, fact in enumerate(facts):
        yield _fact(fact, spacing="Small" if index else "Medium")


def _fact(fact: Fact, *, spacing: str) -> dict[str, Any]:
    value = _run(fact.value, 350, **({"fontType": "Monospace"} if fact.code else {}))
    return {
        "type": "ColumnSet",
        "spacing": spacing,
        "columns": [
            {
                "type": "Column",
                "width": LABEL_WIDTH,
                "items": [_block(_run(fact.label, isSubtle=True))],
            },
            {"type": "Column", "width": "stretch", "items": [_block(value)]},
        ],
    }


def _finding(finding: Finding) -> Iterator[dict[str, Any]]:
    """One block, and where the path is too long to stand in it, one for each line of that."""
    path = list(_wrapped(finding.path))
    inline = [_path(f"  {finding.path}")] if len(path) == 1 else []
    yield _block(*_alarm(finding), *inline)
    for line in path if not inline else ():
        yield _block(_path(line), spacing="None")


def _alarm(finding: Finding) -> Iterator[dict[str, Any]]:
    yield _run(f"{MARKS[finding.severity]} {finding.count:,} × ", weight="Bolder")
    yield _run(finding.description)
    for link in techniques(finding):
        yield _run("  ")
        yield _run(link.text, selectAction={"type": "Action.OpenUrl", "url": link.url})


def _path(text: str) -> dict[str, Any]:
    return _run(text, fontType="Monospace", size="Small")


def _quote(text: str) -> Iterator[dict[str, Any]]:
    """A block for each line: a run does not keep its line breaks everywhere."""
    lines = [part for line in text.splitlines() if line.strip() for part in _wrapped(line)]
    shown = [*lines[: MAX_QUOTE_LINES - 1], " ".join(lines[MAX_QUOTE_LINES - 1 :])]
    for line in filter(None, shown):
        yield _block(_run(line, 1_500, fontType="Monospace", size="Small"), spacing="None")


def _wrapped(text: str) -> Iterator[str]:
    """The text in lines, where it has a word that is wider than a card: a run is not broken within a word,
    and what hangs over is cut off."""
    longest = max(map(len, text.split()), default=0)
    width = LINE_WIDTH if longest > LINE_WIDTH else max(1, len(text))
    for start in range(0, len(text), width):
        yield text[start : start + width]


def _group(title: str, items: list[dict[str, Any]]) -> dict[str, Any]:
    for item in items:
        item.setdefault("spacing", "Small")
    heading = _block(_run(title, weight="Bolder"))
    return {"type": "Container", "spacing": "Medium", "items": [heading, *items]}


def _block(*runs: dict[str, Any], **look: Any) -> dict[str, Any]:
    return {"type": "RichTextBlock", "inlines": list(runs), **look}


def _run(text: str, limit: int = 250, **look: Any) -> dict[str, Any]:
    return {"type": "TextRun", "text": _inert(shorten(text, limit)), **look}


def _inert(text: str) -> str:
    """A mention needs a tag in the text and an entity beside it; a text from outside forms no tag. Nor does
    it form `{{DATE(…)}}` or `{{TIME(…)}}`, in whose place Microsoft's renderer puts a date, in a run too."""
    text = re.sub(r"<(?=\s*/?\s*at\b)", "\u2039", text, flags=re.IGNORECASE)
    return re.sub(r"\{(?=\{\s*(DATE|TIME)\b)", "\u2774", text, flags=re.IGNORECASE)
