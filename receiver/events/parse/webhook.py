"""Webhook body → Event: what the platform says happened, found in any wording and any wrapping.

The platform fills `$Title` and `$Event` into a template that a user wrote, so a body may be JSON of any
shape, a form, a sentence, or JSON that its own substitution broke. This never raises and never drops: what
cannot be understood is an event of kind `unknown` with its text. It takes time linear in the size of the
body, and the token of the webhook never gets into the event.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

from receiver.events.parse.artefacts import Prose, prose_of
from receiver.events.parse.detections import RESOURCE_KEYS, detection_of
from receiver.events.parse.fields import Field, Wrapped, fields_of, key_name, shown
from shared.models.event_kinds import KINDS, TEST, TEST_NOTE, UNKNOWN_EVENT
from shared.models.events import Detection, Event
from shared.models.systems import System
from shared.text import shorten

# The platform counts its ids up from 1; what does not fit a 32-bit integer was not an id.
MAX_ID = 2**31 - 1
MAX_TITLE = 300
MAX_TEXT = 4_000

_MAX_NESTING = 32  # brackets within brackets; what is deeper is read as text
_MAX_WRAPPING = 3  # JSON in a string, in a string

NO_EVENT_NOTE = (
    "the platform did not fill in $Event, so the details are missing: "
    "set the event formatting of the webhook to Default"
)
NOT_JSON_NOTE = "the body is not JSON that can be read; it was read as text"
SENT_AS_TEST_NOTE = "the platform sent this to test its webhook"
NOT_UNDERSTOOD_NOTE = "nothing in the body says what happened or in which project"


def parse(body: bytes, *, id: str, received_at: datetime) -> Event:
    """The event that a body tells of. Never raises."""
    raw = _decode(body).strip()
    tokens: list[str] = []
    tree = _structure(raw, tokens)
    reading = _read_text(raw, tokens) if tree is None else _read_tree(tree)
    words = _words(reading)
    kind = _kind(reading, words)
    project, evidence, sure = _ids(reading)
    counts = _counts(reading)
    detection = detection_of(reading.fields, kind, words.title, words.text)
    instance, system = _machine(reading, detection.resource if detection else "")
    if kind == UNKNOWN_EVENT and detection and detection.name:
        kind = "detection_created"
    nothing_named = not (project or evidence or counts or instance)
    notes = [reading.note, *_disagreements(project, evidence)]
    title, text = words.title, words.text

    if words.unrendered and not (title or text):
        kind, text = UNKNOWN_EVENT, reading.whole
        notes.append(TEST_NOTE)
    elif nothing_named and _is_test(title, text):
        kind, detection = TEST, None
        notes.append(SENT_AS_TEST_NOTE)
    elif kind == UNKNOWN_EVENT and not (project or evidence or counts):
        text = reading.whole
        notes.append(NOT_UNDERSTOOD_NOTE)
    elif words.unrendered and not text:
        notes.append(NO_EVENT_NOTE)
    return Event(
        id=id,
        kind=kind,
        received_at=received_at,
        title=_safe(_titled(title, detection), MAX_TITLE, tokens),
        text=_safe(text, MAX_TEXT, tokens),
        project_id=project[0] if project else None,
        evidence_id=evidence[0] if evidence else None,
        malicious=counts.get("malicious"),
        suspicious=counts.get("suspicious"),
        alarms=counts.get("alarms"),
        system=system,
        instance=instance,
        note="; ".join(note for note in notes if note),
        detection=_bounded(detection, tokens),
        ambiguous=not sure or len(project) > 1 or len(evidence) > 1,
    )


def _titled(title: str, detection: Detection | None) -> str:
    """A detection's title says only that there is one."""
    named = detection and detection.name and _plain(title).startswith("detection ")
    return f"{title}: {detection.name}" if detection and named else title


def _bounded(detection: Detection | None, tokens: list[str]) -> Detection | None:
    if detection is None:
        return None
    name, said, resource, id = (
        _safe(text, MAX_TITLE, tokens)
        for text in (detection.name, detection.said, detection.resource, detection.id)
    )
    return Detection(name, detection.severity, said, resource, id)


# From bytes to something with a shape


def _decode(body: bytes) -> str:
    """By byte order mark, or by where the zero bytes are (RFC 4627 §3); what does not decode is replaced."""
    return body.decode(json.detect_encoding(body), errors="replace").removeprefix("\ufeff")


