"""Finds how many alarms the body counts, by severity."""

from __future__ import annotations

import re
from dataclasses import dataclass

from receiver.events.parse.ids import is_named
from receiver.events.parse.numbers import MAX_NUMBER, whole_number
from receiver.events.parse.reading import Reading


@dataclass(frozen=True)
class Counts:
    """None if the body names no such number."""

    malicious: int | None = None
    suspicious: int | None = None
    alarms: int | None = None  # alarms whose severity the body does not name


def counts_of(reading: Reading) -> Counts:
    return Counts(
        _count(reading, _MALICIOUS_KEYS, _MALICIOUS),
        _count(reading, _SUSPICIOUS_KEYS, _SUSPICIOUS),
        _count(reading, _ALARM_KEYS, _ALARMS),
    )


def _count(reading: Reading, keys: tuple[str, ...], patterns: tuple[re.Pattern[str], ...]) -> int | None:
    """The largest number with one of the keys; else the largest number in a sentence. A smaller number may be
    part of a name."""
    values = (whole_number(field.value) for key in keys for field in reading.fields if is_named(field, key))
    by_key = [number for number in values if number is not None and number <= MAX_NUMBER]
    if by_key:
        return max(by_key)
    in_text = (match[1] for pattern in patterns for match in pattern.finditer(reading.prose.own))
    return max((int(digits.replace(",", "")) for digits in in_text), default=None)


# Not the number of an id, such as in "evidence id 4 alarms".
_DIGITS = r"(?<![\w.,#-])(?<!\bid\s)(?<!\bid:\s)([0-9]{1,3}(?:,[0-9]{3}){1,2}|[0-9]{1,9})"
_COUNTED = (
    r"""(?:[\s_-]{1,2}(?:alarm|alert|event)s?)?(?:[\s_-]{1,2}count)?["'`*\\]{0,3}\s{0,3}[:=][\s"'`*\\]{0,6}"""
)


def _patterns(what: str) -> tuple[re.Pattern[str], ...]:
    """`5 malicious` and `malicious alarms: 5`."""
    return (
        re.compile(rf"{_DIGITS}[^\S\n]{{1,4}}(?:new\s)?{what}\b", re.IGNORECASE | re.ASCII),
        re.compile(rf"(?:\b|_){what}{_COUNTED}{_DIGITS}(?![\w-]|[.,][0-9])", re.IGNORECASE | re.ASCII),
    )


_MALICIOUS_KEYS = ("malicious", "maliciouscount", "maliciousalarms", "highseverityalarms")
_MALICIOUS = _patterns(r"(?:high[\s_-]{1,2}severity|malicious)")
_SUSPICIOUS_KEYS = ("suspicious", "suspiciouscount", "suspiciousalarms", "suspiciousseverityevents")
_SUSPICIOUS = _patterns(r"suspicious(?:[\s_-]{1,2}severity)?")
_ALARM_KEYS = ("alarms", "alarmcount", "totalalarms", "alarmstotal")
_ALARMS = _patterns(r"(?<!malicious[\s_-])(?<!suspicious[\s_-])(?<!severity[\s_-])alarms?")
