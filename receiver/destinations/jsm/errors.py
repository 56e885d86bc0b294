"""Decides what an answer of JSM's alert API means."""

from __future__ import annotations

import re
from dataclasses import replace

from receiver.destinations.classify import classify, json_object, quoted
from receiver.destinations.contract import Outcome, Rejected
from receiver.destinations.mask import Mask
from shared.http.answers import Answer

_KEY = (
    "Jira Service Management does not take the key: copy the key of the team's API integration again, and "
    "see that the integration is switched on and may create alerts"
)
_URL = "there are no alerts of Jira Service Management at this URL: check url"
_ADVICE = {
    400: "Jira Service Management refuses the alert",
    401: _KEY,
    403: _KEY,
    404: _URL,
    405: _URL,
    410: _URL,
    413: "Jira Service Management finds this alert too long; this is a fault in huntbridge",
    422: "Jira Service Management refuses the alert",
}
# What the outcome of a request says if there is nothing to acknowledge or to close.
_NO_ALERT = re.compile(r"not (be )?found|does ?n[o'\u2019]?t exist|no alert|already", re.IGNORECASE)


def classify_answer(answer: Answer, *, now: float, mask: Mask) -> Outcome:
    """`now`: epoch seconds."""
    return classify(_in_words(answer), now=now, mask=mask, advice=_ADVICE)


def no_request_id(answer: Answer, mask: Mask) -> Rejected:
    """The outcome of a success that names no request: something other than JSM answered."""
    return Rejected(
        f"answered {answer.status}, but took no request; is the URL Jira Service Management's?"
        + quoted(_in_words(answer), mask)
    )


def says_no_alert(status: str) -> bool:
    """Whether the outcome of a request says that the case has no open alert, or one in that state already."""
    return _NO_ALERT.search(status) is not None


def _in_words(answer: Answer) -> Answer:
    """The answer with JSM's own error texts as its body, if it has some."""
    body = json_object(answer)
    errors = body.get("errors")
    words = [body["message"]] if isinstance(body.get("message"), str) else []
    words += [f"{name}: {text}" for name, text in errors.items()] if isinstance(errors, dict) else []
    return replace(answer, body="; ".join(words).encode(errors="replace")) if words else answer
