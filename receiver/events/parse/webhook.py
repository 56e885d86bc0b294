"""Parses the body of a webhook into an Event.

The platform fills `$Title` and `$Event` into a template that the user wrote. So a body may be JSON of any
shape, a form, a sentence, or JSON that the substitution broke. Parsing never raises and drops no body: a body
that cannot be understood becomes an event of kind `unknown` with its text. It takes time linear in the size
of the body. The webhook's token never gets into the event.
"""

from __future__ import annotations

from datetime import datetime

from receiver.events.parse.counts import Counts, counts_of
from receiver.events.parse.detections import detection_of
from receiver.events.parse.ids import ids_of
from receiver.events.parse.instances import instance_of
from receiver.events.parse.kinds import kind_of, plain
from receiver.events.parse.reading import read
from receiver.events.parse.redact import bounded
from receiver.events.parse.texts import MAX_TITLE, is_test, texts_of
from shared.models.event_kinds import TEST, UNKNOWN_EVENT
from shared.models.event_notes import NO_EVENT_NOTE, NOT_UNDERSTOOD_NOTE, SENT_AS_TEST_NOTE, TEST_NOTE
from shared.models.events import Detection, Event

MAX_TEXT = 4_000  # characters


def parse(body: bytes, *, id: str, received_at: datetime) -> Event:
    """Never raises."""
    reading = read(body)
    texts = texts_of(reading)
    kind = kind_of(reading.fields, texts.title, texts.text)
    ids, counts = ids_of(reading), counts_of(reading)
    detection = detection_of(reading.fields, kind, texts.title, texts.text)
    instance, system = instance_of(reading, detection.resource if detection else "")
    if kind == UNKNOWN_EVENT and detection and detection.name:
        kind = "detection_created"
    names_numbers = bool(ids.projects or ids.evidences or counts != Counts())
    notes = [reading.note, *ids.disagreements()]
    title, text = texts.title, texts.text

    if texts.unfilled and not (title or text):
        kind, text = UNKNOWN_EVENT, reading.text
        notes.append(TEST_NOTE)
    elif not (names_numbers or instance) and is_test(title, text):
        kind, detection = TEST, None
        notes.append(SENT_AS_TEST_NOTE)
    elif kind == UNKNOWN_EVENT and not names_numbers:
        text = reading.text
        notes.append(NOT_UNDERSTOOD_NOTE)
    elif texts.unfilled and not text:
        notes.append(NO_EVENT_NOTE)
    return Event(
        id=id,
        kind=kind,
        received_at=received_at,
        title=bounded(_with_name(title, detection), MAX_TITLE, reading.tokens),
        text=bounded(text, MAX_TEXT, reading.tokens),
        project_id=ids.project,
        evidence_id=ids.evidence,
        malicious=counts.malicious,
        suspicious=counts.suspicious,
        alarms=counts.alarms,
        system=system,
        instance=instance,
        note="; ".join(note for note in notes if note),
        detection=_bounded(detection, reading.tokens),
        ambiguous=ids.ambiguous,
    )


def _with_name(title: str, detection: Detection | None) -> str:
    """Adds the detection's name to a title without one, such as "DETECTION CREATED"."""
    nameless = detection and detection.name and plain(title).startswith("detection ")
    return f"{title}: {detection.name}" if detection and nameless else title


def _bounded(detection: Detection | None, tokens: tuple[str, ...]) -> Detection | None:
    if detection is None:
        return None
    name, said, resource, id = (
        bounded(text, MAX_TITLE, tokens)
        for text in (detection.name, detection.said, detection.resource, detection.id)
    )
    return Detection(name, detection.severity, said, resource, id)
