"""No sequence of hunts, verdicts, mutes, expiries, edits of the configuration, crashes and reorderings
withholds a finding that nothing covers, tells one twice unmarked, or leaves a case without an end."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from receiver.events.sources import Question, Source
from tests.receiver.sequences.machine import Machine

EXAMPLES = int(os.environ.get("HUNTBRIDGE_FUZZ", "500"))
STEPS = int(os.environ.get("HUNTBRIDGE_STEPS", "30"))


@pytest.fixture(autouse=True)
def quiet_and_in_one_thread(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing is logged, and the sources of an alarm are asked at once and in the same thread."""

    def start(source: Source, question: Question[object]) -> bool:
        question.run()
        return True

    monkeypatch.setattr(Source, "start", start)
    logging.disable()
    yield
    logging.disable(logging.NOTSET)


def run(examples: int, steps: int) -> None:
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_no_short_sequence_hides_a_finding() -> None:
    run(10, 15)


@pytest.mark.slow
def test_fuzz_sequences() -> None:
    run(EXAMPLES, STEPS)
