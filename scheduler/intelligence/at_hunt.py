"""Puts one's own intelligence in force for a hunt, after its project was opened and before its first capture.

The rules are the platform's global ones: usually they are there already, and one request shows it. The
indicators are those of the hunt's project, so the platform's global list stays as it is.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

from scheduler.intelligence.current_set import current_set
from scheduler.intelligence.push import NotPushed, Push
from scheduler.intelligence.switches import INDICATORS, RULES, switched_off
from scheduler.intelligence.yara_text import names_in
from shared.hosting.runtime import Runtime
from shared.http.deadlines import within
from shared.models import marked_section
from shared.models.hunts import Hunt
from shared.models.intelligence import Force, InForce, IntelligenceSet, intelligence_hash
from shared.models.marked_section import BrokenSection, same
from shared.platform.errors import CadoError, Unavailable
from shared.platform.intelligence import PROJECT_INDICATORS_SINCE
from shared.platform.wire import version_numbers

log = logging.getLogger(__name__)

BUDGET = 20.0  # seconds
TRIES = 3


@dataclass
class _Found:
    """What the platform holds, and what is wrong with it."""

    rules: str = ""
    indicators: str = ""
    problems: list[str] = field(default_factory=list)


def put_in_force(runtime: Runtime, hunt: Hunt, project_id: int, *, claims: int) -> InForce | None:
    """Returns the rules and indicators in force for the hunt, or None if it has none. Safe to repeat.
    `claims`: how often this is tried. Raises Unavailable as long as waiting for the platform may help; a
    hunt that does not require its intelligence waits for a few tries only."""
    config, name = runtime.config, hunt.name
    if not config.takes_intelligence(name):
        return None
    current = current_set(runtime)
    found = _Found(problems=list(current.problems))
    waits = config.requires_intelligence(name) or claims < TRIES
    with within(BUDGET):
        for step in (_rules, _indicators):
            try:
                step(runtime, current.set, name, project_id, found)
            except Unavailable as error:
                if waits:
                    raise
                found.problems.append(str(error))
        _switches(runtime, found)
    for problem in found.problems:
        log.warning("intelligence", extra={"hunt": hunt.id, "reason": problem})
    return _in_force(current.set, name, found)


def why_not_without(runtime: Runtime, hunt: Hunt, in_force: InForce | None) -> str:
    """Why the hunt must not begin; empty if it may."""
    if not (hunt.needs_intelligence or runtime.config.requires_intelligence(hunt.name)):
        return ""
    if in_force is None:
        return "it was planned with required intelligence, and the configuration here has none for it"
    if in_force.state is Force.IN_FORCE:
        return ""
    return f"the required intelligence is {in_force.state}: {'; '.join(in_force.problems)}"


def _rules(
    runtime: Runtime, wanted: IntelligenceSet | None, hunt: str, project_id: int, found: _Found
) -> None:
    """Make the section hold the rules. Without a usable set it stays as it is."""
    name = runtime.config.intelligence_name
    try:
        texts = runtime.cado.intelligence
        push = Push(texts, name, runtime.ledger.intelligence.keep_text, runtime.sleep)
        if wanted is not None:
            found.problems += push.put(wanted.rules or None).notes
            found.rules = wanted.rules
            return
        found.rules = marked_section.read(texts.yara(), name).body or ""
    except (NotPushed, BrokenSection) as error:
        found.problems.append(str(error))
    except Unavailable:
        raise
    except CadoError as error:
        found.problems.append(f"YARA rules: {error}")


def _indicators(
    runtime: Runtime, wanted: IntelligenceSet | None, hunt: str, project_id: int, found: _Found
) -> None:
    text = wanted.indicators_of(hunt) if wanted else ""
    if not text:
        return
    try:
        version = runtime.cado.version()
        if (numbers := version_numbers(version)) and numbers < PROJECT_INDICATORS_SINCE:
            found.problems.append(f"indicators: the platform is {version}; a project has its own since 2.284")
            return
        texts = runtime.cado.intelligence
        if not same(texts.project_indicators(project_id), text):
            texts.write_project_indicators(project_id, text)
            if not same(texts.project_indicators(project_id), text):
                found.problems.append("indicators: the platform did not keep those of the project")
                return
    except Unavailable:
        raise
    except CadoError as error:
        found.problems.append(f"indicators: {error}")
        return
    found.indicators = text


def _switches(runtime: Runtime, found: _Found) -> None:
    off = switched_off(runtime) if found.rules or found.indicators else ()
    if RULES in off:
        found.rules = ""
    if INDICATORS in off:
        found.indicators = ""
    found.problems += [f"the platform's settings have switched off {what}" for what in off]


def _in_force(wanted: IntelligenceSet | None, hunt: str, found: _Found) -> InForce:
    state = Force.PARTLY if found.rules or found.indicators else Force.NOT
    feeds: tuple[str, ...] = ()
    if wanted is not None:
        feeds = tuple(sorted({*wanted.rules_of, *wanted.feeds_of(hunt)}))
        if same(found.rules, wanted.rules) and found.indicators == wanted.indicators_of(hunt):
            state = Force.IN_FORCE
    return InForce(
        state=state,
        hash=intelligence_hash(found.rules, found.indicators),
        rules=len(names_in(found.rules)),
        indicators=found.indicators.count("\n"),
        feeds=feeds,
        problems=tuple(found.problems),
    )
