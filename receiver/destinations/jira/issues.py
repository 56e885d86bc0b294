"""Looks up issues: the state of an issue, the issue of a case, and whether an issue is about an event.

Jira shows the name of a status in the user's language. huntbridge decides by the status category, which is
never translated.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from receiver.destinations.jira import adf, wiki
from receiver.destinations.jira.client import JiraApi, answer_of
from receiver.destinations.jira.keys import KEY
from shared.text import one_line

EVENT = "huntbridge.event"  # the property that says which event made an issue
_COMMENTS_LOOKED_AT = 100  # the newest ones; a repeat follows the first attempt within a day
_FIELDS_OF_MANY = ("status", "resolution", "resolutiondate", "statuscategorychangedate", "labels")
_FIELDS = "status,resolution,resolutiondate,statuscategorychangedate,attachment"


@dataclass(frozen=True)
class Issue:
    """An issue as Jira has it now. If the issue was moved, its key differs from the one it was looked up
    by."""

    key: str
    done: bool = False  # its status is in the category "done"
    resolution: str = ""  # by its name
    closed_at: float | None = None  # epoch seconds; None if Jira does not say
    attachments: tuple[str, ...] = ()  # names of files

    def is_resolved_as(self, resolutions: Iterable[str]) -> bool:
        return _normalized(self.resolution) in map(_normalized, resolutions)


class Issues:
    """The issues of one project. Each method raises Stopped if Jira cannot be asked now."""

    def __init__(self, api: JiraApi, project: str) -> None:
        self._api, self._project = api, project

    def issue(self, key: str) -> Issue | None:
        """None if the issue is gone, or hidden from this account."""
        answer = self._api.look(f"issue/{key}", params={"fields": _FIELDS})
        if answer.status == 404:
            return None
        return issue_of(answer_of(answer), key)

    def answers(self, keys: Collection[str], *, with_changes: bool = False) -> list[Mapping[str, Any]]:
        """What Jira answers about these issues, at most 100, without those that are gone. `with_changes`: the
        last changes of each as well."""
        more = {"expand": ["changelog"]} if with_changes else {}
        query: dict[str, Any] = {"fields": [*_FIELDS_OF_MANY], **more}
        if self._api.cloud():
            answer = self._api.post_question("issue/bulkfetch", query | {"issueIdsOrKeys": list(keys)})
        else:
            jql = f"key in ({', '.join(keys)})"
            # Without validation Jira leaves out the keys of issues that are gone.
            answer = self._api.post_question(
                "search", query | {"jql": jql, "maxResults": len(keys), "validateQuery": False}
            )
        issues = answer.get("issues")
        return [mapping(issue) for issue in (issues if isinstance(issues, list) else ())]

    def find(self, case_key: str, *, other_than: str = "") -> str:
        """The key of the newest issue of a case; empty if the search finds none, or Jira refuses it.

        Jira cannot search the properties of issues, so this searches for the label. For some time the search
        of Jira Cloud may not find a new issue, and `reconcileIssues` needs the id of the issue. So a delivery
        waits before it is repeated.
        """
        jql = f'project = "{self._project}" AND labels = "{case_label(case_key)}" ORDER BY created DESC'
        query = {"jql": jql, "maxResults": 2, "fields": ["labels"]}
        results = answer_of(self._api.look("search/jql" if self._api.cloud() else "search", query))
        issues = results.get("issues")
        keys = (mapping(issue).get("key") for issue in (issues if isinstance(issues, list) else ()))
        return next(
            (key for key in keys if isinstance(key, str) and KEY.fullmatch(key) and key != other_than), ""
        )

    def tells(self, key: str, event_id: str) -> bool:
        """Whether the issue or one of its comments is already about this event."""
        created_by = answer_of(self._api.look(f"issue/{key}/properties/{EVENT}")).get("value")
        if mapping(created_by).get("id") == event_id:
            return True
        newest = {"orderBy": "-created", "maxResults": _COMMENTS_LOOKED_AT}
        comments = answer_of(self._api.look(f"issue/{key}/comment", params=newest)).get("comments")
        tells_of = adf.tells_of if self._api.cloud() else wiki.tells_of
        return any(
            tells_of(mapping(comment).get("body"), event_id)
            for comment in (comments if isinstance(comments, list) else ())
        )


def issue_of(body: Mapping[str, Any], asked_by: str = "") -> Issue:
    """The issue of an answer. `asked_by`: its key, if the answer has none."""
    key = body.get("key")
    fields = mapping(body.get("fields"))
    category = mapping(mapping(fields.get("status")).get("statusCategory"))
    moments = (_moment(fields.get(name)) for name in ("resolutiondate", "statuscategorychangedate"))
    attachments = fields.get("attachment")
    return Issue(
        key=key if isinstance(key, str) and KEY.fullmatch(key) else asked_by,
        done=category.get("key") == "done",
        resolution=one_line(str(mapping(fields.get("resolution")).get("name") or ""), 60),
        closed_at=next((moment for moment in moments if moment is not None), None),
        attachments=tuple(
            str(file.get("filename"))
            for file in (attachments if isinstance(attachments, list) else ())
            if isinstance(file, dict)
        ),
    )


def case_label(case_key: str) -> str:
    """The label by which the issue of a case is found if its key was lost."""
    return f"huntbridge-{hashlib.sha256(case_key.encode()).hexdigest()[:16]}"


def mapping(value: Any) -> Mapping[str, Any]:
    """The value, if it is a JSON object; else an empty one."""
    return value if isinstance(value, dict) else {}


def _moment(text: Any) -> float | None:
    """Epoch seconds of a text such as `2026-11-24T12:00:00.000+0000`."""
    try:
        return datetime.strptime(str(text), "%Y-%m-%dT%H:%M:%S.%f%z").timestamp()
    except ValueError:
        return None


def _normalized(name: str) -> str:
    return " ".join(name.replace("\u2019", "'").casefold().split())
