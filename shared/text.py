"""Hostile text: cleaned, shortened, and escaped for where it goes.

Whatever comes from the platform, from a tag or from a captured disk may have been written by an attacker.
The order is always the same: `clean` or `one_line`, then `shorten`, then one escape, last; nothing is cut
after it was escaped. Nothing here knows what a message is.
"""

from __future__ import annotations

import re
import unicodedata

ELLIPSIS = "…"
_ZERO_WIDTH_SPACE = "\u200b"
_ZERO_WIDTH_JOINER = "\u200d"

_LINE_END = re.compile("\r\n|[\r\v\f\x85\u2028\u2029]")
# Written out, because to ask unicodedata about every character costs a tenth of a second at start:
# controls, category Cf, Default_Ignorable_Code_Point, surrogates and noncharacters of Unicode 16.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160"
    "\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ud800-\udfff\ufdd0-\ufdef"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff\U000110bd\U000110cd\U00013430-\U0001343f"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
    + "".join(f"{chr(plane + 0xFFFE)}{chr(plane + 0xFFFF)}" for plane in range(0x10000, 0x110000, 0x10000))
    + "]"
)


def clean(text: str, limit: int = 2_000) -> str:
    """Plain text without control, bidirectional or invisible characters (newline and tab stay), at most
    `limit` characters; what is longer ends in an ellipsis."""
    return shorten(_INVISIBLE.sub("", _LINE_END.sub("\n", text)), limit)


def one_line(text: str, limit: int = 200) -> str:
    """`clean`, with every run of white space made one space, and none at either end."""
    return shorten(" ".join(clean(text, len(text)).split()), limit)


def shorten(text: str, limit: int) -> str:
    """At most `limit` characters, the last an ellipsis where something was cut; never half a character.

    A letter keeps its combining marks, and an emoji its skin tone, its joined parts or its flag's second
    half, or it goes altogether. Characters are code points.
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
    """Whether what stands before `at` and what stands there are parts of one visible character."""
    before, here = text[at - 1], text[at]
    if here == _ZERO_WIDTH_JOINER or before == _ZERO_WIDTH_JOINER:
        return True
    if unicodedata.category(here).startswith("M") or "\U0001f3fb" <= here <= "\U0001f3ff":
        return True
    if "\u1160" <= here <= "\u11ff":  # the later parts of a Korean syllable
        return True
    if "\ud800" <= before <= "\udbff" and "\udc00" <= here <= "\udfff":
        return True
    return _is_flag(before) and _is_flag(here) and _flags_before(text, at) % 2 == 1


def _is_flag(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def _flags_before(text: str, at: int) -> int:
    start = at
    while start and _is_flag(text[start - 1]):
        start -= 1
    return at - start


_DOT = re.compile("[.\u3002\uff0e\uff61]")  # the ideographic ones end a host's label as well
_SCHEME = re.compile(r"(\w[\w+.-]{0,30})://")
_DOTTED = re.compile(
    rf"(?<!/)/[\w.-]+|(?<!\\)\\[\w.-]+"  # one step of a path
    rf"|(?<![\w-])(?P<host>[\w-]+(?:{_DOT.pattern}[\w-]+)+)"
)
_DOMAIN = re.compile(r"[^\W\d_]{2,}|xn--[\w-]+", re.IGNORECASE)


def defang(text: str) -> str:
    """Make links inert and still readable: `hxxps://evil[.]example/`.

    Bare host names, addresses and the hosts of e-mail addresses are links to a chat client too. A file name
    such as `run.sh` looks like a host and becomes `run[.]sh`, except in a path, which can still be copied.
    """
    return _DOTTED.sub(_inert_host, _SCHEME.sub(_inert_scheme, text))


def _inert_host(found: re.Match[str]) -> str:
    labels = _DOT.split(found["host"] or "")
    address = len(labels) == 4 and all(label.isdecimal() and len(label) < 4 for label in labels)
    if address or any(_DOMAIN.fullmatch(label) for label in labels[1:]):
        return "[.]".join(labels)
    return found[0]


def _inert_scheme(found: re.Match[str]) -> str:
    scheme = found[1].lower()
    if scheme in ("http", "https"):
        return f"hxxp{scheme[4:]}://"
    return found[0] if scheme in ("hxxp", "hxxps") else f"{found[1]}[:]//"


def escape_slack(text: str) -> str:
    """For a `mrkdwn` object or the top-level `text` of Slack: no mention and no link can be formed.

    Slack asks for these three and no others (docs.slack.dev, "Formatting message text"). `*_~` and the
    backtick cannot be escaped there: hostile text belongs into `slack_code` or a `plain_text` object.
    """
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def slack_code(text: str) -> str:
    """One line of text as inline code of Slack, escaped; a backtick in it becomes its look-alike U+02CB."""
    line = " ".join(text.split()).replace("`", "\u02cb")
    return f"`{escape_slack(line)}`" if line else ""


# Where a cell may begin: at its start, and after each character that separates cells in some locale or in an
# import dialog. There stands what a spreadsheet takes for a formula: one of = + - @, or a form of these that
# East Asian keyboards have. Quotation marks and white space before it do not count.
_FORMULA = re.compile(r"(^|[,;|\t])(?=[\s\"]*[=+\-@\u2212\ufe62\ufe63\ufe66\ufe6b\uff0b\uff0d\uff1d\uff20])")


def inert_cell(line: str) -> str:
    """One line for a cell of a CSV file, with an apostrophe before each formula, which makes it text
    (owasp.org, "CSV Injection").

    Quoting the cell would not do: a program that splits at `;` ends the quoted part at the next comma.
    """
    return _FORMULA.sub(r"\1'", line)


_TEAMS_MENTION = re.compile(r"</?\s*at\b[^<>]*>?", re.IGNORECASE)
_TEAMS_MARKS = re.compile(r"([\\`*_\[\](){}#+\-.!<>~|&])")


def escape_teams_markdown(text: str) -> str:
    """For a `TextBlock` or a `Fact` of an Adaptive Card: every mark that Markdown reads is shown as itself,
    mention tags are taken out, and a newline is the two that Teams wants.

    Not needed in a `TextRun`, where Teams reads no Markdown.
    """
    while (without := _TEAMS_MENTION.sub("", text)) != text:
        text = without
    return _TEAMS_MARKS.sub(r"\\\1", text).replace("\n", "\n\n")


_WIKI_MARKS = re.compile(r"([-#*_+?^~|%{}\[\]()!@])")
_WIKI_LINE_START = re.compile(r"^([^\S\n]*)(h[1-6]\.|bq\.)", re.IGNORECASE | re.MULTILINE)


def escape_wiki(text: str) -> str:
    """For the wiki text of Jira Data Center, within a line: no markup, no mention, no link.

    A backslash before an escaped mark would be a line break there, so it becomes its look-alike U+2216. Jira
    links a bare URL in spite of every escape, so links are defanged here.
    """
    text = _WIKI_LINE_START.sub(rf"\1{_ZERO_WIDTH_SPACE}\2", defang(text).replace("\\", "\u2216"))
    return _WIKI_MARKS.sub(r"\\\1", text)


def noformat(text: str) -> str:
    """A block of Jira Data Center that shows the text as it is; the text cannot end the block."""
    inside = re.sub(r"\{(?=noformat)", "{" + _ZERO_WIDTH_SPACE, text, flags=re.IGNORECASE)
    return f"{{noformat}}\n{inside}\n{{noformat}}"
