"""Makes hostile text harmless: cleans it, shortens it, and makes links in it inert.

An attacker may have written whatever comes from the platform, from a tag or from a captured disk. Use the
functions in this order: `clean` or `one_line`, then `shorten`, then the escape of the destination. Never cut
text after it was escaped.
"""

from __future__ import annotations

import re
import unicodedata

ELLIPSIS = "…"
_ZERO_WIDTH_JOINER = "\u200d"

_LINE_END = re.compile("\r\n|[\r\v\f\x85\u2028\u2029]")
# In Unicode 16: controls, category Cf, Default_Ignorable_Code_Point, surrogates and noncharacters. They are
# written out, because asking unicodedata about every character takes a tenth of a second at start.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160"
    "\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ud800-\udfff\ufdd0-\ufdef"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff\U000110bd\U000110cd\U00013430-\U0001343f"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
    + "".join(f"{chr(plane + 0xFFFE)}{chr(plane + 0xFFFF)}" for plane in range(0x10000, 0x110000, 0x10000))
    + "]"
)


def clean(text: str, limit: int = 2_000) -> str:
    """Removes control, bidirectional and invisible characters, except newline and tab, and shortens the text
    to `limit` characters."""
    if not (text.isascii() and text.isprintable()):  # most texts are, and have nothing to remove
        text = _INVISIBLE.sub("", _LINE_END.sub("\n", text))
    return shorten(text, limit)


def one_line(text: str, limit: int = 200) -> str:
    """Like `clean`, with one space in place of each run of white space, and none at either end."""
    return shorten(" ".join(clean(text, len(text)).split()), limit)


def shorten(text: str, limit: int) -> str:
    """Cuts the text to at most `limit` code points, of which the last is then an ellipsis.

    Never cuts inside a visible character: a letter with its combining marks, an emoji with its skin tone or
    joined parts, and the two halves of a flag stay together.
    """
    if len(text) <= limit:
        return text
    if limit < 1:
        return ""
    cut = limit - 1
    while cut and _joined(text, cut):
        cut -= 1
    return text[:cut].rstrip() + ELLIPSIS


def _joined(text: str, at: int) -> bool:
    """Whether the code points before and at `at` are parts of one visible character."""
    before, here = text[at - 1], text[at]
    if here == _ZERO_WIDTH_JOINER or before == _ZERO_WIDTH_JOINER:
        return True
    if unicodedata.category(here).startswith("M") or "\U0001f3fb" <= here <= "\U0001f3ff":
        return True
    if "\u1160" <= here <= "\u11ff":  # the later parts of a Korean syllable
        return True
    if "\ud800" <= before <= "\udbff" and "\udc00" <= here <= "\udfff":
        return True
    return _is_half_flag(before) and _is_half_flag(here) and _half_flags_before(text, at) % 2 == 1


def _is_half_flag(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def _half_flags_before(text: str, at: int) -> int:
    start = at
    while start and _is_half_flag(text[start - 1]):
        start -= 1
    return at - start


_DOT = re.compile("[.\u3002\uff0e\uff61]")  # ideographic full stops separate the labels of a host as well
_SCHEME = re.compile(r"(\w[\w+.-]{0,30})://")
_DOTTED = re.compile(
    rf"(?<!/)/[\w.-]+|(?<!\\)\\[\w.-]+"  # one part of a path
    rf"|(?<![\w-])(?P<host>[\w-]+(?:{_DOT.pattern}[\w-]+)+)"
)
_DOMAIN = re.compile(r"[^\W\d_]{2,}|xn--[\w-]+", re.IGNORECASE)


def defang(text: str) -> str:
    """Makes links inert and keeps them readable: `hxxps://evil[.]example/`.

    Chat clients also make links of bare host names, IP addresses and the hosts of e-mail addresses. A file
    name such as `run.sh` looks like a host and becomes `run[.]sh`, except in a path, which stays as it is.
    """
    text = _SCHEME.sub(_inert_scheme, text) if "://" in text else text
    return _DOTTED.sub(_inert_host, text) if _DOT.search(text) else text


def _inert_host(match: re.Match[str]) -> str:
    labels = _DOT.split(match["host"] or "")
    is_address = len(labels) == 4 and all(label.isdecimal() and len(label) < 4 for label in labels)
    if is_address or any(_DOMAIN.fullmatch(label) for label in labels[1:]):
        return "[.]".join(labels)
    return match[0]


def _inert_scheme(match: re.Match[str]) -> str:
    scheme = match[1].lower()
    if scheme in ("http", "https"):
        return f"hxxp{scheme[4:]}://"
    return match[0] if scheme in ("hxxp", "hxxps") else f"{match[1]}[:]//"


# A spreadsheet takes for a formula what begins with one of = + - @ or with a form of these on East Asian
# keyboards, after quotation marks and white space. A cell begins at the start of the line, and after each
# character that separates cells in some locale or import dialog.
_FORMULA = re.compile(r"(^|[,;|\t])(?=[\s\"]*[=+\-@\u2212\ufe62\ufe63\ufe66\ufe6b\uff0b\uff0d\uff1d\uff20])")


def inert_cell(line: str) -> str:
    """One line of text for a cell of a CSV file. An apostrophe before each formula makes it text for a
    spreadsheet (owasp.org, "CSV Injection").

    Quoting the cell is not enough: a program that splits at `;` ends the quoted part at the next comma.
    """
    return _FORMULA.sub(r"\1'", line)
