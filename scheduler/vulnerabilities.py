"""Asks the platform at the end of a hunt which vulnerabilities it found, and compares with the last hunt.

The platform may not have the list, or not show it to this key: then nothing is said of vulnerabilities.
"""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from scheduler.own_events import raise_event
from shared.config.vulnerabilities import VulnerabilitiesConfig
from shared.hosting.runtime import Runtime
from shared.http.deadlines import DeadlineExceeded, remaining, within
from shared.models.captures import Capture
from shared.models.event_kinds import VULNERABILITIES_FOUND
from shared.models.events import Event
from shared.models.hunts import Hunt
from shared.models.systems import System
from shared.models.vulnerabilities import (
    MAX_ROWS,
    FoundVulnerabilities,
    SystemVulnerabilities,
    Vulnerability,
)
from shared.phrases import counted
from shared.platform.errors import CadoError
from shared.secrets import SecretError
from shared.text import one_line

log = logging.getLogger(__name__)

_BUDGET = 15.0  # seconds for all pages
_MOST_LINES, _MOST_OF_A_SYSTEM = 25, 5  # of the message


def record_vulnerabilities(runtime: Runtime, hunt: Hunt, captures: Sequence[Capture]) -> None:
    """Store what the platform found in the project of a hunt that ends. Safe to repeat."""
    if hunt.project_id is None or runtime.config.platform.api_version == "v2":
        return
    try:
        with within(min(_BUDGET, remaining(_BUDGET) / 2)):
            rows, complete = runtime.cado.vulnerabilities.of_project(hunt.project_id)
    except (CadoError, SecretError, DeadlineExceeded) as error:
        log.info("no vulnerabilities are known", extra={"hunt": hunt.id, "reason": str(error)})
        return
    last = runtime.ledger.hunts.finished_before(hunt)
    records = runtime.ledger.vulnerabilities
    earlier = records.in_sum(last.id) if last else None
    before = records.of_hunt(last.id) if last and earlier and earlier.complete and complete else None
    by_system = _by_system(rows, captures)
    systems = [_counted(system, some, before) for system, some in by_system.items()]
    found = _in_sum(systems, complete=complete, compared=before is not None)
    if before is not None and last:
        found = replace(found, since=last.scheduled_at)
    settings = runtime.config.vulnerabilities
    if settings is not None and (before is not None or earlier is None):
        _tell(runtime, hunt, settings, _new(by_system, before or {}))
    records.save(hunt.id, found, systems)


Found = dict[System | None, list[Vulnerability]]


def _by_system(rows: Iterable[Vulnerability], captures: Sequence[Capture]) -> Found:
    """The vulnerabilities of each system, each one once, the worst first."""
    owner = {id: capture.system for capture in captures for id in capture.evidence_ids}
    found: defaultdict[str, dict[str, Vulnerability]] = defaultdict(dict)
    systems: dict[str, System | None] = {}
    for row in rows:
        system = owner.get(row.evidence_id) if row.evidence_id is not None else None
        key = system.lasting_key if system else ""
        systems.setdefault(key, system)
        found[key].setdefault(row.id, row)
    return {systems[key]: sorted(some.values(), key=lambda each: each.order) for key, some in found.items()}


def _counted(
    system: System | None,
    rows: Sequence[Vulnerability],
    before: Mapping[str, SystemVulnerabilities] | None,
) -> SystemVulnerabilities:
    of_severity = Counter(row.severity for row in rows)
    return SystemVulnerabilities(
        system=system,
        critical=of_severity["critical"],
        high=of_severity["high"],
        in_use=sum(row.in_use is True for row in rows),
        new=None if before is None else sum(row.id not in _known(system, before) for row in rows),
        rows=tuple(rows[:MAX_ROWS]),
        ids=tuple(row.id for row in rows),
    )


def _known(system: System | None, before: Mapping[str, SystemVulnerabilities]) -> frozenset[str]:
    known = before.get(system.lasting_key if system else "")
    return frozenset(known.ids) if known else frozenset()


def _in_sum(
    systems: Sequence[SystemVulnerabilities], *, complete: bool, compared: bool
) -> FoundVulnerabilities:
    return FoundVulnerabilities(
        critical=sum(each.critical for each in systems),
        high=sum(each.high for each in systems),
        in_use=sum(each.in_use for each in systems),
        systems=sum(each.system is not None for each in systems),
        new=sum(each.new or 0 for each in systems) if compared else None,
        complete=complete,
    )


def _new(found: Found, before: Mapping[str, SystemVulnerabilities]) -> Found:
    return {
        system: [row for row in rows if row.id not in _known(system, before)]
        for system, rows in found.items()
    }


def _tell(runtime: Runtime, hunt: Hunt, settings: VulnerabilitiesConfig, new: Found) -> None:
    """Raise one event about what is new and what the configuration asks for, if there is any."""
    told = {
        system: [row for row in rows if row.severity in settings.tell and (row.in_use or not settings.in_use)]
        for system, rows in new.items()
    }
    told = {system: rows for system, rows in told.items() if rows}
    if not told:
        return
    worst_first = sorted(told.items(), key=lambda item: (item[1][0].order, -len(item[1])))
    lines = [_line(runtime, system, rows) for system, rows in worst_first[:_MOST_LINES]]
    if (more := len(worst_first) - _MOST_LINES) > 0:
        lines.append(f"and {counted(more, 'system')} more")
    total = sum(map(len, told.values()))
    event = Event(
        id=f"{VULNERABILITIES_FOUND}:{hunt.id}",
        kind=VULNERABILITIES_FOUND,
        received_at=runtime.now(),
        alarms=total,
        title=f"on {counted(len(told), 'system')} of hunt {hunt.name}",
        text="\n".join(lines),
        project_id=hunt.project_id,
        hunt_id=hunt.id,
    )
    raise_event(runtime.events, event)


def _line(runtime: Runtime, system: System | None, rows: Sequence[Vulnerability]) -> str:
    named = "on other evidence"
    if system:
        name = runtime.ledger.instance_names.get(system.instance)
        named = f"{name} ({system.title})" if name else system.title
    parts = [_in_words(row) for row in rows[:_MOST_OF_A_SYSTEM]]
    more = len(rows) - len(parts)
    return one_line(f"{named}: {'; '.join(parts)}" + (f"; and {more:,} more" if more > 0 else ""), 600)


def _in_words(row: Vulnerability) -> str:
    fixed = f", mended in {row.fixed}" if row.fixed else ", not mended yet"
    use = ", in use" if row.in_use else ""
    return (
        f"{row.cve} ({row.severity}) in {row.package or 'a package'} {row.installed}".rstrip() + fixed + use
    )
