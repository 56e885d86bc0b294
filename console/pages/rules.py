"""The screen "Rules": the routes in their order, where an alarm would go and why, and what people are not
told of: mutes and known-good findings."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from console.access import needs
from console.context import ConsoleContext
from console.identity import Role
from console.pages import mutes
from console.views.mutes import mute_rows
from console.views.rules import Tried, rules_view, tried
from receiver.cases.known_good import NotEnded, end
from receiver.events.example import NotUsable
from shared.phrases import counted

_KNOWN_GOOD_ROWS = 100  # on one page
_FIELDS = ("event", "severity", "hunt", "project", "account", "region", "kind", "instance", "tags", "json")


def blueprint(context: ConsoleContext) -> Blueprint:
    pages = Blueprint("rules", __name__)

    def page(values: dict[str, str], result: Tried | None = None, refused: str = "") -> str:
        view = rules_view(context.config, context.now())
        return render_template(
            "rules.html",
            title=view.title,
            view=view,
            mutes=mute_rows(context.config, context.reading.ledger, context.now()),
            known_good=context.queries.known_good.list(_KNOWN_GOOD_ROWS, request.args.get("page", "")),
            values=values,
            result=result,
            refused=refused,
        )

    @pages.get("/rules")
    def index() -> str:
        return page({})

    @pages.post("/rules")
    @needs(Role.VIEWER)
    def test() -> str | tuple[str, int]:
        """The tester. It changes and sends nothing; the alarm may be too long for an address."""
        values = {name: request.form.get(name, "") for name in _FIELDS}
        try:
            result = tried(context.config, values, _failing(context), context.now())
        except NotUsable as error:
            return page(values, refused=f"{error.part} {error}".strip()), 422
        return page(values, result)

    @pages.post("/rules/known-good")
    @needs(Role.RESPONDER)
    def end_known_good() -> Response:
        runtime, id = context.runtime, request.form.get("id", "")
        why = request.form.get("why", "")
        try:
            entry = end(runtime.ledger.known_good, runtime.store, context.now(), id, context.person, why)
        except NotEnded as refused:
            text = str(refused)
            flash(f"{text[:1].upper()}{text[1:]}. Nothing was changed.", "fault")
        else:
            flash(f"{counted(len(entry.findings), 'finding')} {entry.where} send messages again when found.")
        return redirect(url_for("rules.index") + "#known-good", 303)

    mutes.add_to(pages, context)
    return pages


def _failing(context: ConsoleContext) -> dict[str, str]:
    """The destinations that do not work at present, with the reason."""
    health = context.queries.deliveries.by_destination(list(context.config.destinations))
    return {name: of.reason or "it fails" for name, of in health.items() if of.failing_since is not None}
