"""The simulated platform: its projects, one project with its evidence and alarms, and its webhooks."""

from __future__ import annotations

from collections import Counter
from typing import Any

from flask import Blueprint, Response, abort, redirect, request, url_for

from demo.platform.records import MALICIOUS, SUSPICIOUS
from demo.platform.simulation import Platform
from demo.web.shell import Home, live, part, shell

_SEVERITIES = {MALICIOUS: ("▲", "malicious"), SUSPICIOUS: ("△", "suspicious")}
WEBHOOKS = 12


def platform_pages(platform: Platform, home: Home) -> Blueprint:
    """`/platform` lists the projects and the webhooks, `/platform/projects/<id>` shows one project."""
    pages = shell("platform_pages", home)
    world = platform.world

    @pages.get("/platform")
    def projects() -> Response:
        with world.lock:
            rows = [
                (project, len(world.evidence_of(project.id)), *world.counts(project.id))
                for project in world.projects.values()
            ][::-1]
            sent = list(enumerate(platform.webhooks.sent))[::-1]
        return live("platform.html", tool="Platform", projects=rows[:WEBHOOKS], part=part(sent, WEBHOOKS))

    @pages.get("/platform/projects/<int:id>")
    def project(id: int) -> Response:
        return project_page(platform, id)

    @pages.post("/platform/webhooks/again")
    def again() -> Any:
        number = request.form.get("number", -1, int)
        home.say(send_again(platform, number))
        return redirect(url_for(".projects"), 303)

    return pages


def own_page(platform: Platform, home: Home) -> Blueprint:
    """The page that messages link to, `/projects/<id>` on the platform's own server. It leads to the demo's
    page, if the demo's pages are served."""
    pages = shell("platform_project", home)

    @pages.get("/projects/<int:id>")
    def project(id: int) -> Any:
        return redirect(f"{home.url}/platform/projects/{id}") if home.url else project_page(platform, id)

    return pages


def project_page(platform: Platform, id: int) -> Response:
    world = platform.world
    with world.lock:
        shown = world.projects.get(id) or abort(404)
        evidence = list(world.evidence_of(id))
        kinds = Counter((alarm.evidence_name, alarm.kind) for alarm in world.alarms_of(id))
    alarms = [
        (*_SEVERITIES.get(kind.severity, ("○", "other")), count, kind, name)
        for (name, kind), count in sorted(kinds.items(), key=lambda entry: entry[0][1].severity)
    ]
    return live("project.html", tool="Platform", project=shown, evidence=evidence, alarms=alarms)


def send_again(platform: Platform, number: int = -1) -> str:
    """Send a webhook once more, as a second delivery of the same event. Returns what happened, in words.
    `number`: its place in the list of all that were sent; the last one by default."""
    sent = platform.sent
    if not -len(sent) <= number < len(sent) or not sent:
        return "There is no such webhook to send again."
    outcome = platform.webhooks.repeat(sent[number])
    return f"The webhook {sent[number].event_type} was sent again: huntbridge answered {outcome}."
