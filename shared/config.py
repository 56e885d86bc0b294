"""The configuration: one YAML file, or the environment alone. Read whole, checked whole, then frozen.

Every mistake is named with its line and what to write instead; unknown keys are mistakes. No secret is in
here: a secret is a `SecretRef`, and is looked up where it is used.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from shared.models import System
from shared.secrets import SecretRef


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PlatformConfig(_Section):
    url: str  # https://host[:port], no path, no trailing slash
    api_key: SecretRef
    api_version: Literal["v3", "v2"] = "v3"
    ca_bundle: str | None = None  # path of a PEM file
    fingerprint: str | None = None  # SHA-256 of the platform's certificate, hex, colons allowed
    bucket: str = ""  # v2 only
    link: str = "{url}"  # {url}, {project_id}, {evidence_id}; the platform's deep links are not public


class WebhookConfig(_Section):
    tokens: tuple[SecretRef, ...] = ()  # current and previous, both valid during a rotation


class AccountConfig(_Section):
    id: str | None = None  # twelve digits
    role: str | None = None
    external_id: SecretRef | None = None
    cado_account: str = "Default"  # the platform's own name for the account's credentials (cloud_id)


class TargetConfig(_Section):
    instance: str  # i-…
    region: str
    account: str = ""  # a key of `accounts`


class HuntConfig(_Section):
    schedule: str | None = None  # EventBridge's form: cron(…), rate(…), at(…)
    timezone: str = "Etc/UTC"
    capture: Literal["full", "triage", "scan"] = "full"
    targets: tuple[TargetConfig, ...]
    problems: tuple[str, ...] = Field(default=(), exclude=True)  # entries of SYSTEM1…n that could not be read

    @property
    def systems(self) -> tuple[System, ...]:
        """The systems, each once, in the order in which they are written."""
        found = (System(t.instance, t.region, t.account) for t in self.targets)
        return tuple(dict.fromkeys(found))


class SlackConfig(_Section):
    type: Literal["slack"]
    webhook_url: SecretRef


class TeamsConfig(_Section):
    type: Literal["teams"]
    webhook_url: SecretRef


class JiraConfig(_Section):
    type: Literal["jira"]
    url: str
    project: str
    issue_type: str = "Task"
    email: str | None = None  # Cloud: with api_token
    api_token: SecretRef | None = None
    token: SecretRef | None = None  # Data Center: a personal access token
    api: Literal["auto", "cloud", "datacenter"] = "auto"
    labels: tuple[str, ...] = ("huntbridge",)
    priorities: dict[str, str] = {"malicious": "Highest", "suspicious": "High", "unknown": "High", "info": "Low"}
    ca_bundle: str | None = None


DestinationConfig = Annotated[SlackConfig | TeamsConfig | JiraConfig, Field(discriminator="type")]


class MatchConfig(_Section):
    """All that are given must match; a list matches when one of it does. Text takes globs (`*`, `?`)."""

    event: tuple[str, ...] = ()
    severity: tuple[str, ...] = ()
    hunt: tuple[str, ...] = ()
    project: tuple[str, ...] = ()  # the project's name or id
    account: tuple[str, ...] = ()  # alias or id
    region: tuple[str, ...] = ()
    instance: tuple[str, ...] = ()  # id or Name
    tags: dict[str, tuple[str, ...]] = {}


class RouteConfig(_Section):
    match: MatchConfig = MatchConfig()
    to: tuple[str, ...]
    go_on: bool = Field(default=False, alias="continue")


class DeliveryConfig(_Section):
    retry_for: int = 86_400  # seconds that a destination that is down is tried before the delivery is dead


class FollowConfig(_Section):
    interval: float = 60  # seconds between two looks at the open hunts
    give_up_after: int = 172_800  # seconds after which a capture that never ended counts as failed


class Config(_Section):
    platform: PlatformConfig
    webhook: WebhookConfig = WebhookConfig()
    accounts: dict[str, AccountConfig] = {}
    hunts: dict[str, HuntConfig] = {}
    destinations: dict[str, DestinationConfig] = {}
    routes: tuple[RouteConfig, ...] = ()
    default: tuple[str, ...] = ()
    delivery: DeliveryConfig = DeliveryConfig()
    follow: FollowConfig = FollowConfig()
    extra_regions: tuple[str, ...] = ()  # regions newer than the list that this version ships


class ConfigError(Exception):
    """What is wrong with the configuration, one line each: `file:line: where: what, and what to do`."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def schema() -> dict[str, Any]:
    """The JSON Schema of the file, for editors."""
    return Config.model_json_schema(by_alias=True)
