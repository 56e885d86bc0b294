"""Whole requests that must not get through, and the headers of everything that does."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote

import pytest
from werkzeug.routing import Rule

from console.guard import CSP
from console.passwords import hashed
from tests.console.conftest import BROWSER

SECRET = "Mara Lindqvist"  # only pages for people who have signed in name them


def address(rule: Rule) -> str:
    return re.sub(r"<[^>]+>", "1", rule.rule)


def asked(console: Any, role: str) -> list[tuple[str, str, Any]]:
    """The answer to every route by every method."""
    answers = []
    for rule in console.app.url_map.iter_rules():
        for method in sorted(rule.methods or ()):
            path = address(rule)
            client = console.client(role)
            answers.append((method, path, client.open(path, method=method, headers=BROWSER)))
    assert len(answers) > 15
    return answers


def test_no_route_answers_without_a_session(console):
    for method, path, answer in asked(console, role=""):
        if path.startswith(("/static/", "/sign-in")):
            continue
        assert answer.status_code in (302, 303, 401, 403), (method, path, answer.status_code)
        assert SECRET not in answer.get_data(as_text=True)
        location = answer.headers.get("Location", "/sign-in")
        assert location.startswith("/sign-in"), (method, path, location)


def test_the_api_says_401_and_no_redirect(console):
    answer = console.get("/api/v1/anything", role="")
    assert answer.status_code == 401
    assert answer.content_type == "application/problem+json"


@pytest.mark.parametrize("role", ["", "viewer", "administrator"])
def test_every_answer_has_the_headers(console, role):
    for method, path, answer in asked(console, role):
        where = (method, path)
        assert answer.headers["Content-Security-Policy"] == CSP, where
        assert answer.headers["X-Content-Type-Options"] == "nosniff", where
        assert answer.headers["X-Frame-Options"] == "DENY", where
        assert answer.headers["Referrer-Policy"] == "no-referrer", where
        assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin", where
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin", where
        if not path.startswith("/static/"):
            assert answer.headers["Cache-Control"] == "no-store", where


def test_the_policy_allows_nothing_inline_and_no_frame():
    assert "unsafe" not in CSP
    assert "frame-ancestors 'none'" in CSP
    assert "default-src 'none'" in CSP
    assert "base-uri 'none'" in CSP


def test_no_page_has_anything_that_the_policy_stops(console):
    for _, path, answer in asked(console, role="administrator"):
        page = answer.get_data(as_text=True)
        download = "attachment" in answer.headers.get("Content-Disposition", "")  # has a policy of its own
        if answer.mimetype == "text/html" and not download:
            assert not re.search(r"<style|\sstyle=|<script(?![^>]* src=)|\son[a-z]+=|javascript:", page), path


# Requests that change something ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"},
        {"Sec-Fetch-Site": ""},
        {"Origin": "http://evil.example"},
        {"Origin": "https://localhost"},  # another scheme
        {"Origin": "http://localhost:8081"},  # another port
        {"Origin": "http://localhost.evil.example"},
        {"Origin": "null"},
        {},  # neither: no browser of today
    ],
)
def test_a_request_from_elsewhere_changes_nothing(console, headers):
    client = console.client()
    assert client.post("/sign-out", headers=headers).status_code == 403
    assert client.get("/").status_code == 200  # still signed in


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost"},
        {"Origin": "http://localhost"},
    ],
)
def test_a_request_from_a_page_of_the_console_is_done(console, headers):
    client = console.client()
    assert client.post("/sign-out", headers=headers).status_code == 303
    assert client.get("/").status_code == 302


@pytest.mark.parametrize("path", ["/", "/static/console.css"])
@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "LOCK"])
def test_other_methods_are_refused(console, method, path):
    for role in ("", "administrator"):
        answer = console.client(role).open(path, method=method, headers=BROWSER)
        assert answer.status_code == 405
        assert answer.headers["Allow"]


def test_head_answers_like_get_without_a_body(console):
    head = console.client().head("/")
    assert (head.status_code, head.data) == (200, b"")
    assert console.client("").head("/").status_code == 302


def test_nothing_that_changes_has_a_get(console):
    both = [
        rule.rule
        for rule in console.app.url_map.iter_rules()
        if "POST" in (rule.methods or ()) and "GET" in (rule.methods or ())
    ]
    assert both == []


# Addresses ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["localhost", "localhost:8080", "127.0.0.1:8080", "[::1]:8080"])
def test_the_names_of_loopback_are_answered(console, host):
    assert console.get("/sign-in", role="", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8080", "127.0.0.1.evil.example", "localhost.evil.example", "[::1", "x"],
)
def test_another_host_is_refused_on_loopback(console, host):
    """A name of the attacker that points to 127.0.0.1."""
    for path in ("/", "/sign-in", "/static/console.css"):
        assert console.get(path, headers={"Host": host}).status_code in (400, 403)


NAMED = {"hosts": ["Console.Acme.example", "10.0.0.5"]}
PROXY = {"address": "127.0.0.1", "header": "X-Forwarded-User", "default_role": "administrator"}


@pytest.mark.parametrize("mode", ["link", "users", "proxy"])
def test_with_console_hosts_no_other_name_is_answered_in_any_mode(make_console, mode):
    """A page of the attacker whose name points here (DNS rebinding) may write every header."""
    users = {"mara": {"password_hash": hashed("a password of the test"), "role": "administrator"}}
    ways: dict[str, Any] = {"link": {}, "users": {"users": users}, "proxy": {"proxy": PROXY}}
    console = make_console(console={**NAMED, **ways[mode]})
    for host in ("evil.example", "console.acme.example.evil.example", "acme.example", "[::1", "10.0.0.6"):
        for path in ("/", "/sign-in", "/static/console.css", "/api/v1/status"):
            headers = {"Host": host, "X-Forwarded-User": "mara@acme.example"}
            assert console.get(path, headers=headers).status_code in (400, 403), (host, path)
    own = () if mode == "link" else ("console.acme.example", "CONSOLE.acme.example:8443", "10.0.0.5:8081")
    for host in (*own, "localhost:8081", "127.0.0.1", "[::1]:8081"):
        headers = {"Host": host, "X-Forwarded-User": "mara@acme.example"}
        assert console.get("/static/console.css", headers=headers).status_code == 200, host


def test_without_console_hosts_a_console_with_a_proxy_has_any_name(make_console):
    headers = {"Host": "console.acme.example", "X-Forwarded-User": "mara@acme.example"}
    assert make_console(console={"proxy": PROXY}).get("/", headers=headers).status_code == 200


def test_what_came_through_a_proxy_is_refused_on_loopback(console):
    for name in ("X-Forwarded-For", "Forwarded", "Via"):
        environ = {"huntbridge.forwarded": True}
        answer = console.get("/", headers={name: "192.0.2.7"}, environ_overrides=environ)
        assert answer.status_code == 403
        assert "console.proxy" in answer.get_data(as_text=True)


@pytest.mark.parametrize(
    "path",
    [
        "//evil.example/",
        "//evil.example/%2e%2e",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/static/../app.py",
        "/static/%2e%2e/app.py",
        "/static/..%2fapp.py",
        "/static/..%5capp.py",
        "/static//etc/passwd",
        "/static/%00",
        "/static/",
        "/hunts//",
        "/\\evil.example",
        "/%0d%0aSet-Cookie:%20a=b",
        "/" + "a" * 5_000,
    ],
)
def test_tricks_with_the_path_lead_nowhere(console, path):
    answer = console.get("/", environ_overrides={"PATH_INFO": unquote(path, "latin-1")})
    assert answer.status_code == 404, answer.headers
    assert "root:" not in answer.get_data(as_text=True)
    assert "create_app" not in answer.get_data(as_text=True)
    assert "a" not in {cookie.partition("=")[0] for cookie in answer.headers.getlist("Set-Cookie")}
    assert not re.search(r'(href|action|src)="(//|/\\)', answer.get_data(as_text=True))


@pytest.mark.parametrize(
    "path",
    ["//evil.example/", "/\\evil.example", "https://evil.example", "\t//evil.example", "/\t/evil.example"],
)
def test_signing_in_leads_to_no_other_site(console, path):
    answer = console.get("/", role="", environ_overrides={"PATH_INFO": path})
    assert answer.headers["Location"].startswith("/sign-in?next=")
    data = {"next": path, "token": console.sign.links.new()}
    done = console.post("/sign-in/link", role="", data=data)
    assert (done.status_code, done.headers["Location"]) == (303, "/")


# What browsers keep ---------------------------------------------------------------------------------------


def test_a_page_without_news_is_304(console):
    first = console.get("/settings")
    console.forward(1)
    again = console.get("/settings", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    assert console.get("/settings", headers={"If-None-Match": '"another"'}).status_code == 200


def test_static_files_are_kept_by_the_hash_in_their_address(console):
    page = console.get("/sign-in", role="").get_data(as_text=True)
    (stylesheet,) = re.findall(r'href="(/static/console\.css\?v=[0-9a-f]+)"', page)
    kept = console.get(stylesheet, role="")
    assert kept.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert console.get("/static/console.css", role="").headers["Cache-Control"] == "no-cache"


def test_the_stylesheet_and_the_script_are_small(console):
    assert len(console.get("/static/console.css").data) <= 40_000
    assert len(console.get("/static/console.js").data) <= 8_000


def test_a_form_that_is_too_long_is_refused(console):
    data = {"name": "mara", "password": "x" * 70_000}
    assert console.post("/sign-in", role="", data=data).status_code in (401, 413)
