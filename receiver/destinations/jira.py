"""A message → an issue in one Jira project, or a comment on the issue that the case already has.

Jira Cloud speaks REST v3 with Atlassian Documents, Data Center v2 with wiki text. A field that the project's
screen refuses and an issue can do without is left out once, and named. Nothing is posted twice in one
delivery when it is open whether the first was carried out; a later delivery looks for it first.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote, urlsplit

from receiver.compose import Message
from receiver.destinations import Check, Delivered, Outcome, Rejected, Retry, adf, wiki
from receiver.destinations.verdict import Mask, json_object, judge, said, unanswered
from shared.config import JiraConfig
from shared.http import Answer, Http, NetworkError
from shared.secrets import Secret
from shared.text import one_line

MAX_SUMMARY = 255  # characters, on one line
MAX_LABEL = 255  # characters, no white space
KEY = re.compile(r"[A-Z][A-Z0-9_]*-\d{1,12}", re.ASCII)
_EVENT = "huntbridge.event"  # the property that says which event made an issue
_COMMENTS_LOOKED_AT = 100  # the newest ones; a repeat follows what it repeats by a day at most
_NEEDED = frozenset({"project", "issuetype", "summary", "description"})


class _Ended(Exception):
    """Ends a delivery early, with what became of it. Never leaves this module."""

    def __init__(self, outcome: Retry | Rejected) -> None:
        super().__init__(outcome.reason)
        self.outcome = outcome


class JiraDestination:
    """One project. `secret`: the API token (Cloud, with the config's email) or the personal access token."""

    thread = True
    update = False

    def __init__(
        self,
        name: str,
        config: JiraConfig,
        http: Http,
        secret: Secret,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Raises ValueError where the token cannot be one."""
        if not re.fullmatch(r"[\x21-\x7e]+", secret.reveal()):
            raise ValueError(
                "the token of Jira holds a space or a character that no token has: copy it again"
            )
        self.name = name
        self._config, self._http, self._clock = config, http, clock
        self._base = config.url.rstrip("/")
        basic = f"{config.email}:{secret.reveal()}" if config.email else ""
        self._authorization = Secret(
            f"Basic {b64encode(basic.encode()).decode()}" if basic else f"Bearer {secret.reveal()}"
        )
        self._mask = Mask(secret.reveal(), basic)
        self._cloud = _cloud_by_name(config)  # None until Jira was asked
        self._advice = {
            400: "Jira refuses the issue",
            401: "Jira does not take the token; has it expired? Tokens of Jira Cloud live a year at most",
            403: f"the account may not do this in project {config.project}, or must first solve a captcha",
            404: f"there is no project {config.project} at this URL, or the account may not see it",
            410: "this Jira has removed that API; huntbridge must be updated",
            413: "Jira finds the issue too long; this is a fault in huntbridge",
        }

    def deliver(self, message: Message, case_refs: Mapping[str, str]) -> Outcome:
        try:
            cloud = self._is_cloud()
            ref = case_refs.get("ref", "")
            ref = ref if KEY.fullmatch(ref) else ""
            if not ref and (message.maybe_repeat or case_refs.get("unsure")):
                ref = self._issue_of_case(message, cloud)
            if not ref:
                return self._create(message, cloud)
            if message.maybe_repeat and self._told(message, ref, cloud):
                return Delivered(ref=ref, note="an earlier attempt had arrived")
            commented = self._comment(message, ref, cloud)
            if commented is not None:
                return commented
            created = self._create(message, cloud)
        except NetworkError as error:
            return unanswered(error)
        except _Ended as ended:
            return ended.outcome
        if isinstance(created, Delivered):
            notes = (f"{ref} is gone, or hidden from this account, so a new issue was made", created.note)
            return replace(created, note="; ".join(filter(None, notes)))
        return created

    def check(self) -> Check:
        try:
            return self._check("Jira Cloud" if self._is_cloud() else "Jira Data Center")
        except NetworkError as error:
            return Check(False, f"Jira cannot be reached: {error}")
        except _Ended as ended:
            return Check(False, ended.outcome.reason)

    # What is asked of Jira

    def _create(self, message: Message, cloud: bool) -> Outcome:
        body = self.issue(message, cloud=cloud)
        answer = self._call("POST", "issue", cloud, body)
        refused = _refused_fields(answer, body)
        if not refused:
            return self._created(answer)
        for name in refused:
            body["fields"].pop(name, None)
        if "properties" in refused:
            del body["properties"]
        outcome = self._created(self._call("POST", "issue", cloud, body))
        if isinstance(outcome, Delivered):
            return replace(outcome, note=f"left out, as Jira refused it: {_in_words(answer).text}"[:300])
        return outcome

    def _created(self, answer: Answer) -> Outcome:
        verdict = self._judge(answer)
        if not isinstance(verdict, Delivered):
            return verdict
        key = json_object(answer).get("key")
        if isinstance(key, str) and KEY.fullmatch(key):
            return Delivered(ref=key)
        if answer.status == 201 and not _words(answer):
            return Delivered(note="Jira made an issue and did not say which")
        return Rejected(
            f"answered {answer.status}, but made no issue; is the URL Jira's, or a login page's?"
            + said(_in_words(answer), self._mask)
        )

    def _comment(self, message: Message, key: str, cloud: bool) -> Outcome | None:
        """None where the issue is gone."""
        body = {
            "body": adf.document(message, titled=True) if cloud else wiki.text(message, titled=True),
            # In a service project a comment is shown to the customer unless it says that it is internal.
            "properties": [{"key": "sd.public.comment", "value": {"internal": True}}],
        }
        answer = self._call("POST", f"issue/{key}/comment", cloud, body)
        if answer.status == 404:
            return None
        verdict = self._judge(answer)
        if not isinstance(verdict, Delivered):
            return verdict
        if answer.status == 201 or json_object(answer).get("id"):
            return Delivered(ref=key)
        return Rejected(f"answered {answer.status}, but made no comment{said(_in_words(answer), self._mask)}")

    # What is asked before anything is repeated. A question that Jira refuses (the account may not search)
    # has no answer: then the message is sent, and says that it may be a repeat.

    def _issue_of_case(self, message: Message, cloud: bool) -> str:
        """The key of the oldest issue of this case; empty where the search finds none.

        By its label: Jira does not search the properties of an issue. Cloud's search may not see a new issue
        for some time, and `reconcileIssues` only helps who knows its id; so whoever repeats waits first.
        """
        jql = f'project = "{self._config.project}" AND labels = "{case_label(message.case_key)}"'
        query = {"jql": f"{jql} ORDER BY created ASC", "maxResults": 1, "fields": ["labels"]}
        found = self._asked("POST", "search/jql" if cloud else "search", cloud, query).get("issues")
        first = found[0] if isinstance(found, list) and found else None
        key = first.get("key") if isinstance(first, dict) else None
        return key if isinstance(key, str) and KEY.fullmatch(key) else ""

    def _told(self, message: Message, key: str, cloud: bool) -> bool:
        """Whether the issue, or a comment on it, already tells of this event."""
        made_by = self._asked("GET", f"issue/{key}/properties/{_EVENT}", cloud).get("value")
        if isinstance(made_by, dict) and made_by.get("id") == message.id:
            return True
        newest = f"issue/{key}/comment?orderBy=-created&maxResults={_COMMENTS_LOOKED_AT}"
        comments = self._asked("GET", newest, cloud).get("comments")
        tells = adf.tells_of if cloud else wiki.tells_of
        return any(
            isinstance(comment, dict) and tells(comment.get("body"), message.id)
            for comment in (comments if isinstance(comments, list) else [])
        )

    def _asked(
        self, method: str, path: str, cloud: bool, body: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        data = None if body is None else json.dumps(body).encode()
        try:
            answer = self._http.request(method, self._url(path, cloud), headers=self._headers(), data=data)
        except NetworkError as error:
            raise _Ended(replace(unanswered(error), ambiguous=False)) from None
        verdict = self._judge(answer)
        if isinstance(verdict, Retry):
            raise _Ended(replace(verdict, ambiguous=False))
        return json_object(answer) if isinstance(verdict, Delivered) else {}

    def _check(self, kind: str) -> Check:
        cloud, project = kind == "Jira Cloud", self._config.project
        me = self._get("myself", cloud)
        who = one_line(str(me.get("displayName") or me.get("name") or "an account"), 60)
        wanted = ("CREATE_ISSUES", "ADD_COMMENTS")
        answer = self._get("mypermissions", cloud, projectKey=project, permissions=",".join(wanted))
        held = answer.get("permissions")
        held = held if isinstance(held, dict) else {}
        for name in wanted:
            permission = held.get(name)
            if not (isinstance(permission, dict) and permission.get("havePermission") is True):
                return Check(
                    False, f"{kind} knows {who}, who lacks the permission {name} in project {project}"
                )
        types = self._get(f"issue/createmeta/{quote(project, safe='')}/issuetypes", cloud, maxResults=200)
        found = types.get("issueTypes") or types.get("values") or []
        names = (
            [str(one.get("name")) for one in found if isinstance(one, dict)]
            if isinstance(found, list)
            else []
        )
        if self._config.issue_type not in names:
            shown = one_line(", ".join(names), 200)
            return Check(
                False, f"project {project} has no issue type {self._config.issue_type}, but: {shown}"
            )
        return Check(True, f"{kind}: {who} may create {self._config.issue_type} in project {project}")

    def _is_cloud(self) -> bool:
        """By the configuration, by the host, or by asking once. Only an answer is remembered."""
        if self._cloud is None:
            try:
                answer = self._http.request(
                    "GET", f"{self._base}/rest/api/2/serverInfo", headers=self._headers()
                )
            except NetworkError as error:
                raise _Ended(replace(unanswered(error), ambiguous=False)) from None
            info = self._answered(answer)
            if "deploymentType" not in info and "version" not in info:
                raise _Ended(Rejected("what answers at this URL is not Jira: check the URL"))
            self._cloud = info.get("deploymentType") == "Cloud"
        return self._cloud

    def _get(self, path: str, cloud: bool, **params: Any) -> dict[str, Any]:
        return self._answered(
            self._http.request("GET", self._url(path, cloud), headers=self._headers(), params=params)
        )

    def _answered(self, answer: Answer) -> dict[str, Any]:
        """The answer to a question; nothing was to be carried out, so nothing is ambiguous."""
        verdict = self._judge(answer)
        if isinstance(verdict, Retry):
            raise _Ended(replace(verdict, ambiguous=False))
        if isinstance(verdict, Rejected):
            raise _Ended(verdict)
        return json_object(answer)

    def _call(self, method: str, path: str, cloud: bool, body: Mapping[str, Any]) -> Answer:
        data = json.dumps(body, ensure_ascii=False).encode()
        return self._http.request(method, self._url(path, cloud), headers=self._headers(), data=data)

    def _url(self, path: str, cloud: bool) -> str:
        return f"{self._base}/rest/api/{3 if cloud else 2}/{path}"

    def _headers(self) -> dict[str, str]:
        return {
            "Authorization": self._authorization.reveal(),
            "Accept": "application/json",
            "Content-Type": "application/json; charset=utf-8",
        }

    def _judge(self, answer: Answer) -> Outcome:
        return judge(_in_words(answer), now=self._clock(), mask=self._mask, advice=self._advice)

    # What is said

    def issue(self, message: Message, *, cloud: bool) -> dict[str, Any]:
        fields: dict[str, Any] = {
            "project": {"key": self._config.project},
            "issuetype": {"name": self._config.issue_type},
            "summary": one_line(message.title, MAX_SUMMARY),
            "description": adf.document(message) if cloud else wiki.text(message),
        }
        labels = dict.fromkeys(
            "-".join(label.split())[:MAX_LABEL] for label in (*self._config.labels, *message.labels)
        )
        if message.case_key:
            labels[case_label(message.case_key)] = None
        if labels := dict.fromkeys(filter(None, labels)):
            fields["labels"] = list(labels)
        if priority := self._config.priorities.get(message.severity.value):
            fields["priority"] = {"name": priority}
        return {
            "fields": fields,
            "properties": [{"key": _EVENT, "value": {"id": message.id}}],
        }


def case_label(case_key: str) -> str:
    """What the issue of a case is found by, where its key was lost."""
    return f"huntbridge-{hashlib.sha256(case_key.encode()).hexdigest()[:16]}"


def issue_url(config: JiraConfig, key: str) -> str:
    """Where people see an issue; empty where `key` is none, or the URL is that of Atlassian's API alone."""
    if not KEY.fullmatch(key) or urlsplit(config.url).hostname == "api.atlassian.com":
        return ""
    return f"{config.url.rstrip('/')}/browse/{key}"


def _cloud_by_name(config: JiraConfig) -> bool | None:
    if config.api != "auto":
        return config.api == "cloud"
    host = urlsplit(config.url).hostname or ""
    return True if host.endswith(".atlassian.net") or host == "api.atlassian.com" else None


def _refused_fields(answer: Answer, body: Mapping[str, Any]) -> list[str]:
    """The fields that Jira names in a 400, if an issue can do without every one of them; else none."""
    found = json_object(answer)
    errors = found.get("errors")
    if answer.status != 400 or not isinstance(errors, dict) or found.get("errorMessages"):
        return []
    sent = (body["fields"].keys() | {"properties"}) - _NEEDED
    return sorted(errors) if errors.keys() <= sent else []


def _words(answer: Answer) -> str:
    """Jira's own words of an error; empty where there are none."""
    found = json_object(answer)
    messages, errors = found.get("errorMessages"), found.get("errors")
    words = [str(one) for one in messages] if isinstance(messages, list) else []
    words += [f"{name}: {text}" for name, text in errors.items()] if isinstance(errors, dict) else []
    words += [str(found[name]) for name in ("message", "errorMessage") if found.get(name)]
    return "; ".join(words)


def _in_words(answer: Answer) -> Answer:
    words = _words(answer)
    return replace(answer, body=words.encode(errors="replace")) if words else answer
