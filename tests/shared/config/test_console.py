"""The section `console`: what is accepted, and what is said about the rest."""

from __future__ import annotations

import pytest

from shared.config.config import Config
from shared.config.console import AwsAlbConfig, ConsoleUserConfig
from shared.config.errors import ConfigError
from shared.config.listen import is_loopback_host
from tests.shared.config.loading import load

PLATFORM = "platform: {url: https://cado.example, api_key: env:API_KEY}\n"
HASH = "scrypt:32768:8:1$abcdefgh12345678$" + "0a" * 64
SIGNER = "arn:aws:elasticloadbalancing:eu-west-1:111122223333:loadbalancer/app/huntbridge/0123456789abcdef"


def loaded(section: str, tmp_path, monkeypatch) -> Config:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "huntbridge.yaml").write_text(f"{PLATFORM}console: {section}\n")
    return load(None, {})


def test_by_default_there_is_a_console_for_this_machine(tmp_path, monkeypatch):
    console = loaded("{}", tmp_path, monkeypatch).console
    assert (console.enabled, console.listen, console.users, console.proxy) == (True, None, {}, None)
    assert console.session == 12 * 3_600
    assert console.hosts == ()


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ("{listen: 8081}", "console.listen"),
        ("{listen: localhost}", "write an address and a port"),
        ("{listen: '::1:8081'}", "an IPv6 address stands in brackets"),
        ("{hosts: ['https://console.acme.example']}", "must be a name such as console.acme.example"),
        ("{hosts: ['console.acme.example:8081']}", "without https:// and without a port"),
        ("{session: 10}", "console.session: must be 300 or more"),
        ("{users: {mara: {password_hash: hunter2}}}", "must be what `huntbridge console password` prints"),
        ("{users: {mara: {role: viewer}}}", "console.users.mara.password_hash: missing"),
        (
            f"{{users: {{mara: {{password_hash: '{HASH}', role: admin}}}}}}",
            "write one of viewer, responder, administrator",
        ),
        (f"{{users: {{'m a': {{password_hash: '{HASH}'}}}}}}", "may have letters, digits and .-_@+ only"),
        ("{proxy: {header: X-User, default_role: viewer}}", "console.proxy.address: missing"),
        ("{proxy: {address: proxy.example, header: X-User, default_role: viewer}}", "must be an IP address"),
        ("{proxy: {address: 10.0.0.4, default_role: viewer}}", "needs header or jwt, and not both"),
        ("{proxy: {address: 10.0.0.4, header: X-User}}", "lets nobody in: write roles or default_role"),
        ("{proxy: {address: 10.0.0.4, header: 'X User', default_role: viewer}}", "the name of a header"),
        ("{proxy: {address: 10.0.0.4, jwt: {type: oidc}, default_role: viewer}}", "console.proxy.jwt.type"),
        (
            "{proxy: {address: 10.0.0.4, default_role: viewer, "
            "jwt: {type: cloudflare-access, team: 'a.evil.example/x', audience: a}}}",
            "must be the first part of <team>.cloudflareaccess.com",
        ),
        (
            f"{{users: {{mara: {{password_hash: '{HASH}'}}}}, "
            "proxy: {address: 10.0.0.4, header: X-User, default_role: viewer}}",
            "console.proxy: cannot be used together with users",
        ),
    ],
)
def test_mistakes_are_named(section, said, tmp_path, monkeypatch):
    with pytest.raises(ConfigError) as caught:
        loaded(section, tmp_path, monkeypatch)
    assert said in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_hash_is_shown_nowhere():
    """Neither in the audit log nor on the page about settings."""
    user = ConsoleUserConfig(password_hash=HASH)
    assert user.password_hash == HASH
    assert HASH not in repr(user)
    assert HASH not in user.model_dump_json()
    assert user.model_dump()["password_hash"].startswith("scrypt, digest ")


def test_the_region_of_the_keys_is_the_load_balancers():
    alb = AwsAlbConfig(type="aws-alb", signer=SIGNER, client="c", issuer="https://idp.example")
    assert alb.region == "eu-west-1"


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("[::1]", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("*", False),
        ("", False),
        ("10.0.0.5", False),
        ("localhost.evil.example", False),
    ],
)
def test_which_addresses_only_this_machine_reaches(host, expected):
    assert is_loopback_host(host) == expected
