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


def test_a_case_whose_alarms_were_told_since_by_many_messages():
    entries = [DigestEntry(f"e{n}", "c", "t", Severity.SUSPICIOUS) for n in range(6)]
    told_by = {f"e{n}": f"u{n}" for n in range(5)} | {"another": "u9"}
    message = digest_message("digest-1", "soc", entries, {"c": "taken by ada"}, told_by, maybe_repeat=False)
    assert message.lines[0].text == (
        "t (event e0), and 5 more alarms; 5 of them told since, with events u0, u1, u2 and 2 others; "
        "taken by ada"
    )
