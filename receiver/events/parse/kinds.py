"""Finds the kind of an event: in the template's key `event`, else in the title, else in the text."""

from __future__ import annotations

import re
from collections.abc import Sequence

from receiver.events.parse.fields import Field
from shared.models.event_kinds import PLATFORM_KINDS, UNKNOWN_EVENT

_KIND_KEYS = ("event", "eventtype")
_PHRASES = sorted(((kind.replace("_", " "), kind) for kind in PLATFORM_KINDS), key=lambda pair: -len(pair[0]))
_FINISHED_WITH_ALARMS = re.compile(
    r"\bprocessing (?:(?:is|was|has) )?(?:finished|completed?) with (?!no\b|0 )(?:\w+ ){0,5}alarms?\b"
)
_OTHER_PHRASES = (
    (re.compile(r"\bsuspicious (?:severity )?(?:events?|alarms?)\b"), "suspicious_severity_event"),
    (re.compile(r"\bprocessing (?:is |was |has )?(?:complete|completed|finished)\b"), "processing_finished"),
    (re.compile(r"\bprocessing (?:has )?(?:failed|failure|error)\b"), "processing_failed"),
    (re.compile(r"\bnew detection group\b"), "detection_group_created"),
    (re.compile(r"\bnew detection\b"), "detection_created"),
    (re.compile(r"\badmin(?:istrator)? (?:has )?logged in\b"), "admin_login"),
)


def kind_of(fields: Sequence[Field], title: str, text: str) -> str:
    """A key of the template decides first. The title decides before a key of a nested structure."""
    return (
        _kind_by_key(fields, nested=False)
        or kind_in(title)
        or _kind_by_key(fields, nested=True)
        or kind_in(text)
        or UNKNOWN_EVENT
    )


def _kind_by_key(fields: Sequence[Field], *, nested: bool) -> str | None:
    for key in _KIND_KEYS:
        for field in fields:
            value = str(field.value).strip().lower()
            if field.nested == nested and field.key == key and value in PLATFORM_KINDS:
                return value
    return None


def kind_in(text: str) -> str | None:
    """The kind of event that the words of a title or a text describe."""
    words = plain(text)
    if _FINISHED_WITH_ALARMS.search(words):  # these words also contain the phrase of `processing_finished`
        return "processing_with_alarms"
    for phrase, kind in _PHRASES:
        if phrase in words:
            return kind
    for pattern, kind in _OTHER_PHRASES:
        if pattern.search(words):
            return kind
    return None


def plain(text: str) -> str:
    """The words in lower case, with single spaces in place of everything but letters and digits."""
    return " ".join(re.findall(r"[a-z0-9]+", text.lower()))
