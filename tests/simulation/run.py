"""Runs many schedules, each from its own seed, or one again to see what happened in it.

python -m tests.simulation.run --schedules 2000 --seed 1
python -m tests.simulation.run --replay 1234
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass
from pathlib import Path

from tests.simulation.disk import watched
from tests.simulation.one_machine import OneMachine
from tests.simulation.one_thread import one_thread
from tests.simulation.plants import PLANTS
from tests.simulation.schedule import Schedule
from tests.simulation.threads import threads_of
from tests.simulation.world import SIDES

_MEMORY = Path("/dev/shm")
_SHOWN = 10  # failures that are shown in full


@dataclass(frozen=True)
class Result:
    """What came of one schedule."""

    seed: int
    side: str
    failure: str = ""  # in one line
    trace: tuple[str, ...] = ()
    seen: tuple[tuple[str, int], ...] = ()  # how often each kind of fault happened


def side_of(seed: int) -> str:
    names = list(SIDES)
    return names[seed % len(names)]


def run_one(seed: int, plant: str = "", *, traced: bool = False) -> Result:
    """Run one schedule. `plant`: a fault of the product that is switched on for it."""
    side = side_of(seed)
    with ExitStack() as stack:
        place = _MEMORY if os.access(_MEMORY, os.W_OK) else None
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=place)))
        monotonic = [lambda: 0.0]
        stack.enter_context(one_thread(seed, lambda: monotonic[0]()))
        stack.enter_context(PLANTS[plant].planted() if plant else nullcontext())
        schedule = Schedule(folder, side, seed)
        world = schedule.world
        monotonic[0] = world.clock.monotonic
        if isinstance(world.side, OneMachine):
            stack.enter_context(watched(world.side.disk))
            stack.enter_context(threads_of(world.actors, world.clock, world.rng))
        world.side.start()
        stack.callback(world.side.close)
        failure = ""
        try:
            schedule.run()
        except AssertionError as error:
            failure = str(error).partition("\n")[0] or traceback.format_exc(limit=-1)
        except Exception:
            failure = traceback.format_exc(limit=-8)
        world.actors.end()
        faults = Counter(
            line.partition("fault: ")[2].partition(",")[0] for line in world.trace.lines if "fault: " in line
        )
        return Result(seed, side, failure, tuple(world.trace.lines) if traced else (), tuple(faults.items()))


def run_many(seeds: range, processes: int, plant: str = "") -> Iterator[Result]:
    if processes == 1:
        for seed in seeds:
            yield run_one(seed, plant)
        return
    with multiprocessing.Pool(processes, maxtasksperchild=200) as pool:
        yield from pool.imap_unordered(_Task(plant), seeds, chunksize=5)


@dataclass(frozen=True)
class _Task:
    plant: str

    def __call__(self, seed: int) -> Result:
        return run_one(seed, self.plant)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--schedules", type=int, default=2_000)
    parser.add_argument(
        "--seed", type=int, default=1, help="of the first schedule; each further one has the next"
    )
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--plant", choices=sorted(PLANTS), default="")
    parser.add_argument(
        "--replay", type=int, help="run the schedule of this seed, and show what happens in it"
    )
    parser.add_argument(
        "--prove",
        action="store_true",
        help="find each of the planted faults, within the given number of schedules",
    )
    given = parser.parse_args()
    if given.prove:
        return _prove(given)
    if given.replay is not None:
        return _replay(given.replay, given.plant)
    began, faults, failed, count = time.monotonic(), Counter[str](), 0, 0
    for result in run_many(range(given.seed, given.seed + given.schedules), given.processes, given.plant):
        count += 1
        faults.update(dict(result.seen))
        if result.failure:
            failed += 1
            print(
                f"seed {result.seed} ({result.side}): {result.failure.strip().splitlines()[-1]}", flush=True
            )
            if failed <= _SHOWN:
                print(f"  again: make simulate REPLAY={result.seed}", flush=True)
    seconds = time.monotonic() - began
    print(f"{count:,} schedules in {seconds:.0f} s, {failed} failed; faults: {_in_words(faults)}")
    return 1 if failed else 0


def _replay(seed: int, plant: str) -> int:
    result = run_one(seed, plant, traced=True)
    for line in result.trace:
        print(line)
    print(f"seed {seed} ({result.side}): {result.failure or 'nothing is wrong'}")
    return 1 if result.failure else 0


def first_found(plant: str, seeds: range) -> Result | None:
    """The first schedule that finds a planted fault."""
    only = PLANTS[plant].side
    chosen = (seed for seed in seeds if only in ("", side_of(seed)))
    return next((result for seed in chosen if (result := run_one(seed, plant)).failure), None)


def _prove(given: argparse.Namespace) -> int:
    seeds, missed = range(given.seed, given.seed + given.schedules), 0
    for plant in PLANTS:
        found = first_found(plant, seeds)
        missed += found is None
        words = (
            f"found after {found.seed - given.seed + 1} schedules: {found.failure}" if found else "not found"
        )
        print(f"{plant}: {words}", flush=True)
    return 1 if missed else 0


def _in_words(faults: Counter[str]) -> str:
    return ", ".join(f"{count:,} {fault}" for fault, count in faults.most_common())


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != "0":  # the order of sets must be the same when a seed is run again
        os.environ["PYTHONHASHSEED"] = "0"
        os.execv(sys.executable, [sys.executable, "-m", "tests.simulation.run", *sys.argv[1:]])
    sys.exit(main())
