"""Measures how hard a text is to read: its grade by Flesch and Kincaid, and its sentences that are too long.

Code blocks, addresses and headings are not measured. Code within a sentence counts as one short word.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

HARDEST_GRADE = 9.0
LONGEST_SENTENCE = 30  # words

_FRONT_MATTER = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)
_FENCE = re.compile(r"^ *(```|~~~).*?^ *\1 *$", re.MULTILINE | re.DOTALL)
_TABLE = re.compile(r"^\s*\|.*$", re.MULTILINE)
_NO_SENTENCE = re.compile(r"^\s*(#|\[[^\]]+\]:|!!!|\?\?\?|===).*$", re.MULTILINE)
_LIST_ITEM = re.compile(r"^\s*(?:[-*+]|\d+\.)\s+", re.MULTILINE)
_TAG = re.compile(r"<[^>]+>")
_PICTURE = re.compile(r"!\[[^\]]*\]\([^)]*\)")
_LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")
_CODE = re.compile(r"`+[^`]+`+")
_ADDRESS = re.compile(r"https?://\S+|\b[\w-]+(?:[./][\w-]+)+")
_END = re.compile(r"(?<=[.!?])[\"')*_]*\s+|\n\s*\n|\x1e")
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9'’,.:%-]*")
_VOWELS = re.compile(r"[aeiouy]+")
_SILENT_END = re.compile(r"(?<![aeiouyl])e$|(?<=[aeiouy])le$|[^aeiouytd]ed$|[^aeiouysxzcgh]es$")


@dataclass(frozen=True)
class Measured:
    words: int
    sentences: int
    syllables: int
    too_long: tuple[str, ...]  # the sentences of more than LONGEST_SENTENCE words

    @property
    def grade(self) -> float:
        """The Flesch-Kincaid grade: the years of school that a reader needs."""
        if not self.words:
            return 0.0
        return 0.39 * self.words / self.sentences + 11.8 * self.syllables / self.words - 15.59


def measure(prose: str) -> Measured:
    """Measures plain text. An empty line or the character U+001E ends a sentence, like a full stop."""
    text = _ADDRESS.sub("code", _CODE.sub("code", prose))
    sentences = [(part, words) for part in _END.split(text) if (words := _WORD.findall(part))]
    return Measured(
        words=sum(len(words) for _, words in sentences),
        sentences=len(sentences),
        syllables=sum(syllables(word) for _, words in sentences for word in words),
        too_long=tuple(" ".join(part.split()) for part, words in sentences if len(words) > LONGEST_SENTENCE),
    )


def prose_of(markdown: str) -> str:
    """The sentences of a Markdown page, without its tables. Each item of a list ends a sentence."""
    text = _FENCE.sub("\n\n", _FRONT_MATTER.sub("", markdown))
    text = _NO_SENTENCE.sub("\n\n", _TABLE.sub("\n\n", text))
    text = _LIST_ITEM.sub("\x1e", text)
    return _LINK.sub(r"\1", _PICTURE.sub("", _TAG.sub("", text)))


def syllables(word: str) -> int:
    """The syllables of an English word: its groups of vowels, without a silent e at its end."""
    letters = re.sub(r"[^a-z]", "", word.lower())
    return max(1, len(_VOWELS.findall(letters)) - bool(_SILENT_END.search(letters)))
