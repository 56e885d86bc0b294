"""What happens when: a seed goes in, the whole schedule of one run comes out.

Nothing here reads a clock or sends anything; the same seed and size give the same schedule.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from tests.chaos.faults import Fault

TOOLS = ("slack", "teams", "jira")
# The first digit of a project's id says where its alarms go: so the route is known when nothing else is.
ROUTES = {1: TOOLS, 2: ("slack",), 3: ("teams",), 4: ("jira",)}
_SHARE = {1: 0.4, 2: 0.2, 3: 0.2, 4: 0.2}  # of the alarms
PROJECTS = 2  # for each route in each phase
FIRST_EVIDENCE = 700_000_001  # nine digits, so that it is found in any message


# Seconds from the end of a processing to its webhook.
_SOON = 0.2


@dataclass(frozen=True)
class Phase:
    """One kind of trouble. `weight` is its share of the time, `load` how many alarms come compared with the
    others; the rest says what goes wrong, with which share of the webhooks or at which tool."""

    name: str
    weight: float = 1.0
    load: float = 1.0
    faults: tuple[tuple[str, Fault], ...] = ()
    platform: tuple[Fault, ...] = ()
    dropped: float = 0.0
    doubled: float = 0.0
    late: float = 0.0  # seconds that a webhook may be held back, so that others overtake it
    siblings: float = 0.0  # the share of alarms that two kinds of webhook tell of
    limited: bool = False  # the tools' own rate limits


def _all(*faults: Fault) -> tuple[tuple[str, Fault], ...]:
    return tuple((tool, fault) for tool in TOOLS for fault in faults)


def _down(tool: str) -> tuple[tuple[str, Fault], ...]:
    return ((tool, Fault("reset")),)


PHASES = (
    Phase("kills alone", 1.5, siblings=0.3),
    Phase("429, seconds", faults=_all(Fault("429 seconds", 0.3))),
    Phase("429, a date", faults=_all(Fault("429 date", 0.3))),
    Phase("500", faults=_all(Fault("500", 0.3))),
    Phase("502 with HTML", faults=_all(Fault("502 HTML", 0.3))),
    Phase("hung sockets", faults=_all(Fault("hang", 0.01, seconds=30))),
    Phase("reset after the body was read", faults=_all(Fault("reset", 0.2))),
    Phase(
        "taken, the answer lost",
        # At Slack and Teams each of these is a repeat that cannot be known: a few show that it is marked.
        faults=(
            ("slack", Fault("lost answer", 0.2, times=1)),
            ("teams", Fault("lost answer", 0.2, times=1)),
            ("jira", Fault("lost answer", 0.1)),
        ),
    ),
    Phase("Slack down", 1.5, faults=_down("slack")),
    Phase("Teams down", 1.5, faults=_down("teams")),
    Phase("Jira down", 1.5, faults=_down("jira")),
    Phase("rate limits", load=0.15, limited=True),
    Phase("slow platform", load=0.5, platform=(Fault("slow", seconds=1.0),), siblings=0.3),
    Phase("platform down", platform=(Fault("reset"),), doubled=0.3, siblings=0.3),
    Phase("doubled and reordered webhooks", doubled=0.3, late=5.0, siblings=0.3),
    Phase("webhooks that never arrive", dropped=0.3),
    Phase("a storm", 0.5, load=1.5),
)


@dataclass(frozen=True)
class Alarm:
    """One evidence with alarms, which is what must arrive."""

    evidence: int
    project: int
    machine: int  # some machines have several volumes, whose alarms are one case
    malicious: int
    suspicious: int
    phase: str
    at: float  # seconds since the start

    @property
    def tools(self) -> tuple[str, ...]:
        return ROUTES[self.project // 1000]


@dataclass(frozen=True, order=True)
class Call:
    """One webhook, as the platform sends it: once, whatever comes of it."""

    at: float
    evidence: int
    kind: str = field(compare=False)


@dataclass(frozen=True)
class Plan:
    alarms: tuple[Alarm, ...]
    calls: tuple[Call, ...]
    phases: tuple[tuple[float, Phase], ...]  # when each begins
    kills: tuple[float, ...]  # of serve
    web_kills: tuple[float, ...]  # of its web process alone
    seconds: float
    restores: tuple[float, ...] = ()  # when serve is killed and a backup is restored


def make_plan(rng: random.Random, *, alarms: int, kills: int, seconds: float, restores: int = 0) -> Plan:
    weights = sum(phase.weight for phase in PHASES)
    loads = sum(phase.load for phase in PHASES)
    begin, begins = 0.0, []
    made: list[Alarm] = []
    calls: list[Call] = []
    for number, phase in enumerate(PHASES, start=1):
        lasts = seconds * phase.weight / weights
        begins.append((begin, phase))
        count = round(alarms * phase.load / loads) if number < len(PHASES) else alarms - len(made)
        times = sorted(rng.uniform(begin, begin + lasts) for _ in range(count))
        for at in times:
            alarm = _alarm(rng, FIRST_EVIDENCE + len(made), number, phase, at)
            made.append(alarm)
            calls += _calls(rng, alarm, phase)
        begin += lasts
    return Plan(
        tuple(made),
        tuple(sorted(calls)),
        tuple(begins),
        tuple(sorted(rng.uniform(1.0, seconds) for _ in range(kills))),
        tuple(sorted(rng.uniform(1.0, seconds) for _ in range(kills // 2))),
        seconds,
        tuple(seconds * (number + 1) / (restores + 1) for number in range(restores)),
    )


def _alarm(rng: random.Random, evidence: int, number: int, phase: Phase, at: float) -> Alarm:
    route = rng.choices(list(_SHARE), list(_SHARE.values()))[0]
    project = route * 1000 + number * 10 + rng.randrange(PROJECTS)
    bad = rng.random() < 0.5
    return Alarm(
        evidence=evidence,
        project=project,
        # A tenth of the machines have several volumes in the same project.
        machine=project * 1000 + rng.randrange(5) if rng.random() < 0.1 else 10_000_000 + evidence,
        malicious=rng.randint(1, 3) if bad else 0,
        suspicious=rng.randint(0 if bad else 1, 2),
        phase=phase.name,
        at=at,
    )


def _calls(rng: random.Random, alarm: Alarm, phase: Phase) -> list[Call]:
    if rng.random() < phase.dropped:
        return []
    at = alarm.at + _SOON + rng.uniform(0.0, phase.late)
    calls = [Call(at, alarm.evidence, "processing_with_alarms")]
    if alarm.malicious and rng.random() < phase.siblings:
        calls.append(Call(at + rng.uniform(0.0, 0.5), alarm.evidence, "high_severity_alarm"))
    if rng.random() < phase.doubled:
        calls.append(Call(at + rng.uniform(0.0, phase.late), alarm.evidence, "processing_with_alarms"))
    return calls
