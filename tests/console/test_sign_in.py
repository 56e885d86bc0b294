"""Signing in by a one-time link or a password, and out again."""

from __future__ import annotations

import re
import stat

import pytest
from werkzeug.security import generate_password_hash

from tests.console.conftest import BROWSER, NOW


def hashed(password: str) -> str:
    """Of little cost, unlike those of the product."""
    return generate_password_hash(password, "scrypt:256:8:1")


PASSWORD = "correct horse battery staple"
HASH = hashed(PASSWORD)
USERS = {
    "mara": {"password_hash": HASH, "role": "responder"},
    "priya": {"password_hash": hashed("another long password"), "role": "administrator"},
}
HTTPS = {"huntbridge.peer": "10.0.0.4", "huntbridge.forwarded_proto": "https"}


@pytest.fixture
def with_users(make_console):
    return make_console(console={"users": USERS})


def follow(console, token: str, client=None):
    client = client or console.app.test_client()
    return client, client.post("/sign-in/link", data={"token": token}, headers=BROWSER)


def sign_in(console, name: str = "mara", password: str = PASSWORD, **more):
    client = console.app.test_client()
    data = {"name": name, "password": password, **more.pop("data", {})}
    return client, client.post("/sign-in", data=data, headers=BROWSER, **more)


# The one-time link ----------------------------------------------------------------------------------------


def test_the_link_signs_in_an_administrator_once(console):
    token = console.sign.links.new()
    client, answer = follow(console, token)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    page = client.get("/").get_data(as_text=True)
    assert "administrator" in page
    assert "<b>mara</b>" in page

    stranger, again = follow(console, token)
    assert again.status_code == 401
    assert "huntbridge console link" in again.get_data(as_text=True)
    assert stranger.get("/").status_code == 302


def test_looking_at_the_link_does_not_use_it(console):
    """Link previews, and browsers that fetch beforehand."""
    token = console.sign.links.new()
    client = console.app.test_client()
    for method in ("GET", "HEAD"):
        assert client.open("/sign-in/link", method=method, query_string={"token": token}).status_code == 200
    assert client.get("/").status_code == 302
    assert follow(console, token)[1].status_code == 303


def test_the_link_is_valid_for_an_hour(console):
    token = console.sign.links.new()
    console.forward(3_601)
    assert follow(console, token)[1].status_code == 401


@pytest.mark.parametrize("token", ["", "x", "é", "\x00", "a" * 5_000])
def test_a_guess_signs_nobody_in(console, token):
    console.sign.links.new()
    answer = follow(console, token)[1]
    assert answer.status_code == 401
    assert not answer.headers.getlist("Set-Cookie")


def test_guesses_are_limited_and_keep_nobody_out_who_has_a_link(console):
    token = console.sign.links.new()
    for _ in range(20):
        assert follow(console, "guess")[1].status_code == 401
    assert follow(console, "guess")[1].status_code == 429
    assert follow(console, token)[1].status_code == 303
    console.forward(15 * 60)
    assert follow(console, "guess")[1].status_code == 401


def test_a_token_is_not_stored_and_the_files_are_private(console, tmp_path):
    token = console.sign.links.new()
    follow(console, console.sign.links.new())
    for name in ("console.links", "console.key"):
        file = tmp_path / name
        assert token not in file.read_text()
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_the_token_in_the_link_is_text(console):
    hostile = '"><script>alert(1)</script>'
    page = console.get("/sign-in/link", role="", query_string={"token": hostile}).get_data(as_text=True)
    assert "<script>alert" not in page


@pytest.mark.parametrize(
    ("next_page", "opened"),
    [("/cases/x", "/cases/x"), ("//evil.example", "/"), ("https://evil.example", "/")],
)
def test_the_link_may_lead_to_a_page_of_this_console_alone(console, next_page, opened):
    token = console.sign.links.new()
    where = {"token": token, "next": next_page}
    client = console.app.test_client()
    page = client.get("/sign-in/link", query_string=where).get_data(as_text=True)
    assert f'name="next" value="{opened}"' in page
    answer = client.post("/sign-in/link", data=where, headers=BROWSER)
    assert (answer.status_code, answer.location) == (303, opened)


# Sessions -------------------------------------------------------------------------------------------------


def test_a_session_survives_a_restart(make_console):
    first = make_console()
    client, _ = follow(first, first.sign.links.new())
    cookie = client.get_cookie("huntbridge-80")
    second = make_console()
    browser = second.app.test_client()
    browser.set_cookie("huntbridge-80", cookie.value)
    assert browser.get("/").status_code == 200


def test_a_session_ends(console):
    client, _ = follow(console, console.sign.links.new())
    console.forward(43_201)
    assert client.get("/").headers["Location"] == "/sign-in?next=/"


