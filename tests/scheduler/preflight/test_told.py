"""What counts as new about a preflight, after it was told once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from scheduler.preflight.told import Told
from shared.models.preflight import Degree, Notice
from shared.models.systems import System
from tests.scheduler.staging import Stage

RUN = datetime(2026, 11, 29, 2, 0, tzinfo=UTC)


def notice(systems: int, *, what: str = "it is large", degree: Degree = Degree.TAKES_LONG) -> Notice:
    ids = (f"i-{number:017x}" for number in range(systems))
    return Notice("large", degree, what, systems=tuple(System(id, "us-east-1") for id in ids))


def new(stage: Stage, before: Notice, after: Notice) -> list[int]:
    """How many systems of `after` are told, if `before` was told."""
    Told(stage.runtime.ledger.notes, "weekly").save(RUN, [before])
    told = Told(stage.runtime.ledger.notes, "weekly")
    assert told.about(RUN)
    return [len(one.systems) for one in told.new([after])]


def test_only_new_systems_and_new_words_are_told(make_stage: Callable[..., Stage]) -> None:
    stage = make_stage()
    assert new(stage, notice(3), notice(3)) == []
    assert new(stage, notice(3), notice(2)) == []
    assert new(stage, notice(3), notice(5)) == [2]
    assert new(stage, notice(3), notice(3, what="it is very large")) == [3]
    assert new(stage, notice(0, what="x"), notice(0, what="x")) == []
    assert new(stage, notice(0, what="x"), notice(0)) == [0]
    assert new(stage, notice(1), notice(2, what="x", degree=Degree.INFO)) == []


def test_of_many_systems_their_number_is_remembered(make_stage: Callable[..., Stage]) -> None:
    stage = make_stage()
    assert new(stage, notice(2_000), notice(2_000)) == []
    assert new(stage, notice(2_000), notice(1_000)) == []
    assert new(stage, notice(2_000), notice(2_001)) == [2_001]
    assert new(stage, notice(300), notice(301)) == [1]
