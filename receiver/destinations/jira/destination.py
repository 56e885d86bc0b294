"""Delivers to one Jira project: an issue for each case, and a comment for each later message of the case.

If the case's issue was closed recently, a new alarm reopens it. If it was closed long ago, the alarm gets a
new issue. If it was closed with a resolution in `respect_resolutions`, it stays closed. If an issue accepts
no comment, a new issue replaces it and is linked to it. huntbridge changes only the status of an issue:
people may have written the rest. If Jira refuses an optional part, huntbridge leaves that part out and says
so in the delivery's note. If an attempt got no answer, huntbridge asks Jira whether it was carried out before
it posts again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace

from receiver.destinations.classify import classify_network_error, json_object
from receiver.destinations.contract import (
    CaseRef,
    Check,
    ClosedIssue,
    Delivered,
    Destination,
    Outcome,
    Preview,
    Rejected,
    Retry,
)
from receiver.destinations.jira import adf, wiki
from receiver.destinations.jira.check import check_jira
from receiver.destinations.jira.client import JiraApi
from receiver.destinations.jira.closed import closed_issues, who_closed
from receiver.destinations.jira.errors import GONE, in_words
from receiver.destinations.jira.extras import attach_alarms, link_earlier_issue, link_platform
from receiver.destinations.jira.field_values import Fields
from receiver.destinations.jira.issue_body import issue_body
from receiver.destinations.jira.issues import Issue, Issues
from receiver.destinations.jira.keys import KEY
from receiver.destinations.jira.project import configured_fields
from receiver.destinations.jira.reopen import reopen
from receiver.destinations.jira.resend import WITHIN_BMP, comment, create, may_refuse_beyond_bmp, within_bmp
from receiver.destinations.jira.traits import JIRA
from receiver.destinations.stopped import Stopped
from receiver.messages.message import Message
from shared.config.destinations.jira import JiraConfig
from shared.http.answers import Answer
from shared.http.client import Http
from shared.http.errors import NetworkError
from shared.models.event_kinds import DECISION_KINDS, NO_NEWS
from shared.models.severity import Severity
from shared.secrets import Secret, SecretRef
from shared.text import one_line

_KNOWN_FOR = 3_600.0  # seconds for which the description of the project's fields is cached
_MAX_NOTE = 500
_USUAL = {"type": "jira", "url": "https://jira.example", "project": "PROJECT", "email": "e@jira.example"}


@dataclass(frozen=True)
class _NoComment:
    """The issue takes no comment."""

    why: str


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
        """Raises ValueError if the token is malformed."""
        self.name = name
        self._config, self._clock = config, clock
        self._api = JiraApi(config, http, secret, clock)
        self._issues = Issues(self._api, config.project)
        self._known: tuple[float, Fields] | None = None

    def deliver(self, message: Message, case: CaseRef) -> Outcome:
        try:
            ref = case.ref if KEY.fullmatch(case.ref) else ""
            exclusive = not ref or case.exclusive
            if not ref and (message.maybe_repeat or case.unsure):
                ref = self._issues.find(message.case_key)
            return self._follow(message, ref, exclusive) if ref else self._open(message)
        except NetworkError as error:
            return classify_network_error(error)
        except Stopped as stopped:
            return stopped.outcome

    def check(self) -> Check:
        try:
            return check_jira(self._api, self._config)
        except Stopped as stopped:
            return Check(False, stopped.outcome.reason)

    def closed_issues(self, issues: Mapping[str, str]) -> Mapping[str, ClosedIssue] | Retry | Rejected:
        try:
            return closed_issues(self._api, self._issues, self._config, issues)
        except Stopped as stopped:
            return stopped.outcome

    def who_closed(self, keys: Collection[str]) -> Mapping[str, str] | Retry | Rejected:
        try:
            return who_closed(self._issues, keys)
        except Stopped as stopped:
            return stopped.outcome

    # A case that has an issue

    def _follow(self, message: Message, key: str, exclusive: bool) -> Outcome:
        if self._is_told(message, key):
            return self._arrived(message, key)
        issue = self._issues.issue(key)
        if issue is None:
            return self._replace_issue(message, key, f"{key} {GONE}", exclusive)
        quiet = message.kind in NO_NEWS or message.sent_again or message.severity is Severity.INFO
        if not issue.done or quiet:
            return self._comment(message, issue, exclusive)
        if issue.is_resolved_as(self._config.respect_resolutions):
            return self._comment(message, issue, exclusive, f"{issue.key} stays closed as {issue.resolution}")
        closed_for = self._clock() - (issue.closed_at or self._clock())
        if closed_for > self._config.reopen_within:
            days = f"{closed_for / 86_400:,.0f} days ago" if closed_for >= 86_400 else "earlier"
            return self._replace_issue(
                message, issue.key, f"{issue.key} was closed {days}", exclusive, link=True
            )
        if not exclusive:
            return Retry(f"{issue.key} is closed and is to be opened again", needs_exclusive=True)
        why_not = reopen(self._api, self._issues, issue.key)
        became = f"stays closed: {why_not}" if why_not else "was closed and is open again"
        return self._comment(message, issue, exclusive, f"{issue.key} {became}")

    def _replace_issue(
        self, message: Message, key: str, why: str, exclusive: bool, *, link: bool = False
    ) -> Outcome:
        """Create an issue that replaces `key`. If Jira already has a replacement that the ledger does not
        know, use that."""
        if message.kind in DECISION_KINDS:
            return Delivered(note=f"{why}: there is nothing to comment on")
        if not exclusive:
            return Retry(f"{why}: a new issue is to be made", needs_exclusive=True)
        newer = self._issues.find(message.case_key, other_than=key) if message.case_key else ""
        replacement = self._issues.issue(newer) if newer else None
        if replacement is not None and not replacement.done:
            if self._is_told(message, replacement.key):
                return self._arrived(message, replacement.key)
            outcome = self._add_comment(message, replacement)
            if not isinstance(outcome, _NoComment):
                return outcome
        if link:
            message = replace(message, gaps=(*message.gaps, f"Earlier issue of this case: {key}"))
        created = self._open(message)
        if not isinstance(created, Delivered):
            return created
        unlinked = link_earlier_issue(self._api, created.ref, key) if link and created.ref else ""
        return _noted(created, f"{why}, so a new issue was made", unlinked)

    def _is_told(self, message: Message, key: str) -> bool:
        return message.maybe_repeat and self._issues.tells(key, message.id)

    def _arrived(self, message: Message, key: str) -> Delivered:
        return self._finished(message, Delivered(ref=key, note="an earlier attempt had arrived"))

    def _comment(self, message: Message, issue: Issue, exclusive: bool, note: str = "") -> Outcome:
        outcome = self._add_comment(message, issue)
        if isinstance(outcome, _NoComment):
            return self._replace_issue(message, issue.key, f"{issue.key} {outcome.why}", exclusive, link=True)
        return _noted(outcome, note) if isinstance(outcome, Delivered) else outcome

    def _add_comment(self, message: Message, issue: Issue) -> Outcome | _NoComment:
        body = {
            "body": (adf.document if self._api.cloud() else wiki.text)(message, titled=True),
            # A service project shows a comment to the customer unless the comment says that it is internal.
            "properties": [{"key": "sd.public.comment", "value": {"internal": True}}],
        }
        sent = comment(self._api, issue.key, body, message)
        notes = sent.notes
        if may_refuse_beyond_bmp(sent) and (told := self._has_told(message, issue.key)) is not None:
            if told:
                return self._arrived(message, issue.key)
            sent = comment(self._api, issue.key, within_bmp(sent.body), message)
            notes = (*sent.notes, WITHIN_BMP)
        answer = sent.answer
        if why := self._api.comment_refusal(answer):
            return _NoComment(why)
        outcome = self._api.classify(answer)
        if not isinstance(outcome, Delivered):
            return outcome
        if answer.status == 201 or json_object(answer).get("id"):
            unattached = self._attach(message, issue.key, titled=True, attached=issue.attachments)
            return _noted(Delivered(ref=issue.key), *notes, unattached)
        return Rejected(f"answered {answer.status}, but made no comment{self._api.quoted(answer)}")

    # A new issue

    def _open(self, message: Message) -> Outcome:
        body, unfit = issue_body(message, self._config, cloud=self._api.cloud(), known=self._fields())
        sent = create(self._api, body, message)
        notes = [*unfit, *sent.notes]
        if may_refuse_beyond_bmp(sent) and (key := self._created_for(message)) is not None:
            if key:
                return self._arrived(message, key)
            body = within_bmp(sent.body)
            if self._api.cloud():  # its search may not find yet what was just created
                again = replace(message, maybe_repeat=True)
                body["fields"]["description"] = within_bmp(adf.document(again))
            sent = create(self._api, body, message)
            notes += [*sent.notes, WITHIN_BMP]
        created = self._created(sent.answer)
        if not isinstance(created, Delivered):
            return created
        return self._finished(message, _noted(created, *notes)) if created.ref else _noted(created, *notes)

    def _created_for(self, message: Message) -> str | None:
        """The issue that this message created; empty if there is none, None if Jira cannot be asked now."""
        try:
            key = self._issues.find(message.case_key) if message.case_key else ""
            return key if key and self._issues.tells(key, message.id) else ""
        except Stopped:
            return None

    def _has_told(self, message: Message, key: str) -> bool | None:
        """Whether the issue already contains this message; None if Jira cannot be asked now."""
        try:
            return self._issues.tells(key, message.id)
        except Stopped:
            return None

    def _created(self, answer: Answer) -> Outcome:
        outcome = self._api.classify(answer)
        if not isinstance(outcome, Delivered):
            return outcome
        key = json_object(answer).get("key")
        if isinstance(key, str) and KEY.fullmatch(key):
            return Delivered(ref=key)
        if answer.status == 201 and in_words(answer) is answer:
            return Delivered(note="Jira made an issue and did not say which")
        return Rejected(
            f"answered {answer.status}, but made no issue; is the URL Jira's, or a login page's?"
            + self._api.quoted(answer)
        )

    def _fields(self) -> Fields:
        """The project's description of the configured fields. It is cached for an hour."""
        if not self._config.fields:
            return {}
        now = self._clock()
        if self._known is None or not 0 <= now - self._known[0] < _KNOWN_FOR:
            self._known = now, configured_fields(self._api, self._config)
        return self._known[1]

    # Optional steps. None of them delays or loses a delivery.

    def _finished(self, message: Message, created: Delivered) -> Delivered:
        """Add the optional parts to an issue that this message created, or may have created."""
        notes = [link_platform(self._api, message, created.ref)]
        try:
            issue = self._issues.issue(created.ref) if message.maybe_repeat else None
            notes.append(self._attach(message, created.ref, attached=issue.attachments if issue else ()))
        except Stopped as stopped:
            notes.append(f"the alarms are not attached: {stopped}")
        return _noted(created, *notes)

    def _attach(
        self, message: Message, key: str, *, titled: bool = False, attached: tuple[str, ...] = ()
    ) -> str:
        if message.kind in NO_NEWS:
            return ""
        return attach_alarms(self._api, message, key, titled=titled, attached=attached)


def build(name: str, config: JiraConfig, secret: Callable[[SecretRef], Secret], http: Http) -> Destination:
    """Raises SecretError, and ValueError if the token is malformed."""
    ref = config.api_token or config.token
    if ref is None:
        raise ValueError("Jira needs email and api_token (Cloud), or token (Data Center)")
    return JiraDestination(name, config, http, secret(ref))


def preview(message: Message, config: JiraConfig | None) -> Preview:
    config = config or JiraConfig.model_validate(_USUAL)
    cloud = config.api == "cloud" or (config.api == "auto" and config.token is None)
    body, _ = issue_body(message, config, cloud=cloud)
    return Preview(body)


def _noted(delivered: Delivered, *notes: str) -> Delivered:
    note = "; ".join(filter(None, (delivered.note, *notes)))
    return replace(delivered, note=one_line(note, _MAX_NOTE))
