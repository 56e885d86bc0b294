"""The report of a hunt says what people were not told of, and names what was withheld at its first sight."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from receiver.assemble import handlers
from shared.models.alarms import Alarm
from shared.models.event_kinds import HUNT_FINISHED
from shared.models.events import Event
from shared.models.hunts import Hunt, HuntReport
from shared.models.known_good_terms import Scope, Terms
from shared.models.mutes import Mute, MuteMatch
from shared.models.quiet_findings import MOST_NAMED, Quiet
from shared.storage import kinds
from tests.receiver.cases.test_deciding import SYSTEM, Enricher, Hunts, found
from tests.receiver.conftest import START

OTHER = "i-0bbbbbbbbbbbbbbb2"
HUNT = Hunt("weekly", START)


@dataclass
class InHunt(Enricher):
    """Every alarm is of one hunt."""

    hunt: Hunt = HUNT

    def enrich(self, event: Event) -> Alarm:
        return replace(super().enrich(event), hunt=self.hunt)


@pytest.fixture
def hunts(stage) -> Hunts:
    hunts = Hunts(stage)
    hunts.enricher = InHunt()
    stage.work = handlers(stage.runtime, hunts.enricher, stage.tools)
    return hunts


def report(hunts) -> dict[str, str]:
    """The facts of the message about the end of the hunt."""
    report = HuntReport(HUNT.name, HUNT.scheduled_at, 3, systems=2, captured=2, with_alarms=2)
    now = hunts.stage.moment
    hunts.stage.raise_event(
        Event(f"{HUNT_FINISHED}:{now}", HUNT_FINISHED, now, hunt_id=HUNT.id, report=report)
    )
    hunts.stage.run_all()
    return {fact.label: fact.value for fact in hunts.stage.office.sent[-1].facts}


def test_a_hunt_of_which_everything_was_told_says_nothing_of_it(hunts):
    hunts.find(found())
    assert {"Withheld", "Still there", "First seen, withheld"} & set(report(hunts)) == set()


def test_what_was_withheld_is_counted_and_what_was_never_seen_there_is_named(hunts):
    tool, other = found(), found("PUA.Scanner", "/opt/scan")
    hunts.find(tool, other)
    hunts.close(terms=Terms(Scope.EVERYWHERE))
    hunts.enricher.hunt = replace(HUNT, name="later")
    later = hunts.enricher.hunt
    assert not hunts.find(tool, other)
    assert not hunts.find(tool, on=OTHER)
    assert hunts.stage.runtime.ledger.findings.quiet(later.id) == Quiet(
        known=3, systems=2, first=(f"PUA.NetTool on {OTHER}",), first_total=1
    )
    assert "Withheld" not in report(hunts)  # of the first hunt
    hunts.enricher.hunt = HUNT
    hunts.find(tool, other)
    hunts.find(tool, on="i-0ccccccccccccccc3")
    facts = report(hunts)
    assert facts["Withheld"] == "3 known findings withheld on 2 systems"
    assert facts["First seen, withheld"] == "PUA[.]NetTool on i-0ccccccccccccccc3"


def test_what_is_still_there_is_counted(hunts):
    hunts.find(found())
    hunts.find(found())
    assert report(hunts)["Still there"] == "1 finding of open cases, told before"


def test_what_is_muted_is_counted_beside_what_is_known(hunts):
    ledger, now = hunts.stage.runtime.ledger, hunts.stage.moment
    hunts.find(found())
    hunts.close()
    match = MuteMatch(path=("/opt/scan",))
    ledger.mutes.add(Mute("m1", match, now + timedelta(days=30), "Ada", "drill", now, "a test"))
    assert not hunts.find(found(), found("PUA.Scanner", "/opt/scan"))
    assert report(hunts)["Withheld"] == "1 known finding, 1 muted finding withheld on 1 system"
    (entry,) = ledger.known_good.naming(SYSTEM)
    assert ledger.known_good.hits([entry.id])[entry.id].count == ledger.mutes.hits("m1").count == 1


def test_many_names_are_cut_and_counted(hunts):
    for number in range(MOST_NAMED + 5):
        name = f"PUA.Tool{number} on i-1"
        body = {"known": ["x"], "first": [name]}
        hunts.stage.runtime.store.put(kinds.QUIET_FINDINGS, HUNT.id, f"i-{number}", body)
    facts = report(hunts)
    assert facts["Withheld"] == "55 known findings withheld on 55 systems"
    assert facts["First seen, withheld"].endswith(" and 45 more")
