"""The issue of a case: how it stands, whether it tells of an event already, and how it is opened again.

What a person sees as a status is named in the person's language; decided is by its category, which is not.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from receiver.destinations.classify import unanswered
from receiver.destinations.contract import Delivered, Retry
from receiver.destinations.jira import adf, wiki
from receiver.destinations.jira.client import ID, KEY, Ended, JiraApi, answer_of
from shared.http.errors import NetworkError
from shared.text import one_line

EVENT = "huntbridge.event"  # the property that says which event made an issue
MAX_WAYS = 5  # transitions that are tried to open an issue again
# Names of a transition back, or parts of one, in the languages that Jira itself speaks most.
_BACK = ("reopen", "open", "to do", "todo", "backlog", "öffnen", "offen", "rouvrir", "ouvr", "abrir", "apri")
_COMMENTS_LOOKED_AT = 100  # the newest ones; a repeat follows what it repeats by a day at most
_FIELDS = "status,resolution,resolutiondate,statuscategorychangedate,attachment"


@dataclass(frozen=True)
class Issue:
    """An issue as Jira knows it now; its key is another one than that it was asked by where it was moved."""

    key: str
    done: bool = False  # its status is of that category
    resolution: str = ""  # by its name
    closed_at: float | None = None  # epoch seconds; None where Jira does not say
    attachments: tuple[str, ...] = ()  # names of files

    def respects(self, resolutions: Iterable[str]) -> bool:
        return _plain(self.resolution) in map(_plain, resolutions)


class Issues:
    """The issues of one project. Raises Ended where Jira cannot be asked now."""

    def __init__(self, api: JiraApi, project: str) -> None:
        self._api, self._project = api, project

    def issue(self, key: str) -> Issue | None:
        """None where it is gone, or hidden from this account."""
        answer = self._api.look(f"issue/{key}", params={"fields": _FIELDS})
        if answer.status == 404:
            return None
        found = answer_of(answer)
        moved = found.get("key")
        fields = _mapping(found.get("fields"))
        category = _mapping(_mapping(fields.get("status")).get("statusCategory"))
        moments = (_moment(fields.get(name)) for name in ("resolutiondate", "statuscategorychangedate"))
        attachments = fields.get("attachment")
        return Issue(
            key=moved if isinstance(moved, str) and KEY.fullmatch(moved) else key,
            done=category.get("key") == "done",
            resolution=one_line(str(_mapping(fields.get("resolution")).get("name") or ""), 60),
            closed_at=next((moment for moment in moments if moment is not None), None),
            attachments=tuple(
                str(one.get("filename"))
                for one in (attachments if isinstance(attachments, list) else ())
                if isinstance(one, dict)
            ),
        )

    def find(self, case_key: str, *, other_than: str = "") -> str:
        """The key of the newest issue of a case; empty where the search finds none, or Jira refuses it.

        By its label: Jira does not search the properties of an issue. Cloud's search may not see a new issue
        for some time, and `reconcileIssues` only helps who knows its id; so whoever repeats waits first.
        """
        jql = f'project = "{self._project}" AND labels = "{case_label(case_key)}" ORDER BY created DESC'
        query = {"jql": jql, "maxResults": 2, "fields": ["labels"]}
        found = answer_of(self._api.look("search/jql" if self._api.cloud() else "search", query))
        issues = found.get("issues")
        keys = (_mapping(one).get("key") for one in (issues if isinstance(issues, list) else ()))
        return next((k for k in keys if isinstance(k, str) and KEY.fullmatch(k) and k != other_than), "")

    def tells(self, key: str, event_id: str) -> bool:
        """Whether the issue, or a comment on it, already tells of this event."""
        made_by = answer_of(self._api.look(f"issue/{key}/properties/{EVENT}")).get("value")
        if _mapping(made_by).get("id") == event_id:
            return True
        newest = {"orderBy": "-created", "maxResults": _COMMENTS_LOOKED_AT}
        comments = answer_of(self._api.look(f"issue/{key}/comment", params=newest)).get("comments")
        tells_of = adf.tells_of if self._api.cloud() else wiki.tells_of
        return any(
            tells_of(_mapping(comment).get("body"), event_id)
            for comment in (comments if isinstance(comments, list) else ())
        )

    def reopen(self, key: str) -> str:
        """By a transition to a status that is not done, whatever it is called; empty where the issue is open
        then, else why it is not. Nothing but the status is touched. Of all that are offered the best few are
        tried."""
        answer = self._api.look(f"issue/{key}/transitions", params={"expand": "transitions.fields"})
        ways = list(_ways_back(answer_of(answer)))
        wants = [missing for _, missing in ways if missing][:MAX_WAYS]
        for id in [id for id, missing in ways if not missing][:MAX_WAYS]:
            try:
                answer = self._api.send("POST", f"issue/{key}/transitions", {"transition": {"id": id}})
            except NetworkError as error:
                # Whether or not it was carried out: the message was not sent, and its next attempt looks.
                raise Ended(replace(unanswered(error), ambiguous=False)) from None
            verdict = self._api.judge(answer)
            if isinstance(verdict, Delivered):
                return ""
            # A broken workflow answers 500 for ever.
            if isinstance(verdict, Retry) and answer.status != 500:
                raise Ended(replace(verdict, ambiguous=False))
            wants.append(f"answered {answer.status}{self._api.said(answer)}")
        now = self.issue(key)
        if now is not None and not now.done:
            return ""  # somebody else was faster
        return "; ".join(dict.fromkeys(wants)) or "this account is offered no transition out of it"


def case_label(case_key: str) -> str:
    """What the issue of a case is found by, where its key was lost."""
    return f"huntbridge-{hashlib.sha256(case_key.encode()).hexdigest()[:16]}"


def _ways_back(found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The ids of the transitions to a status that is not done, and what each wants to have filled in. Those
    to a new status come first, and of these the ones that are called like a way back."""
    listed = found.get("transitions")
    ways = []
    for one in listed if isinstance(listed, list) else ():
        transition = _mapping(one)
        category = _mapping(_mapping(transition.get("to")).get("statusCategory")).get("key")
        id = str(transition.get("id"))
        offered = category in ("new", "indeterminate") and transition.get("isAvailable") is not False
        if offered and ID.fullmatch(id):
            missing = ", ".join(
                one_line(str(_mapping(field).get("name") or name), 40)
                for name, field in _mapping(transition.get("fields")).items()
                if _mapping(field).get("required") is True and not _mapping(field).get("hasDefaultValue")
            )
            name = one_line(str(transition.get("name", "")), 40)
            wants = f"the transition {name} asks for {missing}" if missing else ""
            back = any(word in name.casefold() for word in _BACK)
            ways.append(((category != "new", not back), id, wants))
    for _, id, wants in sorted(ways, key=lambda way: way[0]):
        yield id, wants


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _moment(text: Any) -> float | None:
    """Of `2026-11-24T12:00:00.000+0000`, epoch seconds."""
    try:
        return datetime.strptime(str(text), "%Y-%m-%dT%H:%M:%S.%f%z").timestamp()
    except ValueError:
        return None


def _plain(name: str) -> str:
    return " ".join(name.replace("\u2019", "'").casefold().split())
