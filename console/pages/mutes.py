"""The screen "Mute": adds a mute after it has shown what that would have covered."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.exceptions import BadRequest, NotFound
from werkzeug.wrappers import Response

from console.access import needs
from console.context import ConsoleContext
from console.identity import Role
from console.views.mute_form import (
    DAYS,
    EVENTS,
    MuteForm,
    Written,
    filled,
    mute_form,
    mute_of,
    what_it_covers,
)
from receiver.assemble import muting
from receiver.events.mute_preview import preview
from shared.models.alarms import Alarm
from shared.models.mutes import Mute
from shared.phrases import utc_minute
from shared.storage.ledger.mutes import MuteRefused
from shared.text import one_line


def add_to(pages: Blueprint, context: ConsoleContext) -> None:
    """Add the screen to those about rules, and what ends a mute."""

    @pages.get("/rules/mute")
    @needs(Role.RESPONDER)
    def mute() -> str:
        """The form. `event` or `case` fills it with what an alarm is about."""
        written = filled(_alarm(), request.args.get("finding", ""))
        return page(mute_form(written, context.now()))

    @pages.post("/rules/mute")
    @needs(Role.RESPONDER)
    def add_mute() -> Response | str | tuple[str, int]:
        written, do = Written.of(request.form), request.form.get("do")
        if do not in ("preview", "add"):
            raise BadRequest("The form does not say what to do. Nothing was changed.")
        try:
            made = mute_of(written, context.person, context.now())
            if do == "preview":
                return previewed(written, made)
            if written.texts["shown"] != what_it_covers(made):
                return previewed(written, made, "This is not what was shown. Look at it, then add it.")
            added = muting(context.runtime).add(made)
        except (MuteRefused, ValueError) as refused:
            return page(mute_form(written, context.now(), refused=_sentence(str(refused)))), 422
        flash(f"Muted until {utc_minute(added.until)}: {one_line(added.match.words, 300)}.")
        return redirect(url_for("rules.index") + "#mutes", 303)

    @pages.post("/rules/mutes")
    @needs(Role.RESPONDER)
    def end_mute() -> Response:
        id, why = request.form.get("id", ""), request.form.get("why", "")
        try:
            ended = muting(context.runtime).end(id, context.person, why)
        except MuteRefused as refused:
            flash(f"{_sentence(str(refused))} Nothing was changed.", "fault")
        else:
            flash(
                f"You have ended the mute of {one_line(ended.match.words, 300)}. "
                "Such alarms send messages again."
            )
        return redirect(url_for("rules.index") + "#mutes", 303)

    def page(form: MuteForm) -> str:
        return render_template("mute.html", form=form)

    def previewed(written: Written, made: Mute, refused: str = "") -> str:
        context.only_reads()
        ledger, since = context.reading.ledger, context.now() - timedelta(days=DAYS)
        found = preview(context.queries.events, ledger, context.config, made, since, EVENTS)
        form = mute_form(written, context.now(), refused=refused)
        return page(replace(form, mute=made, shown=what_it_covers(made), preview=found))

    def _alarm() -> Alarm | None:
        """The alarm of the event or of the case that the address names."""
        event, case = request.args.get("event", ""), request.args.get("case", "")
        if not event and not case:
            return None
        if event:
            detail = context.queries.events.get(event)
            found = detail.alarm if detail else None
        else:
            known = context.reading.ledger.cases.get(case)
            found = known.alarm if known else None
        if found is None:
            raise NotFound("The ledger keeps no alarm of this event or case any more.")
        return found


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."
