"""What people see when something goes wrong."""

from __future__ import annotations

import re

import pytest
from flask import Blueprint, abort
from werkzeug.exceptions import Conflict

from shared.storage.ports import StoreError
from shared.storage.queries.pages import BadToken


@pytest.fixture
def console(make_console):
    made = make_console()
    pages = Blueprint("tests", __name__)

    @pages.get("/api/v1/broken")
    @pages.get("/broken")
    def broken() -> str:
        raise RuntimeError("the password is hunter2")

    @pages.get("/api/v1/down")
    @pages.get("/down")
    def down() -> str:
        raise StoreError("the database is locked")

    @pages.get("/late")
    def late() -> str:
        raise Conflict("Jonas Weber took this case at 10:41. Nothing was changed.")

    @pages.get("/token")
    def token() -> str:
        raise BadToken("x")

    @pages.get("/missing")
    def missing() -> str:
        abort(404, "Case <b>7f3c</b> was not found.")

    @pages.get("/keys")
    def keys() -> str:
        abort(503, "The keys that sign in the users cannot be fetched.")

    made.app.register_blueprint(pages)
    return made


def test_an_error_of_ours_shows_a_reference_and_no_detail(console, caplog):
    answer = console.get("/broken")
    page = answer.get_data(as_text=True)
    assert answer.status_code == 500
    assert "hunter2" not in page
    assert "Traceback" not in page
    (reference,) = re.findall(r"the reference ([0-9a-f]{8})\.", page)
    assert reference in caplog.text
    assert "RuntimeError" in caplog.text


def test_the_ledger_is_not_blamed_for_what_another_does_not_answer(console):
    answer = console.get("/keys")
    page = answer.get_data(as_text=True)
    assert answer.status_code == 503
    assert "cannot be fetched" in page
    assert "<h1>The ledger" not in page
    assert "<title>The ledger" not in page
    assert "<h1>The ledger" in console.get("/down").get_data(as_text=True)


def test_a_store_that_does_not_answer_says_what_to_do(console):
    answer = console.get("/down")
    page = answer.get_data(as_text=True)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "10")
    assert "the database is locked" in page
    assert "huntbridge check" in page
    assert 'aria-label="Main"' in page  # the frame stays


def test_somebody_was_faster(console):
    answer = console.get("/late")
    assert answer.status_code == 409
    assert "Jonas Weber took this case at 10:41." in answer.get_data(as_text=True)


def test_an_old_token_of_a_list(console):
    answer = console.get("/token")
    assert answer.status_code == 400
    assert "Open the list again" in answer.get_data(as_text=True)


def test_what_an_error_says_is_text(console):
    page = console.get("/missing").get_data(as_text=True)
    assert "Case &lt;b&gt;7f3c&lt;/b&gt; was not found." in page


def test_an_unknown_page(console):
    answer = console.get("/nothing-here")
    assert answer.status_code == 404
    assert "There is nothing here" in answer.get_data(as_text=True)
    assert "Mara Lindqvist" in answer.get_data(as_text=True)


def test_errors_are_not_refreshed(console):
    assert "data-live" not in console.get("/nothing-here").get_data(as_text=True)
    assert "data-live" in console.get("/settings").get_data(as_text=True)


@pytest.mark.parametrize(
    ("path", "status"), [("/api/v1/broken", 500), ("/api/v1/down", 503), ("/api/x", 404)]
)
def test_the_api_answers_with_a_problem(console, path, status):
    answer = console.get(path)
    assert answer.status_code == status
    assert answer.content_type == "application/problem+json"
    assert answer.get_json()["status"] == status
    assert "hunter2" not in answer.get_data(as_text=True)
