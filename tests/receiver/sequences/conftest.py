"""What every sequence needs."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from receiver.events.sources import Question, Source


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
