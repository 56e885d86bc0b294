"""A reverse proxy names the user. Everybody else may write the same header."""

from __future__ import annotations

import pytest

from tests.console.conftest import BROWSER

PROXY = {
    "address": "10.0.0.4",
    "header": "X-Forwarded-User",
    "roles": {"mara@acme.example": "responder"},
    "default_role": "viewer",
}
MARA = {"X-Forwarded-User": "mara@acme.example"}
FROM_PROXY = {"huntbridge.peer": "10.0.0.4", "REMOTE_ADDR": "192.0.2.7"}


@pytest.fixture
def console(make_console):
    return make_console(console={"proxy": PROXY})


def ask(console, headers, environ=FROM_PROXY, path="/settings"):
    return console.app.test_client().get(path, headers=headers, environ_overrides=environ)


def test_the_proxy_names_the_user(console):
    page = ask(console, MARA).get_data(as_text=True)
    assert "<b>mara@acme.example</b>" in page
    assert ">responder<" in page
    assert "Sign out" not in page  # the proxy would sign them in again


def test_an_unlisted_user_has_the_default_role(console):
    assert ">viewer<" in ask(console, {"X-Forwarded-User": "jonas"}).get_data(as_text=True)


def test_without_a_default_role_an_unlisted_user_is_refused(make_console):
    console = make_console(console={"proxy": PROXY | {"default_role": None}})
    assert ask(console, {"X-Forwarded-User": "jonas"}).status_code == 401
    assert ask(console, MARA).status_code == 200


@pytest.mark.parametrize("peer", ["10.0.0.5", "127.0.0.1", "192.0.2.7", "10.0.0.44", "::1", ""])
def test_a_forged_header_from_another_address_is_refused(console, peer):
    answer = ask(console, MARA, {"huntbridge.peer": peer, "REMOTE_ADDR": "10.0.0.4"})
    assert answer.status_code == 403
    assert "mara" not in answer.get_data(as_text=True)


def test_a_forwarded_address_is_not_the_peer(console):
    headers = MARA | {"X-Forwarded-For": "10.0.0.4", "Forwarded": "for=10.0.0.4", "X-Real-IP": "10.0.0.4"}
    assert ask(console, headers, {"REMOTE_ADDR": "192.0.2.7"}).status_code == 403


def test_the_peer_may_be_written_as_ipv6(console):
    assert ask(console, MARA, {"huntbridge.peer": "::ffff:10.0.0.4"}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("X-Forwarded-User", "")],
        [("X-Forwarded-User", "  ")],
        [("X-Forwarded-User", "mara@acme.example, mara@acme.example")],
        [("X-Forwarded-User", "evil, mara@acme.example")],
        [("X-Forwarded-User", "evil"), ("X-Forwarded-User", "mara@acme.example")],
        [("X-Forwarded-User", "a" * 300)],
        [("X-Forwarded-User", "\xa0mara@acme.example")],
        [("X-Forwarded-User", "m\x01ara")],
        [("X-Forwarded-Users", "mara@acme.example")],
        [("X-Auth-Request-User", "mara@acme.example")],
    ],
)
def test_anything_but_one_name_is_nobody(console, headers):
    assert ask(console, headers).status_code == 401


def test_there_is_no_other_way_in(console):
    client = console.app.test_client()
    client.set_cookie("huntbridge-80", console.client("administrator").get_cookie("huntbridge-80").value)
    assert client.get("/settings", environ_overrides=FROM_PROXY).status_code == 401
    token = console.sign.links.new()
    for path, data in (("/sign-in/link", {"token": token}), ("/sign-in", {"name": "mara", "password": "x"})):
        answer = client.post(path, data=data, headers=BROWSER | MARA, environ_overrides=FROM_PROXY)
        assert answer.status_code == 401
        assert not answer.headers.getlist("Set-Cookie")
    assert ask(console, {}, path="/sign-in").status_code == 401


def test_a_hostile_name_is_text(console):
    page = ask(console, {"X-Forwarded-User": "<script>alert(1)</script>"}).get_data(as_text=True)
    assert "&lt;script&gt;" in page
    assert "<script>alert" not in page


def test_requests_from_elsewhere_are_refused_behind_a_proxy_as_well(console):
    client = console.app.test_client()
    for headers, status in (
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "http://hunt.acme.example"}, 403),
        ({"Origin": "https://hunt.acme.example"}, 404),
    ):
        environ = FROM_PROXY | {"huntbridge.forwarded_proto": "https", "HTTP_HOST": "hunt.acme.example"}
        answer = client.post("/nothing", headers=headers | MARA, environ_overrides=environ)
        assert answer.status_code == status, headers
