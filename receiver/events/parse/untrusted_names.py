"""Separates a sender's own words from names that somebody else chose: paths, file names, links, quoted text.

A file on a captured disk may be called "/tmp/i-0fed… 0 malicious", and the platform's sentence repeats its
name. So no number and no machine is read from a name. The end of an unquoted path cannot be known, since it
may contain spaces, so the rest of its line is kept apart. This takes time linear in the size of the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

_BLANK = "·"  # no letter, no digit and no space


class Prose(NamedTuple):
    own: str  # what the sender itself says
    doubtful: str  # what follows an unquoted path or file name, and may be part of it


def prose_of(texts: Iterator[str]) -> Prose:
    own, doubtful = [], []
    for text in texts:
        for line in _LINE_END.split(text):
            unpaired = None
            if _ANY_MARK.search(line):  # few lines have one, and the search for quotes takes long
                unpaired = _unpaired_mark(line)
                line = _MARKUP.sub(" ", _QUOTED.sub(_blank, line))
            before, after = _split(line, unpaired)
            own.append(before)
            doubtful.append(after)
        own.append("")
    return Prose("\n".join(own), "\n".join(filter(None, doubtful)))


# Nothing else ends a line here, because a file's name may contain U+2028, a vertical tab or a carriage
# return.
_LINE_END = re.compile(r"\r?\n")
_MARKUP = re.compile(r"</?[A-Za-z][A-Za-z0-9]{0,10}\s?/?>")
_QUOTED = re.compile(
    r"""(?<![\w"])"[^"]*+"(?!\w)|(?<![\w'])'(?:[^']|(?<=\w)'(?=\w))*+'(?!\w)"""
    r"""|`[^`]*+`|“[^”“]*+”|‘[^’‘]*+’|«[^»«]*+»|»[^»«]*+«|‹[^›‹]*+›|›[^›‹]*+‹|„[^“”„]*+[“”]|‚[^‘’‚]*+[‘’]"""
    r"""|「[^」「]*+」|『[^』『]*+』|(?<=<code>)[^<]*+(?=</code>)"""
)
_ANY_MARK = re.compile("[<\"'`“‘«»‹›„‚「『]")  # each match of the two above has one of these
# Numbers and keys may be quoted too, but nobody else chose them: "evidence_id": "4".
_PLAIN = re.compile(r"\s*(?:[0-9]{1,10}|[A-Za-z]+(?:_[A-Za-z]+)*)\s*")


def _blank(quoted: re.Match[str]) -> str:
    inside = quoted[0][1:-1]
    if _PLAIN.fullmatch(inside):
        return quoted[0]
    return quoted[0][0] + _BLANK * len(inside) + quoted[0][-1]


def _unpaired_mark(line: str) -> re.Pattern[str] | None:
    """A quotation mark without its partner in this line. Then a quoted name contains that mark, and the end
    of the name cannot be known."""
    rest = _QUOTED.sub("", line)
    apostrophes = _APOSTROPHE if any(quoted[0][0] == "'" for quoted in _QUOTED.finditer(line)) else None
    return next((mark for mark in (*_MARKS, apostrophes) if mark and mark.search(rest)), None)


_MARKS = (re.compile('"'), re.compile("`"))
_APOSTROPHE = re.compile(r"(?<!\w)'|'(?!\w)")  # but not in "it's"


# `Malicious File Detected: …`, `path=…`; but `File "…"` ends where its quote does.
_LABEL = re.compile(
    r"\b(?:file ?names?|files?|paths?|art[ei]facts?|folders?|director(?:y|ies)|command ?lines?|commands?|"
    r"process(?:es)?|executables?|urls?|links?)(?: \w{1,20}){0,2} ?[:=](?!\s{0,4}[\"'`“‘«])",
    re.IGNORECASE,
)


_TOKEN = re.compile(r"\S+")


def _split(line: str, unpaired: re.Pattern[str] | None) -> tuple[str, str]:
    """The text before the first name in a line, and the text after the last one."""
    label = _LABEL.search(line)
    begins = label.end() if label else len(line)
    if unpaired and (mark := unpaired.search(line)):
        begins = min(begins, mark.start())
    ends = begins
    names = []
    for token in _TOKEN.finditer(line):
        if _is_path(token[0]):
            begins, ends = min(begins, token.start()), max(ends if label else 0, token.end())
        elif _is_file(token[0]):
            names.append(token.span())
    line = _blanked(line, names)
    return line[:begins], line[ends:]


def _blanked(line: str, spans: list[tuple[int, int]]) -> str:
    parts, at = [], 0
    for start, end in spans:
        parts += [line[at:start], _BLANK * (end - start)]
        at = end
    return "".join([*parts, line[at:]])


_NO_PATH = re.compile(
    r"arn:aws[\w-]{0,20}:ec2:[\w-]{0,30}:[0-9]{0,12}:instance/i-[0-9a-f]{8,17}\W*+"
    r"|[\W_]*+[A-Z][A-Za-z]++:[A-Z][A-Za-z0-9]*+/[\w.&!-]++[\W_]*+"  # a type of GuardDuty
    r"|\(?[A-Za-z]{1,12}/[A-Za-z]{1,12}\W*+"  # and/or, TCP/IP
    r"|[0-9][0-9/]*+\W*+"  # a date, a share
)


_SLASH, _LETTER = re.compile(r"/|\\(?=\w|\\)"), re.compile(r"\w")
_FILE = re.compile(r"\w\.[A-Za-z][A-Za-z0-9]{0,5}(?!\w)|[0-9]/[0-9]")


def _is_path(token: str) -> bool:
    return bool(_SLASH.search(token) and _LETTER.search(token)) and not _NO_PATH.fullmatch(token)


def _is_file(token: str) -> bool:
    """Whether it has an extension, or is like `4/9999`, which may be a date or a path, and is no number."""
    return bool(_FILE.search(token))
