"""Writes huntbridge's section into the platform's YARA text. Other sections stay, or the push names the loss.

The platform has no versions and no locks: a write replaces the whole text, whatever others have written since
it was read. So a push reads the text, and compares it with a second reading right before the write. After the
write it reads the text at once, and again after a pause that is longer than a write takes. If two huntbridges
push at the same time, one of them finds its section lost, and begins again.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from scheduler.intelligence.yara_text import names_in
from shared.models import marked_section
from shared.models.marked_section import BrokenSection, Section, same
from shared.platform.errors import Unavailable

ROUNDS = 5
SETTLES = 2.0  # seconds after a write, until it is looked at once more


class NotPushed(Exception):
    """The section is not as it should be. The text is a sentence for a person."""


class Texts(Protocol):
    """The part of the platform that is used here. Every method raises CadoError."""

    def yara(self) -> str: ...

    def write_yara(self, text: str) -> None: ...

    def indicators(self) -> str: ...

    def write_indicators(self, text: str) -> None: ...


@dataclass(frozen=True)
class Pushed:
    written: bool  # False: the section was as it should be already
    notes: tuple[str, ...] = ()  # sentences about what others did, or what was put right


@dataclass(frozen=True)
class Push:
    """How one section is put on the platform. `keep` stores the text that a write replaces."""

    texts: Texts
    name: str
    keep: Callable[[str], None]
    sleep: Callable[[float], None]
    rng: Callable[[], float] = random.random

    def put(self, body: str | None) -> Pushed:
        """Make the section hold this body; None removes it. Raises NotPushed and CadoError."""
        notes: list[str] = []
        written = False
        for attempt in range(ROUNDS):
            self.sleep(attempt * (0.5 + self.rng()))
            text = self.texts.yara()
            section = self._section(text)
            if _holds(section, body):
                return Pushed(written, tuple(dict.fromkeys(notes)))
            if body:
                self._check_names(section, body)
            indicators = self.texts.indicators()
            if self.texts.yara() != text:
                continue  # somebody is writing just now
            if section.edited:
                notes.append(
                    "somebody had changed rules inside the section, which are replaced: `huntbridge "
                    "intelligence diff --before` shows them"
                )
            written = True
            if self._write(text, body):
                notes += self._put_back(indicators)
                if not same(self._section(self.texts.yara()).outside, section.outside):
                    notes.append("others changed the platform's YARA text at the same time; theirs is kept")
                return Pushed(True, tuple(dict.fromkeys(notes)))
        raise NotPushed(
            f"others kept changing the platform's YARA text: after {ROUNDS} attempts the section {self.name} "
            "is not as it should be. Push again when they are done"
        )

    def _section(self, text: str) -> Section:
        try:
            return marked_section.read(text, self.name)
        except BrokenSection as error:
            raise NotPushed(str(error)) from None

    def _check_names(self, section: Section, body: str) -> None:
        """A name that stands twice would break the whole text, and so the rules of others."""
        if twice := sorted(names_in(body) & names_in(section.outside)):
            more = f" and {len(twice) - 1:,} more" if len(twice) > 1 else ""
            raise NotPushed(
                f"rule {twice[0]}{more} also stands in the platform's own text, outside of the section "
                f"{self.name}: delete it there, or name the rule otherwise"
            )

    def _write(self, text: str, body: str | None) -> bool:
        """Write, and look twice. False if the section is lost again: then the push begins anew."""
        before = self._section(text).body
        wanted = marked_section.with_body(text, self.name, body)
        self.keep(text)
        try:
            self.texts.write_yara(wanted)
        except Unavailable as error:
            if not error.ambiguous:
                raise  # nothing was written
        for pause in (0.0, SETTLES * (1 + self.rng() / 2)):
            self.sleep(pause)
            after = self.texts.yara()
            if text.strip() and same("".join(after.split()), "".join((text + wanted).split())):
                raise NotPushed(
                    "the platform added what was sent to its YARA text instead of replacing the text, so "
                    "everything stands there twice: put it right there by hand. `huntbridge intelligence "
                    "diff --before` shows the text as it was"
                )
            found = self._section(after)
            if _holds(found, body):
                continue
            if found.body not in (None, before):
                raise NotPushed(
                    f"another huntbridge writes into the section {self.name} too: give one of them another "
                    "intelligence.name"
                )
            return False
        return True

    def _put_back(self, indicators: str) -> list[str]:
        """That a write of the rules leaves the list of indicators alone is likely, but not public."""
        if not indicators or self.texts.indicators():
            return []
        self.texts.write_indicators(indicators)
        return ["the platform had emptied its list of indicators; they were written back"]


def _holds(section: Section, body: str | None) -> bool:
    if not body or section.body is None:
        return not body and section.body is None
    return same(section.body, body)
