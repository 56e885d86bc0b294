"""Hits of one's own rules and indicators: they are named first, with the feed that each is of.

A rule is known by its name, which begins with huntbridge's prefix on the platform and stands in the
description of the alarm. An indicator is known from the platform's list of hits (`Alarm.hits`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from receiver.messages.message import Fact, Place
from receiver.messages.safe_text import copyable, harmless_line
from receiver.messages.wording import semicolons
from shared.models.alarms import Alarm
from shared.models.evidence import Finding
from shared.models.intelligence import Hit, rules_named_in

MAX_NAMED = 5


def hits_of(alarm: Alarm) -> tuple[Hit, ...]:
    """Rules first, each once. What is withheld from people is no longer among the alarm's findings."""
    feeds = alarm.hunt.intelligence.feeds if alarm.hunt and alarm.hunt.intelligence else ()
    rules = (hit for finding in alarm.findings for hit in rules_named_in(finding.description, feeds))
    return tuple(dict.fromkeys((*rules, *alarm.hits)))


def named_first(title: str, hits: Iterable[Hit]) -> str:
    """The title with the first hit before it."""
    first, *more = hits
    others = f" and {len(more):,} more of yours" if more else ""
    return f"Your {_in_words(first)}{others}: {title}"


def hit_facts(hits: Iterable[Hit]) -> Iterator[Fact]:
    hits = tuple(hits)
    named = [_in_words(hit, described=True) for hit in hits[:MAX_NAMED]]
    more = f"and {len(hits) - MAX_NAMED:,} more" if len(hits) > MAX_NAMED else ""
    if text := semicolons(*named, more):
        yield Fact("Your intelligence", text, place=Place.NEWS)


def own_first(findings: Iterable[Finding]) -> list[Finding]:
    """The findings of one's own rules before the others; otherwise in the order in which they are given."""
    return sorted(findings, key=lambda finding: not rules_named_in(finding.description, ()))


def _in_words(hit: Hit, *, described: bool = False) -> str:
    named = harmless_line(hit.named, 120) if hit.type == "indicator" else copyable(hit.named, 130)
    feed = f" of feed {copyable(hit.feed, 60)}" if hit.feed else ""
    why = harmless_line(hit.description, 120) if described else ""
    return f"{hit.type} {named}{feed}" + (f" ({why})" if why else "")
