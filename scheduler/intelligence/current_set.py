"""The set of rules and indicators that hunts take along now.

On one machine it is read from the files at each hunt. On AWS the functions have neither the files nor yara-x,
so they take the set that `huntbridge intelligence push --stack NAME` has stored.
"""

from __future__ import annotations

from dataclasses import dataclass

from scheduler.intelligence.files import read_set
from shared.hosting.runtime import Runtime
from shared.models.intelligence import IntelligenceSet

_NEVER_PUSHED = (
    "no intelligence is stored yet: run `huntbridge intelligence push --stack NAME` where the files are"
)
MOST_PROBLEMS = 5  # of the files that a hunt names; `huntbridge intelligence check` shows all


@dataclass(frozen=True)
class Current:
    set: IntelligenceSet | None  # None: there is no set that can be used
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()  # what is no mistake, but good to know


def current_set(runtime: Runtime) -> Current:
    if not runtime.reads_files:
        stored = runtime.ledger.intelligence.current_set()
        return Current(None, (_NEVER_PUSHED,)) if stored is None or stored.empty else Current(stored)
    reading = read_set(runtime.config)
    if not reading.refused:
        return Current(reading.set, notes=reading.notes)
    problems = [str(refusal) for refusal in reading.refused[:MOST_PROBLEMS]]
    if more := len(reading.refused) - len(problems):
        problems.append(f"and {more:,} more: `huntbridge intelligence check` shows all")
    return Current(None, tuple(problems))
