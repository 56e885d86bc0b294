"""Decides what an answer of a receiver of signed webhooks means: by the status, since it has no error
codes."""

from __future__ import annotations

from receiver.destinations.classify import classify
from receiver.destinations.contract import Outcome
from receiver.destinations.mask import Mask
from shared.http.answers import Answer

_URL = "the receiver does not know this URL: check it"
_KEY = "the receiver does not take the signature or the URL: has its copy of the secret changed?"
_ADVICE = {
    400: "the receiver refuses this message",
    401: _KEY,
    403: _KEY,
    404: _URL,
    405: _URL,
    410: _URL,
    413: "the receiver takes not even 16 KiB: raise its limit to 64 KiB",
    415: "the receiver does not take application/cloudevents+json: set it up for CloudEvents",
    422: "the receiver refuses this message",
}


def classify_receiver(answer: Answer, *, now: float, mask: Mask) -> Outcome:
    """`now`: epoch seconds."""
    return classify(answer, now=now, mask=mask, advice=_ADVICE)
