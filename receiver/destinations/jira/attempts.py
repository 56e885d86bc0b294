"""An issue or a comment that Jira refuses in part: it is sent again without that part.

What an issue can do without is left out, one field after another, until Jira refuses nothing new. A text
whose form or size Jira refuses becomes a short plain one. The number of requests has a bound that no answer
of Jira changes.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

from receiver.destinations.classify import json_object
from receiver.destinations.jira import adf, wiki
from receiver.destinations.jira.client import JiraApi, in_words, problems_of
from receiver.destinations.size import fit
from receiver.destinations.wording import MARKS, REPEAT
from receiver.messages.message import Message
from shared.http.answers import Answer
from shared.text import defang, escape_wiki, one_line

log = logging.getLogger(__name__)

MAX_ATTEMPTS = 6
MAX_PLAIN = 2_000  # characters; an administrator may set a limit far below Jira's own 32,767
# Without its security level an issue would be shown to people whom it is kept from.
_NEEDED = frozenset({"project", "issuetype", "summary", "description", "security"})
# What Jira Cloud says of a document whose form or length it does not like, without naming the field.
_ABOUT_TEXT = re.compile("INVALID_INPUT|Atlassian Document|CONTENT_LIMIT_EXCEEDED|too long")
_BEYOND_BMP = re.compile("[\U00010000-\U0010ffff]")
_MYSQL = "Incorrect string value"
PLAIN = "as plain text, since Jira refused the form or the size of the whole text"
WITHIN_BMP = "without characters beyond U+FFFF, which this Jira does not store"


def create(
    api: JiraApi, body: Mapping[str, Any], message: Message
) -> tuple[Answer, dict[str, Any], list[str]]:
    """Sends the issue. The last answer, the body that it is the answer to, and what was left out, in words.

    Only a refusal, after which nothing was made, is followed by another attempt. The last attempt goes with
    what an issue must have and nothing else. Raises NetworkError.
    """
    body, notes, plain = {**body, "fields": dict(body["fields"])}, list[str](), False
    for left in reversed(range(MAX_ATTEMPTS)):
        answer = api.send("POST", "issue", body)
        about_text, refused = _text_refused(answer, "description"), _refused(answer, body)
        if left and not plain and (about_text or (not refused and _is_vague(answer))):
            plain = True
            body["fields"]["description"] = plain_text(message, cloud=api.cloud())
            notes.append(PLAIN)
            continue
        if not left or not refused:
            break
        if left == 1:
            refused = _optional(body)
        for name in refused:
            (body if name == "properties" else body["fields"]).pop(name, None)
        notes.append(f"left out, as Jira refused it: {one_line(in_words(answer).text, 300)}")
    if plain and answer.status < 300:
        _report(message)
    return answer, body, notes


def comment(
    api: JiraApi, key: str, body: Mapping[str, Any], message: Message
) -> tuple[Answer, dict[str, Any], str]:
    """Sends the comment. The last answer, the body that it is the answer to, and a note. Raises
    NetworkError."""
    answer = api.send("POST", f"issue/{key}/comment", body)
    if not _text_refused(answer, "comment", "body") and not _is_vague(answer):
        return answer, dict(body), ""
    body = {**body, "body": plain_text(message, cloud=api.cloud())}
    answer = api.send("POST", f"issue/{key}/comment", body)
    if answer.status < 300:
        _report(message)
    return answer, body, PLAIN


def stored_in_part(answer: Answer, body: Mapping[str, Any]) -> bool:
    """Whether this may be a Jira on a database that stores three bytes a character (MySQL's utf8mb3): it
    answers 500 to any character beyond U+FFFF, or refuses it in the database's words."""
    beyond = _BEYOND_BMP.search(json.dumps(body, ensure_ascii=False))
    refused = answer.status == HTTPStatus.BAD_REQUEST and _MYSQL in answer.text
    return (answer.status == HTTPStatus.INTERNAL_SERVER_ERROR or refused) and beyond is not None


def within_bmp(body: Mapping[str, Any]) -> dict[str, Any]:
    """The body with U+FFFD for each character beyond U+FFFF."""
    found: dict[str, Any] = json.loads(_BEYOND_BMP.sub("\ufffd", json.dumps(body, ensure_ascii=False)))
    return found


def plain_text(message: Message, *, cloud: bool) -> Any:
    """What a description or a comment says where Jira refuses the whole one. Its last line names the event,
    as that of the whole one does."""
    lines = fit(message, lambda kept: list(_lines(kept)), lambda lines: len("\n".join(lines)), MAX_PLAIN)
    if cloud:
        return adf.plain("\n".join([*lines, adf.event_line(message.id)]))
    return "\n".join([*map(escape_wiki, lines), wiki.event_line(message.id)])


def _lines(message: Message) -> Iterator[str]:
    texts = (
        f"{MARKS[message.severity]} {message.title}",
        REPEAT if message.maybe_repeat else "",
        message.summary,
        "Jira refused the form or the size of the whole message, so it is short and plain.",
        *(f"{fact.label}: {fact.value}" for fact in message.facts),
        *(f"{MARKS[one.severity]} {one.count:,} × {one.description} {one.path}" for one in message.findings),
        *message.lines,
        message.quote,
        message.left_out,
        *(f"Note: {gap}" for gap in message.gaps),
    )
    yield from filter(None, (one_line(defang(text), 400) for text in texts))


def _text_refused(answer: Answer, *names: str) -> bool:
    """Whether Jira refuses the form or the size of the text, which stands in one of these fields."""
    if answer.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return "description" in names  # of a comment it says that the issue takes no more of them
    errors, messages = problems_of(answer)
    return any(name in errors for name in names) or any(map(_ABOUT_TEXT.search, messages))


def _refused(answer: Answer, body: Mapping[str, Any]) -> set[str]:
    """What Jira refuses of the issue and the issue can do without. Empty where something else is wrong as
    well, or nothing new is refused."""
    errors, messages = problems_of(answer)
    optional = _optional(body)
    if errors.keys() - optional:
        return set()
    named = {name for name in optional if any(re.search(rf"\b{re.escape(name)}\b", one) for one in messages)}
    # A refusal that names no field may be meant for any of them.
    return (errors.keys() & optional) | named or (optional if _is_vague(answer) else set())


def _optional(body: Mapping[str, Any]) -> set[str]:
    fields: Mapping[str, Any] = body["fields"]
    return (fields.keys() | (body.keys() & {"properties"})) - _NEEDED


def _is_vague(answer: Answer) -> bool:
    """Whether Jira refuses something and names no field."""
    errors, _ = problems_of(answer)
    return answer.status == HTTPStatus.BAD_REQUEST and not errors and "errorMessages" in json_object(answer)


def _report(message: Message) -> None:
    log.error(
        "Jira refused the form or the size of the text of event %s: this is a fault in huntbridge or a limit "
        "in Jira; sent again as plain text",
        message.id,
    )