def _structure(text: str, tokens: list[str]) -> Any:
    """The text as dicts, lists and scalars, without the token; None where it has no such shape."""
    if text.startswith(("{", "[", '"')):
        tree = _load(text)
    elif re.fullmatch(r"[\w.$%+-]+=\S*", text):
        tree = dict(parse_qsl(text, keep_blank_values=True))
        # Senders that post forms put their JSON into a field of this name.
        tree = _load(tree.get("payload", "")) or tree
    else:
        return None
    return None if tree is None else _unwrap(tree, tokens, _MAX_WRAPPING)


def _unwrap(tree: Any, tokens: list[str], wrapping: int) -> Any:
    """A copy without the token, in which strings that hold a structure are `Wrapped`."""
    if isinstance(tree, dict):
        kept = {}
        for key, value in tree.items():
            if key_name(key) == "token":
                tokens.extend(_strings(value))
            else:
                kept[key] = _unwrap(value, tokens, wrapping)
        return kept
    if isinstance(tree, list):
        return [_unwrap(value, tokens, wrapping) for value in tree]
    if isinstance(tree, str) and wrapping and tree.lstrip()[:1] in ("{", "[", '"', "'"):
        inner = _unwrap(_load(tree.strip()), tokens, wrapping - 1)
        if isinstance(inner, dict | list):
            return Wrapped(inner)
        if isinstance(inner, Wrapped | str):
            return inner
    return tree


def _strings(tree: Any) -> Iterator[str]:
    if isinstance(tree, dict | list):
        for value in tree.values() if isinstance(tree, dict) else tree:
            yield from _strings(value)
    elif isinstance(tree, str):
        yield tree


# Every token of either notation that matters here. A string without an end reaches to the end of the text,
# and nothing is tried twice, so that the scan is linear whatever the text is.
_PIECE = re.compile(
    r"""'(?P<single>(?:[^'\\]++|\\.?)*+)'?|"(?P<double>(?:[^"\\]++|\\.?)*+)"?|(?P<open>[\[{(])|(?P<close>[\])}])"""
    r"""|\b(?P<word>True|False|None)\b""",
    re.DOTALL,
)
_AS_JSON = {"True": "true", "False": "false", "None": "null", "(": "[", ")": "]"}


def _load(text: str) -> Any:
    """JSON, or else the repr of a Python value; None where it is neither, or too deep."""
    if _too_deep(text):
        return None
    for notation in (str, _python_to_json):
        try:
            return json.loads(
                notation(text), strict=False, parse_int=_whole, parse_float=str, parse_constant=str
            )
        except ValueError:
            continue
    return None


def _whole(digits: str) -> int | str:
    """Long runs of digits stay text: to make a number of them takes time quadratic in their length."""
    return int(digits) if len(digits) <= 19 else digits


def _too_deep(text: str) -> bool:
    depth = 0
    for piece in _PIECE.finditer(text):
        if piece["open"]:
            depth += 1
            if depth > _MAX_NESTING:
                return True
        elif piece["close"]:
            depth -= 1
    return False


def _python_to_json(text: str) -> str:
    # Not ast.literal_eval: it warns about odd escapes, and its depth and memory are the interpreter's.
    return _PIECE.sub(_piece_as_json, text)


def _piece_as_json(piece: re.Match[str]) -> str:
    inside = piece["single"] if piece["single"] is not None else piece["double"]
    if inside is not None:
        return json.dumps(_unescape(inside))
    return _AS_JSON.get(piece[0], piece[0])


_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r"}


def _unescape(text: str) -> str:
    def character(found: re.Match[str]) -> str:
        code = found[1] or found[2] or found[3]
        if code is None:
            return _ESCAPED.get(found[4], found[4])
        number = int(code, 16)
        return chr(number) if number <= 0x10FFFF else "\ufffd"

    return _ESCAPE.sub(character, text)


# From a shape to named values


@dataclass(frozen=True)
class _Reading:
    fields: tuple[Field, ...]
    prose: Prose  # all text, for finding numbers in it
    whole: str  # the body as a person may see it
    note: str = ""


def _read_tree(tree: Any) -> _Reading:
    fields = tuple(fields_of(tree))
    prose = prose_of(field.value for field in fields if isinstance(field.value, str) and _is_text(field))
    return _Reading(fields, prose, shown(tree))


def _is_text(field: Field) -> bool:
    """Whether the sender's own words stand there: in a key of the template, or in one that holds a text. Any
    other value in a structure may be a name that somebody else chose."""
    own = field.names[0] == field.names[1] or field.names[0] in (*_TITLE_KEYS, *_TEXT_KEYS)
    return own and not (field.chosen or field.whole)


