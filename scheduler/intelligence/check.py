"""Checks of intelligence, for `huntbridge check` and the daily check. Nothing is written."""

from __future__ import annotations

from collections.abc import Iterator

from scheduler.intelligence.by_hand import check_right, on_platform
from scheduler.intelligence.current_set import MOST_PROBLEMS, current_set
from scheduler.intelligence.switches import switched_off
from shared.hosting.runtime import Runtime
from shared.models.checks import CheckResult, failed, passed, warned
from shared.models.intelligence import IntelligenceSet
from shared.models.marked_section import BrokenSection, same
from shared.phrases import counted
from shared.platform.errors import CadoError
from shared.secrets import SecretError

FILES, PLATFORM = "intelligence", "intelligence on the platform"


def files(runtime: Runtime) -> Iterator[CheckResult]:
    """Whether the files can be used; on AWS, whether a set is stored."""
    if not _configured(runtime):
        return
    current = current_set(runtime)
    for problem in current.problems:
        yield failed(FILES, problem)
    if current.set is not None:
        rules = counted(sum(current.set.rules_of.values()), "rule")
        indicators = counted(sum(map(len, current.set.indicators.values())), "indicator")
        yield passed(FILES, f"{rules} and {indicators} can be used")
    for note in current.notes[:MOST_PROBLEMS]:
        yield warned(FILES, note)


def platform(runtime: Runtime) -> Iterator[CheckResult]:
    """Whether the key may change intelligence, and whether the rules are on the platform."""
    if not _configured(runtime):
        return
    try:
        check_right(runtime)
        for what in switched_off(runtime):
            yield failed(PLATFORM, f"the platform's settings have switched off {what}")
        if wanted := current_set(runtime).set:
            yield _section(wanted, on_platform(runtime))
    except (CadoError, SecretError, BrokenSection) as error:
        yield failed(PLATFORM, str(error))


def _section(wanted: IntelligenceSet, there: str) -> CheckResult:
    if same(wanted.rules, there):
        return passed(PLATFORM, "the rules are those of the files")
    return warned(PLATFORM, "the rules differ from those of the files; the next hunt puts them right")


def _configured(runtime: Runtime) -> bool:
    hunts = runtime.config.hunts.values()
    return runtime.config.intelligence is not None or any(
        hunt.intelligence is not None and not hunt.intelligence.none for hunt in hunts
    )
