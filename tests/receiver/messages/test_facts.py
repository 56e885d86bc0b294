"""The facts of a message."""

from __future__ import annotations

from receiver.messages.compose import compose
from shared.models.evidence import Evidence
from tests.receiver.messages.examples import alarm


def test_an_absurd_size_that_an_older_version_put_into_a_queue_is_left_out() -> None:
    evidence = Evidence(31, 12, "vol-1", size_mb=10**400)
    shown = {fact.label: fact.value for fact in compose(alarm("processing_failed", evidence=evidence)).facts}
    assert shown["Evidence"] == "vol-1 (id 31)"
