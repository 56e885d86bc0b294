"""The section of a Jira project."""

from __future__ import annotations

import re
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    Field,
    JsonValue,
)

from shared.config.destinations.pace import Pace
from shared.config.errors import quoted
from shared.config.types import (
    NAMES_ONLY,
    AnyUrl,
    FilePath,
    Section,
    SeverityName,
    Text,
    Texts,
    UrlForm,
    check_template,
)
from shared.config.urls import https_url
from shared.secrets import SecretRef


def _jira_url(text: str) -> str:
    """Refuses the URL of a page in Jira, which gives neither the API's address nor a link to an issue."""
    url = https_url(text, path="any")
    parts = urlsplit(url)
    if (parts.hostname or "").endswith(".atlassian.net") and parts.path:
        raise ValueError("must end with the host: take away the path")
    if page := re.search(r"/(browse|secure|projects|issues|plugins|rest)(/|$)", parts.path):
        raise ValueError(f"must end with the host or Jira's own path: take away what begins with {page[0]}")
    return url


_JiraUrl = Annotated[str, AfterValidator(_jira_url), UrlForm]


_JIRA_FIELD = r"^[a-zA-Z][a-zA-Z0-9_]{0,60}$"


# What has a key of its own, or is said by the message.
_OWN_FIELDS = {
    "project": "has a key of its own: project",
    "issuetype": "has a key of its own: issue_type",
    "labels": "has a key of its own: labels",
    "priority": "has a key of its own: priorities",
    "components": "has a key of its own: components",
    "security": "has a key of its own: security",
    "assignee": "is said by owners",
    "summary": "is the title of the message",
    "description": "is the message",
}


def _jira_field(text: str) -> str:
    if text in _OWN_FIELDS:
        raise ValueError(f"{quoted(text)} {_OWN_FIELDS[text]}")
    if not re.fullmatch(_JIRA_FIELD, text):
        raise ValueError("must be the id of a field, such as customfield_10010, and not its name")
    return text


def _field_value(value: JsonValue) -> JsonValue:
    """Every text in it is a template."""
    match value:
        case None:
            raise ValueError("has no value: leave it out")
        case str():
            check_template(value)
        case list():
            for one in value:
                _field_value(one)
        case dict():
            for one in value.values():
                _field_value(one)
    return value


_JiraField = Annotated[str, AfterValidator(_jira_field), Field(json_schema_extra={"pattern": _JIRA_FIELD})]


class JiraConfig(Section):
    """A Jira project. The login is email with api_token (Cloud), or token (Data Center)."""

    type: Literal["jira"]
    url: _JiraUrl = Field(description="https://host of Jira, with its context path where it has one")
    project: Text = Field(description="key of the project, such as SEC")
    issue_type: Text = Field("Task", description="name of the issue type")
    email: Text | None = Field(None, description="Cloud: the account that the API token belongs to")
    api_token: SecretRef | None = Field(None, description="Cloud: the API token, as a secret reference")
    token: SecretRef | None = Field(
        None, description="Data Center: a personal access token, as a secret reference"
    )
    api: Literal["auto", "cloud", "datacenter"] = Field(
        "auto", description="which Jira it is; auto finds out by the URL and the login"
    )
    site: AnyUrl | None = Field(
        None,
        description="https://host of the site that people open, where url is https://api.atlassian.com/ex/jira/…",
    )
    labels: Texts = Field(("huntbridge",), description="labels of every issue")
    components: Texts = Field((), description="names of components of every issue")
    security: Text | None = Field(None, description="name of the security level of every issue")
    fields: dict[_JiraField, Annotated[JsonValue, AfterValidator(_field_value)]] = Field(
        {},
        description="more fields by their ids, such as customfield_10010; the texts in them are templates",
        json_schema_extra=NAMES_ONLY,
    )
    reopen_within: int = Field(
        604_800,
        ge=0,
        strict=True,
        description="seconds since an issue was closed in which a new alarm of its case reopens it; "
        "after them it gets a new issue",
    )
    respect_resolutions: Texts = Field(
        ("Won't Do", "Won't Fix", "Duplicate"),
        description="names of resolutions that stand: a new alarm is a comment and reopens nothing",
    )
    priorities: dict[SeverityName, str] = Field(
        {"malicious": "Highest", "suspicious": "High", "unknown": "High", "info": "Low"},
        description="name of the Jira priority for each severity",
    )
    ca_bundle: FilePath | None = Field(
        None, description="PEM file of the CA that signed Jira's certificate; from this file's folder"
    )
    pace: Pace = None

    @property
    def gateway(self) -> bool:
        """Whether Jira is reached through Atlassian's gateway, which shows no page to a person."""
        return urlsplit(self.url).hostname == "api.atlassian.com"
