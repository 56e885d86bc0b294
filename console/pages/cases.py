"""The screens "Cases" and "Case", and what people decide there."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.exceptions import BadRequest, NotFound
from werkzeug.wrappers import Response

from console import urls
from console.access import may, needs
from console.context import ConsoleContext
from console.filters import counted
from console.identity import Role
from console.pages.going_back import going_back
from console.previews.previews import previews, tabs
from console.views.case import case_view
from console.views.cases import AGES, TABS, Chosen, case_list, system_name
from console.views.closing import Chosen as ClosingChosen
from console.views.closing import Closing, closings_of, terms_of, what_closing_does
from console.views.overview import SEVERITIES, types_of
from console.views.problems import listed
from console.views.references import references
from receiver.assemble import capturing_again, case_decisions, case_lifecycle, deciding, resending
from receiver.cases.capturing_again import in_words
from receiver.deliveries.resend import NothingToSend
from receiver.messages.case_texts import what_is_known_good
from receiver.messages.wording import sentences
from shared.hosting.runtime import Runtime
from shared.models.captures_again import AgainRefused
from shared.models.case_states import DecisionRefused, UnknownCase
from shared.models.cases import Case, Verdict
from shared.models.people import Person
from shared.text import one_line

MOST_AT_ONCE = 200  # cases that one form takes


def blueprint(context: ConsoleContext) -> Blueprint:
    pages = Blueprint("cases", __name__)
    decisions, config = case_decisions(context.runtime), context.config
    resend = resending(context.runtime)

    @pages.get("/cases")
    def index() -> str:
        filter = Chosen.of(request.args)
        page = request.args.get("page", "")
        view = case_list(context.queries, context.queries.cases.counts(), filter, context.by, page)
        return render_template(
            "cases.html",
            view=view,
            tabs=TABS,
            ages=AGES,
            severities=SEVERITIES,
            system_name=system_name,
            references=lambda row: references(row.refs, config.destinations),
        )

    @pages.get("/cases/<path:key>")
    def case(key: str) -> str:
        runtime = context.reading
        view = case_view(
            runtime,
            case_lifecycle(runtime),
            config,
            types_of(config),
            key,
            request.args.get("page", ""),
        )
        if view is None:
            raise NotFound(
                f"There is no case {key}. The ledger removes a case some time after its last change."
            )
        drawn = tabs(previews(runtime, key))
        closing = _closing(runtime, key) if may(Role.RESPONDER) else None
        return render_template(
            "case.html", view=view, system_name=system_name, previews=drawn, closing=closing
        )

    @pages.post("/cases/<path:key>")
    @needs(Role.RESPONDER)
    def decide(key: str) -> Response:
        do, why = request.form.get("do", ""), request.form.get("why", "")
        back = going_back(request.form, urls.case(key))
        try:
            flash(_decide(do, key, why))
        except UnknownCase:
            raise NotFound(f"There is no case {key} any more. Nothing was changed.") from None
        except DecisionRefused as refused:
            flash(f"{_sentence(str(refused))} Nothing was changed.", "fault")
        except (NothingToSend, ValueError) as mistake:
            flash(f"{_sentence(str(mistake))} Nothing was changed.", "fault")
        except AgainRefused as refused:
            flash(f"Nothing is captured again: {refused}.", "fault")
        context.status.forget()
        return redirect(back, 303)

    def _decide(do: str, key: str, why: str) -> str:
        """Do it, and return the sentence that says what was done."""
        person = context.person
        match do:
            case "take":
                return f"You have taken the case. {_told(decisions.acknowledge(key, person))}"
            case "release":
                return f"You have given the case back. {_told(decisions.release(key, person, why))}"
            case "reopen":
                return f"You have reopened the case. {_told(decisions.reopen(key, person, why))}"
            case "close":
                verdict = _verdict()
                terms = terms_of(_chosen(), _closing(context.runtime, key)) if verdict.is_harmless else None
                closed = decisions.close(key, person, verdict, why, terms, request.form.get("shown"))
                known_good = what_is_known_good(closed.decisions[-1]) if closed.decisions else ""
                return sentences(f"You have closed the case as {verdict.words}.", known_good, _told(closed))
            case "capture again":
                again = capturing_again(context.runtime)
                return in_words(again.ask(key, person, context.now()))
            case "resend":
                return _resend(key, request.form.getlist("to"), person)
        raise BadRequest("The form does not say what to do. Nothing was changed.")

    def _closing(runtime: Runtime, key: str) -> Closing | None:
        case = runtime.ledger.cases.get(key)
        if case is None or case.closure:
            return None
        return what_closing_does(deciding(runtime), key, case)

    def _resend(key: str, names: list[str], person: Person) -> str:
        """Send the worst alarm of the case to these destinations."""
        case = context.runtime.ledger.cases.get(key)
        if case is None:
            raise UnknownCase(f"there is no case {key!r}")
        names = [name for name in config.destinations if name in names]
        if not names:
            raise ValueError("no destination was chosen, so nothing is sent")
        for name in names:
            resend.send_again(case.alarm.event.id, name, person)
        return f"The alarm is on its way to {listed(names)}. The timeline shows when it has arrived."

    @pages.post("/cases")
    @needs(Role.RESPONDER)
    def decide_several() -> Response | str:
        """Take or close the selected cases. Each is one decision with its own entry in the audit log."""
        keys = list(dict.fromkeys(request.form.getlist("case")))[:MOST_AT_ONCE]
        match request.form.get("do"):
            case "take":
                decide_each(keys, "taken", partial(decisions.acknowledge, person=context.person))
            case "close":
                return close_several(keys, request.form.get("why", ""))
            case _:
                raise BadRequest("The form does not say what to do. Nothing was changed.")
        return back_to_list()

    def close_several(keys: list[str], why: str) -> Response | str:
        """Close them with one verdict. What a harmless verdict makes known good is shown first."""
        try:
            verdict = _verdict()
            if not one_line(why):
                raise ValueError("the reason is missing: say why the cases are closed")
        except ValueError as mistake:
            flash(f"{_sentence(str(mistake))} Nothing was changed.", "fault")
            return back_to_list()
        if verdict.is_harmless and "shown" not in request.form:
            context.only_reads()
            if closings := closings_of(deciding(context.reading), keys):
                found = {"closings": closings, "keys": keys, "verdict": verdict, "why": why}
                return render_template("close_several.html", **found, back=going_back(request.form, "/cases"))
        shown = dict(text.split(" ", 1)[::-1] for text in request.form.getlist("shown") if " " in text)

        def close(key: str) -> Case:
            return decisions.close(key, context.person, verdict, why, shown=shown.get(key, ""))

        decide_each(keys, "closed", close, f" as {verdict.words}")
        return back_to_list()

    def decide_each(keys: list[str], done: str, decide: Callable[[str], Case], how: str = "") -> None:
        refusals = []
        for key in keys:
            try:
                decide(key)
            except DecisionRefused as refused:
                refusals.append(f"{key}: {refused}")
        if count := len(keys) - len(refusals):
            flash(f"You have {done} {counted(count, 'case')}{how}. All their destinations get a message.")
        for text in refusals[:5]:
            flash(f"{_sentence(text)} Nothing was changed about it.", "fault")
        if len(refusals) > 5:
            flash(f"{counted(len(refusals) - 5, 'more case')} could not be {done} either.", "fault")
        if not keys:
            flash("No case was selected, so nothing was changed.", "fault")
        context.status.forget()

    def back_to_list() -> Response:
        return redirect(going_back(request.form, url_for("cases.index")), 303)

    return pages


def _chosen() -> ClosingChosen:
    """What the form says about known-good findings."""
    form = request.form
    return ClosingChosen(
        scope=form.get("scope", ""),
        until=form.get("until", ""),
        tag=form.get("tag", ""),
        malicious=tuple(form.getlist("malicious")),
    )


def _verdict() -> Verdict:
    """The verdict in the form. Raises ValueError if it is missing."""
    verdict = request.form.get("verdict", "")
    if verdict not in set(Verdict):
        raise ValueError("the verdict is missing: choose one of the three")
    return Verdict(verdict)


def _told(case: Case) -> str:
    return (
        f"{', '.join(case.told)} will get a message."
        if case.told
        else "No destination had a message about it."
    )


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."