def test_signing_out_ends_the_session_and_not_only_the_cookie(make_console):
    console = make_console()
    client, _ = follow(console, console.sign.links.new())
    stolen = client.get_cookie("huntbridge-80").value
    out = client.post("/sign-out", headers=BROWSER)
    assert (out.status_code, out.headers["Location"]) == (303, "/sign-in")
    assert client.get_cookie("huntbridge-80") is None
    for site in (console, make_console()):  # after a restart as well
        thief = site.app.test_client()
        thief.set_cookie("huntbridge-80", stolen)
        assert thief.get("/").status_code == 302


def test_signing_in_makes_a_new_session_and_ends_the_old_one(console):
    """Session fixation: a cookie from before signing in is worth nothing afterwards."""
    client, _ = follow(console, console.sign.links.new())
    planted = client.get_cookie("huntbridge-80").value
    follow(console, console.sign.links.new(), client)
    assert client.get_cookie("huntbridge-80").value != planted
    attacker = console.app.test_client()
    attacker.set_cookie("huntbridge-80", planted)
    assert attacker.get("/").status_code == 302


@pytest.mark.parametrize("cookie", ["", "x", "a.b", "e30.x", "A" * 3_000])
def test_a_forged_cookie_is_no_session(console, cookie):
    client = console.app.test_client()
    client.set_cookie("huntbridge-80", cookie)
    assert client.get("/").status_code == 302


def test_a_changed_cookie_is_no_session(console):
    client = console.client("viewer")
    value = client.get_cookie("huntbridge-80").value
    # The last character of the signature is left alone: two of its six bits are padding,
    # so another character there can stand for the same signature.
    for at in (0, len(value) // 2, len(value) - 2):
        changed = value[:at] + ("A" if value[at] != "A" else "B") + value[at + 1 :]
        client.set_cookie("huntbridge-80", changed)
        assert client.get("/").status_code == 302


def test_the_cookie_on_loopback(console):
    _, answer = follow(console, console.sign.links.new())
    (cookie,) = answer.headers.getlist("Set-Cookie")
    assert cookie.startswith("huntbridge-80=")
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Path=/" in cookie
    assert "Secure" not in cookie
    assert "Domain" not in cookie


def test_the_cookie_behind_tls(make_console):
    console = make_console(tls_proxies=frozenset({"10.0.0.4"}), console={"users": USERS})
    answer = sign_in(console, environ_overrides=HTTPS)[1]
    (cookie,) = answer.headers.getlist("Set-Cookie")
    assert cookie.startswith("__Host-huntbridge=")
    assert "Secure" in cookie
    assert "Path=/" in cookie
    assert "Domain" not in cookie
    (value,) = re.findall(r"^__Host-huntbridge=([^;]+)", cookie)
    for name, environ, status in (
        ("__Host-huntbridge", HTTPS, 200),
        ("huntbridge-80", HTTPS, 302),  # a sibling host could have planted the plain name
        ("__Host-huntbridge", {}, 302),
    ):
        browser = console.app.test_client(use_cookies=False)
        header = {"Cookie": f"{name}={value}"}
        assert browser.get("/", headers=header, environ_overrides=environ).status_code == status


def test_the_scheme_is_believed_from_the_proxy_alone(make_console):
    console = make_console(tls_proxies=frozenset({"10.0.0.4"}), console={"users": USERS})
    environ = HTTPS | {"huntbridge.peer": "10.0.0.66"}
    (cookie,) = sign_in(console, environ_overrides=environ)[1].headers.getlist("Set-Cookie")
    assert cookie.startswith("huntbridge-80=")


# Names and passwords --------------------------------------------------------------------------------------


def test_a_password_signs_in_with_the_role_of_the_configuration(with_users):
    client, answer = sign_in(with_users, data={"next": "/cases?owner=mara"})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/cases?owner=mara")
    page = client.get("/settings").get_data(as_text=True)
    assert "<b>mara</b>" in page
    assert "responder" in page


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("mara", "wrong"),
        ("mara", ""),
        ("", PASSWORD),
        ("Mara", PASSWORD),
        ("nobody", PASSWORD),
        ("nobody", "nobody has this password"),
        ("priya", PASSWORD),
        ("mara", PASSWORD + "\x00"),
        ("mara", "x" * 2_000),
        ("mara", HASH),
        ("<script>alert(1)</script>", "x"),
    ],
)
def test_anything_else_signs_nobody_in(with_users, name, password):
    client, answer = sign_in(with_users, name, password)
    page = answer.get_data(as_text=True)
    assert answer.status_code == 401
    assert "Wrong name or password." in page
    assert "<script>alert" not in page
    assert not answer.headers.getlist("Set-Cookie")
    assert client.get("/").status_code == 302


def test_without_users_there_is_no_password(console):
    assert sign_in(console)[1].status_code == 401


