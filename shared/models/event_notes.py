"""The sentences of `Event.note`: what was wrong with the body of a webhook."""

from __future__ import annotations

# The body still has the platform's placeholders in it.
TEST_NOTE = "the platform did not fill in its placeholders: this looks like a test of the webhook"
NO_EVENT_NOTE = (
    "the platform did not fill in $Event, so the details are missing: "
    "set the event formatting of the webhook to Default"
)
NOT_JSON_NOTE = "the body is not JSON that can be read; it was read as text"
SENT_AS_TEST_NOTE = "the platform sent this to test its webhook"
NOT_UNDERSTOOD_NOTE = "nothing in the body says what happened or in which project"
