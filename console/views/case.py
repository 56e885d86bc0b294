"""One case: what, where, how bad, who has it, what happened, and what was sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from console.read_once import read_along
from console.views.references import Reference, reference, references
from console.views.timeline import Line, line_of
from receiver.cases.lifecycle import CaseLifecycle
from receiver.messages.counts import worst_first
from receiver.messages.message import Fact, Link, Message
from shared.config.config import Config
from shared.hosting.runtime import Runtime
from shared.models import attack
from shared.models.evidence import Finding
from shared.models.findings_seen import InHunt, Seen
from shared.models.severity import Severity
from shared.storage import kinds
from shared.storage.queries.cases import CaseRow
from shared.storage.queries.findings_seen import findings_keys

BESIDE = 50  # findings of other alarms than the worst that the page shows
LINES = 200  # of the timeline on one page, as far as they need no more requests
# Facts that the head of the page or the timeline shows already.
_ELSEWHERE = frozenset({"history", "received"})


@dataclass(frozen=True)
class Technique:
    """One ATT&CK technique of a finding."""

    id: str
    name: str
    url: str


@dataclass(frozen=True)
class FindingRow:
    finding: Finding
    techniques: tuple[Technique, ...]
    seen: Seen

    @property
    def ticks(self) -> tuple[Tick, ...]:
        return tuple(_tick(number, each.was, self) for number, each in enumerate(self.seen.hunts))


@dataclass(frozen=True)
class Tick:
    """One hunt in the drawing of the last hunts, in pixels."""

    fill: str  # the class of its colour
    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True)
class Target:
    """A destination to which the case's message can be sent again."""

    name: str
    type: str  # for people, such as "Jira"
    told: bool
    reference: Reference | None


@dataclass(frozen=True)
class CaseView:
    """What the page of a case shows."""

    row: CaseRow
    event_id: str  # of the worst alarm, which is sent again; empty if the ledger has no such alarm any more
    findings: tuple[FindingRow, ...]  # of the worst alarm, and what was told in others
    findings_total: int
    facts: tuple[Fact, ...]
    history: str  # how the alarm differs from earlier ones on this system, in words
    gaps: tuple[str, ...]
    links: tuple[Link, ...]
    references: tuple[Reference, ...]
    targets: tuple[Target, ...]
    timeline: tuple[Line, ...]
    next: str  # the token of the next page of the timeline
    may_capture_again: bool = False

    @property
    def issues(self) -> tuple[Reference, ...]:
        return tuple(each for each in self.references if each.type == "jira")

    @property
    def tracker(self) -> str:
        """The destination in which an issue can be created; empty if the case has one, or there is none."""
        if any(target.told for target in self.targets if target.type == "Jira"):
            return ""
        return next((target.name for target in self.targets if target.type == "Jira"), "")


def case_view(
    runtime: Runtime,
    lifecycle: CaseLifecycle,
    config: Config,
    types: Mapping[str, str],
    key: str,
    page: str = "",
) -> CaseView | None:
    """None if there is no such case. Raises StoreError, and BadToken."""
    queries = runtime.queries
    row = queries.cases.get(key, config.destinations)
    if row is None:
        return None
    if row.system:
        read_along(runtime, (*findings_keys(row.system), (kinds.SYSTEM_FINDINGS, row.system.lasting, "-")))
    timeline = queries.cases.timeline(key, limit=LINES, page=page)
    message = lifecycle.current_message(key, "")
    shown = message.findings if message else row.findings
    beside = queries.cases.told_beside(row)
    findings = worst_first((*shown, *beside[:BESIDE]))
    texts = [finding.description for finding in findings]
    seen = queries.findings.of_system(row.system, texts) if row.system else {}
    return CaseView(
        row=row,
        event_id=message.alarm.event.id if message and message.alarm else "",
        findings=tuple(_finding(finding, seen) for finding in findings),
        findings_total=max(message.findings_total if message else 0, len(shown)) + len(beside),
        facts=_facts(message),
        history=_fact(message, "history"),
        gaps=message.gaps if message else (),
        links=message.links if message else (),
        references=references(row.refs, config.destinations),
        targets=_targets(row, config, types),
        timeline=tuple(line_of(entry, config.destinations) for entry in timeline.rows),
        next=timeline.next,
        may_capture_again=bool(row.system) and config.capture_again.enabled,
    )


def _finding(finding: Finding, seen: Mapping[str, Seen]) -> FindingRow:
    known = (id for id in finding.attack if attack.is_id(id))
    techniques = tuple(Technique(id, attack.name(id), attack.url(id)) for id in known)
    return FindingRow(finding, techniques, seen.get(finding.description, Seen()))


_FILLS = {Severity.MALICIOUS: "f-mal", Severity.SUSPICIOUS: "f-sus"}


def _tick(number: int, was: InHunt, row: FindingRow) -> Tick:
    """Each outcome has its own shape, so a reader can tell outcomes apart without colour."""
    x = number * 9
    match was:
        case InHunt.SEEN:
            return Tick(_FILLS.get(row.finding.severity, "f-ink"), x, 1, 7, 11)
        case InHunt.NOT_SEEN:
            return Tick("f-line", x, 9, 7, 3)
        case InHunt.NOT_CAPTURED:
            return Tick("f-fault", x + 1, 4, 5, 5)
    return Tick("f-line", x + 3, 5, 2, 7)


def _facts(message: Message | None) -> tuple[Fact, ...]:
    facts = message.facts if message else ()
    return tuple(fact for fact in facts if fact.name and fact.name not in _ELSEWHERE)


def _fact(message: Message | None, name: str) -> str:
    facts = message.facts if message else ()
    return next((fact.value for fact in facts if fact.name == name), "")


def _targets(row: CaseRow, config: Config, types: Mapping[str, str]) -> tuple[Target, ...]:
    def target(name: str) -> Target:
        ref = row.refs.get(name, "")
        known = reference(name, ref, config.destinations)
        return Target(name, types[name], name in row.told, known if known.text else None)

    # Trackers first, since an issue is what is asked for most often.
    sections = config.destinations
    return tuple(target(name) for name in sorted(sections, key=lambda name: sections[name].type != "jira"))