# The keys that end a value in JSON which a quote inside `$Event` broke. Other keys are taken for a part of
# the value: more likely `$Event` was JSON itself.
_RAW_KEY = re.compile(
    r'"(title|subject|message|text|event|event_type|details|description|detection_id|group_id|token|bridge)"\s*:'
)


def _read_text(raw: str, tokens: list[str]) -> _Reading:
    whole = _redact(raw, tokens)
    broken = raw.startswith(("{", "["))
    # Numbers are looked for in what was not redacted: a file name may look like a token, and must not
    # be able to hide the project.
    prose = prose_of(field.value for field in _raw_fields(raw, broken) if isinstance(field.value, str))
    return _Reading(_raw_fields(whole, broken), prose, whole, NOT_JSON_NOTE if broken else "")


def _raw_fields(text: str, broken: bool) -> tuple[Field, ...]:
    keys = list(_RAW_KEY.finditer(text)) if broken else []
    ends = [key.start() for key in keys[1:]] + [len(text)]
    return tuple(
        Field((key_name(key[1]), key_name(key[1])), _raw_value(text[key.end() : end]), False)
        for key, end in zip(keys, ends, strict=False)
    ) or (Field(("text", "text"), text, False),)


def _raw_value(text: str) -> str:
    text = re.sub(r'"[\s,}\]]*\Z', "", text.strip())
    return _unescape(text.removeprefix('"'))


# The token

_TOKEN_KEY = re.compile(r"""token\\*["']\s*[:=]\s*(?P<quote>\\*["'])?|\btoken=""", re.IGNORECASE)
_AFTER_TOKEN = re.compile(r"[,}\]&\s]")


def _redact(text: str, tokens: list[str]) -> str:
    """Text that has no structure, without the values of its keys named token."""
    kept, at = [], 0
    while found := _TOKEN_KEY.search(text, at):
        quote = found["quote"] or ""
        start = end = found.end()
        if quote:
            closing = text.find(quote, start)
            end = closing if closing >= 0 else len(text)
        after = _AFTER_TOKEN.search(text, end)
        kept.append(text[at:start] + "<secret>" + quote)
        at = after.start() if after else len(text)
        tokens.append(text[start : end if quote else at])
    return "".join(kept) + text[at:]


def _safe(text: str, limit: int, tokens: list[str]) -> str:
    """Bounded, encodable, and without the token, should the template have repeated it in its texts."""
    text = _redact(text, [])
    # A shorter one would be found by chance; and thousands are no tokens, only work.
    for token in [token for token in tokens if len(token) >= 8][:10]:
        text = text.replace(token, "<secret>")
    return shorten(text.encode("utf-8", "replace").decode(), limit)


# What a person reads

