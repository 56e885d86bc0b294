"""The section `owners`: the people whom a message mentions about a system."""

from __future__ import annotations

from typing import Self

from pydantic import ConfigDict, Field, model_validator

from shared.config.destinations.slack import SlackOwner
from shared.config.destinations.teams import TeamsUserConfig
from shared.config.types import Section, Text


class OwnerConfig(Section):
    """Whom messages about the systems of one owner mention; at least one entry."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    slack: SlackOwner | None = Field(None, description="id of a user or a user group in Slack")
    teams: TeamsUserConfig | None = Field(None, description="a user in Microsoft Teams")
    jira: Text | None = Field(
        None, description="to whom Jira assigns a new issue: account id (Cloud) or user name (Data Center)"
    )

    @model_validator(mode="after")
    def _check_not_empty(self) -> Self:
        if not self.model_fields_set:
            raise ValueError(f"names nobody: write {' or '.join(type(self).model_fields)}")
        return self
