"""Finds what a security product detected: name, severity, resource and id.

The platform passes on detections of GuardDuty, Security Hub, Defender, CrowdStrike, Wiz and others. Each
product has its own form: named values or lines of text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from receiver.events.parse.fields import Field
from receiver.events.parse.untrusted_names import prose_of
from shared.models.event_kinds import UNKNOWN_EVENT
from shared.models.events import Detection
from shared.models.severity import Severity

_WORDS = {
    **dict.fromkeys(("critical", "high", "highest", "severe", "serious", "fatal"), Severity.MALICIOUS),
    **dict.fromkeys(("emergency", "urgent", "important", "malicious"), Severity.MALICIOUS),
    **dict.fromkeys(("medium", "moderate", "elevated", "warning", "suspicious"), Severity.SUSPICIOUS),
    **dict.fromkeys(("low", "lowest", "minor", "negligible", "notice"), Severity.INFO),
    **dict.fromkeys(("informational", "information", "info", "none"), Severity.INFO),
}
_NUMBER_KEYS = re.compile(
    r"\w{0,40}(?<!critical)(?<!high)(?<!medium)(?<!low)(?<!suspicious)"  # such keys count alarms
    r"severity(?:label|name|level|text|string|displayname|rating|class|value|score|original|product)?"
    r"|sev|criticality|risklevel"
)
# Under these keys only words count. A number there may have an unknown scale, or 1 may be the worst.
_WORD_KEYS = re.compile(rf"{_NUMBER_KEYS.pattern}|severityid|priority|threatlevel|risk|riskrating")
_PERCENT_KEYS = re.compile("severitynormalized")  # of Security Hub: 0 to 100
_OCSF_KEYS = re.compile("severityid")  # schema.ocsf.io: low 2, medium 3, high 4, critical 5, fatal 6
# The platform's own severity numbers. Unlike those of security products, 1 is the worst.
_OF_PLATFORM = {1.0: Severity.MALICIOUS, 3.0: Severity.SUSPICIOUS}

# Keys that hold a whole detection. Under other keys, a name is that of a machine or a user.
_PARENTS = frozenset(
    {
        *("", "message", "text", "event", "details", "detail", "description", "body", "content", "msg"),
        *("value", "finding", "findings", "detection", "detections", "alert", "alerts", "data", "payload"),
        *("rule", "control", "policy", "issue", "threat", "properties", "attributes", "incident"),
        *("incidents", "result", "results", "findinginfo"),
    }
)
_NAME_KEYS = (
    *("detectionname", "findingname", "alertdisplayname", "alertname", "threatname", "rulename"),
    *("name", "displayname"),
)
_TYPE = re.compile(r"[A-Za-z]{3,40}:[A-Za-z0-9]{2,40}/\S{2,150}")  # a type of GuardDuty
_ID_KEYS = ("detectionid", "findingid", "alertid", "id")
RESOURCE_KEYS = (
    *("resourceid", "resource", "resourcearn", "resourcesid", "resourcesarn", "resourcename", "assetid"),
    *("instanceid", "instance", "instancearn", "ec2instanceid", "instancedetailsinstanceid"),
)


def detection_of(fields: Sequence[Field], kind: str, title: str, text: str) -> Detection | None:
    """None if the body names no detection and no severity."""
    detects = kind.startswith("detection_")
    own_words = (text,) if detects else ()
    said, severity = _severity(fields, own_words, of_platform=not detects and kind != UNKNOWN_EVENT)
    if not detects and severity is None:
        return None
    if not detects and kind != UNKNOWN_EVENT:
        return Detection(severity=severity, said=said)
    detection = Detection(
        name=next(_names(fields, title, own_words), ""),
        severity=severity,
        said=said,
        resource=next(_resources(fields, own_words), ""),
        id=next(_ids(fields), ""),
    )
    return detection if detection != Detection() else None


def _severity(
    fields: Iterable[Field], texts: Iterable[str], of_platform: bool
) -> tuple[str, Severity | None]:
    """The severity as it was written, and as a Severity.

    The search order is: fields, then lines, then sentences; words before numbers. If one of these has several
    severities, the worst counts.
    """
    lines = list(_lines(texts, "severity"))
    sources: tuple[Iterable[tuple[str, Severity | None]], ...] = (
        map(_of_word, _values(fields, _WORD_KEYS)),
        (_of_number(value, of_platform) for value in _values(fields, _NUMBER_KEYS)),
        map(_of_percent, _values(fields, _PERCENT_KEYS)),
        map(_of_ocsf, _values(fields, _OCSF_KEYS)),
        map(_of_word, lines),
        (_of_number(line, of_platform) for line in lines),
        map(_of_word, _sentences(texts)),
    )
    for source in sources:
        if known := [(said, severity) for said, severity in source if severity]:
            return max(known, key=lambda pair: pair[1].rank)
    return "", None


_MOST_WORDS = 4  # of a severity: "Very High", "5 - Critical", "SEVERITY_HIGH"
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")


def _of_word(text: str) -> tuple[str, Severity | None]:
    words = [word[0].lower() for word in islice(_WORD.finditer(text[:100]), _MOST_WORDS)]
    return next(((word, _WORDS[word]) for word in words if word in _WORDS), ("", None))


def _of_number(text: str, of_platform: bool) -> tuple[str, Severity | None]:
    number = _number(text)
    if number is None:
        return "", None
    if of_platform:
        return text.strip(), _OF_PLATFORM.get(number)
    if number > 10:
        return _of_percent(text)
    # docs.aws.amazon.com/guardduty: low from 1, medium from 4, high from 7, critical from 9.
    return text.strip(), _graded(number, 7, 4)


def _of_percent(text: str) -> tuple[str, Severity | None]:
    number = _number(text)
    if number is None or number > 100:
        return "", None
    # Security Hub's label of its normalized severity: low from 1, medium from 40, high from 70.
    return text.strip(), _graded(number, 70, 40)


def _of_ocsf(text: str) -> tuple[str, Severity | None]:
    number = _number(text)
    return (text.strip(), _graded(number, 4, 3)) if number and number <= 6 else ("", None)


def _graded(number: float, malicious: float, suspicious: float) -> Severity:
    if number >= malicious:
        return Severity.MALICIOUS
    return Severity.SUSPICIOUS if number >= suspicious else Severity.INFO


def _number(text: str) -> float | None:
    match = re.fullmatch(r"\s{0,9}([0-9]{1,3}(?:\.[0-9]{1,3})?)\s{0,9}", text, re.ASCII)
    return float(match[1]) if match else None


def _names(fields: Sequence[Field], title: str, texts: Iterable[str]) -> Iterator[str]:
    for key in _NAME_KEYS:
        yield from (value for field in fields if (value := _named_at_top(field, key)))
    types = (_text(field) for field in fields if field.key in ("type", "types", "findingtype"))
    yield from (value for value in types if _TYPE.fullmatch(value))
    yield from (value for field in fields if (value := _named_at_top(field, "title")) and value != title)
    for text in texts:
        if bold := re.match(r"\s{0,9}\*{1,2}([^*\n]{2,199}[^*\n:])\*{1,2}\s{0,9}(?:\n|\Z)", text):
            yield bold[1].strip()


def _resources(fields: Sequence[Field], texts: Iterable[str]) -> Iterator[str]:
    for key in RESOURCE_KEYS:
        yield from (_text(field) for field in fields if key in field.names and _text(field))
    yield from _lines(texts, "resource")


def _ids(fields: Sequence[Field]) -> Iterator[str]:
    for key in _ID_KEYS:
        for field in fields:
            value = str(field.value)
            if field.key == key and re.fullmatch(r"[\w./:-]{1,200}", value) and _is_at_top(field, key):
                yield value


def _named_at_top(field: Field, key: str) -> str:
    return _text(field) if field.key == key and _is_at_top(field, key) else ""


def _is_at_top(field: Field, key: str) -> bool:
    return field.path.removesuffix(key) in _PARENTS


def _text(field: Field) -> str:
    return field.value.strip() if isinstance(field.value, str) and not field.summary else ""


def _values(fields: Iterable[Field], keys: re.Pattern[str]) -> Iterator[str]:
    for field in fields:
        named = any(map(keys.fullmatch, field.names))
        if named and not (field.summary or field.untrusted or isinstance(field.value, bool | None)):
            yield str(field.value)


def _lines(texts: Iterable[str], label: str) -> Iterator[str]:
    """The text after a label that begins a line, or in the line after it: `* Severity: High`."""
    pattern = re.compile(
        rf"^[^\w\n]{{0,6}}_?{label}[*_\"'` ]{{0,4}}[:=][*_\"'` ]{{0,4}}\n?(.{{1,200}})",
        re.IGNORECASE | re.MULTILINE,
    )
    for text in texts:
        yield from (match[1].strip(" *_`\"'") for match in pattern.finditer(text))


_IN_SENTENCE = re.compile(
    r"\bseverity[\W_]{1,4}(?:(?:is|of|level)\W{1,3}){0,2}((?:very\W)?[a-z]{3,20})\b"
    r"|\b((?:very\W)?[a-z]{3,20})(?=[ -]{1,2}severity\b)",
    re.IGNORECASE,
)


def _sentences(texts: Iterable[str]) -> Iterator[str]:
    """The severities in the sender's own words: `a high severity detection`, `of severity high`."""
    for text in texts:
        own_words = prose_of(iter([text])).own
        yield from (match[1] or match[2] for match in _IN_SENTENCE.finditer(own_words))
