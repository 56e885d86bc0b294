"""What messages say about the platform's events."""

from __future__ import annotations

from receiver.messages.compose import compose
from receiver.messages.safe_text import MAX_QUOTE
from shared.models.event_kinds import UNKNOWN_EVENT
from shared.models.severity import Severity
from tests.receiver.messages.examples import alarm


def test_an_unknown_event_shows_its_text_and_what_was_wrong() -> None:
    message = compose(
        alarm(
            UNKNOWN_EVENT,
            Severity.UNKNOWN,
            title="TEST",
            text="see https://evil.example/ \u202e" + "x" * 5_000,
            note="the body is not JSON",
        )
    )
    assert message.summary == "The body is not JSON. The text is shown as it came."
    assert message.quote.startswith("TEST\nsee hxxps://evil[.]example/ xxx")
    assert len(message.quote) == MAX_QUOTE


def test_what_was_wrong_with_a_known_event_is_a_note() -> None:
    note = "the body names more than one project: 3 was taken, not 4"
    assert compose(alarm("admin_login", note=note)).gaps == (f"The webhook: {note}",)


def test_the_events_own_words_only_where_they_are_a_sentence() -> None:
    sentence, structure = "Login of admin@acme.example from 10.0.0.1", "{'id': 41, 'name': 'x'}"
    said = compose(alarm("admin_login", text=sentence))
    shown = compose(alarm("detection_created", text=structure))
    assert (said.summary, said.quote) == (f"The platform says: “{sentence.replace('.', '[.]')}”", "")
    assert (shown.summary, shown.quote) == ("", structure)
