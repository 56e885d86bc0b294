"""Raises an event with the figures of the last four weeks, once a month, if the configuration asks for it.

The first run in a new installation only notes the month, so that nobody gets a report about nothing.
"""

from __future__ import annotations

import logging
from datetime import UTC

from scheduler.own_events import raise_event
from shared.hosting.runtime import Runtime
from shared.models.event_kinds import REPORT
from shared.models.events import Event
from shared.storage import kinds
from shared.storage.queries.report import report
from shared.storage.queries.report_words import figures, headline, title

log = logging.getLogger(__name__)

WEEKS = 4
_NOTE = "monthly"


def send_monthly_report(runtime: Runtime) -> None:
    if runtime.config.report is None:
        return
    now, notes = runtime.now(), runtime.ledger.notes
    month = f"{now.astimezone(UTC):%Y-%m}"
    last = notes.get(kinds.REPORT_NOTES, _NOTE).get("month")
    if last == month:
        return
    if last:
        made = report(runtime.queries, now, WEEKS)
        lines = (headline(made), *(f"{label}: {value}" for label, value in figures(made)))
        # Raise before noting: a crash in between raises it again, and its id makes that harmless.
        raise_event(
            runtime.events,
            Event(f"{REPORT}:{month}", REPORT, now, title=title(made), text="\n".join(lines)),
        )
        log.info("monthly report raised", extra={"month": month})
    notes.save(kinds.REPORT_NOTES, _NOTE, {"month": month})
