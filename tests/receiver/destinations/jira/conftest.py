"""Stories against a simulated Jira."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from receiver.assemble import handlers
from tests.receiver.conftest import Stage
from tests.receiver.destinations.jira.site import SPECIFICATION, staged, violations
from tests.receiver.destinations.jira.stories import Enriched, Story


@pytest.fixture
def story(make_stage: Callable[..., Stage]) -> Iterator[Callable[..., Story]]:
    """Makes a story; the keywords are those of `staged` and of the simulated Jira."""
    made: list[Story] = []

    def make(**settings: Any) -> Story:
        stage, jira, wire = staged(make_stage, **settings)
        enriched = Enriched(stage.enricher)
        stage.work = handlers(stage.runtime, enriched, stage.tools)
        made.append(Story(stage, jira, wire, enriched))
        return made[-1]

    yield make
    if SPECIFICATION.exists():
        for story in made:
            if not story.jira.datacenter:
                assert list(violations(story.wire.requests)) == []
