"""The section of a Jira project."""

from __future__ import annotations

import re
from collections.abc import Iterator, Set
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, JsonValue

from shared.config.destinations.section import DestinationSection, Pace
from shared.config.errors import KeyProblem
from shared.config.suggestions import quoted
from shared.config.types import (
    NAMES_ONLY,
    AnyUrl,
    FilePath,
    SeverityName,
    Text,
    Texts,
    UrlForm,
    check_template,
)
from shared.config.urls import https_url
from shared.models.decisions import Verdict
from shared.secrets import SecretRef

_FIELD_ID = r"^[a-zA-Z][a-zA-Z0-9_]{0,60}$"
_RESERVED_FIELDS = {
    "project": "has a key of its own: project",
    "issuetype": "has a key of its own: issue_type",
    "labels": "has a key of its own: labels",
    "priority": "has a key of its own: priorities",
    "components": "has a key of its own: components",
    "security": "has a key of its own: security",
    "assignee": "is set by owners",
    "summary": "is the title of the message",
    "description": "is the message",
}
_LOGINS = "write {email} and {api_token} (Jira Cloud), or {token} (Jira Data Center)"


def _check_jira_url(text: str) -> str:
    """Refuses the URL of a page in Jira, since neither the API nor an issue can be found from it."""
    url = https_url(text, path="any")
    parts = urlsplit(url)
    if (parts.hostname or "").endswith(".atlassian.net") and parts.path:
        raise ValueError("must end with the host: remove the path")
    if page := re.search(r"/(browse|secure|projects|issues|plugins|rest)(/|$)", parts.path):
        raise ValueError(f"must end with the host or Jira's own path: remove what begins with {page[0]}")
    return url


def _check_field_id(text: str) -> str:
    if text in _RESERVED_FIELDS:
        raise ValueError(f"{quoted(text)} {_RESERVED_FIELDS[text]}")
    if not re.fullmatch(_FIELD_ID, text):
        raise ValueError("must be the id of a field, such as customfield_10010, and not its name")
    return text


def _check_field_value(value: JsonValue) -> JsonValue:
    """Checks every text in the value as a template."""
    match value:
        case None:
            raise ValueError("has no value: leave it out")
        case str():
            check_template(value)
        case list():
            for item in value:
                _check_field_value(item)
        case dict():
            for item in value.values():
                _check_field_value(item)
    return value


_JiraUrl = Annotated[str, AfterValidator(_check_jira_url), UrlForm]
_FieldId = Annotated[str, AfterValidator(_check_field_id), Field(json_schema_extra={"pattern": _FIELD_ID})]


class JiraConfig(DestinationSection):
    """A Jira project. The login is email with api_token (Cloud), or token (Data Center)."""

    type: Literal["jira"]
    url: _JiraUrl = Field(description="https://host of Jira, with its context path if it has one")
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
    fields: dict[_FieldId, Annotated[JsonValue, AfterValidator(_check_field_value)]] = Field(
        {},
        description="more fields by their ids, such as customfield_10010; the texts in them are templates",
        json_schema_extra=NAMES_ONLY,
    )
    reopen_within: int = Field(
        604_800,
        ge=0,
        strict=True,
        description="seconds since an issue was closed in which a new alarm of its case reopens it; "
        "a later alarm gets a new issue",
    )
    respect_resolutions: Texts = Field(
        ("Won't Do", "Won't Fix", "Duplicate"),
        description="names of final resolutions: a new alarm becomes a comment and does not reopen the issue",
    )
    verdicts: dict[Text, Verdict] = Field(
        {},
        description="the verdict for each name of a resolution, with which an issue that people close there "
        "closes its case; with any other resolution nothing is known good",
    )
    priorities: dict[SeverityName, str] = Field(
        {"malicious": "Highest", "suspicious": "High", "unknown": "High", "info": "Low"},
        description="name of the Jira priority for each severity",
    )
    ca_bundle: FilePath | None = Field(
        None, description="PEM file of the CA that signed Jira's certificate; relative to this file's folder"
    )
    pace: Pace = None

    @property
    def gateway(self) -> bool:
        """Whether Jira is reached through Atlassian's gateway, which has no pages for people."""
        return urlsplit(self.url).hostname == "api.atlassian.com"

    @classmethod
    def check_keys(cls, given: Set[str]) -> Iterator[KeyProblem]:
        """A section has exactly one login."""
        logins = given & {"email", "api_token", "token"}
        if not logins:
            yield "", f"no login: {_LOGINS}"
        elif "token" in logins and len(logins) > 1:
            yield "", f"two logins: {_LOGINS}, not both"
        elif logins in ({"email"}, {"api_token"}):
            (absent,) = {"email", "api_token"} - logins
            yield absent, "{missing}: Jira Cloud takes {email} and {api_token} together"
