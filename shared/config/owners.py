"""The section `owners`: the people whom a message calls about a system."""

from __future__ import annotations

from pydantic import (
    ConfigDict,
    Field,
)

from shared.config.destinations.slack import SlackUser
from shared.config.destinations.teams import TeamsUserConfig
from shared.config.types import Section, Text


class OwnerConfig(Section):
    """Who is called about systems of one owner; at least one of them."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    slack: SlackUser | None = Field(None, description="id of a user or a user group in Slack")
    teams: TeamsUserConfig | None = Field(None, description="a user in Microsoft Teams")
    jira: Text | None = Field(
        None, description="to whom Jira assigns a new issue: account id (Cloud) or user name (Data Center)"
    )
