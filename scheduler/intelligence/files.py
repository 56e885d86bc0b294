"""Reads the files of indicators and rules that the configuration names, and checks all of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from scheduler.intelligence.rules import RuleFile, compiled
from shared.config.config import Config
from shared.models.indicators import (
    Indicator,
    Refusal,
    feed_of,
    indicators_text,
    read_indicators,
    too_many,
)
from shared.models.intelligence import IntelligenceSet, indicator_prefix, rule_prefix

MOST_FILES = 200
MOST_BYTES = 5_000_000  # of all files together


@dataclass(frozen=True)
class Reading:
    """What the files hold, and what is wrong with them. With anything wrong the set is empty."""

    set: IntelligenceSet
    refused: tuple[Refusal, ...] = ()
    notes: tuple[str, ...] = ()  # what is no mistake, but good to know


@dataclass
class _Files:
    """Every file once, however many patterns name it."""

    refused: list[Refusal] = field(default_factory=list)
    _left: int = MOST_BYTES
    _texts: dict[str, tuple[str, str]] = field(default_factory=dict)  # feed and text, by path
    _feeds: dict[tuple[str, str], str] = field(default_factory=dict)  # the path of each kind and feed

    def read(self, kind: str, patterns: Iterable[str]) -> dict[str, str]:
        """The path of each feed of the files that the patterns name."""
        found: dict[str, str] = {}
        for pattern in patterns:
            paths = sorted(map(str, _matching(pattern)))
            if not paths:
                self._refuse(pattern, "there is no such file; paths begin at the configuration's folder")
            if len(paths) > MOST_FILES:
                self._refuse(pattern, f"names more than {MOST_FILES} files")
            for path in paths[:MOST_FILES]:
                if (feed := self._feed(kind, path)) is not None:
                    found[feed] = path
        return found

    def text(self, path: str) -> str:
        return self._texts[path][1]

    def _feed(self, kind: str, path: str) -> str | None:
        if path in self._texts:
            return self._texts[path][0] or None
        feed, text = feed_of(Path(path).stem), self._text(path)
        self._texts[path] = ("" if text is None else feed, text or "")
        if text is None:
            return None
        if not feed:
            self._refuse(path, "the name of the file must hold letters or digits: it names the feed")
            return None
        if other := self._feeds.get((kind, feed)):
            self._refuse(path, f"names the feed {feed}, as {other} does: rename one of them")
            return None
        self._feeds[kind, feed] = path
        return feed

    def _text(self, path: str) -> str | None:
        try:
            with Path(path).open("rb") as file:
                raw = file.read(self._left + 1)
            self._left = max(0, self._left - len(raw))
            text = raw.decode("utf-8-sig")
        except OSError as error:
            self._refuse(path, f"cannot be read ({error.strerror})")
        except UnicodeDecodeError:
            self._refuse(path, "is not UTF-8 text")
        else:
            if self._left or not raw:
                return text
            self._refuse(path, f"is too large: all files together may have {MOST_BYTES:,} bytes")
        return None

    def _refuse(self, file: str, why: str) -> None:
        self.refused.append(Refusal(file, 0, why))


def read_set(config: Config) -> Reading:
    """All files of all hunts. Compiles the rules, which takes about a second for some thousands."""
    section, files = config.intelligence, _Files()
    if section is None and not any(hunt.intelligence for hunt in config.hunts.values()):
        return Reading(IntelligenceSet())
    name = config.intelligence_name
    general = files.read("indicators", section.indicators if section else ())
    rules = files.read("yara", section.yara if section else ())
    taken, own_rules = {"": tuple(general)}, []
    paths = dict(general)
    for hunt, definition in config.hunts.items():
        own = definition.intelligence
        if own is None:
            continue
        if own.none:
            taken[hunt] = ()
            continue
        extra = files.read("indicators", own.indicators)
        paths |= extra
        taken[hunt] = tuple(dict.fromkeys((*general, *extra)))
        if own.yara:
            own_rules.append(hunt)
            rules |= files.read("yara", own.yara)
    indicators = {feed: _indicators(files, feed, path) for feed, path in paths.items()}
    ruleset, refused = compiled(
        [RuleFile(feed, path, files.text(path)) for feed, path in rules.items()], rule_prefix(name)
    )
    found = IntelligenceSet(
        rules=ruleset.text,
        rules_of=dict(ruleset.by_feed),
        indicators={
            feed: tuple(indicators_text(each, indicator_prefix(name)).splitlines())
            for feed, each in indicators.items()
        },
        taken_by=taken,
    )
    refused = [*files.refused, *refused, *_too_many(found)]
    return Reading(IntelligenceSet() if refused else found, tuple(refused), tuple(_notes(own_rules)))


def _matching(pattern: str) -> Iterator[Path]:
    """The files that a path with `*`, `**` and `?` names."""
    path = Path(pattern)
    found = Path(path.anchor).glob(str(path.relative_to(path.anchor)))
    return (each for each in found if each.is_file())


def _indicators(files: _Files, feed: str, path: str) -> list[Indicator]:
    found, refused = read_indicators(files.text(path), feed, path)
    files.refused += refused
    return found


def _too_many(found: IntelligenceSet) -> Iterator[Refusal]:
    for hunt in found.taken_by:
        text = found.indicators_of(hunt)
        if why := too_many(text.count("\n"), text):
            yield Refusal(f"hunts.{hunt}.intelligence" if hunt else "intelligence.indicators", 0, why)


def _notes(hunts: Iterable[str]) -> Iterator[str]:
    for hunt in hunts:
        yield (
            f"hunts.{hunt}.intelligence.yara: the platform has no rules of one project, so these rules are "
            "in force in every project"
        )
