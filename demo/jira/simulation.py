"""A simulated Jira with one project, which refuses what the real one refuses.

`datacenter=False` is Jira Cloud (REST v3, Basic e-mail and token, Atlassian Documents). `datacenter=True` is
Jira Data Center (REST v2, a personal access token, wiki text). A request without valid credentials is always
refused, even if the real Jira would admit anonymous callers.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from demo.jira import about, bulk, creation, issues, links, search, transitions
from demo.jira.site import Site


class Jira(Site):
    """See Site for the settings."""

    def _add_routes(self) -> None:
        version = 2 if self.datacenter else 3
        search_path, search_call = (
            ("/search", search.search_by_page) if self.datacenter else ("/search/jql", search.search)
        )
        projects = "/project" if self.datacenter else "/project/search"
        resolutions = "/resolution" if self.datacenter else "/resolution/search"
        for method, path, call in (
            ("GET", "/myself", about.myself),
            ("GET", "/mypermissions", about.mypermissions),
            ("GET", resolutions, about.list_resolutions),
            ("GET", projects, about.list_projects),
            ("GET", "/issue/createmeta/<project>/issuetypes", creation.list_issue_types),
            ("GET", "/issue/createmeta/<project>/issuetypes/<kind>", creation.list_fields),
            ("POST", "/issue", creation.create_issue),
            ("GET", "/issue/<key>", issues.get_issue),
            ("POST", "/issue/<key>/comment", issues.add_comment),
            ("GET", "/issue/<key>/comment", issues.list_comments),
            ("GET", "/issue/<key>/properties/<name>", issues.get_property),
            ("PUT", "/issue/<key>/properties/<name>", issues.put_property),
            ("GET", "/issue/<key>/transitions", transitions.list_transitions),
            ("POST", "/issue/<key>/transitions", transitions.make_transition),
            ("POST", "/issue/<key>/remotelink", links.add_remote_link),
            ("POST", "/issue/<key>/attachments", links.attach_files),
            ("POST", "/issueLink", links.link_issues),
            ("POST", search_path, search_call),
        ):
            self._add(method, f"{self.root}/rest/api/{version}{path}", call)
        if not self.datacenter:
            self._add("POST", f"{self.root}/rest/api/3/issue/bulkfetch", bulk.fetch_issues)
            for removed in ("2", "3"):
                for method in ("GET", "POST"):
                    self._add(method, f"{self.root}/rest/api/{removed}/search", search.search_removed)
        self.blueprint.add_url_rule(
            f"{self.root}/rest/api/2/serverInfo", "server_info", lambda: about.server_info(self)
        )
        if self.public_url:
            self.blueprint.add_url_rule(
                "/rest/api/<path:_>", "_site", about.refused_by_site, methods=["GET", "POST", "PUT"]
            )

    def _add(self, method: str, path: str, call: Callable[..., Any]) -> None:
        """Route authenticated requests to `call(self, **parts of the path)`."""

        def view(**parts: str) -> Any:
            self.authenticate()
            with self.lock:
                return call(self, **parts)

        # A Blueprint needs a distinct name for each view.
        name = re.sub(r"\W", "_", f"{method}{path}")
        self.blueprint.add_url_rule(path, name, view, methods=[method])
