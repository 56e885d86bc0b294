"""An alarm is stored in exactly one digest, with several workers at once."""

from __future__ import annotations

import pytest

from receiver.deliveries.digest_store import Digests
from receiver.messages.digest import DigestEntry
from shared.models.severity import Severity


def entry(event_id: str) -> DigestEntry:
    return DigestEntry(event_id, "case", "title", Severity.SUSPICIOUS)


@pytest.fixture
def digests(stage):
    return Digests(stage.runtime.store, stage.runtime.deliveries)


def test_an_alarm_that_comes_while_its_digest_is_closed_goes_into_the_next(digests, stage):
    early = entry("e1")
    first = digests.open("soc")
    assert digests.open("soc") == first
    assert digests.add("soc", first, early)
    assert digests.seal("soc", first) == [early]
    late = entry("e2")
    assert digests.add("soc", first, late) is False
    assert digests.add("soc", first, early) is True  # it came again, and has been told
    second = digests.open("soc")
    assert second != first
    assert digests.add("soc", second, late)
    assert digests.seal("soc", first) == [early]
    stage.runtime.store.put("digest", "soc", second, {"state": "closed"})
    assert digests.add("soc", second, late) is None
    assert digests.seal("soc", second) == [late]


def test_a_digest_that_is_opened_while_it_is_sealed_keeps_its_alarms(digests, stage, monkeypatch):
    """A digest is queued before it is opened, so another worker may seal it at that moment."""
    other = Digests(stage.runtime.store, stage.runtime.deliveries)
    entries = other._entries
    opened: list[str] = []

    def open_meanwhile(destination, id):
        read = entries(destination, id)
        if not opened:
            opened.append(id)
            stage.runtime.store.put("digest", destination, id, {"state": "open"}, expect=0)
            assert digests.add(destination, id, entry("e1"))
        return read

    monkeypatch.setattr(other, "_entries", open_meanwhile)
    assert other.seal("soc", "digest-1") == [entry("e1")]
