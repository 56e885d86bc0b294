"""The simulated quarter: the same twelve hunts twice, each hunt with cases of its own, and with cases that
live until somebody closes them."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from shared.models.cases import Verdict
from shared.models.known_good_terms import Scope, Terms
from shared.storage.queries.events import EventDetail
from tests.quarter import plan
from tests.quarter.world import HUNT, World

# The systems whose cases are closed as benign in week one; each has a finding that those before do not have.
JUDGED_ON = (plan.instance(1), plan.instance(2), plan.instance(9), plan.instance(25))


Found = tuple[str, str]  # the id of a machine, and the description of a finding


@dataclass(frozen=True)
class Quarter:
    """What came of twelve hunts."""

    messages: dict[int, Counter[str]]  # of each week, by tool
    alarms: dict[int, list[EventDetail]]  # of each week
    found: dict[int, set[Found]]  # what the platform found in each week
    posts: dict[int, list[str]]  # what was posted in Slack in each week, as JSON

    @property
    def total(self) -> int:
        return sum(count.total() for count in self.messages.values())


def run(folder: Path, *, across_hunts: bool) -> Quarter:
    with ExitStack() as stack:
        world = World(stack, folder, plan.fleet(), across_hunts=across_hunts)
        quarter, before, posted = Quarter({}, {}, {}, {}), Counter[str](), 0
        for week in range(1, plan.WEEKS + 1):
            _before(world, week)
            hunt_id = world.hunt(week)
            quarter.alarms[week] = world.alarms_of(hunt_id)
            quarter.found[week] = world.found_by(hunt_id)
            quarter.posts[week] = world.posts()[posted:]
            if week == 1:
                _judge(world)
            quarter.messages[week] = world.messages() - before
            before, posted = world.messages(), len(world.posts())
        return quarter


def _before(world: World, week: int) -> None:
    for event in plan.PLANTED:
        if event.week == week:
            world.platform.plant(event.system, event.alarm)
    if plan.OTHER_NAME.week == week:
        world.rename(plan.RENAMED, plan.NAME_AFTER)


def _judge(world: World) -> None:
    """What people decide after the first hunt."""
    for instance in JUDGED_ON:
        world.close(instance, Verdict.BENIGN, "part of the image", Terms(Scope.HUNT, hunt=HUNT))
    world.close(plan.INFECTED, Verdict.TRUE_POSITIVE, "a rootkit; the module was removed")


def table(before: Quarter, after: Quarter) -> list[str]:
    """The messages of each week, as Markdown."""
    lines = [
        "| week | what happens | messages, cases of each hunt | messages, cases across hunts |",
        "|---|---|---|---|",
    ]
    for week in before.messages:
        happens = [event.what for event in plan.EVENTS if event.week == week]
        if week == 1:
            happens = ["the first hunt; five findings judged benign, one case closed as true positive"]
        counts = [quarter.messages[week].total() for quarter in (before, after)]
        lines.append(f"| {week} | {'; '.join(happens)} | {counts[0]:,} | {counts[1]:,} |")
    fewer = 1 - after.total / before.total
    lines.append(f"| all | | {before.total:,} | {after.total:,} ({fewer:.1%} fewer) |")
    return lines
