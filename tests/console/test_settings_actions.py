"""What an administrator does on the screen "Settings": against the simulated platform and a real Slack."""

from __future__ import annotations

import pytest

from demo.base import app_of
from demo.serving import serving
from demo.teams.simulation import Teams
from shared.storage.audit import newest
from tests.console.conftest import BROWSER
from tests.served import served_platform

ADMIN, TOKEN = "platform-administrators-key", "webhook-token-of-the-test"
URL = "https://hunt.example/webhooks/cado"
ALARMS, FAILED = "processing_with_alarms", "processing_failed"


@pytest.fixture
def platform():
    with served_platform((), {ADMIN: "Platform Administrator"}) as platform:
        yield platform


@pytest.fixture
def teams():
    return Teams()


@pytest.fixture
def office(teams):
    """The address to which messages for Teams are sent."""
    with serving(app_of(teams)) as url:
        yield url + teams.path


@pytest.fixture
def make(make_console, platform, office):
    def made(**settings):
        return make_console(
            **{
                "secrets": {
                    "KEY": "lead",
                    "ADMIN": ADMIN,
                    "TOKEN": TOKEN,
                    "TEAMS": office,
                },
                "platform": {"url": platform.url, "api_key": "env:KEY", "admin_key": "env:ADMIN"},
                "webhook": {"tokens": ["env:TOKEN"], "url": URL},
                "destinations": {"office": {"type": "teams", "webhook_url": "env:TEAMS"}},
                "default": ["office"],
                **settings,
            }
        )

    return made


@pytest.fixture
def console(make):
    return make()


def done(console, path, **form):
    """The page after the button."""
    answer = console.post(f"/settings/{path}", data=form)
    assert (answer.status_code, answer.location) == (303, "/settings")
    page = console.get("/settings").get_data(as_text=True)
    for secret in (ADMIN, TOKEN):
        assert secret not in page
    return page


def entries(console):
    return [
        (entry.action, entry.by, entry.about, dict(entry.after))
        for entry in newest(console.runtime.store, console.moment)
    ]


def hooks(platform):
    return [(hook.event_type, hook.url, hook.payload["token"]) for hook in platform.webhooks.by_id.values()]


def test_webhooks_are_registered_and_registered_again(console, platform):
    page = done(console, "webhooks/register", url=URL)
    assert f"Created: {ALARMS}, webhook 1." in page
    assert f"Created: {FAILED}, webhook 2." in page
    assert hooks(platform) == [(ALARMS, URL, TOKEN), (FAILED, URL, TOKEN)]
    both = {"events": f"{ALARMS}, {FAILED}"}
    assert entries(console) == [("webhook register", "Mara Lindqvist", URL, both)]
    assert f"Unchanged: {ALARMS}, webhook 1." in done(console, "webhooks/register", url=URL)


def test_only_the_kinds_that_are_registered_are_registered_again(console, platform):
    done(console, "webhooks/register", url=URL)
    platform.webhooks.by_id.pop(2)
    assert FAILED not in done(console, "webhooks/register", url=f"{URL}/new").partition("<h1>")[0]
    assert hooks(platform) == [(ALARMS, f"{URL}/new", TOKEN)]


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("", "must"),
        ("http://hunt.example/webhooks/cado", "Must be https"),
        ("https://hunt.example", "Must be the whole address"),
    ],
)
def test_a_wrong_address_changes_nothing(console, platform, url, said):
    assert said.lower() in done(console, "webhooks/register", url=url).partition("<h1>")[0].lower()
    assert not platform.webhooks.by_id
    assert entries(console) == []


def test_what_the_platform_refuses_is_shown(console, platform):
    platform.users.clear()
    assert "is-fault" in done(console, "webhooks/register", url=URL).partition("<h1>")[0]
    assert entries(console) == []


def test_without_an_administrators_key_there_is_no_button(make, platform):
    console = make(platform={"url": platform.url, "api_key": "env:KEY"})
    page = console.get("/settings").get_data(as_text=True)
    assert "/settings/webhooks/register" not in page
    assert "To register them, write <code>platform.admin_key</code>" in page
    assert "write platform.admin_key" in done(console, "webhooks/register", url=URL)


def test_the_platform_tests_its_webhooks(console, platform):
    assert "No webhook of huntbridge is registered" in done(console, "webhooks/test")
    done(console, "webhooks/register", url=URL)
    page = done(console, "webhooks/test")
    assert "huntbridge processing_with_alarms:" in page.partition("<h1>")[0].lower()
    assert [entry[0] for entry in entries(console)].count("webhook test") == 1


def test_a_test_message_goes_to_a_real_destination(console, teams):
    page = done(console, "test-message", destination="office")
    assert "Delivered to office." in page
    assert entries(console) == [("send-test", "Mara Lindqvist", "office", {})]
    assert len(teams.messages) == 1
    assert "No destination has this name" in done(console, "test-message", destination="nobody")
    assert len(entries(console)) == 1


def test_a_test_message_that_is_refused_says_why(make):
    console = make(secrets={"TEAMS": "https://teams.example/in"})
    page = done(console, "test-message", destination="office").partition("<h1>")[0]
    assert "is-fault" in page
    assert entries(console) == []


def test_only_an_administrator_sees_and_uses_the_buttons(console, platform):
    for path in ("webhooks/register", "webhooks/test", "test-message"):
        assert f"/settings/{path}" in console.get("/settings").get_data(as_text=True)
        assert f"/settings/{path}" not in console.get("/settings", role="responder").get_data(as_text=True)
        form = {"url": URL, "destination": "office"}
        answer = console.client("responder").post(f"/settings/{path}", data=form, headers=BROWSER)
        assert answer.status_code == 403
    assert not platform.webhooks.by_id
