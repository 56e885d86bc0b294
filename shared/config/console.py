"""The section `console`: where the console answers, and who may use it."""

from __future__ import annotations

import hashlib
import re
from ipaddress import ip_address
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, PlainSerializer, model_validator

from shared.config.errors import KeysError
from shared.config.listen import Listen
from shared.config.types import AnyUrl, Section, Text, matching


def _check_address(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        raise ValueError("must be an IP address, such as 127.0.0.1") from None


def _check_host(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        pass
    if not re.fullmatch(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?", text.lower()):
        raise ValueError("must be a name such as console.acme.example, without https:// and without a port")
    return text.lower()


def _check_hash(text: str) -> str:
    if not re.fullmatch(r"scrypt:[0-9]{1,8}:[0-9]{1,3}:[0-9]{1,3}\$[^$]{8,}\$[0-9a-f]{128}", text):
        raise ValueError("must be what `huntbridge console password` prints; it begins with scrypt:")
    return text


RoleName = Literal["viewer", "responder", "administrator"]
_UserName = Annotated[
    str,
    AfterValidator(matching(r"[A-Za-z0-9._@+-]{1,80}", "may have letters, digits and .-_@+ only")),
]
_PasswordHash = Annotated[
    str,
    AfterValidator(_check_hash),
    # The audit log and the settings page show that it changed, and nothing that a password could be tried on.
    PlainSerializer(lambda text: f"scrypt, digest {hashlib.sha256(text.encode()).hexdigest()[:12]}"),
    Field(json_schema_extra={"pattern": "^scrypt:"}, repr=False),
]
_IpAddress = Annotated[str, AfterValidator(_check_address)]
_HeaderName = Annotated[
    str, AfterValidator(matching(r"[A-Za-z][A-Za-z0-9-]{0,63}", "must be the name of a header"))
]
_SignerArn = Annotated[
    str,
    AfterValidator(
        matching(
            r"arn:aws[a-z-]*:elasticloadbalancing:[a-z0-9-]+:[0-9]{12}:loadbalancer/app/[^\s/]+/[0-9a-f]+",
            "must be the ARN of the load balancer",
        )
    ),
]
_TeamName = Annotated[
    str,
    AfterValidator(
        matching(r"[a-z0-9][a-z0-9-]{0,62}", "must be the first part of <team>.cloudflareaccess.com")
    ),
]


_HostName = Annotated[str, AfterValidator(_check_host)]


class ConsoleUserConfig(Section):
    """Somebody who signs in with a password."""

    password_hash: _PasswordHash = Field(description="what `huntbridge console password` prints")
    role: RoleName = Field("viewer", description="what they may do")


class AwsAlbConfig(Section):
    """The signed header `x-amzn-oidc-data` of an AWS load balancer that authenticates by OIDC."""

    type: Literal["aws-alb"]
    signer: _SignerArn = Field(description="ARN of the load balancer that signs")
    client: Text = Field(description="the client id that the load balancer uses at the identity provider")
    issuer: AnyUrl = Field(description="the issuer of the identity provider, as the load balancer has it")

    @property
    def region(self) -> str:
        return self.signer.split(":")[3]


class CloudflareAccessConfig(Section):
    """The signed header `Cf-Access-Jwt-Assertion` of Cloudflare Access."""

    type: Literal["cloudflare-access"]
    team: _TeamName = Field(description="the team: the first part of <team>.cloudflareaccess.com")
    audience: Text = Field(description="the application audience tag (AUD) of the Access application")


class ConsoleProxyConfig(Section):
    """A reverse proxy that has signed its users in and names them."""

    address: _IpAddress = Field(description="IP address of the proxy; requests of others are refused")
    header: _HeaderName | None = Field(
        None, description="header in which the proxy names the user, such as X-Forwarded-User"
    )
    jwt: Annotated[AwsAlbConfig | CloudflareAccessConfig, Field(discriminator="type")] | None = Field(
        None, description="instead of header: a signed token that names the user"
    )
    roles: dict[Text, RoleName] = Field({}, description="the role of a user, by the proxy's name for them")
    default_role: RoleName | None = Field(
        None, description="the role of users that roles does not name; by default they are refused"
    )

    @model_validator(mode="after")
    def _one_way(self) -> ConsoleProxyConfig:
        if (self.header is None) == (self.jwt is None):
            raise KeysError([("", "needs header or jwt, and not both")])
        if not self.roles and self.default_role is None:
            raise KeysError([("", "lets nobody in: write roles or default_role")])
        return self


class ConsoleConfig(Section):
    """The console: pages for operators."""

    enabled: bool = Field(True, strict=True, description="whether serve has the console")
    listen: Listen | None = Field(
        None, description="address and port of its own; by default it is where the webhooks go, at /"
    )
    url: AnyUrl | None = Field(
        None, description="address at which people open the console; messages then have a button to a page"
    )
    hosts: tuple[_HostName, ...] = Field(
        (),
        description="host names of the console; a request under another is refused (default: any)",
    )
    users: dict[_UserName, ConsoleUserConfig] = Field({}, description="who signs in with a password, by name")
    proxy: ConsoleProxyConfig | None = Field(
        None, description="instead of users: a reverse proxy that has signed its users in"
    )
    session: int = Field(
        43_200, ge=300, le=2_592_000, strict=True, description="seconds after which one signs in again"
    )

    @model_validator(mode="after")
    def _one_way(self) -> ConsoleConfig:
        if self.users and self.proxy:
            raise KeysError([("proxy", "cannot be used together with users: remove one of them")])
        return self
