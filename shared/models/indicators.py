"""Indicators of compromise: how a file of them is read, and the text that the platform takes.

A file holds one indicator a line, as `value` or `value;description`. Lines that begin with # are comments.
The platform knows four types: SHA-256 digests of files, addresses, domains and keywords.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

MAX_INDICATORS = 10_000
MAX_BYTES = 1_000_000  # of the text that the platform gets
SHORTEST_KEYWORD = 4
_LONGEST_VALUE = 500
_LONGEST_DESCRIPTION = 200

_LABEL = r"(?!-)[a-z0-9_-]{1,63}(?<!-)"
_DOMAIN = re.compile(rf"(?:{_LABEL}\.)+(?:[a-z]{{2,63}}|xn--[a-z0-9-]{{1,59}})")
_DIGEST_NAMES = {32: "an MD5", 40: "a SHA-1", 128: "a SHA-512"}


class IndicatorType(StrEnum):
    KEYWORD = "keyword"
    ADDRESS = "address"
    DOMAIN = "domain"
    SHA256 = "sha256"


@dataclass(frozen=True)
class Indicator:
    feed: str
    type: IndicatorType
    value: str
    description: str = ""


@dataclass(frozen=True)
class Refusal:
    """A line of a file that cannot be used, and what to write instead."""

    file: str
    line: int  # 0: the file as a whole
    why: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.why}" if self.line else f"{self.file}: {self.why}"


def feed_of(stem: str) -> str:
    """The name of a feed: the name of its file without the ending, in lower case, with _ for every character
    that the name of a rule cannot hold."""
    return re.sub(r"[^a-z0-9_]+", "_", stem.lower()).strip("_")


def read_indicators(text: str, feed: str, file: str) -> tuple[list[Indicator], list[Refusal]]:
    """The indicators of one file, each value once, and the lines that cannot be used."""
    found: dict[str, Indicator] = {}
    refused = []
    for number, line in enumerate(text.splitlines(), 1):
        content = line.strip()
        if not content or content.startswith("#"):
            continue
        value, _, description = (part.strip() for part in content.partition(";"))
        try:
            type, value = _typed(value)
            _check_description(description)
        except ValueError as error:
            refused.append(Refusal(file, number, str(error)))
        else:
            found.setdefault(value, Indicator(feed, type, value, description))
    return list(found.values()), refused


def _typed(value: str) -> tuple[IndicatorType, str]:
    """The type of a value, and the value as the platform gets it. Raises ValueError."""
    if not value:
        raise ValueError("there is no value before the `;`")
    if len(value) > _LONGEST_VALUE:
        raise ValueError(f"the value is longer than {_LONGEST_VALUE} characters")
    if not value.isprintable():
        raise ValueError("the value holds a character that cannot be seen")
    lower = value.lower()
    if re.fullmatch(r"[0-9a-f]+", lower) and len(lower) in (64, *_DIGEST_NAMES):
        if name := _DIGEST_NAMES.get(len(lower)):
            raise ValueError(f"is {name}: the platform only compares SHA-256, so write the file's SHA-256")
        return IndicatorType.SHA256, lower
    if re.search(r"\[\.\]|\[:\]|\(\.\)|^hxxps?:", lower):
        raise ValueError("is defanged: write it as it stands in files, such as evil.example")
    if re.match(r"[a-z][a-z0-9+.-]*://", lower):
        raise ValueError("is a URL: write its domain, or its path as a keyword")
    if "*" in value:
        raise ValueError("has a wildcard: the platform looks for the text as it stands; write the fixed part")
    if address := _address(value):
        return IndicatorType.ADDRESS, address
    if _DOMAIN.fullmatch(lower):
        return IndicatorType.DOMAIN, lower
    if len(value) < SHORTEST_KEYWORD:
        raise ValueError(
            f"is shorter than {SHORTEST_KEYWORD} characters: as a keyword it would be found everywhere"
        )
    return IndicatorType.KEYWORD, value


def _address(value: str) -> str:
    """The address in its usual form; empty if the value is none. Raises ValueError for a network."""
    try:
        return str(ipaddress.ip_address(value))
    except ValueError:
        pass
    if "/" in value:
        try:
            ipaddress.ip_network(value, strict=False)
        except ValueError:
            return ""
        raise ValueError("is a network: the platform takes single addresses, so write each of them")
    return ""


def _check_description(description: str) -> None:
    if ";" in description:
        raise ValueError("has a second `;`: neither a value nor a description may hold one")
    if len(description) > _LONGEST_DESCRIPTION:
        raise ValueError(f"the description is longer than {_LONGEST_DESCRIPTION} characters")
    if description and not description.isprintable():
        raise ValueError("the description holds a character that cannot be seen")


def indicators_text(indicators: Iterable[Indicator], prefix: str) -> str:
    """The indicators as the platform takes them: `value;<prefix>:<feed>:<description>`, each value once. The
    description is the only field that comes back in a hit."""
    lines = {each.value: description_of(each, prefix) for each in reversed(tuple(indicators))}
    return "".join(f"{value};{lines[value]}\n" for value in reversed(lines))


def description_of(indicator: Indicator, prefix: str) -> str:
    described = f":{indicator.description}" if indicator.description else ""
    return f"{prefix}:{indicator.feed}{described}"


def too_many(count: int, text: str) -> str:
    """Why the platform does not get so many; empty if it gets them."""
    if count > MAX_INDICATORS:
        return f"{count:,} indicators are too many: {MAX_INDICATORS:,} are the most"
    if len(text.encode()) > MAX_BYTES:
        return f"the indicators are larger than {MAX_BYTES:,} bytes"
    return ""
