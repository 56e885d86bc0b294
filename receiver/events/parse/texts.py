"""Finds the title and the text that people read, and recognises a test of the webhook by them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from receiver.events.parse.fields import Field
from receiver.events.parse.kinds import kind_in, plain
from receiver.events.parse.reading import TEXT_KEYS, TITLE_KEYS, Reading
from shared.models.event_kinds import PLATFORM_KINDS

MAX_TITLE = 300  # characters
_PLACEHOLDER = re.compile(r"\$(?:title|event|detection_id|event_type|group_id)\b", re.IGNORECASE)
_MARKUP = " \t\r\n*_#`~|-="


@dataclass(frozen=True)
class Texts:
    """The title and the text of a webhook."""

    title: str
    text: str
    unfilled: bool  # a title or a text is a placeholder that the platform did not fill in


def texts_of(reading: Reading) -> Texts:
    fields = [field for field in reading.fields if isinstance(field.value, str) and not field.nested]
    titles = [_value(field) for key in TITLE_KEYS for field in fields if field.key == key]
    texts = [
        _value(field) for field in fields if field.key in TEXT_KEYS and field.value not in PLATFORM_KINDS
    ]
    if not texts:
        known = set(titles)
        texts = [text for text in map(_value, fields) if " " in text and text not in known]
    filled = [_without_placeholders(text) for text in (*titles[:1], *texts)]
    unfilled = any(had_placeholders for _, had_placeholders in filled)
    title = filled[0][0] if titles else ""
    parts = list(dict.fromkeys(text for text, _ in filled[1 if titles else 0 :] if text))
    if not titles and parts:
        title, parts[0] = _heading(parts[0])
    return Texts(title, "\n".join(part for part in parts if part), unfilled)


def _value(field: Field) -> str:
    return str(field.value).strip()


def _without_placeholders(text: str) -> tuple[str, bool]:
    """The text without the lines that are only a placeholder, and whether there were such lines.

    A line with any other text is kept unchanged, because a file on a captured disk may be called `$Event`.
    """
    if not _PLACEHOLDER.search(text):
        return text, False
    lines = text.splitlines()
    kept = [
        line
        for line in lines
        if not _PLACEHOLDER.search(line) or len(re.findall(r"\w+", _PLACEHOLDER.sub("", line))) > 3
    ]
    return "\n".join(kept), len(kept) < len(lines)


def _heading(text: str) -> tuple[str, str]:
    """Title and rest of a text whose first line is a title, as in the templates for Slack and Teams."""
    first, _, rest = text.partition("\n")
    line = first.strip(_MARKUP)
    capitals = not any(character.islower() for character in line)
    if len(line) > MAX_TITLE or not kind_in(line) or not (rest or capitals):
        return "", text
    return line, re.sub(r"\A\s*details:\s*", "", rest, flags=re.IGNORECASE).strip()


# A test names no finding, and says that it is a test: "TEST WEBHOOK", "This is a test message."
_TEST = re.compile(
    r"(?:(?:this|is|it|a|an|the|just|only|your|of|from|for|cado|darktrace|platform|webhooks?|sample) ){0,8}"
    r"test(?:ing)?(?: (?:of|for|from|a|an|the|your|this|cado|darktrace|platform|webhooks?|messages?|events?|"
    r"notifications?|alerts?|alarms?|titles?|payloads?|details?|is|test|only|please|ignore)){0,12}"
)


def is_test(title: str, text: str) -> bool:
    """Whether the title says that this is a test; where there is no title, whether the text does."""
    return bool(_TEST.fullmatch(plain((title or text)[:MAX_TITLE])))
