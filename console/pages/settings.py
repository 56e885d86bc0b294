"""The screen "Settings": the configuration in force, what the checks say, and the audit log.

An administrator also registers the platform's webhooks here, and sends tests. The audit entry is written
first, so nothing is done that it does not name.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from console.access import needs
from console.context import ConsoleContext
from console.identity import Role
from console.running_checks import RunningChecks
from console.views.settings import settings_view
from receiver.assemble import destination
from receiver.deliveries.send_test import send_test
from scheduler import webhook_registration as registration
from scheduler.webhook_registration import NotConfigured
from shared.phrases import counted
from shared.platform.errors import CadoError
from shared.secrets import SecretError
from shared.storage import audit
from shared.text import one_line

_MOST = 300  # characters of one line about what was done


def blueprint(context: ConsoleContext) -> Blueprint:
    pages = Blueprint("settings", __name__)
    checks = RunningChecks(context.checks, context.now)
    runtime, asking = context.runtime, threading.Lock()

    @pages.get("/settings")
    def index() -> str:
        page = request.args.get("page", "")
        view = settings_view(context.reading, checks.current(), context.version, page=page)
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

    @pages.post("/settings/webhooks/register")
    @needs(Role.ADMINISTRATOR)
    def register_webhooks() -> AnyResponse:
        return told(_register)

    @pages.post("/settings/webhooks/test")
    @needs(Role.ADMINISTRATOR)
    def test_webhooks() -> AnyResponse:
        return told(_test)

    @pages.post("/settings/test-message")
    @needs(Role.ADMINISTRATOR)
    def test_message() -> AnyResponse:
        return told(_send)

    def _register() -> None:
        url = registration.receiver_url(request.form.get("url", "").strip())
        if not runtime.config.webhook.tokens:
            raise NotConfigured("no webhook token is configured: write webhook.tokens")
        token = registration.token_of(runtime, runtime.config.webhook.tokens[0])
        cado = registration.administrator(runtime)
        # No kind beside those that are registered already: it might send the same alarms once more.
        events = sorted(registration.own_by_event(cado.webhooks.list())) or registration.USUAL
        record(audit.WEBHOOK_REGISTER, url, ", ".join(events))
        for result in registration.register(cado, url, token, events):
            number = "" if result.webhook is None else f", webhook {result.webhook}"
            detail = f"; {result.detail}" if result.detail else ""
            _say(f"{result.did}: {result.event}{number}{detail}", result.ok)

    def _test() -> None:
        cado = registration.administrator(runtime)
        own = registration.own_by_event(cado.webhooks.list())
        if not own:
            raise NotConfigured("no webhook of huntbridge is registered on the platform: register them first")
        record(audit.WEBHOOK_TEST, "webhooks of the platform", ", ".join(sorted(own)))
        tests = registration.send_tests(cado, [own[event] for event in sorted(own)])
        for tested in tests:
            disabled = "" if tested.hook.enabled else "; it is disabled, so no real event comes"
            _say(f"{tested.hook.name}: {tested.said}{disabled}", tested.ok)
        if any(tested.ok for tested in tests):
            _say(
                "a message that is marked TEST arrives within a minute; if none does, the overview shows "
                "whether its webhook was refused"
            )

    def _send() -> None:
        name = request.form.get("destination", "")
        if name not in runtime.config.destinations:
            raise NotConfigured("no destination has this name")
        to = destination(runtime, name)
        to.prepare()
        record(audit.SEND_TEST, name, "")
        sent = send_test(to, name, runtime.config, context.now())
        _say(sent.said, sent.delivered)

    def told(act: Callable[[], None]) -> AnyResponse:
        """Act, and go back to the page, which says the outcome. The platform or a destination may take
        long to answer, so only one is waited for at a time: other pages keep their threads."""
        if not asking.acquire(blocking=False):
            _say("somebody else is registering or testing at the moment: try again in a minute", ok=False)
        else:
            try:
                act()
            except (NotConfigured, CadoError, SecretError, ValueError) as error:
                _say(str(error), ok=False)
            finally:
                asking.release()
        return redirect(url_for("settings.index"), 303)

    def record(action: str, about: str, events: str) -> None:
        after = {"events": events} if events else {}
        entry = audit.Entry(context.now(), action, context.by, context.origin, about, {}, after)
        audit.record(runtime.store, entry, f"{action} {about}")

    return pages


def _say(text: str, ok: bool = True) -> None:
    line = one_line(text, _MOST).rstrip(".")
    flash(f"{line[:1].upper()}{line[1:]}.", "message" if ok else "fault")
