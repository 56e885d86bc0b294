"""The screen "Coverage": which systems were not captured, and which ATT&CK techniques were found."""

from __future__ import annotations

from flask import Blueprint, Response, render_template, request

from console.context import ConsoleContext
from console.views.coverage import coverage_view, systems_csv, techniques_csv
from console.views.coverage_matrix import GROUPINGS, OUTCOMES, OWN_ACCOUNT, MatrixFilter
from console.views.leftovers import leftovers_view
from console.views.uncovered import uncovered_csv, uncovered_view
from shared.config.config import Config
from shared.models import attack
from shared.models.kinds_of_system import ABILITIES
from shared.models.systems import Kind

_CELLS = {"malicious": "mal", "suspicious": "sus", "unknown": "unk", "failed": "fail", "clean": "clean"}


def blueprint(context: ConsoleContext) -> Blueprint:
    pages = Blueprint("coverage", __name__)

    @pages.get("/coverage")
    def index() -> str:
        filter = MatrixFilter.of(request.args)
        view = coverage_view(context.reading, filter, page=request.args.get("page", ""))
        return render_template(
            "coverage.html",
            title=view.title,
            view=view,
            cells=_CELLS,
            attack_url=attack.url,
            choices=_choices(context.config, filter),
            regions=sorted({row.system.region for row in view.systems.rows} - {""}),
        )

    @pages.get("/coverage/leftovers")
    def leftovers() -> str:
        view = leftovers_view(context.queries.left_behind())
        return render_template("leftovers.html", title=view.title, view=view)

    @pages.get("/coverage.csv")
    def systems() -> Response:
        return _file("coverage.csv", systems_csv(context.reading))

    @pages.get("/coverage/machines")
    def machines() -> str:
        view = uncovered_view(context.reading, page=request.args.get("page", ""))
        return render_template("uncovered.html", title=view.title, view=view)

    @pages.get("/coverage/machines.csv")
    def machines_file() -> Response:
        return _file("machines.csv", uncovered_csv(context.reading))

    @pages.get("/attack.csv")
    def techniques() -> Response:
        return _file("attack.csv", techniques_csv(context.runtime))

    return pages


def _choices(config: Config, filter: MatrixFilter) -> dict[str, dict[str, str]]:
    """What each list of the filter offers: the values and their texts. A value that is asked for is offered,
    also if the configuration does not have it any more."""
    hunts = {name: name for name in (*config.hunts, filter.hunt) if name}
    accounts = {name: name for name in (*config.accounts, filter.account) if name}
    captured = {kind for hunt in config.hunts.values() for kind in hunt.kinds}
    has_others = bool(captured - {Kind.EC2}) or bool(filter.kind)
    return {
        "kind": {kind.value: ABILITIES[kind].noun for kind in Kind} if has_others else {},
        "hunt": hunts,
        "account": accounts | {OWN_ACCOUNT: "the platform’s own"},
        "outcome": OUTCOMES,
        "group": GROUPINGS,
    }


def _file(name: str, text: str) -> Response:
    # Excel reads UTF-8 only after a byte order mark.
    response = Response(text.encode("utf-8-sig"), mimetype="text/csv")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
