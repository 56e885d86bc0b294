"""Sends an issue or a comment. If Jira refuses a part of it, sends it again without that part.

Optional fields are left out, one after another, until Jira refuses nothing new. If Jira refuses the form or
the size of the text, a short plain text replaces it. The number of requests is bounded, whatever Jira
answers.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from receiver.destinations.classify import json_object
from receiver.destinations.jira.client import JiraApi
from receiver.destinations.jira.errors import in_words, problems_of
from receiver.destinations.jira.plain_text import plain_text
from receiver.messages.message import Message
from shared.http.answers import Answer
from shared.text import one_line

log = logging.getLogger(__name__)

MAX_ATTEMPTS = 6
# `security` is never left out: otherwise people could read an issue that must be hidden from them.
_NEEDED = frozenset({"project", "issuetype", "summary", "description", "security"})
# Texts with which Jira Cloud refuses the form or the length of a document, without naming the field.
_ABOUT_TEXT = re.compile("INVALID_INPUT|Atlassian Document|CONTENT_LIMIT_EXCEEDED|too long")
_BEYOND_BMP = re.compile("[\U00010000-\U0010ffff]")
_MYSQL = "Incorrect string value"
PLAIN = "as plain text, since Jira refused the form or the size of the whole text"
WITHIN_BMP = "without characters beyond U+FFFF, which this Jira does not store"


@dataclass(frozen=True)
class Sent:
    """The last attempt."""

    answer: Answer
    body: dict[str, Any]
    notes: tuple[str, ...] = ()  # what was left out or replaced, in words


def create(api: JiraApi, body: Mapping[str, Any], message: Message) -> Sent:
    """Create the issue. Raises NetworkError.

    Only after a refusal is there another attempt, because then nothing was created. The last attempt has only
    the required fields.
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
    return Sent(answer, body, tuple(notes))


def comment(api: JiraApi, key: str, body: Mapping[str, Any], message: Message) -> Sent:
    """Add the comment. Raises NetworkError."""
    answer = api.send("POST", f"issue/{key}/comment", body)
    if not _text_refused(answer, "comment", "body") and not _is_vague(answer):
        return Sent(answer, dict(body))
    body = {**body, "body": plain_text(message, cloud=api.cloud())}
    answer = api.send("POST", f"issue/{key}/comment", body)
    if answer.status < 300:
        _report(message)
    return Sent(answer, body, (PLAIN,))


def may_refuse_beyond_bmp(sent: Sent) -> bool:
    """Whether the answer may come from a Jira whose database stores at most three bytes per character
    (MySQL's utf8mb3). Such a Jira answers 500 to any character beyond U+FFFF, or refuses it with the
    database's message."""
    status = sent.answer.status
    beyond = _BEYOND_BMP.search(json.dumps(sent.body, ensure_ascii=False))
    refused = status == HTTPStatus.BAD_REQUEST and _MYSQL in sent.answer.text
    return (status == HTTPStatus.INTERNAL_SERVER_ERROR or refused) and beyond is not None


def within_bmp(body: Mapping[str, Any]) -> dict[str, Any]:
    """The body with U+FFFD for each character beyond U+FFFF."""
    replaced: dict[str, Any] = json.loads(_BEYOND_BMP.sub("\ufffd", json.dumps(body, ensure_ascii=False)))
    return replaced


def _text_refused(answer: Answer, *names: str) -> bool:
    """Whether Jira refuses the form or the size of the text, which is in one of these fields."""
    if answer.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return "description" in names  # for a comment, 413 means that the issue accepts no more comments
    errors, messages = problems_of(answer)
    return any(name in errors for name in names) or any(map(_ABOUT_TEXT.search, messages))


def _refused(answer: Answer, body: Mapping[str, Any]) -> set[str]:
    """The refused optional parts. Empty if a required part is refused too, or if nothing new is refused."""
    errors, messages = problems_of(answer)
    optional = _optional(body)
    if errors.keys() - optional:
        return set()
    named = {
        name for name in optional if any(re.search(rf"\b{re.escape(name)}\b", text) for text in messages)
    }
    # A refusal that names no field may be about any of them.
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
        "Jira refused the form or the size of a text: this is a fault in huntbridge or a limit in Jira; sent "
        "again as plain text",
        extra={"event": message.id},
    )
