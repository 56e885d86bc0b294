"""Signed tokens of an AWS load balancer and of Cloudflare Access, with real keys."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from werkzeug.exceptions import ServiceUnavailable

from console.proxy_user import NotTrusted
from console.signed_token import AwsAlb, CloudflareAccess, verifier
from shared.config.console import AwsAlbConfig, CloudflareAccessConfig
from shared.http.client import Http

KID = "0a1b2c3d-0000-4000-8000-0123456789ab"
SIGNER = "arn:aws:elasticloadbalancing:eu-west-1:111122223333:loadbalancer/app/huntbridge/0123456789abcdef"
ISSUER = "https://idp.acme.example"
ALB = AwsAlbConfig(type="aws-alb", signer=SIGNER, client="client-1", issuer=ISSUER)
ACCESS = CloudflareAccessConfig(type="cloudflare-access", team="acme", audience="aud-1")
EC, OTHER_EC = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
RSA, OTHER_RSA = (rsa.generate_private_key(public_exponent=65_537, key_size=2_048) for _ in range(2))
NAME = "mara@acme.example"


def pem(key: Any) -> bytes:
    encoded: bytes = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return encoded


def private(key: Any) -> bytes:
    encoded: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return encoded


class Vendor:
    """Publishes keys, and counts how often it is asked."""

    def __init__(self, **keys: Any) -> None:
        self.keys, self.down = dict(keys), False
        self.asked: list[str] = []
        self.now = 1_000.0

    def fetch(self, url: str) -> bytes:
        self.asked.append(url)
        if self.down:
            raise ServiceUnavailable
        if "public-keys" in url:
            return pem(self.keys[url.rpartition("/")[2]])
        listed = [
            json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key())) | {"kid": kid}
            for kid, key in self.keys.items()
        ]
        return json.dumps({"keys": listed}).encode()

    def clock(self) -> float:
        return self.now


def alb_token(key=EC, head=None, algorithm="ES256", **claims):
    head = {"kid": KID, "signer": SIGNER, "client": "client-1", "iss": ISSUER} | (head or {})
    content = {"sub": "u1", "email": NAME, "iss": ISSUER, "exp": int(time.time()) + 86_400} | claims
    content = {name: value for name, value in content.items() if value is not None}
    return jwt.encode(content, private(key), algorithm=algorithm, headers=head)


def access_token(key=RSA, head=None, algorithm="RS256", **claims):
    content = {
        "aud": ["aud-1"],
        "email": NAME,
        "iss": "https://acme.cloudflareaccess.com",
        "exp": int(time.time()) + 86_400,
    } | claims
    content = {name: value for name, value in content.items() if value is not None}
    return jwt.encode(content, private(key), algorithm=algorithm, headers={"kid": "k1"} | (head or {}))


def part(content: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")


def unsigned(token: str, algorithm: str) -> str:
    head = jwt.get_unverified_header(token) | {"alg": algorithm}
    return f"{part(head)}.{token.split('.')[1]}."


def keyed_with_the_public_key(token: str, key: Any) -> str:
    """The old trick: the public key as a shared secret."""
    head = jwt.get_unverified_header(token) | {"alg": "HS256"}
    text = f"{part(head)}.{token.split('.')[1]}"
    mac = hmac.new(pem(key), text.encode(), hashlib.sha256).digest()
    return f"{text}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"


def changed(token: str, **claims: Any) -> str:
    head, body, signature = token.split(".")
    content = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))) | claims
    return f"{head}.{part(content)}.{signature}"


@pytest.fixture
def alb_vendor() -> Vendor:
    return Vendor(**{KID: EC})


@pytest.fixture
def alb(alb_vendor) -> AwsAlb:
    return AwsAlb(ALB, alb_vendor.fetch, alb_vendor.clock)


@pytest.fixture
def access_vendor() -> Vendor:
    return Vendor(k1=RSA)


@pytest.fixture
def access(access_vendor) -> CloudflareAccess:
    return CloudflareAccess(ACCESS, access_vendor.fetch, access_vendor.clock)


# AWS ----------------------------------------------------------------------------------------------


def test_the_load_balancer_names_the_user(alb, alb_vendor):
    assert alb(alb_token()) == NAME
    assert alb(alb_token()) == NAME
    assert alb_vendor.asked == [f"https://public-keys.auth.elb.eu-west-1.amazonaws.com/{KID}"]


def test_its_segments_are_padded(alb):
    """AWS pads them with =, unlike the standard, and signs them so."""
    text = ".".join(padded(segment) for segment in alb_token(sub="u22").split(".")[:2])
    assert "=" in text
    method = jwt.algorithms.ECAlgorithm(jwt.algorithms.ECAlgorithm.SHA256)
    signature = base64.urlsafe_b64encode(method.sign(text.encode(), EC)).decode()
    assert alb(f"{text}.{signature}") == NAME


def padded(segment: str) -> str:
    return segment + "=" * (-len(segment) % 4)


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        (alb_token(OTHER_EC), "InvalidSignature"),
        (changed(alb_token(), email="priya@acme.example"), "InvalidSignature"),
        (unsigned(alb_token(), "none"), "not signed with ES256"),
        (unsigned(alb_token(), "None"), "not signed with ES256"),
        (unsigned(alb_token(), "ES256"), "Invalid|cannot be read"),
        (keyed_with_the_public_key(alb_token(), EC), "not signed with ES256"),
        (alb_token(RSA, algorithm="RS256"), "not signed with ES256"),
        (alb_token(exp=int(time.time()) - 60), "ExpiredSignature"),
        (alb_token(exp=None), "MissingRequiredClaim"),
        (alb_token(iss="https://evil.example"), "InvalidIssuer"),
        (alb_token(iss=None), "MissingRequiredClaim|InvalidIssuer"),
        (alb_token(head={"signer": SIGNER.replace("huntbridge", "another")}), "another load balancer"),
        (alb_token(head={"signer": None}), "another load balancer"),
        (alb_token(head={"client": "client-2"}), "another client"),
        (alb_token(head={"kid": "../../etc/passwd"}), "id of the token's key"),
        (alb_token(head={"kid": "x@evil.example"}), "id of the token's key"),
        (alb_token(head={"kid": KID + "\n"}), "id of the token's key"),
        (alb_token(email="", sub=""), "names nobody"),
        (alb_token(email=None, sub=None), "names nobody"),
        (alb_token(email=["mara@acme.example"], sub=None), "names nobody"),
        ("", "no token"),
        ("a.b.c", "cannot be read"),
        ("..", "cannot be read"),
        ("é" * 30, "cannot be read"),
        ("a" * 20_000, "too long"),
    ],
)
def test_any_other_token_is_not_believed(alb, token, reason):
    with pytest.raises(NotTrusted, match=reason):
        alb(token)


def test_an_address_that_the_provider_did_not_verify_is_no_name(alb):
    assert alb(alb_token(email_verified="false")) == "u1"
    assert alb(alb_token(email_verified=False)) == "u1"
    assert alb(alb_token(email_verified="true")) == NAME


def test_an_unknown_key_is_fetched_with_a_gap(alb, alb_vendor):
    second = KID.replace("0a1b", "ffff")
    alb_vendor.keys[second] = OTHER_EC
    assert alb(alb_token()) == NAME
    token = alb_token(OTHER_EC, head={"kid": second})
    with pytest.raises(NotTrusted, match="unknown key"):
        alb(token)
    alb_vendor.now += 5
    assert alb(token) == NAME
    assert alb(alb_token()) == NAME


# Cloudflare ---------------------------------------------------------------------------------------


def test_cloudflare_names_the_user(access, access_vendor):
    assert access(access_token()) == NAME
    assert access(access_token(email=None, common_name="robot.acme")) == "robot.acme"
    assert access_vendor.asked == ["https://acme.cloudflareaccess.com/cdn-cgi/access/certs"]


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        (access_token(OTHER_RSA), "InvalidSignature"),
        (changed(access_token(), email="priya@acme.example"), "InvalidSignature"),
        (unsigned(access_token(), "none"), "not signed with RS256"),
        (keyed_with_the_public_key(access_token(), RSA), "not signed with RS256"),
        (access_token(EC, algorithm="ES256"), "not signed with RS256"),
        (access_token(aud=["aud-2"]), "InvalidAudience"),
        (access_token(aud=None), "MissingRequiredClaim"),
        (access_token(aud=[]), "MissingRequiredClaim|InvalidAudience"),
        (access_token(iss="https://evil.cloudflareaccess.com"), "InvalidIssuer"),
        (access_token(exp=int(time.time()) - 60), "ExpiredSignature"),
        (access_token(nbf=int(time.time()) + 86_400), "ImmatureSignature"),
        (access_token(head={"kid": "k2"}), "unknown key"),
    ],
)
def test_any_other_token_of_cloudflare_is_not_believed(access, token, reason):
    with pytest.raises(NotTrusted, match=reason):
        access(token)


def test_new_keys_are_fetched_when_a_token_names_them(access, access_vendor):
    access(access_token())
    access_vendor.keys = {"k2": OTHER_RSA}
    token = access_token(OTHER_RSA, head={"kid": "k2"})
    with pytest.raises(NotTrusted, match="unknown key"):
        access(token)
    for _ in range(20):  # somebody sends tokens with invented keys
        with pytest.raises(NotTrusted):
            access(access_token(head={"kid": "invented"}))
    assert len(access_vendor.asked) == 1
    access_vendor.now += 60
    assert access(token) == NAME
    assert access(access_token()) == NAME  # tokens with the old key end with their time
    assert len(access_vendor.asked) == 2


def test_keys_are_fetched_again_after_some_hours(access, access_vendor):
    access(access_token())
    access_vendor.now += 7 * 3_600
    access(access_token())
    assert len(access_vendor.asked) == 2


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"keys": [1]}', b'{"keys": [{"kid": "k1"}]}', b"<html>", b'{"keys": null}']
)
def test_keys_that_cannot_be_read_sign_nobody_in(body):
    access = CloudflareAccess(ACCESS, lambda url: body)
    with pytest.raises(ServiceUnavailable):
        access(access_token())


def test_a_vendor_that_does_not_answer_signs_nobody_in(access, access_vendor):
    access_vendor.down = True
    with pytest.raises(ServiceUnavailable):
        access(access_token())


# Whole requests -----------------------------------------------------------------------------------


def test_the_keys_are_fetched_and_the_page_is_shown(make_console, monkeypatch, access_vendor):
    monkeypatch.setattr(Http, "request", lambda self, method, url: Fetched(access_vendor.fetch(url)))
    proxy = {"address": "10.0.0.4", "jwt": dict(ACCESS), "roles": {NAME: "administrator"}}
    console = make_console(console={"proxy": proxy})

    def ask(header: str, value: str, peer: str = "10.0.0.4"):
        environ = {"huntbridge.peer": peer}
        return console.app.test_client().get("/settings", headers={header: value}, environ_overrides=environ)

    good = ask("Cf-Access-Jwt-Assertion", access_token())
    assert good.status_code == 200
    assert f"<b>{NAME}</b>" in good.get_data(as_text=True)
    assert ask("Cf-Access-Jwt-Assertion", access_token(OTHER_RSA)).status_code == 401
    assert ask("Cf-Access-Jwt-Assertion", unsigned(access_token(), "none")).status_code == 401
    assert ask("Cf-Access-Jwt-Assertion", access_token(), "10.0.0.5").status_code == 403
    assert ask("X-Forwarded-User", NAME).status_code == 401
    twice = f"{access_token()}, {access_token()}"
    assert ask("Cf-Access-Jwt-Assertion", twice).status_code == 401


class Fetched:
    def __init__(self, body: bytes, status: int = 200, truncated: bool = False) -> None:
        self.body, self.status, self.truncated = body, status, truncated


@pytest.mark.parametrize("answer", [Fetched(b"", 500), Fetched(b"", 302), Fetched(b"{", truncated=True)])
def test_an_odd_answer_is_no_key(monkeypatch, answer):
    monkeypatch.setattr(Http, "request", lambda self, method, url: answer)
    with pytest.raises(ServiceUnavailable):
        verifier(ALB, Http())(alb_token())
