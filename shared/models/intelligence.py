"""Threat intelligence of one's own: what hunts take along, what of it was in force, and what it hit."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from shared.phrases import counted

DEFAULT_NAME = "huntbridge"
_NAMED = 10  # feeds that a line names


def rule_prefix(name: str) -> str:
    """What the names of all rules begin with on the platform. `name` is that of the section: two huntbridges
    with different names must not name two rules alike."""
    return "hb_" if name == DEFAULT_NAME else f"hb_{name.replace('-', '_')}_"


def indicator_prefix(name: str) -> str:
    """What the descriptions of all indicators begin with on the platform."""
    return "hb" if name == DEFAULT_NAME else f"hb.{name}"


class Force(StrEnum):
    IN_FORCE = "in force"
    PARTLY = "partly in force"
    NOT = "not in force"


@dataclass(frozen=True)
class InForce:
    """What of one's own intelligence was in force when a hunt began. It is kept with the hunt."""

    state: Force = Force.NOT
    hash: str = ""  # SHA-256 of the rules and indicators that the platform held; empty if it held none
    rules: int = 0
    indicators: int = 0
    feeds: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()  # sentences

    @property
    def in_words(self) -> str:
        """Such as "in force: 12 rules, 1 indicator; abuse_ch, case_7"."""
        held = [
            counted(count, noun)
            for count, noun in ((self.rules, "rule"), (self.indicators, "indicator"))
            if count
        ]
        more = len(self.feeds) - _NAMED
        feeds = ", ".join(self.feeds[:_NAMED]) + (f" and {counted(more, 'more feed')}" if more > 0 else "")
        what = "; ".join(filter(None, (", ".join(held), feeds if held else "")))
        return f"{self.state}: {what}" if what else self.state.value


@dataclass(frozen=True)
class IntelligenceSet:
    """The rules and indicators that the files of a configuration hold, as the platform takes them."""

    rules: str = ""  # the text of huntbridge's section, with the names that the rules have there
    rules_of: Mapping[str, int] = field(default_factory=dict)  # how many rules each feed has
    indicators: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # lines, by feed
    # Which feeds of indicators each hunt takes; the entry "" is for hunts that are not listed.
    taken_by: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    made_at: datetime | None = None
    made_by: str = ""

    def feeds_of(self, hunt: str) -> tuple[str, ...]:
        return self.taken_by.get(hunt, self.taken_by.get("", ()))

    def indicators_of(self, hunt: str) -> str:
        """The text for the hunt's project. A value that stands in several feeds is sent once."""
        lines: dict[str, str] = {}
        for feed in self.feeds_of(hunt):
            for line in self.indicators.get(feed, ()):
                lines.setdefault(line.partition(";")[0], line)
        return "".join(f"{line}\n" for line in lines.values())

    @property
    def empty(self) -> bool:
        return not self.rules and not any(self.indicators.values())


def intelligence_hash(rules: str, indicators: str) -> str:
    """What custody names: one hash of all that was in force. Empty if that was nothing."""
    rules = rules.replace("\r\n", "\n").strip()
    if not rules and not indicators:
        return ""
    return hashlib.sha256(f"{rules}\0{indicators}".encode()).hexdigest()


@dataclass(frozen=True)
class Hit:
    """One's own rule or indicator that an alarm is about. Its texts may be hostile."""

    feed: str  # empty if it is not known which feed it is of
    named: str  # the name of the rule, or the value of the indicator
    type: str = "rule"  # rule | indicator
    description: str = ""  # of the indicator


_RULE = re.compile(r"(?<!\w)hb_[A-Za-z0-9_]{1,125}(?!\w)")


def rules_named_in(text: str, feeds: Iterable[str]) -> tuple[Hit, ...]:
    """The rules of huntbridge that a text names. `feeds`: those that were in force, since a name alone does
    not say where its feed ends."""
    return tuple(Hit(_feed_of(name, feeds), name) for name in dict.fromkeys(_RULE.findall(text)))


def _feed_of(rule: str, feeds: Iterable[str]) -> str:
    fitting = [feed for feed in feeds if f"_{feed}_" in rule]
    return max(fitting, key=lambda feed: (rule.startswith(f"hb_{feed}_"), len(feed)), default="")


def indicator_hit(value: str, said: str) -> Hit | None:
    """The hit of an indicator, if its description is one that huntbridge has written."""
    prefix, _, rest = said.partition(":")
    if prefix.partition(".")[0] != "hb" or not rest:
        return None
    feed, _, description = rest.partition(":")
    return Hit(feed, value, "indicator", description)