_TITLE_KEYS = ("title", "subject", "headline", "summary")
_TEXT_KEYS = (
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
_PLACEHOLDER = re.compile(r"\$(?:title|event|detection_id|event_type|group_id)\b", re.IGNORECASE)
_MARKUP = " \t\r\n*_#`~|-="


@dataclass(frozen=True)
class _Words:
    title: str
    text: str
    unrendered: bool  # a placeholder stands where a title or a text should be


def _words(reading: _Reading) -> _Words:
    strings = [field for field in reading.fields if isinstance(field.value, str)]
    outer = [field for field in strings if not field.inner]
    titles = [_value(field) for key in _TITLE_KEYS for field in outer if field.names[0] == key]
    texts = [_value(field) for field in outer if field.names[0] in _TEXT_KEYS and field.value not in KINDS]
    if not texts:
        known = set(titles)
        texts = [text for text in map(_value, outer) if " " in text and text not in known]
    rendered = [_without_placeholders(text) for text in (*titles[:1], *texts)]
    unrendered = any(lost for _, lost in rendered)
    title = rendered[0][0] if titles else ""
    parts = list(dict.fromkeys(text for text, _ in rendered[1 if titles else 0 :] if text))
    if not titles and parts:
        title, parts[0] = _heading(parts[0])
    text = "\n".join(part for part in parts if part)
    return _Words(title, text, unrendered)


def _value(field: Field) -> str:
    return str(field.value).strip()


def _without_placeholders(text: str) -> tuple[str, bool]:
    """The text without the lines that are a bare placeholder, and whether there were any.

    A line that says more is kept as it is: a file on a captured disk may be called `$Event`.
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
    shouted = not any(character.islower() for character in line)
    if len(line) > MAX_TITLE or not _kind_in(line) or not (rest or shouted):
        return "", text
    return line, re.sub(r"\A\s*details:\s*", "", rest, flags=re.IGNORECASE).strip()


# A test names nothing, and says that it is one: "TEST WEBHOOK", "This is a test message."
_TEST = re.compile(
    r"(?:(?:this|is|it|a|an|the|just|only|your|of|from|for|cado|darktrace|platform|webhooks?|sample) ){0,8}"
    r"test(?:ing)?(?: (?:of|for|from|a|an|the|your|this|cado|darktrace|platform|webhooks?|messages?|events?|"
    r"notifications?|alerts?|alarms?|titles?|payloads?|details?|is|test|only|please|ignore)){0,12}"
)


def _is_test(title: str, text: str) -> bool:
    """By its title, or by its text where there is no title."""
    return bool(_TEST.fullmatch(_plain((title or text)[:MAX_TITLE])))


# Which kind

_KIND_KEYS = ("event", "eventtype")
_PHRASES = sorted(((kind.replace("_", " "), kind) for kind in KINDS), key=lambda pair: -len(pair[0]))
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


def _kind(reading: _Reading, words: _Words) -> str:
    """The template's own word for it, else the title's, else the text's."""
    for inner in (False, True):
        for key in _KIND_KEYS:
            for field in reading.fields:
                value = str(field.value).strip().lower()
                if field.inner == inner and field.names[0] == key and value in KINDS:
                    return value
        if not inner and (found := _kind_in(words.title)):
            return found
    return _kind_in(words.text) or UNKNOWN_EVENT


def _kind_in(text: str) -> str | None:
    plain = _plain(text)
    if _FINISHED_WITH_ALARMS.search(plain):  # which holds the phrase of `processing_finished` as well
        return "processing_with_alarms"
    for phrase, kind in _PHRASES:
        if phrase in plain:
            return kind
    for pattern, kind in _OTHER_PHRASES:
        if pattern.search(plain):
            return kind
    return None


def _plain(text: str) -> str:
    """Lower case, and a single space where anything but letters and digits was."""
    return " ".join(re.findall(r"[a-z0-9]+", text.lower()))


# Which numbers

_PROJECT_KEYS = ("projectid", "investigationid", "project", "investigation")
_EVIDENCE_KEYS = ("evidenceid", "evidence")


def _id_pattern(words: str) -> re.Pattern[str]:
    # `project id 3`, `project_id": 3`, `project #3`, `project "weekly" (id 3)`. The number is no date, no
    # version, no part of a name, and no count of something.
    between = r"""[\s"'`*:=#(\[\\]{0,8}"""
    named = r"""\s{1,3}(?:"[^"\n]{1,120}"|'[^'\n]{1,120}'|[^\s"'()]{1,120})\s{0,3}\(\s{0,3}id\b"""
    return re.compile(
        rf"(?:\b|_)(?:{words})s?(?:[\s_(-]{{0,3}}(?:id|number|no)\b(?:\sis)?|{named})?{between}"
        r"([0-9]{1,10})(?![\w-]|[.,][0-9])"
        r"(?![^\S\n]{1,4}(?:new|high|low|medium|critical|malicious|suspicious|alarm|alert|detection|event|file)s?\b)",
        re.IGNORECASE | re.ASCII,
    )


_PROJECT = _id_pattern("project|investigation")
_EVIDENCE = _id_pattern("evidence")


def _ids(reading: _Reading) -> tuple[list[int], list[int], bool]:
    """Every project, every evidence, each with the one to go by first; and whether it is sure that none of
    them was read out of a file's name."""
    firm = reading.prose.firm
    projects = _named_ids(reading, _PROJECT_KEYS) + _told_ids(firm, _PROJECT)
    evidences = _named_ids(reading, _EVIDENCE_KEYS) + _told_ids(firm, _EVIDENCE)
    if projects or evidences:
        return list(dict.fromkeys(projects)), list(dict.fromkeys(evidences)), True
    project, evidence = (set(_told_ids(reading.prose.loose, one)) for one in (_PROJECT, _EVIDENCE))
    if len(project) == len(evidence) == 1:
        return list(project), list(evidence), False
    return [], [], True


def _named_ids(reading: _Reading, keys: tuple[str, ...]) -> list[int]:
    named = (_id(field.value) for key in keys for field in reading.fields if _is_named(field, key))
    return [number for number in named if number]


def _told_ids(text: str, pattern: re.Pattern[str]) -> list[int]:
    told = (_id(found[1]) for found in pattern.finditer(text))
    return [number for number in told if number]


def _is_named(field: Field, key: str) -> bool:
    return key in field.names and not field.chosen


def _id(value: str | int | bool | None) -> int | None:
    number = _number(value)
    return number if number and number <= MAX_ID else None


def _number(value: str | int | bool | None) -> int | None:
    """A whole number that is not negative. True is not 1, and 3.0 is not 3."""
    if isinstance(value, str) and re.fullmatch(r"\s*[0-9]{1,10}\s*", value):
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    return None


def _disagreements(project: list[int], evidence: list[int]) -> Iterator[str]:
    for what, ids in (("project", project), ("evidence", evidence)):
        if len(ids) > 1:
            others = ", ".join(map(str, ids[1:4]))
            yield f"the body names more than one {what}: {ids[0]} was taken, not {others}"


# Not the number of an id, as in "evidence id 4 alarms".
_DIGITS = r"(?<![\w.,#-])(?<!\bid\s)(?<!\bid:\s)([0-9]{1,3}(?:,[0-9]{3}){1,2}|[0-9]{1,9})"
_HIGH = r"(?:high[\s_-]{1,2}severity|malicious)"
_LOW = r"suspicious(?:[\s_-]{1,2}severity)?"
_COUNTED = (
    r"""(?:[\s_-]{1,2}(?:alarm|alert|event)s?)?(?:[\s_-]{1,2}count)?["'`*\\]{0,3}\s{0,3}[:=][\s"'`*\\]{0,6}"""
)


def _count_patterns(what: str) -> tuple[re.Pattern[str], ...]:
    return (
        re.compile(rf"{_DIGITS}[^\S\n]{{1,4}}(?:new\s)?{what}\b", re.IGNORECASE | re.ASCII),
        re.compile(rf"(?:\b|_){what}{_COUNTED}{_DIGITS}(?![\w-]|[.,][0-9])", re.IGNORECASE | re.ASCII),
    )


_COUNTS = {
    "malicious": (
        ("malicious", "maliciouscount", "maliciousalarms", "highseverityalarms"),
        _count_patterns(_HIGH),
    ),
    "suspicious": (
        ("suspicious", "suspiciouscount", "suspiciousalarms", "suspiciousseverityevents"),
        _count_patterns(_LOW),
    ),
    "alarms": (
        ("alarms", "alarmcount", "totalalarms", "alarmstotal"),
        _count_patterns(r"(?<!malicious[\s_-])(?<!suspicious[\s_-])(?<!severity[\s_-])alarms?"),
    ),
}


def _counts(reading: _Reading) -> dict[str, int]:
    """The largest of several numbers of one sort, since a smaller one may be part of a name."""
    found = {}
    for what, (keys, patterns) in _COUNTS.items():
        values = (_number(field.value) for key in keys for field in reading.fields if _is_named(field, key))
        named = [number for number in values if number is not None and number <= MAX_ID]
        told = (match[1] for pattern in patterns for match in pattern.finditer(reading.prose.firm))
        numbers = named or [int(digits.replace(",", "")) for digits in told]
        if numbers:
            found[what] = max(numbers)
    return found


# Which machine

_INSTANCE_ID = r"i-(?:[0-9a-f]{17}|[0-9a-f]{8})"
_INSTANCE = re.compile(rf"(?<![\w-]){_INSTANCE_ID}(?![\w-])")
_RESOURCE = re.compile(
    rf"\s*+(?:arn:aws[a-z-]{{0,12}}:ec2:([a-z0-9-]{{1,30}}):[0-9]{{0,12}}:instance/)?({_INSTANCE_ID})\s*"
)
_REGION = re.compile(r"[a-z]{2}(?:-[a-z]{2,12}){1,3}-[0-9]")


def _machine(reading: _Reading, resource: str) -> tuple[str, System | None]:
    """The one EC2 instance that the body names, and its region where the body gives it. What is named as the
    resource goes before what a sentence says, and that before a value with another key that is the id of an
    instance and nothing else.

    A body that names two instances names none: to describe the wrong machine is worse than none.
    """
    fields = [field for field in reading.fields if not (field.chosen or field.whole)]
    values = [field.value for field in fields if _RESOURCES & {*field.names}]
    named, others = (
        [found for value in found_in if (found := _RESOURCE.fullmatch(str(value)))]
        for found_in in ((*values, resource), (field.value for field in fields))
    )
    instances = (
        {found[2] for found in named}
        or set(_INSTANCE.findall(reading.prose.firm))
        or {found[2] for found in others}
    )
    if len(instances) != 1:
        return "", None
    instance = instances.pop()
    regions = {found[1] for found in (*named, *others) if found[1] and found[2] == instance} or {
        str(field.value)
        for field in reading.fields
        if field.names[0] in ("region", "awsregion") and _REGION.fullmatch(str(field.value))
    }
    system = System(instance, regions.pop()) if len(regions) == 1 else None
    return instance, system


_RESOURCES = frozenset(RESOURCE_KEYS)
