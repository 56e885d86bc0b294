"""The message about many alarms, as people read it. More of it is in tests/receiver/deliveries."""

from __future__ import annotations

from receiver.messages.digest import DigestEntry, digest_message
from receiver.messages.message import Line
from shared.models.severity import Severity


def test_a_message_of_one():
    entry = DigestEntry("e", "c", "t", Severity.UNKNOWN)
    message = digest_message("digest-1", "soc", [entry], maybe_repeat=False)
    assert (message.title, message.lines) == (
        "1 more alarm in 1 system, the worst first",
        (Line("t (event e)", "Alarms, worst first"),),
    )
