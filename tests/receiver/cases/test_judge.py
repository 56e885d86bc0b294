"""What a system's earlier hunts and an earlier version left is taken over when an alarm is judged."""

from __future__ import annotations

from dataclasses import replace

import pytest

from receiver.assemble import handlers
from shared.models.cases import CaseState, Verdict
from shared.storage import kinds
from tests.receiver.cases.test_deciding import FIRST_CASE, MINER, SYSTEM, Hunts, found
from tests.receiver.conftest import Stage


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
