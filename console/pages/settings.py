"""The screen "Settings": the configuration in force, what the checks say, and the audit log."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from console.access import needs
from console.context import ConsoleContext
from console.identity import Role
from console.running_checks import RunningChecks
from console.views.settings import settings_view
from shared.phrases import counted


def blueprint(context: ConsoleContext) -> Blueprint:
    pages = Blueprint("settings", __name__)
    checks = RunningChecks(context.checks, context.now)

    @pages.get("/settings")
    def index() -> str:
        page = request.args.get("page", "")
        view = settings_view(context.runtime, checks.current(), context.version, page=page)
        return render_template("settings.html", title=view.title, view=view)

    @pages.post("/settings/check")
    @needs(Role.RESPONDER)
    def check() -> AnyResponse:
        if not checks.run():
            flash("The checks are running already. Reload this page in a minute.", "fault")
        else:
            found = checks.current()
            if found.unfinished:
                flash(
                    "Not everybody has answered yet. Reload this page in a minute to see the rest.", "fault"
                )
            else:
                flash(f"{counted(len(found.findings), 'check')} ran, {found.failed} failed.")
        return redirect(url_for("settings.index"), 303)

    return pages
