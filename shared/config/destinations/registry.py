"""Every type of destination that the configuration can name. A new type adds its section here."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from shared.config.destinations.jira import JiraConfig
from shared.config.destinations.jsm import JsmConfig
from shared.config.destinations.pagerduty import PagerDutyConfig
from shared.config.destinations.slack import SlackConfig
from shared.config.destinations.teams import TeamsConfig
from shared.config.destinations.webhook import WebhookDestinationConfig

DestinationConfig = Annotated[
    SlackConfig | TeamsConfig | JiraConfig | WebhookDestinationConfig | PagerDutyConfig | JsmConfig,
    Field(discriminator="type"),
]
