"""The first page of the demo: the hunt, the way to everything, and the switches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, abort, redirect, request, url_for
from werkzeug import Response

from demo.base import Simulation
from demo.web.shell import Home, live, shell
from shared.phrases import counted

BREAKS = {
    "unavailable": ("answers 503", "Break: it answers 503"),
    "cut": ("cuts every connection", "Break: it cuts the connection"),
}


@dataclass(frozen=True)
class Switches:
    """What the buttons do. Each returns a sentence for the reader."""

    tools: Mapping[str, Simulation]  # by the name that people know
    run_hunt: Callable[[], str]
    send_again: Callable[[], str]


def index_page(state: Callable[[], dict[str, Any]], switches: Switches, home: Home) -> Blueprint:
    """`/` is the page; `state` is that of demo.run.Demo."""
    pages = shell("index_page", home)

    @pages.get("/")
    def index() -> Response:
        now = state()
        return live(
            "index.html",
            tool="Demo",
            title=situation(now),
            state=now,
            tools=[
                (name, tool, BREAKS.get(tool.outage, ("", ""))[0]) for name, tool in switches.tools.items()
            ],
            breaks=BREAKS,
            counts=[
                ("Slack", len(now["slack"]), "message"),
                ("Teams", len(now["teams"]), "message"),
                ("Jira", len(now["jira"]), "issue"),
                ("PagerDuty", len(now["pagerduty"]), "incident"),
                ("JSM", len(now["jsm"]), "alert"),
            ],
        )

    @pages.post("/switches/<name>")
    def switch(name: str) -> Response:
        tool = switches.tools.get(name) or abort(404)
        outage = request.form.get("outage", "")
        if outage and outage not in BREAKS:
            abort(400)
        tool.outage = outage
        home.say(f"{name} {BREAKS[outage][0]} from now on." if outage else f"{name} works again.")
        return _back()

    @pages.post("/hunt")
    def hunt() -> Response:
        home.say(switches.run_hunt())
        return _back()

    @pages.post("/webhook")
    def webhook() -> Response:
        home.say(switches.send_again())
        return _back()

    return pages


def _back() -> Response:
    return redirect(url_for("index_page.index"), 303)


def situation(state: Mapping[str, Any]) -> str:
    """What is going on, in one sentence."""
    hunt, captures = state["hunt"], state["captures"]
    if not hunt:
        return "The first hunt begins in a moment"
    states = Counter(capture["state"] for capture in captures)
    done, failed = states["processed"], states["failed"]
    machines = counted(len(captures), "machine")
    bad = f", {failed} failed" if failed else ""
    if done + failed < len(captures):
        return f"The hunt is running: {done} of {machines} captured{bad}"
    alarmed = sum(bool(capture["malicious"] or capture["suspicious"]) for capture in captures)
    return f"The hunt has ended: {done} of {machines} captured{bad}, {alarmed} with alarms"
