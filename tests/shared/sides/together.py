"""Runs something in several threads at once."""

from __future__ import annotations

import threading
from collections.abc import Callable


def at_once(count: int, do: Callable[[int], object]) -> None:
    """Call `do` with 0, 1, … in as many threads, which all begin at the same moment."""
    start = threading.Barrier(count)

    def run(number: int) -> None:
        start.wait()
        do(number)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
