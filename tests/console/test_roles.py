"""Each action needs a role, whatever the page shows."""

from __future__ import annotations

import re

import pytest

from console.identity import Role
from tests.console.conftest import BROWSER, Console

OPEN = {"sign_in.check", "sign_in.use_link", "sign_in.end"}


def actions(console: Console):
    """The path and the needed role of every view that gets a form."""
    for rule in console.app.url_map.iter_rules():
        if (rule.methods or set()) - {"GET", "HEAD", "OPTIONS"} and rule.endpoint not in OPEN:
            role = getattr(console.app.view_functions[rule.endpoint], "needed_role", None)
            yield re.sub(r"<[^>]+>", "1", rule.rule), role


def test_every_action_names_the_role_that_it_needs(console):
    found = list(actions(console))
    assert [path for path, role in found if role is None] == []
    # A form of these only asks for something that is too long for an address.
    assert {path for path, role in found if role == Role.VIEWER} <= {"/rules"}


def test_a_viewers_forged_request_is_refused(console):
    for path, role in actions(console):
        if role == Role.VIEWER:
            continue
        answer = console.client("viewer").post(path, data={"why": "x"}, headers=BROWSER)
        assert answer.status_code == 403, path
        assert "yours is viewer" in answer.get_data(as_text=True) or answer.is_json


def test_a_responder_cannot_do_what_an_administrator_may(console):
    for path, role in actions(console):
        if role == Role.ADMINISTRATOR:
            assert console.client("responder").post(path, headers=BROWSER).status_code == 403, path


def test_nobody_acts_where_nobody_may(make_console):
    console = make_console(readonly="Your AWS credentials may only read here.")
    assert "may only read" in console.get("/settings").get_data(as_text=True)
    for path, role in actions(console):
        if role == Role.VIEWER:
            continue
        answer = console.client("administrator").post(path, headers=BROWSER)
        assert answer.status_code == 403, path
        assert "may only read" in answer.get_data(as_text=True)


@pytest.mark.parametrize(
    ("role", "needed", "may"),
    [
        (Role.VIEWER, Role.VIEWER, True),
        (Role.VIEWER, Role.RESPONDER, False),
        (Role.RESPONDER, Role.VIEWER, True),
        (Role.RESPONDER, Role.ADMINISTRATOR, False),
        (Role.ADMINISTRATOR, Role.RESPONDER, True),
        (Role.ADMINISTRATOR, Role.ADMINISTRATOR, True),
    ],
)
def test_a_role_may_do_what_lower_roles_may(role, needed, may):
    assert role.may(needed) == may


def test_a_viewer_sees_no_button_that_changes_something(console):
    for rule in console.app.url_map.iter_rules():
        if "GET" not in (rule.methods or ()) or rule.arguments or rule.rule.startswith("/sign-in"):
            continue
        page = console.get(rule.rule, role="viewer")
        if page.mimetype == "text/html":
            forms = re.findall(r'<form[^>]*method="post"[^>]*action="([^"]*)"', page.get_data(as_text=True))
            assert set(forms) <= {"/sign-out"}, rule.rule
