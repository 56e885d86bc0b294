"""Decides what an answer of Jira means, and recognises the texts with which Jira refuses something."""

from __future__ import annotations

from dataclasses import replace

from receiver.destinations.classify import classify, json_object, quoted
from receiver.destinations.contract import Outcome
from receiver.destinations.mask import Mask
from shared.config.destinations.jira import JiraConfig
from shared.http.answers import Answer

GONE = "is gone, or hidden from this account"
# Statuses with which Jira refuses a comment. Jira Cloud accepts some thousands of comments on one issue.
_NO_COMMENT = {404: GONE, 410: GONE, 413: "takes no more comments"}
# The same, if Jira's own text says why: the issue is restricted or archived, or a workflow forbids comments.
_NO_COMMENT_IN_WORDS = frozenset({400, 403, 405, 409, 422, 423})


class JiraErrors:
    """Classifies the answers of one configured Jira."""

    def __init__(self, config: JiraConfig, mask: Mask) -> None:
        self._mask = mask
        self._advice = {
            400: "Jira refuses the issue",
            401: f"Jira does not take the token; has it expired? {_token_advice(config)}",
            403: f"the account may not do this in project {config.project}, or must first solve a captcha",
            404: f"there is no project {config.project} at this URL, or the account may not see it",
            410: "this Jira has removed that API; huntbridge must be updated",
            413: "Jira finds the issue too long; this is a fault in huntbridge",
        }

    def classify(self, answer: Answer, now: float) -> Outcome:
        """`now`: epoch seconds."""
        return classify(in_words(answer), now=now, mask=self._mask, advice=self._advice)

    def quoted(self, answer: Answer) -> str:
        """`: “Jira's own text”`; empty if it has none."""
        return quoted(in_words(answer), self._mask)

    def comment_refusal(self, answer: Answer) -> str:
        """Why the issue takes no comment; empty if the answer does not say that it takes none."""
        if answer.status in _NO_COMMENT:
            return _NO_COMMENT[answer.status]
        if answer.status in _NO_COMMENT_IN_WORDS:
            return f"takes no comment (answered {answer.status}{self.quoted(answer)})"
        return ""


def problems_of(answer: Answer) -> tuple[dict[str, str], list[str]]:
    """What a 400 says about single fields, by field, and about the whole request. Both are empty for any
    other answer."""
    if answer.status != 400:
        return {}, []
    body = json_object(answer)
    errors, messages = body.get("errors"), body.get("errorMessages")
    return (
        {str(name): str(text) for name, text in errors.items()} if isinstance(errors, dict) else {},
        [str(text) for text in messages] if isinstance(messages, list) else [],
    )


def in_words(answer: Answer) -> Answer:
    """The answer with Jira's own error texts as its body, if it has some."""
    body = json_object(answer)
    messages, errors = body.get("errorMessages"), body.get("errors")
    words = [str(text) for text in messages] if isinstance(messages, list) else []
    words += [f"{name}: {text}" for name, text in errors.items()] if isinstance(errors, dict) else []
    words += [str(body[name]) for name in ("message", "errorMessage") if body.get(name)]
    return replace(answer, body="; ".join(words).encode(errors="replace")) if words else answer


def _token_advice(config: JiraConfig) -> str:
    if config.gateway:
        return "At api.atlassian.com it must be a scoped one, of this site. Tokens live a year at most"
    if config.token:
        return "Make a new personal access token in the profile of the account"
    return (
        "Tokens of Jira Cloud live a year at most. A scoped one works at "
        "https://api.atlassian.com/ex/jira/{cloudId} alone"
    )
