"""The demo's web application: one page for each simulated tool, and the page with the switches."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from flask import Flask, redirect, request
from werkzeug import Response

from demo.web.index_page import Switches, index_page
from demo.web.jira_pages import jira_pages
from demo.web.pager_pages import pager_pages
from demo.web.platform_pages import platform_pages, send_again
from demo.web.shell import guarded, shell, static_files
from demo.web.slack_pages import Click, Submit, slack_pages
from demo.web.teams_pages import teams_pages
from demo.world import World


def create_app(
    world: World,
    state: Callable[[], dict[str, Any]],
    click: Click,
    submit: Submit,
    run_hunt: Callable[[], str],
    console: Callable[[Mapping[str, str], str], str],
) -> Flask:
    """`state`: see demo.run.Demo. `console`: the address that opens huntbridge's console, from the cookies of
    the browser and the name of a page."""
    app = guarded(Flask("demo.web", static_folder=None))
    home = world.home
    switches = Switches(
        {
            "Jira": world.jira,
            "Slack": world.slack,
            "Teams": world.teams,
            "PagerDuty": world.pagerduty,
            "JSM": world.jsm,
        },
        run_hunt,
        lambda: send_again(world.platform),
    )
    for pages in (
        index_page(state, switches, home),
        slack_pages(world.slack, click, submit, home),
        teams_pages(world.teams, home),
        jira_pages(world.jira, home),
        pager_pages(world.pagerduty, world.jsm, home),
        platform_pages(world.platform, home),
        static_files(home),
    ):
        app.register_blueprint(pages)
    doors = shell("console_door", home)

    @doors.get("/console")
    @doors.get("/console/<any(cases, deliveries, hunts):page>")
    @doors.get("/console/<any(cases, hunts):page>/<path:rest>")
    def open_console(page: str = "", rest: str = "") -> Response:
        return redirect(console(request.cookies, f"{page}/{quote(rest)}" if rest else page), 303)

    app.register_blueprint(doors)
    return app
