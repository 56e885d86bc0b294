"""Verifies the signed tokens (JWT) of AWS load balancers and of Cloudflare Access.

The algorithm is the one that the vendor signs with, whatever the token says; `none` and shared secrets are
never accepted. The keys are fetched from the vendor, and again when a token names an unknown key, but not
more often than once in a while.
"""

from __future__ import annotations

import json
import logging
import re
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import jwt
from werkzeug.exceptions import ServiceUnavailable

from console.proxy_user import NotTrusted
from shared.config.console import AwsAlbConfig, CloudflareAccessConfig
from shared.http.client import Http
from shared.http.errors import NetworkError

log = logging.getLogger(__name__)

ALB_HEADER, CLOUDFLARE_HEADER = "X-Amzn-Oidc-Data", "Cf-Access-Jwt-Assertion"
MAX_TOKEN = 16 * 1024  # characters
MAX_KEYS_BODY = 128 * 1024  # bytes of an answer with keys
LEEWAY = 30.0  # seconds by which clocks may differ
GAP = 60.0  # seconds between two fetches of keys
KEPT = 6 * 3_600.0  # seconds that keys are used before they are fetched again
_MOST_KEYS = 20
_UNREADABLE = "The keys that sign in the users of this console cannot be read; see the log."

Fetch = Callable[[str], bytes]  # the body at a URL; raises ServiceUnavailable
Clock = Callable[[], float]


class Keys:
    """Public keys by their id."""

    def __init__(
        self, read: Callable[[str], Mapping[str, Any]], clock: Clock = time.monotonic, gap: float = GAP
    ) -> None:
        """`read` returns the keys that the vendor publishes; it gets the id that is looked for."""
        self._read, self._clock, self._gap = read, clock, gap
        self._keys: dict[str, tuple[Any, float]] = {}  # and when each was fetched
        self._fetched, self._lock = -KEPT, threading.Lock()

    def get(self, id: str) -> Any:
        """Raises NotTrusted for an unknown id, and ServiceUnavailable if the vendor does not answer."""
        with self._lock:
            found = self._keys.get(id)
            if found and self._clock() - found[1] < KEPT:
                return found[0]
            now = self._clock()
            if now - self._fetched < self._gap:
                if found:
                    return found[0]
                raise NotTrusted("the token is signed with an unknown key")
            self._fetched = now
            self._keys |= {key: (value, now) for key, value in self._read(id).items()}
            for old in sorted(self._keys, key=lambda key: self._keys[key][1])[:-_MOST_KEYS]:
                del self._keys[old]
            if id not in self._keys:
                raise NotTrusted("the token is signed with an unknown key")
            return self._keys[id][0]


class AwsAlb:
    """The tokens of an AWS load balancer: ES256. Who signed, for which client, is in the header."""

    header = ALB_HEADER

    def __init__(self, config: AwsAlbConfig, fetch: Fetch, clock: Clock = time.monotonic) -> None:
        self._config, self._fetch = config, fetch
        # Each key has an address of its own, so a new key need not wait for long.
        self._keys = Keys(self._read, clock, gap=5.0)

    def __call__(self, token: str) -> str:
        head = _head(token, "ES256")
        if head.get("signer") != self._config.signer:
            raise NotTrusted("the token was signed by another load balancer")
        if head.get("client") != self._config.client:
            raise NotTrusted("the token is for another client")
        if not re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", head["kid"]):
            raise NotTrusted("the id of the token's key is none of a load balancer")
        claims = _claims(token, self._keys.get(head["kid"]), "ES256", issuer=self._config.issuer)
        return _name(claims, ("email", "sub"))

    def _read(self, id: str) -> Mapping[str, Any]:
        host = f"public-keys.auth.elb.{self._config.region}.amazonaws.com"
        return {id: _pem(self._fetch(f"https://{host}/{id}"))}


class CloudflareAccess:
    """The tokens of Cloudflare Access: RS256."""

    header = CLOUDFLARE_HEADER

    def __init__(self, config: CloudflareAccessConfig, fetch: Fetch, clock: Clock = time.monotonic) -> None:
        self._issuer, self._audience = f"https://{config.team}.cloudflareaccess.com", config.audience
        self._fetch, self._keys = fetch, Keys(self._read, clock)

    def __call__(self, token: str) -> str:
        head = _head(token, "RS256")
        key = self._keys.get(head["kid"])
        claims = _claims(token, key, "RS256", issuer=self._issuer, audience=self._audience)
        return _name(claims, ("email", "common_name", "sub"))

    def _read(self, id: str) -> Mapping[str, Any]:
        body = self._fetch(f"{self._issuer}/cdn-cgi/access/certs")
        try:
            keys = json.loads(body)["keys"]
            return {key["kid"]: jwt.PyJWK(key, algorithm="RS256").key for key in keys[:_MOST_KEYS]}
        except (ValueError, KeyError, TypeError, jwt.PyJWTError) as error:
            log.error("the keys of Cloudflare Access cannot be read", extra={"error": type(error).__name__})
            raise ServiceUnavailable(_UNREADABLE) from None


def verifier(config: AwsAlbConfig | CloudflareAccessConfig, http: Http) -> AwsAlb | CloudflareAccess:
    def fetch(url: str) -> bytes:
        try:
            answer = http.request("GET", url)
        except NetworkError as error:
            log.error("the keys of the console's proxy cannot be fetched", extra={"reason": error})
            answer = None
        if answer is None or answer.status != 200 or answer.truncated:
            if answer is not None:
                keys = {"status": answer.status}
                log.error("the keys of the console's proxy cannot be fetched", extra=keys)
            raise ServiceUnavailable(
                "The keys that sign in the users of this console cannot be fetched; see the log."
            )
        return answer.body

    return AwsAlb(config, fetch) if isinstance(config, AwsAlbConfig) else CloudflareAccess(config, fetch)


def _head(token: str, algorithm: str) -> dict[str, Any]:
    if not token or len(token) > MAX_TOKEN:
        raise NotTrusted("there is no token, or it is too long")
    try:
        head = jwt.get_unverified_header(token)
    except jwt.PyJWTError:
        raise NotTrusted("the token cannot be read") from None
    if head.get("alg") != algorithm:
        raise NotTrusted(f"the token is not signed with {algorithm}")
    if not isinstance(head.get("kid"), str):
        raise NotTrusted("the token does not name its key")
    return head


def _claims(
    token: str, key: Any, algorithm: str, *, issuer: str, audience: str | None = None
) -> Mapping[str, Any]:
    try:
        claims: Mapping[str, Any] = jwt.decode(
            token,
            key,
            algorithms=[algorithm],
            issuer=issuer,
            audience=audience,
            leeway=LEEWAY,
            options={"require": ["exp", "iss", *(["aud"] if audience else [])], "verify_aud": bool(audience)},
        )
    except jwt.PyJWTError as error:
        raise NotTrusted(f"the token is not valid: {type(error).__name__}") from None
    return claims


def _name(claims: Mapping[str, Any], keys: tuple[str, ...]) -> str:
    unverified = str(claims.get("email_verified", True)).lower() == "false"
    for key in keys:
        name = claims.get(key)
        if isinstance(name, str) and name and not (key == "email" and unverified):
            return name
    raise NotTrusted("the token names nobody")


def _pem(body: bytes) -> Any:
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        return load_pem_public_key(body)
    except ValueError:
        log.error("the key of the load balancer cannot be read")
        raise ServiceUnavailable(_UNREADABLE) from None
