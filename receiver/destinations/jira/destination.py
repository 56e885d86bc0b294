"""A message → an issue in one Jira project, or a comment on the issue that the case already has.

An issue that was closed lately is opened again by a new alarm, one that was closed long ago gets a successor,
and one that was closed as not to be done stays closed. Nothing that a person may have written is changed: the
status is all that is ever touched. An issue that takes no comment gets a successor, which is linked to it.
What Jira refuses and an issue can do without is left out and named. Nothing is posted twice when it is open
whether the first was carried out, unless Jira was asked for it in between.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from receiver.destinations.classify import json_object, unanswered
from receiver.destinations.contract import CaseRef, Check, Delivered, Destination, Outcome, Rejected, Retry
from receiver.destinations.jira import adf, alarms_csv, wiki
from receiver.destinations.jira import metadata as jira_meta
from receiver.destinations.jira.attempts import WITHIN_BMP, comment, create, stored_in_part, within_bmp
from receiver.destinations.jira.client import KEY, Ended, JiraApi, in_words
from receiver.destinations.jira.fields import Known, issue
from receiver.destinations.jira.issues import Issue, Issues
from receiver.destinations.jira.traits import JIRA
from receiver.destinations.wording import safe_links
from receiver.messages.counts import worst_first
from receiver.messages.message import Message
from shared.config.destinations.jira import JiraConfig
from shared.http.answers import Answer
from shared.http.client import Http
from shared.http.errors import NetworkError
from shared.models.event_kinds import ACKNOWLEDGED, UNACKNOWLEDGED
from shared.models.severity import Severity
from shared.secrets import Secret, SecretRef
from shared.text import one_line

_QUIET = frozenset({ACKNOWLEDGED, UNACKNOWLEDGED})  # kinds that say nothing new of the system
_KNOWN_FOR = 3_600.0  # seconds that the types of the project's fields are kept
_MAX_NOTE = 500
_GONE = "is gone, or hidden from this account"
# Statuses that say the issue takes no comment, and why; the others are said in Jira's words: it is restricted
# or archived, or a workflow forbids it. Jira Cloud takes some thousands of comments on one issue.
_NO_COMMENT = {404: _GONE, 410: _GONE, 413: "takes no more comments"}
_NO_COMMENT_IN_WORDS = frozenset({400, 403, 405, 409, 422, 423})
_WANTED = ("CREATE_ISSUES", "ADD_COMMENTS")
_USEFUL = {
    "TRANSITION_ISSUES": "reopen an issue",
    "LINK_ISSUES": "link the platform",
    "CREATE_ATTACHMENTS": "attach the alarms that a message has no room for",
}


class JiraDestination:
    """One project. `secret`: the API token (Cloud, with the config's email) or the personal access token."""

    traits = JIRA

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
        self.name = name
        self._config, self._clock = config, clock
        self._api = JiraApi(config, http, secret, clock)
        self._issues = Issues(self._api, config.project)
        self._known: tuple[float, Known] | None = None

    def deliver(self, message: Message, case: CaseRef) -> Outcome:
        try:
            ref = case.ref if KEY.fullmatch(case.ref) else ""
            exclusive = not ref or case.exclusive
            if not ref and (message.maybe_repeat or case.unsure):
                ref = self._issues.find(message.case_key)
            return self._follow(message, ref, exclusive) if ref else self._open(message)
        except NetworkError as error:
            return unanswered(error)
        except Ended as ended:
            return ended.outcome

    def check(self) -> Check:
        try:
            return self._check()
        except Ended as ended:
            return Check(False, ended.outcome.reason)

    def issue(self, message: Message, *, cloud: bool) -> dict[str, Any]:
        """The body that makes an issue, without a question to Jira."""
        return issue(message, self._config, cloud=cloud)[0]

    # An issue that the case has

    def _follow(self, message: Message, key: str, exclusive: bool) -> Outcome:
        if self._is_told(message, key):
            return self._arrived(message, key)
        found = self._issues.issue(key)
        if found is None:
            return self._anew(message, key, f"{key} {_GONE}", exclusive)
        quiet = message.kind in _QUIET or message.severity is Severity.INFO
        if not found.done or quiet:
            return self._comment(message, found, exclusive)
        if found.respects(self._config.respect_resolutions):
            return self._comment(message, found, exclusive, f"{found.key} stays closed as {found.resolution}")
        closed_for = self._clock() - (found.closed_at or self._clock())
        if closed_for > self._config.reopen_within:
            days = f"{closed_for / 86_400:,.0f} days ago" if closed_for >= 86_400 else "earlier"
            return self._anew(message, found.key, f"{found.key} was closed {days}", exclusive, link=True)
        if not exclusive:
            return Retry(f"{found.key} is closed and is to be opened again", needs_exclusive=True)
        why_not = self._issues.reopen(found.key)
        became = f"stays closed: {why_not}" if why_not else "was closed and is open again"
        return self._comment(message, found, exclusive, f"{found.key} {became}")

    def _anew(self, message: Message, key: str, why: str, exclusive: bool, *, link: bool = False) -> Outcome:
        """A new issue in the place of `key`, unless it has one already that the ledger does not know of."""
        if message.kind == ACKNOWLEDGED:
            return Delivered(note=f"{why}: there is nothing to comment on")
        if not exclusive:
            return Retry(f"{why}: a new issue is to be made", needs_exclusive=True)
        newer = self._issues.find(message.case_key, other_than=key) if message.case_key else ""
        found = self._issues.issue(newer) if newer else None
        if found is not None and not found.done:
            if self._is_told(message, found.key):
                return self._arrived(message, found.key)
            commented = self._commented(message, found)
            if not isinstance(commented, str):
                return commented
        if link:
            message = replace(message, gaps=(*message.gaps, f"Earlier issue of this case: {key}"))
        made = self._open(message)
        if not isinstance(made, Delivered):
            return made
        unlinked = self._link(made.ref, key) if link and made.ref else ""
        return _noted(made, f"{why}, so a new issue was made", unlinked)

    def _is_told(self, message: Message, key: str) -> bool:
        return message.maybe_repeat and self._issues.tells(key, message.id)

    def _arrived(self, message: Message, key: str) -> Delivered:
        return self._finished(message, Delivered(ref=key, note="an earlier attempt had arrived"))

    def _comment(self, message: Message, found: Issue, exclusive: bool, note: str = "") -> Outcome:
        commented = self._commented(message, found)
        if isinstance(commented, str):
            why = f"{found.key} {commented}"
            return self._anew(message, found.key, why, exclusive, link=True)
        return _noted(commented, note) if isinstance(commented, Delivered) else commented

    def _commented(self, message: Message, found: Issue) -> Outcome | str:
        """A text where the issue takes no comment: why not."""
        body = {
            "body": (adf.document if self._api.cloud() else wiki.text)(message, titled=True),
            # In a service project a comment is shown to the customer unless it says that it is internal.
            "properties": [{"key": "sd.public.comment", "value": {"internal": True}}],
        }
        answer, sent, note = comment(self._api, found.key, body, message)
        if stored_in_part(answer, sent) and (told := self._has_told(message, found.key)) is not None:
            if told:
                return self._arrived(message, found.key)
            answer, _, note = comment(self._api, found.key, within_bmp(sent), message)
            note = "; ".join(filter(None, (note, WITHIN_BMP)))
        if answer.status in _NO_COMMENT:
            return _NO_COMMENT[answer.status]
        if answer.status in _NO_COMMENT_IN_WORDS:
            return f"takes no comment (answered {answer.status}{self._api.said(answer)})"
        verdict = self._api.judge(answer)
        if not isinstance(verdict, Delivered):
            return verdict
        if answer.status == 201 or json_object(answer).get("id"):
            unattached = self._attach(message, found.key, titled=True, attached=found.attachments)
            return _noted(Delivered(ref=found.key), note, unattached)
        return Rejected(f"answered {answer.status}, but made no comment{self._api.said(answer)}")

    # A new issue

    def _open(self, message: Message) -> Outcome:
        body, unfit = issue(message, self._config, cloud=self._api.cloud(), known=self._fields())
        answer, body, left_out = create(self._api, body, message)
        if stored_in_part(answer, body) and (key := self._made_for(message)) is not None:
            if key:
                return self._arrived(message, key)
            if self._api.cloud():  # whose search may not see yet what was just made
                again = replace(message, maybe_repeat=True)
                body["fields"]["description"] = adf.document(again)
            answer, body, more = create(self._api, within_bmp(body), message)
            left_out += [*more, WITHIN_BMP]
        made, unfit = self._made(answer), [*unfit, *left_out]
        if not isinstance(made, Delivered):
            return made
        return self._finished(message, _noted(made, *unfit)) if made.ref else _noted(made, *unfit)

    def _made_for(self, message: Message) -> str | None:
        """The issue that this message made; empty where it made none, None where Jira cannot be asked now."""
        try:
            key = self._issues.find(message.case_key) if message.case_key else ""
            return key if key and self._issues.tells(key, message.id) else ""
        except Ended:
            return None

    def _has_told(self, message: Message, key: str) -> bool | None:
        """Whether the issue tells of this message; None where Jira cannot be asked now."""
        try:
            return self._issues.tells(key, message.id)
        except Ended:
            return None

    def _made(self, answer: Answer) -> Outcome:
        verdict = self._api.judge(answer)
        if not isinstance(verdict, Delivered):
            return verdict
        key = json_object(answer).get("key")
        if isinstance(key, str) and KEY.fullmatch(key):
            return Delivered(ref=key)
        if answer.status == 201 and in_words(answer) is answer:
            return Delivered(note="Jira made an issue and did not say which")
        return Rejected(
            f"answered {answer.status}, but made no issue; is the URL Jira's, or a login page's?"
            + self._api.said(answer)
        )

    def _fields(self) -> Known:
        """What the project takes, where the configuration sets more fields than every project has."""
        if not self._config.fields:
            return {}
        now = self._clock()
        if self._known is None or not 0 <= now - self._known[0] < _KNOWN_FOR:
            self._known = now, jira_meta.known(self._api, self._config)
        return self._known[1]

    # What an issue has beside its text. None of it holds up or loses a delivery.

    def _finished(self, message: Message, made: Delivered) -> Delivered:
        """An issue that this message opened, or may have opened."""
        notes = [self._remote_link(message, made.ref)]
        try:
            found = self._issues.issue(made.ref) if message.maybe_repeat else None
            notes.append(self._attach(message, made.ref, attached=found.attachments if found else ()))
        except Ended as ended:
            notes.append(f"the alarms are not attached: {ended}")
        return _noted(made, *notes)

    def _remote_link(self, message: Message, key: str) -> str:
        """To the platform's page, and the same one however often it is made."""
        page = next((link for link in safe_links(message) if link.name == "platform"), None)
        if page is None:
            return ""
        body = {
            "globalId": f"huntbridge={hashlib.sha256(page.url.encode()).hexdigest()[:32]}",
            "application": {"type": "huntbridge", "name": "huntbridge"},
            "relationship": "found by",
            "object": {"url": page.url, "title": page.text},
        }
        return self._api.besides("the platform is not linked", f"issue/{key}/remotelink", body)

    def _link(self, key: str, earlier: str) -> str:
        body = {
            "type": {"name": "Relates"},  # which every Jira has, unless somebody has taken it away
            "inwardIssue": {"key": key},
            "outwardIssue": {"key": earlier},
        }
        return self._api.besides(f"it is not linked to {earlier}", "issueLink", body)

    def _attach(
        self, message: Message, key: str, *, titled: bool = False, attached: tuple[str, ...] = ()
    ) -> str:
        """The alarms as a file, where the text has no room for all of them."""
        findings, name = message.alarm.findings if message.alarm else (), alarms_csv.name_of(message.id)
        if not findings or message.kind in _QUIET or name in attached:
            return ""
        shown = (adf.fitted if self._api.cloud() else wiki.fitted)(message, titled=titled).findings
        if len(findings) <= len(shown):
            return ""
        return self._api.attach(key, name, alarms_csv.content(worst_first(findings)))

    def _check(self) -> Check:
        config, project, type = self._config, self._config.project, self._config.issue_type
        kind = "Jira Cloud" if self._api.cloud() else "Jira Data Center"
        me = self._api.ask("myself")
        who = one_line(str(me.get("displayName") or me.get("name") or "an account"), 60)
        asked = (*_WANTED, *_USEFUL)
        held = self._api.ask("mypermissions", projectKey=project, permissions=",".join(asked))
        for name in _WANTED:
            if not _has(held, name):
                return Check(
                    False, f"{kind} knows {who}, who lacks the permission {name} in project {project}"
                )
        types = jira_meta.issue_types(self._api, project)
        if type not in types:
            shown = one_line(", ".join(types), 200)
            return Check(False, f"project {project} has no issue type {type}, but: {shown}")
        known = jira_meta.fields(self._api, project, types[type])
        wrong = list(jira_meta.problems(config, known, cloud=self._api.cloud()))
        standing, unknown = jira_meta.unknown_resolutions(config, jira_meta.resolutions(self._api))
        wrong += [standing] if unknown else []
        if wrong:
            return Check(False, f"{kind}: {type} in project {project}: {'; '.join(wrong)}")
        may = f"{kind}: {who} may create {type} in project {project}"
        may_not = [f"may not {what} ({name})" for name, what in _USEFUL.items() if not _has(held, name)]
        return Check(True, "; ".join(filter(None, [may, *may_not, standing, *self._hints()])))

    def _hints(self) -> list[str]:
        if not self._config.gateway or self._config.site:
            return []
        site = one_line(str(self._api.server_info().get("baseUrl") or "https://….atlassian.net"), 100)
        return [f"messages can link an issue once site is set: {site}"]


def build(name: str, config: JiraConfig, secret: Callable[[SecretRef], Secret], http: Http) -> Destination:
    """Raises SecretError, and ValueError where the token cannot be right."""
    ref = config.api_token or config.token
    if ref is None:
        raise ValueError("Jira needs email and api_token (Cloud), or token (Data Center)")
    return JiraDestination(name, config, http, secret(ref))


def issue_url(config: JiraConfig, key: str) -> str:
    """Where people see an issue; empty where `key` is none, or where the configuration names no site beside
    Atlassian's gateway, which shows no pages."""
    site = config.site or ("" if config.gateway else config.url)
    return f"{site.rstrip('/')}/browse/{key}" if site and KEY.fullmatch(key) else ""


def _has(held: Mapping[str, Any], name: str) -> bool:
    permissions = held.get("permissions")
    permission = permissions.get(name) if isinstance(permissions, dict) else None
    return isinstance(permission, dict) and permission.get("havePermission") is True


def _noted(delivered: Delivered, *notes: str) -> Delivered:
    note = "; ".join(filter(None, (delivered.note, *notes)))
    return replace(delivered, note=one_line(note, _MAX_NOTE))
