"""Decides what an answer of a Teams workflow means. The shared classifier decides the rest, such as a 429."""

from __future__ import annotations

import re
from dataclasses import replace
from http import HTTPStatus

from receiver.destinations.classify import classify, json_object, quoted
from receiver.destinations.contract import Delivered, Outcome, Rejected
from receiver.destinations.mask import Mask
from shared.http.answers import Answer

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
_ERROR_IN_SUCCESS = re.compile(r"HTTP error ([45]\d\d)\b")


def classify_workflow(answer: Answer, *, now: float, mask: Mask) -> Outcome:
    """`now`: epoch seconds. A gateway in front of Teams may answer 200 with an error in the body, which is
    not a success."""
    outcome = classify(answer, now=now, mask=mask, advice=_ADVICE)
    if isinstance(outcome, Rejected) and answer.status == HTTPStatus.BAD_REQUEST:
        # A workflow that is switched off answers 400 too. Its replacement has a new URL, so the secret is
        # read again.
        return replace(outcome, unauthorized=True)
    if not isinstance(outcome, Delivered):
        return outcome
    if error := _ERROR_IN_SUCCESS.search(answer.text):
        inner = replace(answer, status=int(error[1]))
        return classify(inner, now=now, mask=mask, advice=_ADVICE)
    if json_object(answer).get("error"):
        return Rejected(f"answered {answer.status}, but with an error{quoted(answer, mask)}")
    return outcome
