"""Lists the projects and the types of issues that an account may use, for somebody who writes the
configuration."""

from __future__ import annotations

from collections.abc import Mapping

from receiver.destinations.jira.client import JiraApi
from receiver.destinations.jira.project import issue_types
from receiver.destinations.stopped import Stopped
from shared.config.destinations.jira import JiraConfig
from shared.http.client import Http
from shared.secrets import Secret


class JiraChoices:
    """Its methods raise ValueError if Jira refuses or does not answer."""

    def __init__(self, config: JiraConfig, http: Http, secret: Secret) -> None:
        """Raises ValueError if the token is malformed."""
        self._api = JiraApi(config, http, secret)

    def projects(self) -> Mapping[str, str]:
        """The name of each project by its key."""
        try:
            if self._api.cloud():
                projects = list(self._api.pages("project/search", "values"))
            else:
                listed = self._api.look("project").json()  # Data Center answers with a list, without pages
                projects = (
                    [entry for entry in listed if isinstance(entry, dict)] if isinstance(listed, list) else []
                )
        except Stopped as stopped:
            raise ValueError(str(stopped)) from None
        return {str(project.get("key")): str(project.get("name") or "") for project in projects}

    def issue_types(self, project: str) -> list[str]:
        """The names of the types of issues that may be created in the project."""
        try:
            return list(issue_types(self._api, project))
        except Stopped as stopped:
            raise ValueError(str(stopped)) from None
