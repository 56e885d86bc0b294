"""The daily preflight of a hunt's next run. What is new is told on the last working day before the run.

Each hunt is one item of [captures], so that it has its own time and takes none from the timer.
"""

from __future__ import annotations

import logging
from datetime import datetime
from zoneinfo import ZoneInfo

from scheduler.own_events import raise_event
from scheduler.plan import plan
from scheduler.preflight.due import run_to_tell_of
from scheduler.preflight.preflight import preflight
from scheduler.preflight.told import TARGETS, Told
from scheduler.preflight.words import line
from scheduler.targets import choose
from shared.config.hunts import HuntConfig
from shared.hosting.runtime import Runtime
from shared.http.deadlines import within
from shared.models.event_kinds import PREFLIGHT_FOUND
from shared.models.events import Event
from shared.models.hunts import Hunt
from shared.models.preflight import Degree, Notice
from shared.queues.items import PreflightHunt
from shared.queues.ports import Done, Verdict

log = logging.getLogger(__name__)

# Seconds. The rest of the lease of a capture is for recording what was found.
_BUDGET, _TO_CHOOSE, _TO_LOOK = 95.0, 40.0, 50.0
_MOST_LINES = 40  # of one message


def preflight_hunt(runtime: Runtime, item: PreflightHunt) -> Verdict:
    definition = runtime.config.hunts.get(item.hunt)
    if definition is None or not definition.preflight:
        return Done()
    run = run_to_tell_of(definition, runtime.now())
    told = Told(runtime.ledger.notes, item.hunt)
    if run is None or told.about(run):
        return Done()
    with within(_BUDGET):
        notices = _look(runtime, item.hunt, definition, run)
    # Raise before saving: a crash in between raises it again, and its id makes that harmless.
    if new := list(told.new(notices)):
        raise_event(runtime.events, _event(runtime, item.hunt, definition, run, new))
    told.save(run, notices)
    log.info("preflight", extra={"hunt": item.hunt, "notices": len(notices), "new": len(new)})
    return Done()


def _look(runtime: Runtime, name: str, definition: HuntConfig, run: datetime) -> list[Notice]:
    hunt = plan(name, definition, run).hunt
    selection = choose(runtime, definition, identity=hunt.id, look=True, budget=_TO_CHOOSE)
    notices = preflight(runtime, selection.choices, hunt.mode, run_at=run, budget=_TO_LOOK)
    problems = (Notice(TARGETS, Degree.MAY_FAIL, problem) for problem in selection.problems)
    return [*notices, *problems]


def _event(
    runtime: Runtime, name: str, definition: HuntConfig, run: datetime, notices: list[Notice]
) -> Event:
    """The first line of the text says when the run begins, and each further line is a notice."""
    at = run.astimezone(ZoneInfo(definition.timezone))
    lines = [line(notice) for notice in notices[:_MOST_LINES]]
    if len(notices) > _MOST_LINES:
        lines.append(f"and {len(notices) - _MOST_LINES} more: see `huntbridge hunt plan {name}`")
    hunt = Hunt(name, run)
    return Event(
        f"{PREFLIGHT_FOUND}:{hunt.id}",
        PREFLIGHT_FOUND,
        runtime.now(),
        title=name,
        text="\n".join([f"It begins on {at:%A %Y-%m-%d at %H:%M} ({definition.timezone}).", *lines]),
        hunt_id=hunt.id,
    )
