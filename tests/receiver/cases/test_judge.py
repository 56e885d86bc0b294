"""What earlier hunts and an earlier version left is taken over; the disks of one machine have one case."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from receiver.assemble import handlers
from receiver.assemble import judge as judge_of
from shared.models.alarms import Alarm
from shared.models.cases import CaseState, Verdict
from shared.models.events import Event
from shared.models.evidence import Evidence, Finding
from shared.models.hunts import Hunt
from shared.models.judgements import Judgement
from shared.models.mutes import Muted
from shared.models.severity import Severity
from shared.models.system_findings import Status
from shared.storage import kinds
from shared.storage.ledger.events import Events
from tests.receiver.cases.test_deciding import FIRST_CASE, MINER, SYSTEM, Hunts, found
from tests.receiver.conftest import INSTANCE, START, Stage


def across_hunts(hunts: Hunts, on: bool) -> None:
    stage = hunts.stage
    cases = stage.runtime.config.cases.model_copy(update={"across_hunts": on})
    config = stage.runtime.config.model_copy(update={"cases": cases})
    stage.runtime = replace(stage.runtime, config=config)
    stage.work = handlers(stage.runtime, hunts.enricher, stage.tools)


@pytest.fixture
def hunts(stage: Stage) -> Hunts:
    return Hunts(stage)


def case_keys(hunts: Hunts) -> list[str]:
    return [row.key for row in hunts.stage.runtime.queries.cases.open().rows]


def test_without_cases_across_hunts_each_project_has_its_own_and_all_is_told(hunts):
    across_hunts(hunts, False)
    assert hunts.find(found())
    assert hunts.find(found())
    assert len(case_keys(hunts)) == 2
    assert hunts.stage.runtime.ledger.findings.of_system(SYSTEM).findings == {}


def test_the_newest_open_case_of_an_earlier_version_goes_on(hunts):
    across_hunts(hunts, False)
    hunts.find(found())
    hunts.find(found())
    old = hunts.stage.soc.sent[-1].case_key
    across_hunts(hunts, True)

    assert hunts.find(found()), "nobody knows what an earlier version told"
    assert hunts.stage.soc.sent[-1].case_key == old
    assert not hunts.find(found())
    hunts.close(case=old)
    assert not hunts.find(found())
    assert hunts.find(MINER)
    assert hunts.stage.soc.sent[-1].case_key == FIRST_CASE


def test_a_closed_case_of_an_earlier_version_stays_closed(hunts):
    across_hunts(hunts, False)
    hunts.find(found())
    old = hunts.stage.soc.sent[-1].case_key
    hunts.close(Verdict.TRUE_POSITIVE, case=old)
    across_hunts(hunts, True)

    assert hunts.find(found())
    assert hunts.stage.soc.sent[-1].case_key == FIRST_CASE
    case = hunts.stage.runtime.ledger.cases.get(old)
    assert case
    assert case.state is CaseState.CLOSED


def test_findings_whose_case_was_deleted_are_told_again(hunts):
    hunts.find(found())
    hunts.stage.runtime.store.delete(kinds.CASE_FILE, FIRST_CASE, "-")
    assert hunts.find(found())


def test_turning_cases_across_hunts_off_and_on_again_withholds_nothing_new(hunts):
    hunts.find(found())
    across_hunts(hunts, False)
    assert hunts.find(found())
    assert hunts.find(MINER)
    across_hunts(hunts, True)
    assert hunts.find(found(), MINER), "the miner was not told in the case of the system"
    assert not hunts.find(found(), MINER)


HUNT = Hunt("weekly", START)


def judged_disk(
    stage: Stage, evidence: int, *findings: Finding, hunt: Hunt | None = None, project: int = 3
) -> Judgement:
    """What is decided about the alarm of one disk. Its case is not recorded: that is the next step of the
    worker, which another worker may overtake."""
    event = Event(f"e{evidence}", "processing_with_alarms", stage.moment, "", "", project, evidence)
    suspicious = sum(finding.count for finding in findings)
    alarm = Alarm(
        event,
        Severity.SUSPICIOUS,
        0,
        suspicious,
        hunt=hunt,
        evidence=Evidence(evidence, project, "vol", instance=SYSTEM, malicious=0, suspicious=suspicious),
        instance=INSTANCE,
        findings=findings,
        findings_total=len(findings),
    )
    judgement = judge_of(stage.runtime).judge(alarm, Muted())
    assert judgement
    return judgement


def statuses(judgement: Judgement) -> list[Status]:
    return [finding.status for finding in judgement.findings]


@pytest.mark.parametrize("hunt", [HUNT, None], ids=["of a hunt", "of a project without a known hunt"])
def test_the_second_disk_of_a_machine_is_told_in_the_case_that_the_first_one_begins(stage, hunt):
    for evidence, path in ((1, "/opt/a"), (2, "/opt/b")):
        judged = judged_disk(stage, evidence, found(path=path), hunt=hunt)
        assert judged.tell
        assert statuses(judged) == [Status.NEW]
        assert judged.case == FIRST_CASE
        assert not judged.continues, "the case was begun by this hunt"
        stage.moment += timedelta(minutes=59)


@pytest.mark.parametrize("hunt", [HUNT, None], ids=["of a hunt", "of a project without a known hunt"])
def test_what_was_told_of_the_first_disk_does_not_hide_what_is_new_on_the_second(stage, hunt):
    judged_disk(stage, 1, found(), hunt=hunt)
    both = judged_disk(stage, 2, found(), found("Trojan.Linux", "/opt/b"), hunt=hunt)
    assert both.tell
    assert statuses(both) == [Status.NEW, Status.SEEN]
    more = judged_disk(stage, 3, found(count=7), hunt=hunt)
    assert more.tell
    assert statuses(more) == [Status.MORE]
    assert not both.continues
    assert not more.continues


def test_the_next_hunt_continues_the_case(stage):
    judged_disk(stage, 1, found(), hunt=HUNT)
    later = judged_disk(stage, 2, found(path="/opt/b"), hunt=HUNT)
    assert not later.continues, "the same hunt"
    after = replace(HUNT, scheduled_at=START + timedelta(days=7))
    assert judged_disk(stage, 3, found(path="/opt/c"), hunt=after).continues
    assert judged_disk(stage, 4, found(path="/opt/d"), project=4).continues, "another project"


def test_a_case_that_was_never_recorded_is_not_waited_for_longer_than_an_hour(stage):
    """The worker was killed after its judgement. What it judged is told again, in another case."""
    judged_disk(stage, 1, found(), hunt=HUNT)
    stage.moment += timedelta(minutes=61)
    judged = judged_disk(stage, 2, found(), hunt=HUNT)
    assert judged.tell
    assert statuses(judged) == [Status.AGAIN]
    assert judged.case == f"system/{SYSTEM}/2"


@pytest.mark.parametrize("verdict", Verdict)
def test_how_much_was_told_in_an_earlier_case_does_not_count_in_a_later_one(hunts, verdict):
    second, many = f"system/{SYSTEM}/2", found(count=20)
    hunts.find(many)
    hunts.close(Verdict.TRUE_POSITIVE)
    hunts.find(MINER)
    assert hunts.find(found(count=1))
    assert hunts.stage.soc.sent[-1].case_key == second
    assert hunts.find(many), "twenty times as many as in the open case"
    assert not hunts.find(many)
    hunts.close(verdict, case=second)
    assert hunts.find(many) is (verdict is Verdict.TRUE_POSITIVE)


def test_a_verdict_covers_as_many_as_were_told_in_its_case(hunts):
    hunts.find(found(count=20))
    hunts.close(Verdict.TRUE_POSITIVE)
    hunts.find(MINER)
    hunts.find(found(count=1))
    hunts.close(case=f"system/{SYSTEM}/2")
    assert not hunts.find(found(count=5))
    assert hunts.find(found(count=20))


def test_what_withheld_a_finding_is_named_also_if_it_was_ended_after_a_crash(hunts, monkeypatch):
    hunts.find(found())
    hunts.close()
    known, record = hunts.stage.runtime.ledger.known_good, Events.record_routed
    (entry,) = known.naming(SYSTEM)

    def crash(*args, **options):
        monkeypatch.setattr(Events, "record_routed", record)
        known.end(entry, "ada")
        raise RuntimeError("killed")

    monkeypatch.setattr(Events, "record_routed", crash)
    assert not hunts.find(found())
    newest = hunts.stage.runtime.queries.events.list().rows[0].id
    (withheld,) = hunts.stage.runtime.queries.events.get(newest).alarm.judgement.withheld
    assert (withheld.by, withheld.author, withheld.reason) == (entry.id, "ada", "the nightly backup")
    assert withheld.until == entry.until


@pytest.mark.parametrize(
    "now",
    [(), (found(count=20),), (found(severity=Severity.MALICIOUS),)],
    ids=["not explained", "more", "worse"],
)
def test_a_silent_alarm_of_which_the_platform_says_something_else_after_a_crash_is_told(
    hunts, monkeypatch, now
):
    hunts.find(found())
    record = Events.record_routed

    def crash(*args, **options):
        monkeypatch.setattr(Events, "record_routed", record)
        hunts.enricher.findings = now
        raise RuntimeError("killed")

    monkeypatch.setattr(Events, "record_routed", crash)
    assert hunts.find(found())


def test_a_message_names_what_was_judged_although_the_platform_does_not_list_it_after_a_crash(
    hunts, monkeypatch
):
    judge = hunts.stage.runtime.ledger.findings.save

    def crash(*args, **options):
        judge(*args, **options)
        hunts.enricher.findings = ()
        monkeypatch.undo()
        raise RuntimeError("killed")

    monkeypatch.setattr(hunts.stage.runtime.ledger.findings, "save", crash)
    assert hunts.find(found(), MINER)
    named = {each.description for each in hunts.stage.soc.sent[-1].findings}
    assert named == {"PUA[.]NetTool", "Miner[.]XMRig"}
    assert not hunts.find(found(), MINER)


def silent(event: Event) -> Alarm:
    """Enrich an event while the platform does not answer: only the event itself is known."""
    return Alarm(event, Severity.UNKNOWN)


def test_what_only_a_later_attempt_knew_does_not_count_as_told(hunts, monkeypatch):
    """The first attempt sent its message, and died before it recorded that."""

    def crash(*args, **options):
        monkeypatch.undo()
        raise RuntimeError("killed")

    monkeypatch.setattr(hunts.enricher, "enrich", silent)
    monkeypatch.setattr(Events, "record_routed", crash)
    assert hunts.find(found())
    assert hunts.stage.soc.sent[-1].findings == ()
    assert hunts.find(found())
    assert hunts.stage.soc.sent[-1].findings != ()


def test_a_message_has_what_an_earlier_attempt_knew_although_the_platform_is_silent_now(hunts, monkeypatch):
    judge = hunts.stage.runtime.ledger.findings.save

    def crash(*args, **options):
        judge(*args, **options)
        monkeypatch.undo()
        monkeypatch.setattr(hunts.enricher, "enrich", silent)
        raise RuntimeError("killed")

    monkeypatch.setattr(hunts.stage.runtime.ledger.findings, "save", crash)
    assert hunts.find(found())
    assert {each.description for each in hunts.stage.soc.sent[-1].findings} == {"PUA[.]NetTool"}
    monkeypatch.undo()
    assert not hunts.find(found())


def test_an_alarm_that_is_merged_is_not_kept(hunts):
    body = b'{"event": "processing_with_alarms", "message": "1 alarms in project id 1 evidence id 1"}'
    ids = [hunts.stage.receive(body) for _ in range(2)]
    hunts.stage.run_all()
    events = hunts.stage.runtime.ledger.events
    assert [events.whole_alarm(id) is not None for id in ids] == [True, False]
