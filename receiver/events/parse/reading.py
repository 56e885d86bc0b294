"""Reads a body into a `Reading`: its named values and its texts. The rest of the parser uses only these."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from receiver.events.parse.fields import Field, fields_of, key_name, shown
from receiver.events.parse.redact import redact
from receiver.events.parse.structure import decode, structure_of, unescape
from receiver.events.parse.untrusted_names import Prose, prose_of
from shared.models.event_notes import NOT_JSON_NOTE

TITLE_KEYS = ("title", "subject", "headline", "summary")
TEXT_KEYS = (
    "message",
    "text",
    "event",
    "details",
    "detail",
    "description",
    "body",
    "content",
    "msg",
    "value",
)


@dataclass(frozen=True)
class Reading:
    """A body as it was read. Only `tokens` and `prose` contain the webhook's token, and neither is shown."""

    fields: tuple[Field, ...]
    prose: Prose  # all texts, to be searched for numbers
    text: str  # the whole body, to be shown to people
    tokens: tuple[str, ...]
    note: str = ""


def read(body: bytes) -> Reading:
    text = decode(body).strip()
    tree, tokens = structure_of(text)
    return _read_text(text) if tree is None else _read_tree(tree, tokens)


def _read_tree(tree: Any, tokens: list[str]) -> Reading:
    fields = tuple(fields_of(tree))
    prose = prose_of(field.value for field in fields if isinstance(field.value, str) and _is_text(field))
    return Reading(fields, prose, shown(tree), tuple(tokens))


def _is_text(field: Field) -> bool:
    """Whether the value is the sender's own words: that of a key at the top of the template, or of a key that
    holds a text. Any other value in a structure may be a name that somebody else chose."""
    own = field.key == field.path or field.key in (*TITLE_KEYS, *TEXT_KEYS)
    return own and not (field.untrusted or field.summary)


# A quotation mark inside `$Event` may break the JSON around it. In broken JSON only these keys end a value.
# Other keys count as part of the value, since `$Event` was probably JSON itself.
_RAW_KEY = re.compile(
    r'"(title|subject|message|text|event|event_type|details|description|detection_id|group_id|token|bridge)"\s*:'
)


def _read_text(text: str) -> Reading:
    redacted, tokens = redact(text)
    broken = text.startswith(("{", "["))
    # Look for numbers in the text as it came: a file name may look like a token, and must not be able to hide
    # the project.
    prose = prose_of(field.value for field in _raw_fields(text, broken) if isinstance(field.value, str))
    note = NOT_JSON_NOTE if broken else ""
    return Reading(_raw_fields(redacted, broken), prose, redacted, tuple(tokens), note)


def _raw_fields(text: str, broken: bool) -> tuple[Field, ...]:
    """The values of broken JSON, if its keys can be found; else one field with the whole text."""
    keys = list(_RAW_KEY.finditer(text)) if broken else []
    ends = [key.start() for key in keys[1:]] + [len(text)]
    return tuple(
        Field(key_name(key[1]), key_name(key[1]), _raw_value(text[key.end() : end]))
        for key, end in zip(keys, ends, strict=False)
    ) or (Field("text", "text", text),)


def _raw_value(text: str) -> str:
    text = re.sub(r'"[\s,}\]]*\Z', "", text.strip())
    return unescape(text.removeprefix('"'))
