"""Some schedules of the simulation, and the proof that it finds faults. `make simulate` runs thousands."""

from __future__ import annotations

import pytest

from tests.simulation.plants import PLANTS
from tests.simulation.run import first_found, run_one


@pytest.mark.parametrize("seed", range(4))
def test_a_schedule_loses_nothing(seed: int) -> None:
    assert run_one(seed).failure == ""


@pytest.mark.slow
@pytest.mark.parametrize("seed", [10, 11])
def test_a_seed_always_makes_the_same_schedule(seed: int) -> None:
    first, second = (run_one(seed, traced=True) for _ in range(2))
    assert len(first.trace) > 10
    assert first == second


@pytest.mark.slow
@pytest.mark.parametrize("plant", PLANTS)
def test_a_planted_fault_is_found(plant: str) -> None:
    assert first_found(plant, range(2_000)), "2,000 schedules did not find it"
