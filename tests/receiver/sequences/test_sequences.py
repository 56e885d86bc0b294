"""No sequence of hunts, verdicts, mutes, expiries, edits of the configuration, crashes and reorderings
withholds a finding that nothing covers, tells one twice unmarked, or leaves a case without an end."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.receiver.sequences.machine import Machine

EXAMPLES = int(os.environ.get("HUNTBRIDGE_FUZZ", "300")) // 5  # each takes some tenths of a second


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


def test_no_short_sequence_withholds_a_finding_without_a_reason() -> None:
    run(10, 12)


@pytest.mark.slow
def test_fuzz_no_sequence_withholds_a_finding_without_a_reason() -> None:
    run(EXAMPLES, 30)
