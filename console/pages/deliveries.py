"""The screen "Deliveries": destinations, what waits, dead letters, and what was sent."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.exceptions import BadRequest
from werkzeug.wrappers import Response

from console.access import may, needs
from console.context import ConsoleContext
from console.filters import counted
from console.identity import Role
from console.views.dead_letters import SHOWN, dead_letters
from console.views.deliveries import STATES, DeliveryFilter, deliveries_view, read_waiting_along
from console.views.overview import types_of
from shared.queues.dead_items import DeadEntry


def blueprint(context: ConsoleContext) -> Blueprint:
    pages = Blueprint("deliveries", __name__)
    runtime = context.runtime

    @pages.get("/deliveries")
    def index() -> str:
        read_waiting_along(context.reading)
        view = deliveries_view(
            context.queries,
            context.status(),
            context.config,
            types_of(context.config),
            DeliveryFilter.of(request.args),
            request.args.get("page", ""),
        )
        dead = dead_letters(runtime.dead_items)
        return render_template(
            "deliveries.html",
            view=view,
            states=STATES,
            dead=dead,
            more_dead=len(dead) >= SHOWN,
            acts=may(Role.RESPONDER) and not context.readonly,
        )

    @pages.post("/deliveries")
    @needs(Role.RESPONDER)
    def handle_dead() -> Response:
        do, ids = request.form.get("do", ""), set(request.form.getlist("id"))
        chosen = [entry for entry in runtime.dead_items.entries() if entry.item.id in ids]
        match do:
            case "retry":
                _retry(chosen, len(ids))
            case "discard":
                _discard(chosen, len(ids), request.form.get("why", ""))
            case _:
                raise BadRequest("The form does not say what to do. Nothing was changed.")
        context.status.forget()
        return redirect(url_for("deliveries.index") + "#dead", 303)

    def _retry(chosen: list[DeadEntry], asked: int) -> None:
        done = runtime.dead_items.retry(chosen, context.person, context.now())
        if done:
            flash(f"{counted(len(done), 'item')} put back: each is tried again at once.")
        _missing(asked - len(done))

    @needs(Role.ADMINISTRATOR)
    def _discard(chosen: list[DeadEntry], asked: int, why: str) -> None:
        try:
            done = runtime.dead_items.discard(chosen, context.person, why, context.now())
        except ValueError as mistake:
            text = str(mistake)
            flash(f"{text[:1].upper()}{text[1:]}. Nothing was changed.", "fault")
            return
        if done:
            flash(f"{counted(len(done), 'item')} discarded for good. The audit log says by whom and why.")
        _missing(asked - len(done))

    def _missing(count: int) -> None:
        """Say that somebody else was faster, or that nothing was chosen."""
        if not request.form.getlist("id"):
            flash("No dead letter was selected, so nothing was changed.", "fault")
        elif count > 0:
            verb = "is" if count == 1 else "are"
            text = f"{counted(count, 'item')} {verb} not here any more: somebody else has handled "
            flash(f"{text}{'it' if count == 1 else 'them'}.", "fault")

    return pages
