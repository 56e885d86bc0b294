"""Decides what an answer of PagerDuty's Events API means."""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus

from receiver.destinations.classify import classify, json_object, quoted
from receiver.destinations.contract import Delivered, Outcome, Rejected
from receiver.destinations.mask import Mask
from shared.http.answers import Answer

_KEY = (
    "PagerDuty does not take the routing key: copy the integration key of an Events API v2 integration "
    "again, and check the region"
)
_URL = "there is no Events API at this URL: check region and url"
_ADVICE = {
    400: "PagerDuty refuses the event",
    401: _KEY,
    403: _KEY,
    404: _URL,
    405: _URL,
    410: _URL,
    413: "PagerDuty finds this event too long; this is a fault in huntbridge",
}


def classify_event(answer: Answer, *, now: float, mask: Mask) -> Outcome:
    """`now`: epoch seconds. PagerDuty answers 202 with `status: success`; the event is in its queue then, and
    nobody learns its outcome."""
    outcome = classify(_in_words(answer), now=now, mask=mask, advice=_ADVICE)
    if isinstance(outcome, Delivered) and json_object(answer).get("status") != "success":
        return Rejected(
            f"answered {answer.status}, but took no event; is the URL PagerDuty's?{quoted(answer, mask)}"
        )
    if answer.status == HTTPStatus.BAD_REQUEST and "routing" in answer.text.casefold():
        return Rejected(f"{_KEY} (answered 400{quoted(_in_words(answer), mask)})", unauthorized=True)
    return outcome


def _in_words(answer: Answer) -> Answer:
    """The answer with PagerDuty's own error texts as its body, if it has some."""
    body = json_object(answer)
    message, errors = body.get("message"), body.get("errors")
    words = [message] if isinstance(message, str) else []
    words += [str(text) for text in errors] if isinstance(errors, list) else []
    return replace(answer, body="; ".join(words).encode(errors="replace")) if words else answer
