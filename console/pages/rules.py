"""The screen "Rules": the routes in their order, and where an alarm would go and why."""

from __future__ import annotations

from flask import Blueprint, render_template, request

from console.access import needs
from console.context import ConsoleContext
from console.identity import Role
from console.views.mutes import mute_rows
from console.views.rules import Tried, rules_view, tried
from receiver.events.example import NotUsable

_FIELDS = ("event", "severity", "hunt", "project", "account", "region", "instance", "tags", "json")


def blueprint(context: ConsoleContext) -> Blueprint:
    pages = Blueprint("rules", __name__)

    def page(values: dict[str, str], result: Tried | None = None, refused: str = "") -> str:
        view = rules_view(context.config)
        return render_template(
            "rules.html",
            title=view.title,
            view=view,
            mutes=mute_rows(context.config, context.runtime.ledger, context.now()),
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
            result = tried(context.config, values, _failing(context))
        except NotUsable as error:
            return page(values, refused=f"{error.part} {error}".strip()), 422
        return page(values, result)

    return pages


def _failing(context: ConsoleContext) -> dict[str, str]:
    """The destinations that do not work at present, with the reason."""
    health = context.queries.deliveries.by_destination(list(context.config.destinations))
    return {name: of.reason or "it fails" for name, of in health.items() if of.failing_since is not None}
