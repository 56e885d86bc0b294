"""What a person does with intelligence: puts it on the platform, takes it off. Each is in the audit log."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from scheduler.intelligence.files import Reading
from scheduler.intelligence.push import Push, Pushed
from scheduler.intelligence.switches import switched_off
from shared.hosting.runtime import Runtime
from shared.models.intelligence import IntelligenceSet, intelligence_hash
from shared.models.marked_section import read
from shared.models.people import Person
from shared.platform.errors import Unauthorized
from shared.storage import audit

_RIGHT = "settings_intelligence_access"


@dataclass(frozen=True)
class Put:
    pushed: Pushed
    warnings: tuple[str, ...] = ()


def check_right(runtime: Runtime) -> None:
    """Raises Unauthorized if the key may not change intelligence, as far as the platform says."""
    identity = runtime.cado.whoami()
    if identity.told and _RIGHT not in identity.permissions:
        raise Unauthorized(
            f"The key's role {identity.role} lacks {_RIGHT}: intelligence needs the role Lead Analyst or "
            "Administrator."
        )


def push(runtime: Runtime, reading: Reading, person: Person) -> Put:
    """Put the rules on the platform, and store the whole set for the functions on AWS. The set must have no
    refusals. Raises NotPushed and CadoError."""
    made = replace(reading.set, made_at=runtime.now(), made_by=str(person))
    before = runtime.ledger.intelligence.current_set()
    pushed = _push(runtime).put(made.rules or None)
    runtime.ledger.intelligence.save_set(made)
    _audited(
        runtime, audit.INTELLIGENCE_PUSH, person, _facts(before), _facts(made) | {"written": pushed.written}
    )
    off = switched_off(runtime)
    return Put(
        pushed, tuple(f"the platform's settings have switched off {what}: they hit nothing" for what in off)
    )


def remove(runtime: Runtime, person: Person) -> Pushed:
    """Take the section off the platform, and forget the stored set. Raises NotPushed and CadoError."""
    before = runtime.ledger.intelligence.current_set()
    pushed = _push(runtime).put(None)
    runtime.ledger.intelligence.save_set(IntelligenceSet(made_at=runtime.now(), made_by=str(person)))
    _audited(runtime, audit.INTELLIGENCE_REMOVE, person, _facts(before), {"written": pushed.written})
    return pushed


def on_platform(runtime: Runtime) -> str:
    """The rules that stand in the section now. Raises BrokenSection and CadoError."""
    return read(runtime.cado.intelligence.yara(), runtime.config.intelligence_name).body or ""


def _push(runtime: Runtime) -> Push:
    keep = runtime.ledger.intelligence.keep_text
    return Push(runtime.cado.intelligence, runtime.config.intelligence_name, keep, runtime.sleep)


def _facts(intelligence: IntelligenceSet | None) -> dict[str, Any]:
    if intelligence is None or intelligence.empty:
        return {}
    lines = "".join(line for feed in intelligence.indicators.values() for line in feed)
    return {
        "hash": intelligence_hash(intelligence.rules, lines),
        "rules": sum(intelligence.rules_of.values()),
        "indicators": sum(map(len, intelligence.indicators.values())),
    }


def _audited(
    runtime: Runtime, action: str, person: Person, before: dict[str, Any], after: dict[str, Any]
) -> None:
    about = runtime.config.intelligence_name
    entry = audit.Entry(runtime.now(), action, person.name, person.origin, about, before, after)
    audit.record(runtime.store, entry, f"{action} {about}")
