"""What the product does in further threads, by the real clock or by chance is done here in one thread, by the
simulated clock, and from the seed."""

from __future__ import annotations

import logging
import random
import secrets
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from receiver.events import ask
from receiver.events.sources import Question, Source
from scheduler import parallel_calls, release_captures
from shared.hosting import lambda_records
from shared.http import deadlines
from tests.simulation.actors import Actors, Lock


class _InThisThread:
    """An executor that does at once what it gets."""

    def __init__(self, *_: object, **__: object) -> None: ...

    def __enter__(self) -> _InThisThread:
        return self

    def __exit__(self, *_: object) -> None: ...

    def submit(self, run: Callable[..., Any], call: Callable[..., Any], *args: Any) -> Future[Any]:
        """`run` is that of a copied context, which is not entered here: actors have contexts of their own."""
        future: Future[Any] = Future()
        try:
            future.set_result(call(*args))
        except Exception as error:
            future.set_exception(error)
        return future

    def shutdown(self, **_: object) -> None: ...


def _ask_at_once(source: Source, question: Question[object]) -> bool:
    question.run()
    return True


@contextmanager
def one_thread(seed: int, monotonic: Callable[[], float]) -> Iterator[None]:
    chance = random.Random(f"ids {seed}")
    random.seed(seed)
    with ExitStack() as stack:
        for function in (deadlines.within, deadlines.afresh, deadlines.remaining, deadlines.lasts):
            bare = getattr(function, "__wrapped__", function)
            stack.enter_context(patch.dict(bare.__kwdefaults__, {"clock": monotonic}))
        for target, name, new in (
            (Source, "start", _ask_at_once),
            (ask, "time", SimpleNamespace(monotonic=monotonic)),
            (parallel_calls, "ThreadPoolExecutor", _InThisThread),
            (release_captures, "ThreadPoolExecutor", _InThisThread),
            (lambda_records, "emit", lambda *_, **__: None),
            (secrets, "token_hex", lambda count=32: chance.randbytes(count).hex()),
        ):
            stack.enter_context(patch.object(target, name, new))
        logging.disable()
        stack.callback(logging.disable, logging.NOTSET)
        yield


@contextmanager
def locks_of(actors: Actors) -> Iterator[None]:
    """The locks that are made in this block are those of the actors."""
    with patch.object(threading, "Lock", lambda: Lock(actors)):
        yield
