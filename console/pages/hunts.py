"""The screens "Hunts" and "Hunt run": what is defined, how each run went, and starting, stopping and retrying
runs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from flask import Blueprint, Response, abort, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from console.access import needs
from console.context import ConsoleContext
from console.identity import Role
from console.views.hunts import hunts_view
from console.views.run import custody_report, run_view
from scheduler import by_hand
from scheduler.by_hand import NotPossible
from shared.models.hunts import Hunt
from shared.models.people import Person
from shared.phrases import counted
from shared.platform.errors import CadoError
from shared.secrets import SecretError

# A form that was opened earlier than this asks for a run now.
_FORM_AGE = timedelta(minutes=15)
_RETRY_FOR = 600.0  # seconds in which a new project is opened again while the platform does not answer
_TYPES = {"md": "text/markdown", "csv": "text/csv", "json": "application/json"}


def blueprint(context: ConsoleContext) -> Blueprint:
    pages = Blueprint("hunts", __name__)

    def person() -> Person:
        return Person(context.by, context.origin)

    def the_hunt(run_id: str) -> Hunt:
        hunt = context.reading.ledger.hunts.get(run_id)
        if hunt is None:
            abort(404, "There is no such run. It may have been removed after its retention.")
        return hunt

    def to_run(run_id: str) -> AnyResponse:
        return redirect(url_for("hunts.run", run_id=run_id), 303)

    def refuse_if_readonly() -> None:
        if context.readonly:
            abort(403, context.readonly)

    @pages.get("/hunts")
    def index() -> str:
        name, page = request.args.get("hunt", ""), request.args.get("page", "")
        view = hunts_view(context.reading, name=name, page=page)
        return render_template("hunts.html", title=view.title, view=view)

    @pages.get("/hunts/<run_id>")
    def run(run_id: str) -> str:
        view = run_view(context.reading, run_id, page=request.args.get("page", ""))
        if view is None:
            abort(404, "There is no such run. It may not have begun yet, or its retention has passed.")
        return render_template("run.html", title=view.title, view=view, platform=context.config.platform.url)

    @pages.get("/hunts/<run_id>/custody.<any(md, csv, json):form>")
    def custody(run_id: str, form: str) -> Response:
        text = custody_report(context.reading, the_hunt(run_id), form)
        response = Response(text, mimetype=_TYPES[form])
        name = "".join(c if c.isalnum() or c in "-." else "-" for c in run_id)
        response.headers["Content-Disposition"] = f'attachment; filename="{name}.{form}"'
        return response

    @pages.post("/hunts/start")
    @needs(Role.RESPONDER)
    def start() -> AnyResponse:
        refuse_if_readonly()
        name = request.form.get("hunt", "")
        if name not in context.config.hunts:
            abort(404, "The configuration has no such hunt.")
        try:
            hunt = by_hand.ask_for_run(context.runtime, name, _moment(context.now()), person())
        except NotPossible as error:
            flash(f"{name} was not started: {error}.", "fault")
        else:
            flash(f"{name} was asked to start. Its run {hunt.id} appears here when its systems are found.")
        return redirect(url_for("hunts.index"), 303)

    @pages.post("/hunts/<run_id>/stop")
    @needs(Role.RESPONDER)
    def stop(run_id: str) -> AnyResponse:
        refuse_if_readonly()
        hunt = the_hunt(run_id)
        try:
            stopped = by_hand.stop(
                context.runtime, hunt, person(), cancel=request.form.get("cancel") == "yes"
            )
        except (NotPossible, SecretError) as error:
            flash(f"Nothing was stopped: {error}.", "fault")
            return to_run(run_id)
        flash(
            f"{hunt.id} is stopped: {counted(stopped.not_asked, 'capture')} will not be requested, "
            f"{stopped.cancelled} were cancelled, {stopped.going_on} go on at the platform."
        )
        for problem in stopped.problems[:10]:
            flash(problem, "fault")
        return to_run(run_id)

    @pages.post("/hunts/<run_id>/retry")
    @needs(Role.RESPONDER)
    def retry(run_id: str) -> AnyResponse:
        refuse_if_readonly()
        hunt = the_hunt(run_id)
        try:
            retried = by_hand.retry(context.runtime, hunt, person(), retry_for=_RETRY_FOR)
        except (NotPossible, CadoError, SecretError) as error:
            flash(f"Nothing was requested again: {error}.", "fault")
            return to_run(run_id)
        where = "" if retried.same_project else " Its project is gone, and a new one is opened."
        flash(f"{counted(retried.again, 'failed capture')} will be requested again.{where}")
        return to_run(run_id)

    return pages


def _moment(now: datetime) -> datetime:
    """The time in the form, so that a form that is sent twice starts one run. Now, if it is old or wrong."""
    try:
        asked = datetime.fromisoformat(request.form.get("at", ""))
        asked = asked.replace(tzinfo=UTC) if asked.tzinfo is None else asked.astimezone(UTC)
    except (ValueError, OverflowError):  # no time, or one before the first day of the calendar
        return now
    return asked if timedelta(0) <= now - asked <= _FORM_AGE else now