def test_attempts_are_limited_by_name_and_address(with_users):
    for _ in range(5):
        assert sign_in(with_users, password="wrong")[1].status_code == 401
    locked = sign_in(with_users)[1]  # the right one
    assert locked.status_code == 429
    assert "Try again in 15 minutes" in locked.get_data(as_text=True)
    assert sign_in(with_users, environ_overrides={"REMOTE_ADDR": "192.0.2.9"})[1].status_code == 303
    with_users.forward(15 * 60)
    assert sign_in(with_users)[1].status_code == 303


def test_attempts_are_limited_for_many_names_of_one_address(with_users):
    for number in range(20):
        assert sign_in(with_users, f"user{number}", "wrong")[1].status_code == 401
    assert sign_in(with_users)[1].status_code == 429


def test_attempts_are_limited_for_one_name_of_many_addresses(with_users):
    for number in range(50):
        environ = {"REMOTE_ADDR": f"192.0.2.{number}"}
        assert sign_in(with_users, password="", environ_overrides=environ)[1].status_code == 401
    assert sign_in(with_users)[1].status_code == 429
    assert sign_in(with_users, "priya", "another long password")[1].status_code == 303


def test_strangers_do_not_lock_a_user_out_where_she_has_signed_in_before(with_users):
    home = {"REMOTE_ADDR": "198.51.100.7"}
    assert sign_in(with_users, environ_overrides=home)[1].status_code == 303
    for number in range(50):
        sign_in(with_users, password="", environ_overrides={"REMOTE_ADDR": f"192.0.2.{number}"})
    assert sign_in(with_users)[1].status_code == 429
    for _ in range(5):
        assert sign_in(with_users, password="wrong", environ_overrides=home)[1].status_code == 401
    assert sign_in(with_users, environ_overrides=home)[1].status_code == 429
    with_users.forward(15 * 60)
    assert sign_in(with_users, environ_overrides=home)[1].status_code == 303


def test_the_addresses_of_one_ipv6_network_are_one(with_users):
    for number in range(20):
        environ = {"REMOTE_ADDR": f"2001:db8:0:1::{number:x}"}
        sign_in(with_users, f"user{number}", "wrong", environ_overrides=environ)
    for address, status in (("2001:db8:0:1:ffff::1", 429), ("2001:db8:0:2::1", 303), ("fe80::1%eth0", 303)):
        assert sign_in(with_users, environ_overrides={"REMOTE_ADDR": address})[1].status_code == status


def test_the_log_tells_of_sign_ins_and_names_only_users_who_exist(with_users, caplog):
    caplog.set_level("INFO")
    sign_in(with_users, "mara", "wrong")
    sign_in(with_users, PASSWORD, "")
    follow(with_users, "no-such-token")
    sign_in(with_users)
    told = [(record.message, getattr(record, "user", None)) for record in caplog.records]
    wrong = "a sign-in with a wrong name or password"
    assert told == [
        (wrong, "mara"),
        (wrong, "unknown"),
        ("a sign-in with a one-time link that is not valid", None),
        ("signed in", "mara"),
    ]
    assert {record.__dict__["address"] for record in caplog.records} == {"127.0.0.1"}
    for _ in range(6):
        sign_in(with_users, password="wrong")
    assert caplog.records[-1].message == "a sign-in was refused after too many failed attempts"


def test_success_forgets_the_failed_attempts(with_users):
    for _ in range(3):
        for _ in range(4):
            sign_in(with_users, password="wrong")
        assert sign_in(with_users)[1].status_code == 303


def moved(make_console, users):
    """What a session of mara meets after a restart with other users."""
    client, _ = sign_in(make_console(console={"users": USERS}))
    cookie = client.get_cookie("huntbridge-80").value
    browser = make_console(console={"users": users}).app.test_client()
    browser.set_cookie("huntbridge-80", cookie)
    return browser.get("/settings")


def test_a_changed_password_ends_the_sessions(make_console):
    users = USERS | {"mara": {"password_hash": hashed(PASSWORD), "role": "responder"}}
    assert moved(make_console, users).status_code == 302


def test_a_user_who_was_removed_is_out(make_console):
    assert moved(make_console, {"priya": USERS["priya"]}).status_code == 302


def test_a_changed_role_applies_at_once(make_console):
    page = moved(make_console, USERS | {"mara": {"password_hash": HASH, "role": "viewer"}})
    assert '<span class="muted">viewer</span>' in page.get_data(as_text=True)


def test_no_page_and_no_log_shows_a_hash_or_password(with_users, caplog):
    pages = [sign_in(with_users, password="wrong secret words")[1], with_users.get("/settings")]
    for text in [caplog.text, *(page.get_data(as_text=True) for page in pages)]:
        assert HASH not in text
        assert "wrong secret words" not in text


def test_the_time_of_the_page_is_that_of_the_clock(console):
    assert NOW.strftime("%H:%M:%S") in console.get("/settings").get_data(as_text=True)
