"""The configuration as a whole: one frozen object that holds every section."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any, get_args

from pydantic import AfterValidator, BaseModel, Field

from shared.config.accounts import AccountConfig, OrganizationConfig
from shared.config.capture_again import CaptureAgainConfig
from shared.config.cases import CasesConfig
from shared.config.console import ConsoleConfig
from shared.config.cost import CostConfig, PricesConfig
from shared.config.coverage import CoverageConfig
from shared.config.daily_check import DailyCheckConfig
from shared.config.delivery import DeliveryConfig, Escalation, RemindersConfig
from shared.config.destinations.registry import DestinationConfig
from shared.config.destinations.slack import SlackConfig
from shared.config.hunts import FollowConfig, GuardDutyConfig, HuntConfig
from shared.config.intelligence import IntelligenceConfig
from shared.config.keep import KeepConfig
from shared.config.message import MessageConfig
from shared.config.metrics import MetricsConfig
from shared.config.mutes import MuteConfig
from shared.config.on_duty import OnDutyConfig
from shared.config.owners import OwnerConfig
from shared.config.platform_section import PlatformConfig, WebhookConfig
from shared.config.report import ReportConfig
from shared.config.route_tests import RouteTestConfig
from shared.config.routes import RouteConfig
from shared.config.triggers import TriggerConfig
from shared.config.types import (
    ACCOUNT_ID,
    NAMES_ONLY,
    DestinationName,
    Name,
    OneOrMany,
    Section,
    Text,
    matching,
)
from shared.config.vulnerabilities import VulnerabilitiesConfig
from shared.models.intelligence import DEFAULT_NAME
from shared.secrets import SecretRef

_ExtraRegion = Annotated[str, AfterValidator(matching(r"^[a-z0-9-]+$", "must be a region such as eu-west-9"))]


class Config(Section):
    """The configuration of huntbridge."""

    platform: PlatformConfig = Field(description="the platform and how to reach it")
    webhook: WebhookConfig = Field(WebhookConfig(), description="what the platform's webhook must carry")
    accounts: dict[str, AccountConfig] = Field({}, description="AWS accounts by a name of your choice")
    organization: OrganizationConfig | None = Field(
        None, description="AWS Organizations: how to read the accounts of a unit that are not in accounts"
    )
    hunts: dict[Name, HuntConfig] = Field(
        {}, description="hunt definitions by name", json_schema_extra=NAMES_ONLY
    )
    guardduty: GuardDutyConfig | None = Field(
        None, description="which findings of GuardDuty start a hunt; by default none does"
    )
    intelligence: IntelligenceConfig | None = Field(
        None, description="your own indicators and YARA rules, in force at every hunt; by default none"
    )
    triggers: dict[Name, TriggerConfig] = Field(
        {},
        description="other events of EventBridge that start a capture or a hunt, by name",
        json_schema_extra=NAMES_ONLY,
    )
    capture_again: CaptureAgainConfig = Field(
        CaptureAgainConfig(), description="whether people may capture a case's system again"
    )
    coverage: CoverageConfig | None = Field(
        None, description="which accounts are compared with what was captured; by default those of hunts"
    )
    cost: CostConfig = Field(CostConfig(), description="what the cost of a hunt is estimated from")
    prices: PricesConfig = Field({}, description="your own prices in US dollars, by their ids")
    vulnerabilities: VulnerabilitiesConfig | None = Field(
        None, description="which vulnerabilities are told; by default they are only shown"
    )
    destinations: dict[Name, DestinationConfig] = Field(
        {},
        description="Slack channels, Teams channels, Jira projects, webhooks and pagers by name",
        json_schema_extra=NAMES_ONLY,
    )
    routes: tuple[RouteConfig, ...] = Field((), description="which alarms go where; the first match wins")
    default: Annotated[tuple[DestinationName, ...], OneOrMany()] = Field(
        (), description="destinations of alarms that no route matches"
    )
    tests: tuple[RouteTestConfig, ...] = Field(
        (), description="examples of alarms and where they must go; check and routes test try them"
    )
    mutes: tuple[MuteConfig, ...] = Field((), description="alarms that send no messages until a date")
    owner_tag: Text = Field("Owner", description="EC2 tag that names the owner of a system")
    owners: dict[str, OwnerConfig] = Field(
        {}, description="whom a message mentions, by the whole value of the system's owner_tag"
    )
    on_duty: OnDutyConfig | None = Field(
        None, description="where to ask who is on duty, for malicious alarms; by default nobody is asked"
    )
    message: MessageConfig = Field(
        MessageConfig(), description="what messages say, and which facts they show"
    )
    delivery: DeliveryConfig = Field(DeliveryConfig(), description="how messages are sent")
    cases: CasesConfig = Field(CasesConfig(), description="how long cases live, and known-good findings")
    reminders: RemindersConfig | None = Field(
        None,
        description="reminders of malicious cases that nobody has acknowledged; by default there are none",
    )
    escalate: Escalation = Field(
        (),
        description="further destinations for a malicious case that nobody has acknowledged, step by step",
    )
    report: ReportConfig | None = Field(
        None, description="a report of the last four weeks, sent once a month; by default none is sent"
    )
    daily_check: DailyCheckConfig = Field(
        DailyCheckConfig(), description="the daily check of everything that the configuration names"
    )
    follow: FollowConfig = Field(FollowConfig(), description="how open hunts are followed")
    keep: KeepConfig = Field(KeepConfig(), description="how long what is stored is kept")
    console: ConsoleConfig = Field(ConsoleConfig(), description="the console, and who may use it")
    metrics: MetricsConfig = Field(
        MetricsConfig(), description="who may read the page /metrics of serve; by default there is none"
    )
    extra_regions: Annotated[tuple[_ExtraRegion, ...], OneOrMany()] = Field(
        (), description="AWS regions newer than the list that this version ships"
    )

    def account(self, name: str) -> AccountConfig | None:
        """The account with this key in `accounts`. With `organization`, also any account by its id."""
        if name in self.accounts or self.organization is None or not re.fullmatch(ACCOUNT_ID, name):
            return self.accounts.get(name)
        return AccountConfig(
            id=name,
            role=self.organization.role.replace("{account_id}", name),
            external_id=self.organization.external_id,
            cado_account=self.organization.cado_account.replace("{account_id}", name),
        )

    @property
    def intelligence_name(self) -> str:
        return self.intelligence.name if self.intelligence else DEFAULT_NAME

    def takes_intelligence(self, hunt: str) -> bool:
        """Whether the hunt of this name takes one's own rules and indicators along. A hunt that is not in the
        configuration takes those of all hunts."""
        own = self.hunts[hunt].intelligence if hunt in self.hunts else None
        return not own.none if own else self.intelligence is not None

    def requires_intelligence(self, hunt: str) -> bool:
        own = self.hunts[hunt].intelligence if hunt in self.hunts else None
        if own and own.required is not None:
            return own.required
        return bool(self.intelligence and self.intelligence.required)

    @property
    def slack_signing_secrets(self) -> tuple[SecretRef, ...]:
        """The signing secrets of all Slack apps, each once."""
        slack = (section for section in self.destinations.values() if isinstance(section, SlackConfig))
        return tuple(dict.fromkeys(ref for section in slack for ref in section.signing_secret))

    def account_name(self, account_id: str) -> str:
        """The key of the account with these twelve digits, or the digits if no account has them as its id."""
        names = (name for name, account in self.accounts.items() if account.id == account_id)
        return next(names, account_id)


def _secret_keys(section: type[BaseModel]) -> Iterator[str]:
    for name, field in section.model_fields.items():
        for part in _parts(field.annotation):
            if part is SecretRef:
                yield name
            elif issubclass(part, BaseModel):
                yield from _secret_keys(part)


def _parts(annotation: Any) -> Iterator[type]:
    """The classes that an annotation such as `tuple[SecretRef, ...] | None` is made of."""
    if isinstance(annotation, type) and not get_args(annotation):
        yield annotation
    for argument in get_args(annotation):
        yield from _parts(argument)


SECRET_KEYS = frozenset(_secret_keys(Config))  # the keys whose values are references to secrets
