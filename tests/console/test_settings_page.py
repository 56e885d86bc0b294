"""The screen "Settings": whole requests, whole pages, over a real store."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta

import pytest

from console import running_checks
from console.app import create_app
from console.context import ConsoleContext
from shared.models.checks import failed, passed, warned
from shared.storage import audit, kinds
from shared.storage.ports import StoreError
from tests.console.filling import HOSTILE

SETTINGS = {
    "destinations": {
        "soc": {"type": "slack", "webhook_url": "env:SLACK_WEBHOOK"},
        "tickets": {
            "type": "jira",
            "url": "https://jira.acme.example/secret-path",
            "token": "env:JIRA_TOKEN",
            "project": "SEC",
            "issue_type": "Task",
        },
    },
    "default": ["soc"],
}


class Checks:
    """What `huntbridge check` would say."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.go_on.set()
        self.error: Exception | None = None

    def offline(self):
        yield passed("configuration", "0 hunts, 2 destinations, 0 routes")
        yield warned("destinations.tickets", "no alarm goes there")

    def online(self):
        yield failed("platform", f"no answer {HOSTILE}")
        self.go_on.wait(10)
        if self.error:
            raise self.error
        yield passed("soc", "can post")


@pytest.fixture
def checks():
    return Checks()


@pytest.fixture
def console(make_console, checks):
    console = make_console(**SETTINGS)
    context = ConsoleContext(console.runtime, "1.4.0", checks=checks)
    console.app = create_app(context, console.sign)
    console.app.testing = True
    return console


def page_of(console, path="/settings", role="administrator"):
    answer = console.get(path, role=role)
    assert answer.status_code == 200, answer.get_data(as_text=True)
    return answer.get_data(as_text=True)


def entry(console, number=0, **fields):
    made = audit.Entry(console.moment, "hunt run", "root", "the command line", "weekly@x", {}, {"systems": 2})
    made = replace(made, at=console.moment - timedelta(hours=number), **fields)
    audit.record(console.runtime.store, made, str(number))


def test_the_configuration_has_references_and_no_secrets(console):
    page = page_of(console)
    assert "<h1>The configuration is valid; whether everything answers was not checked</h1>" in page
    assert "webhook_url: env:SLACK_WEBHOOK" in page
    assert "secret-path" not in page
    assert "url: https://jira.acme.example/&lt;hidden&gt;" in page
    assert "Nobody has done anything yet" in page or "No entry in these months" in page


def test_password_hashes_are_not_shown(make_console):
    hash = "scrypt:32768:8:1$saltsalt$" + "0" * 128
    console = make_console(console={"users": {"ada": {"password_hash": hash, "role": "viewer"}}})
    page = page_of(console)
    assert hash not in page
    assert "ada" in page


def test_what_needs_no_call_is_checked_at_once(console):
    page = page_of(console)
    assert "2 of 2 pass" in page
    assert "no alarm goes there" in page
    assert "nobody was asked" in page


def test_everybody_is_asked_by_a_button(console):
    answer = console.post("/settings/check", role="responder")
    assert answer.status_code == 303
    page = console.get(answer.location, role="responder").get_data(as_text=True)
    assert "4 checks ran, 1 failed." in page
    assert "<h1>1 of 4 checks fails</h1>" in page
    assert page.index("no answer") < page.index("can post")  # what fails comes first
    assert "<script>alert" not in page
    assert console.post("/settings/check", role="viewer").status_code == 403


def test_checks_that_take_too_long_are_not_waited_for(console, checks, monkeypatch):
    monkeypatch.setattr(running_checks, "BUDGET", 0.1)
    monkeypatch.setattr(running_checks.RunningChecks.run, "__defaults__", (0.1,))
    checks.go_on.clear()
    answer = console.post("/settings/check")
    assert "Not everybody has answered yet" in page_of(console, answer.location)
    again = console.post("/settings/check")
    assert "The checks are running already" in page_of(console, again.location)
    checks.go_on.set()


def test_checks_that_end_with_an_error_say_so(console, checks):
    checks.error = RuntimeError("secret detail")
    page = page_of(console, console.post("/settings/check").location)
    assert "the checks ended with an error" in page
    assert "secret detail" not in page


def test_the_audit_log_page_by_page(console):
    for number in range(60):
        entry(console, number, by=f"user-{number}")
    first = page_of(console)
    assert "user-0<" in first
    assert "systems: 2" in first
    assert "user-25<" not in first
    following = first.partition("Next page</a>")[0].rpartition('href="')[2].partition('"')[0]
    second = page_of(console, following.replace("&amp;", "&"))
    assert "user-25<" in second
    assert "user-0<" not in second


@pytest.mark.parametrize(
    "query", ["_external=1&_scheme=javascript", "_scheme=x", "_method=X", "_anchor=x", "endpoint=x", "self=x"]
)
def test_no_query_leads_the_next_page_elsewhere(console, query):
    for number in range(60):
        entry(console, number)
    page = page_of(console, f"/settings?{query}")
    assert page.partition("Next page</a>")[0].rpartition('href="')[2].startswith("/settings?")


def test_whether_the_webhook_points_here(console):
    notes = console.runtime.ledger.notes
    assert "without <code>platform.admin_key</code> nobody looks" in page_of(console)
    notes.save(kinds.WEBHOOK_NOTES, "webhook", {"broken": True, "times": 1})
    assert "broken: alarms do not arrive by themselves" in page_of(console)
    notes.save(kinds.WEBHOOK_NOTES, "webhook", {"broken": False, "times": 1})
    assert "registered, enabled, points here" in page_of(console)


def test_what_the_daily_check_found_last(console):
    assert "Not done yet." in page_of(console)
    notes, at = console.runtime.ledger.notes, console.runtime.now().isoformat()
    notes.save(kinds.DAILY_CHECK_NOTES, "soc", {"at": at, "failing": {}})
    assert "Everything works." in page_of(console)
    failing = {"platform": f"the key lacks a right {HOSTILE}"}
    notes.save(kinds.DAILY_CHECK_NOTES, "the platform", {"at": at, "failing": failing})
    page = page_of(console)
    assert "platform: the key lacks a right" in page
    assert "<script>alert" not in page


def test_hostile_text_appears_only_escaped(console):
    entry(console, 0, by=HOSTILE, origin=HOSTILE, about=HOSTILE, after={HOSTILE: HOSTILE})
    page = page_of(console)
    assert "<script>alert" not in page
    assert "<img" not in page
    assert page.count("&lt;script&gt;alert(1)") >= 5


def test_a_store_that_does_not_answer(console, monkeypatch):
    def down(*_: object, **__: object) -> None:
        raise StoreError("the database cannot be read: disk I/O error")

    monkeypatch.setattr(type(console.runtime.store), "page_of_group", down)
    answer = console.get("/settings")
    assert answer.status_code == 503
    assert "disk I/O error" in answer.get_data(as_text=True)
