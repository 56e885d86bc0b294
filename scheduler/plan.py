"""Makes the plan of a hunt: its id, its systems and the name of its project. Records and requests nothing."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime

from scheduler.chosen_systems import Selection
from scheduler.narrow import WHOLE, Narrow
from scheduler.targets import choose
from shared.config.hunts import HuntConfig
from shared.hosting.runtime import Runtime
from shared.models.captures import Capture
from shared.models.hunts import Hunt
from shared.storage.ledger.ledger import Ledger

# The platform accepts names of 1 to 80 characters (OpenAPI 2.324.0). The name of a hunt has at most 40.
PROJECT_NAME_LIMIT = 80


@dataclass(frozen=True)
class Plan:
    """A hunt and its captures, before anything is recorded or requested."""

    hunt: Hunt
    captures: tuple[Capture, ...]

    @property
    def project_name(self) -> str:
        return project_name(self.hunt)


def project_name(hunt: Hunt) -> str:
    """The project's name depends on the hunt's id only. The platform refuses a second project of the same
    name, so a hunt cannot get two projects."""
    at = f"{hunt.scheduled_at:%Y-%m-%d %H:%M}" + (
        f":{hunt.scheduled_at:%S}" if hunt.scheduled_at.second else ""
    )
    return f"{hunt.name} {at}Z"[:PROJECT_NAME_LIMIT]


def definition_hash(definition: HuntConfig) -> str:
    return hashlib.sha256(definition.model_dump_json().encode()).hexdigest()


def plan(
    name: str,
    definition: HuntConfig,
    scheduled_at: datetime,
    selection: Selection | None = None,
    narrow: Narrow = WHOLE,
) -> Plan:
    """The plan of a hunt. Without `selection` it has the systems that the definition names."""
    systems = definition.systems if selection is None else selection.systems
    hunt = Hunt(
        name,
        scheduled_at.replace(microsecond=0),
        mode=definition.capture,
        systems=len(systems),
        config_hash=definition_hash(definition),
        problems=definition.problems + (selection.problems if selection else ()),
        left_out=selection.left_out if selection else (),
        limited_to=narrow.words,
    )
    modes = definition.modes | (selection.modes if selection else {})
    facts = selection.facts if selection else {}
    captures = (
        Capture(hunt.id, system, mode=modes.get(system, hunt.mode), facts=facts.get(system))
        for system in systems
    )
    return Plan(hunt, tuple(captures))


def prepare(runtime: Runtime, name: str, scheduled_at: datetime, narrow: Narrow = WHOLE) -> Plan:
    """The plan of a hunt with the systems that its targets find now. If the hunt is recorded already, the
    plan has the recorded systems. Raises KeyError if the configuration has no such hunt."""
    definition = runtime.config.hunts[name]
    hunt = plan(name, definition, scheduled_at).hunt
    if stored := recorded(runtime.ledger, hunt):
        return stored
    selection = choose(runtime, definition, identity=hunt.id, narrow=narrow)
    made = plan(name, definition, scheduled_at, selection, narrow)
    # The process that begins the run may have another configuration.
    needs = runtime.config.requires_intelligence(name)
    return replace(made, hunt=replace(made.hunt, needs_intelligence=needs))


def recorded(ledger: Ledger, hunt: Hunt) -> Plan | None:
    """The plan of this hunt as it is recorded. None if the hunt is not recorded or has no systems."""
    stored = ledger.hunts.get(hunt.id)
    if stored is None or not stored.systems:
        return None
    return Plan(stored, tuple(ledger.captures.of_hunt(hunt.id)))
