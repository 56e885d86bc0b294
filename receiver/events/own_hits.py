"""Which of one's own rules and indicators an evidence holds, by the platform's list of hits."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace

from shared.models.evidence import Finding
from shared.models.hunts import Hunt
from shared.models.intelligence import Hit, indicator_hit, rules_named_in
from shared.platform.answers import DetectedIndicator
from shared.text import shorten

MOST_HITS = 20  # that are kept with an alarm


def own_hits(
    detected: Iterable[DetectedIndicator], findings: Collection[Finding], hunt: Hunt | None
) -> tuple[Hit, ...]:
    """The hits that no finding names: a rule that a finding names is known from the finding, and is no longer
    told of if the finding is withheld."""
    feeds = hunt.intelligence.feeds if hunt and hunt.intelligence else ()
    told = {hit.named for finding in findings for hit in rules_named_in(finding.description, feeds)}
    hits = dict.fromkeys(hit for each in detected for hit in _hits(each, feeds) if hit.named not in told)
    return tuple(hits)[:MOST_HITS]


def _hits(detected: DetectedIndicator, feeds: Collection[str]) -> Iterator[Hit]:
    rules = rules_named_in(detected.indicator, feeds)
    yield from rules
    if not rules and (hit := indicator_hit(detected.indicator, detected.description)):
        yield replace(hit, named=shorten(hit.named, 200))
