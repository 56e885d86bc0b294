"""The platform's API: v3, and v2 for old platforms. Facts: the OpenAPI file of 2.324.0.

Reads are repeated a bounded number of times; what is not safe to repeat is sent once, and an answer that
leaves open whether it was carried out says so (`Unavailable.ambiguous`). No error holds the API key.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

from pydantic import (
    AliasPath,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from shared.http.client import Answer, Http, NetworkError, retry_after
from shared.http.deadlines import lasts
from shared.models.evidence import Evidence, Finding, Project
from shared.models.severity import Severity
from shared.secrets import Secret, SecretError
from shared.text import one_line

TRIES = 3
_LONGEST_PAUSE = 30.0  # seconds; what asks for more is the caller's to wait for
_PER_PAGE = 100
_MOST_PAGES = 2_000  # of one list
_MOST_ALARM_PAGES = 20
_MOST_DETAILS = 20  # failed pipelines that are looked at one by one in one list

_CASE_NAME_SINCE = (2, 247)  # the spec's history: v3 said caseName from 2.225 to 2.246
_V3_PROJECTS_SINCE = (2, 225)
_SUMMARY_SINCE = (2, 273)
_WEBHOOKS = "webhooks, which its API has since 2.244.0"

# No text of a v3 refusal is public, and that of v2 is "Project name already exists".
_EXISTS = re.compile(r"\bexists\b|\bunique\b|already (?:in use|taken)", re.IGNORECASE)

T = TypeVar("T")


class CadoError(Exception):
    """The platform did not do what was asked; the text is one plain sentence for a person.

    `status` is the HTTP status, None where there was no answer or it was never asked.
    """

    def __init__(self, text: str, *, status: int | None = None) -> None:
        super().__init__(text)
        self.status = status


class Unauthorized(CadoError):
    """The API key is wrong, revoked, or its role may not do this (401, 403)."""


class NotFound(CadoError): ...


class Conflict(CadoError):
    """There is one already (409)."""


class Refused(CadoError):
    """The request itself is wrong (any other 4xx); to repeat it would not help."""


class Unavailable(CadoError):
    """No answer, a 5xx or a 429. `ambiguous`: it may have been carried out. `after`: seconds to wait."""

    def __init__(
        self,
        text: str,
        *,
        ambiguous: bool = False,
        after: float | None = None,
        status: int | None = None,
        passing: bool = True,
    ) -> None:
        super().__init__(text, status=status)
        self.ambiguous, self.after = ambiguous, after
        self.passing = passing  # whether to ask again at once may help


@dataclass(frozen=True)
class Identity:
    role: str
    permissions: frozenset[str]  # the ones that are granted
    told: bool = True  # False for v2, which says neither


@dataclass(frozen=True)
class Pipeline:
    id: int
    type: str  # acquisition | processing | scanning | …
    name: str  # "Acquiring i-…" for an acquisition
    state: str  # queued | in_progress | complete | failed | cancelled
    project_id: int | None
    evidence_id: int | None
    triggered_by: int | None  # the acquisition that started this processing
    created_ms: int | None
    reason: str  # of a failure: what its failed steps say
    steps_ended: int = 0

    @property
    def ended(self) -> bool:
        return self.state in ("complete", "failed", "cancelled")


@dataclass(frozen=True)
class PipelinesStatus:
    queued: int
    in_progress: int
    limit: int | None  # how many run at once; told since 2.272, and not by every platform


@dataclass(frozen=True)
class Webhook:
    id: int
    name: str
    event_type: str
    url: str = field(repr=False)  # of somebody else's webhook, a secret
    payload: Mapping[str, Any] | None = field(repr=False)  # holds the token; None where it is not told
    payload_type: str
    enabled: bool
    times_sent: int | None = None  # told since 2.304
    last_sent: datetime | None = None  # told since 2.286


class Cado:
    """Safe to use from several threads. Every method raises CadoError."""

    def __init__(
        self,
        url: str,
        api_key: Secret | Callable[[], Secret],
        http: Http,
        *,
        renew: Callable[[], None] | None = None,
        api_version: str = "v3",
        bucket: str = "",
        sleep: Callable[[float], None] = time.sleep,
        rng: Callable[[], float] = random.random,
        now: Callable[[], float] = time.time,
        tries: int = TRIES,
        admin: bool = False,
    ) -> None:
        """`url` is the platform's, without a path. `api_key`, where it is a function, is asked with every
        request and may raise SecretError; `renew` is called where the platform refuses the key, and makes
        that function look for a newer one. `bucket` is sent by v2 alone. `tries` is how often a read
        that fails in passing is sent in all. `admin`: the key is the one for webhooks, and a refusal names
        its role and its place in the configuration."""
        if api_version not in ("v3", "v2"):
            raise ValueError(f"api_version {api_version}: there is v3 and v2")
        self._v2, self._bucket, self._sleep, self._rng = api_version == "v2", bucket, sleep, rng
        self._tries = tries
        key = (lambda: api_key) if isinstance(api_key, Secret) else api_key
        self._wire = _Wire(url, key, renew, http, now, admin)
        self._api = f"/api/{api_version}"
        self._version: str | None = None
        self._reasons: dict[int, str] = {}  # of failed pipelines that were looked at; bounded

    def whoami(self) -> Identity:
        """v2 cannot be asked for it: there, any answer but a refusal says only that the key is good."""
        if self._v2:
            self._read("/projects")
            return Identity("not told by API v2", frozenset(), told=False)
        user = _parse(_User, _data(self._read("/auth/whoami")))
        return Identity(user.rbac_role or "", frozenset(name for name, on in user.permissions.items() if on))

    def version(self) -> str:
        """Such as 2.324.0; empty where the platform does not say (v2, or the key's role may not ask)."""
        if self._version is None:
            self._version = "" if self._v2 else self._ask_version()
        return self._version

    def find_project(self, name: str) -> int | None:
        """The project of exactly this name, among those that the key's user can see."""
        if self._v2:
            listed: Iterator[Any] = iter(_items(self._read("/projects")))
        else:
            listed = self._pages("/projects", {"name": name})
        found = (_parse(_Project, item) for item in listed)
        return next((one.id for one in found if one.id is not None and one.title == name), None)

    def open_project(
        self, name: str, description: str, *, users: Sequence[str] = (), groups: Sequence[str] = ()
    ) -> int:
        """The project of this name, made if there is none: names are unique, so this may be repeated. `users`
        and `groups`, by their names, see it beside the user of the key; v2 has no such thing."""
        for pause in self._pauses():
            found = self.find_project(name)
            if found is not None:
                return found
            try:
                return self._create_project(name, description, _seen_by(users, groups))
            except (Conflict, Refused) as error:
                return self._existing(name, error)
            except Unavailable as error:
                pause(error)
        raise AssertionError("the last pause raises")

    def project(self, project_id: int) -> Project:
        what = f"project {project_id}"
        answer = self._read(f"/projects/{project_id}", what=what)
        return _project(_parse(_Project, answer if self._v2 else _data(answer)), project_id)

    def projects(self) -> Iterator[Project]:
        """All projects that the key's user can see, with their counts of alarms. v2 tells no counts."""
        if self._v2:
            listed: Iterator[Any] = iter(_items(self._read("/projects")))
        else:
            listed = self._pages("/projects", {"get_alarm_summary": "true"})
        seen = set()
        for item in listed:
            found = _parse(_Project, item)
            if found.id is not None and found.id not in seen:
                seen.add(found.id)
                yield _project(found, found.id)

    def importable(
        self, cloud_id: str, region: str, instances: Collection[str] = ()
    ) -> Iterator[tuple[str, bool]]:
        """Instance ids as the platform sees them, and whether it captures them: not itself and its workers.
        `instances`: only these."""
        if self._v2:
            raise NotFound("The platform's API v2 cannot be asked which instances it can capture.")
        params: dict[str, Any] = {"cloud_id": cloud_id, "region": region}
        params |= {"instance_id": list(instances)} if instances else {}
        cursor: dict[str, str] = {}
        for _ in range(_MOST_PAGES):
            answer = self._read("/import/aws/ec2", params | cursor, what=f"EC2 in {region}")
            for item in _items(_data(answer)):
                found = _parse(_Importable, item)
                if found.instance_id and found.importable is not None:
                    yield found.instance_id, found.importable
            following = _parse(_Paged, answer).next_token
            if not following or following == cursor.get("cursor"):
                return
            cursor = {"cursor": following}

    def capture_ec2(
        self,
        project_id: int,
        instance: str,
        region: str,
        *,
        cloud_id: str = "",
        mode: str = "full",
        skip_processing: bool = False,
        host_options: Mapping[str, Any] | None = None,
    ) -> tuple[int, ...]:
        """Ask for one capture and return its pipeline ids. Not idempotent, never repeated in here.

        `host_options`, in the platform's own words, are for a triage alone. Raises Unavailable with
        `ambiguous` where it may have been started all the same.
        """
        if self._v2 and (skip_processing or host_options):
            raise Refused("API v2 knows neither skip_processing nor host_options; API v3 does.")
        if self._v2:
            path = f"/projects/{project_id}/imports/ec2"
            body = self._v2_capture(instance, region, cloud_id, mode)
        else:
            path = "/import/aws/ec2"
            body = {"instance_id": instance, "region": region, "project_id": project_id, **_MODES[mode]}
            body |= {"cloud_id": cloud_id} if cloud_id else {}
            body |= {"skip_processing": True} if skip_processing else {}
            body |= {"host_options": dict(host_options)} if host_options and mode == "triage" else {}
        answer = self._wire.call("POST", self._api + path, body=body, what=f"instance {instance}")
        found = _parse(_Started, answer if self._v2 else _data(answer, ambiguous=True))
        if not found.ids:
            raise Unavailable(
                "The platform took the capture and did not say which pipeline it started.", ambiguous=True
            )
        return found.ids

    def pipelines(self, project_id: int) -> Iterator[Pipeline]:
        """All pipelines of a project, page by page."""
        if self._v2:
            answer = self._read("/tasks/pipelines", {"project_id": project_id})
            listed: Iterator[Any] = iter(_items(answer, "pipelines"))
        else:
            listed = self._pages("/pipelines", {"project_id": project_id})
        seen, details = set(), 0
        for item in listed:
            pipeline = _pipeline(_parse(_Pipeline, item))
            if pipeline is None or pipeline.id in seen:
                continue
            seen.add(pipeline.id)
            if pipeline.state == "failed" and not self._v2:
                details += pipeline.id not in self._reasons
                if details <= _MOST_DETAILS:
                    pipeline = self._with_reason(pipeline)
            yield pipeline

    def pipeline(self, pipeline_id: int) -> Pipeline:
        """One pipeline; of one that failed the list names the failed steps, this also what they said."""
        what = f"pipeline {pipeline_id}"
        if self._v2:
            answer = self._read("/tasks/pipelines", {"pipeline_id": pipeline_id}, what=what)
            found = map(_pipeline, (_parse(_Pipeline, item) for item in _items(answer, "pipelines")))
            one = next((one for one in found if one and one.id == pipeline_id), None)
        else:
            one = _pipeline(_parse(_Pipeline, _data(self._read(f"/pipelines/{pipeline_id}", what=what))))
        if one is None:
            raise NotFound(f"The platform's answer about {what} names no pipeline.")
        return one

    def cancel_pipeline(self, pipeline_id: int) -> None:
        """To end one that goes on; one that has ended stays as it is. Safe to repeat."""
        if self._v2:
            raise Refused("API v2 cannot cancel a pipeline: cancel it in the platform's own pages.")
        what = f"pipeline {pipeline_id}"
        for pause in self._pauses():
            try:
                self._wire.call(
                    "PATCH", f"{self._api}/pipelines/{pipeline_id}", body={"aborted": True}, what=what
                )
                return
            except Refused:
                if not self.pipeline(pipeline_id).ended:
                    raise
                return
            except Unavailable as error:
                pause(error)

    def pipelines_status(self) -> PipelinesStatus:
        """How busy the platform is. Raises NotFound where it cannot say (v2, and v3 before 2.269)."""
        if self._v2:
            raise NotFound("The platform's API v2 does not say how busy it is.")
        found = _parse(_PipelinesStatus, _data(self._read("/pipelines/status")))
        return PipelinesStatus(found.queued or 0, found.in_progress or 0, found.limit or None)

    def evidence(self, evidence_id: int) -> Evidence:
        if self._v2:
            raise NotFound("The platform's API v2 cannot be asked about one evidence.")
        answer = self._read(f"/evidences/{evidence_id}", what=f"evidence {evidence_id}")
        return _evidence(_parse(_Evidence, _data(answer)), evidence_id)

    def evidences(self, project_id: int) -> Iterator[Evidence]:
        """All evidence of a project. v2 tells only the ids and names that its pipelines have."""
        if self._v2:
            answer = self._read("/tasks/pipelines", {"project_id": project_id})
            parsed = [_parse(_Pipeline, item) for item in _items(answer, "pipelines")]
            named = {one.evidence_id: one.evidence_name or "" for one in parsed if one.evidence_id}
            for number, name in named.items():
                yield Evidence(number, project_id, one_line(name), instance=_instance(name))
            return
        seen = set()
        for item in self._pages("/evidences", {"project_id": project_id}):
            found = _parse(_Evidence, item)
            if found.id is not None and found.id not in seen:
                seen.add(found.id)
                yield _evidence(found, found.id)

    def findings(self, project_id: int, evidence_id: int | None = None) -> tuple[Finding, ...]:
        """The summary of alarms, worst first, then most frequent."""
        if self._v2:
            raise NotFound("The platform's API v2 cannot be asked for alarms.")
        params = {"investigation_id": project_id, "evidence_id": evidence_id}
        try:
            answer = self._read("/alarms/summary", params, what=f"project {project_id}")
        except (NotFound, Refused):
            version = _numbers(self.version())
            if version is None or version >= _SUMMARY_SINCE:
                raise
            return _sorted(self._counted(project_id, evidence_id))
        found = _sorted(map(_finding, _parse(_Summary, _data(answer)).breakdown))
        if evidence_id is None or not any(one.severity == Severity.MALICIOUS for one in found):
            return found
        paths = self._paths(params)
        return tuple(replace(one, path=paths.get(one.description, "")) for one in found)

    def webhooks(self) -> tuple[Webhook, ...]:
        """All webhooks of the platform, in the order of their ids."""
        self._refuse_webhooks_in_v2()
        parsed = (_parse(_Webhook, item) for item in self._pages("/webhooks", {}, what=_WEBHOOKS))
        found = {one.id: _webhook(one, one.id) for one in parsed if one.id is not None}
        return tuple(found[number] for number in sorted(found))

    def create_webhook(
        self, name: str, event_type: str, url: str, payload: Mapping[str, Any], payload_type: str = "custom"
    ) -> Webhook:
        """A value of `payload` may be a `Secret`, and no error holds it. Not idempotent: where an answer
        leaves open whether it was made, this looks for one of that name before it sends anything again."""
        self._refuse_webhooks_in_v2()
        body = {"name": name, "event_type": event_type, "url": url, "payload_type": payload_type}
        in_doubt = False
        for pause in self._pauses():
            if in_doubt and (found := self._same_webhook(name, event_type, url)):
                return found
            try:
                answer = self._change_webhook("POST", "/webhooks", {**body, "payload": payload})
                return self._made_webhook(answer)
            except Unavailable as error:
                in_doubt = in_doubt or error.ambiguous
                pause(error)
        raise AssertionError("the last pause raises")

    def update_webhook(self, webhook_id: int, **changes: Any) -> None:
        """`changes` are any of name, url, payload (as in `create_webhook`), payload_type, event_type and
        enabled; the rest stays."""
        self._refuse_webhooks_in_v2()
        for pause in self._pauses():
            try:
                self._change_webhook("PATCH", f"/webhooks/{webhook_id}", changes, f"webhook {webhook_id}")
                return
            except Unavailable as error:
                pause(error)

    def delete_webhook(self, webhook_id: int) -> None:
        """One that is gone already is no error."""
        self._refuse_webhooks_in_v2()
        for pause in self._pauses():
            try:
                self._wire.call("DELETE", f"{self._api}/webhooks/{webhook_id}")
                return
            except NotFound:
                return
            except Unavailable as error:
                pause(error)

    def test_webhook(self, webhook_id: int) -> str:
        """Have the platform send its test message, once. Returns what it says about it."""
        self._refuse_webhooks_in_v2()
        what = f"webhook {webhook_id}"
        answer = self._wire.call("POST", f"{self._api}/webhooks/test", body={"id": webhook_id}, what=what)
        return one_line(_parse(_Problem, _data(answer)).message or "")

    # --- parts of the above

    def _refuse_webhooks_in_v2(self) -> None:
        if self._v2:
            raise Refused(
                "The platform's API v2 has no webhooks: make them there by hand, "
                "under Settings, Integrations, Webhooks."
            )

    def _change_webhook(self, method: str, path: str, body: Mapping[str, Any], what: str = _WEBHOOKS) -> Any:
        payload = body.get("payload") or {}
        hidden = tuple(value for value in payload.values() if isinstance(value, Secret))
        if payload:
            body = {**body, "payload": revealed(payload)}
        return self._wire.call(method, self._api + path, body=body, what=what, hidden=hidden)

    def _made_webhook(self, answer: Any) -> Webhook:
        made = _parse(_MadeWebhook, _data(answer, ambiguous=True))
        if made.id is None:
            raise Unavailable("The platform made a webhook and did not say which.", ambiguous=True)
        return _webhook(made.webhook, made.id)

    def _same_webhook(self, name: str, event_type: str, url: str) -> Webhook | None:
        wanted = (name, event_type, url)
        return next((one for one in self.webhooks() if (one.name, one.event_type, one.url) == wanted), None)

    def _ask_version(self) -> str:
        try:
            return _parse(_Update, _data(self._read("/platform/update"))).version or ""
        except (Unauthorized, NotFound, Refused) as error:
            if error.status == 401:
                raise
            return ""

    def _create_project(self, name: str, description: str, seen_by: Mapping[str, Any]) -> int:
        version = None if self._v2 else _numbers(self.version())
        if self._v2 or (version and version < _V3_PROJECTS_SINCE):
            return self._post_project("/api/v2", "caseName", name, description)
        if version:
            field = "case_name" if version >= _CASE_NAME_SINCE else "caseName"
            return self._post_project("/api/v3", field, name, description, seen_by)
        try:
            return self._post_project("/api/v3", "case_name", name, description, seen_by)
        except (NotFound, Refused) as error:
            if error.status in (404, 405):
                return self._post_project("/api/v2", "caseName", name, description)
            if _EXISTS.search(str(error)) or not re.search("case_?name", str(error), re.IGNORECASE):
                raise
            return self._post_project("/api/v3", "caseName", name, description, seen_by)

    def _post_project(
        self, api: str, field: str, name: str, description: str, seen_by: Mapping[str, Any] | None = None
    ) -> int:
        body = {field: name, "description": description, **(seen_by or {})}
        answer = self._wire.call("POST", f"{api}/projects", body=body)
        made = _parse(_Made, answer if api == "/api/v2" else _data(answer, ambiguous=True))
        if made.id is None:
            raise Unavailable("The platform made a project and did not say which.", ambiguous=True)
        return made.id

    def _existing(self, name: str, error: Conflict | Refused) -> int:
        """The project that stands in the way, if it can be seen. Raises `error` where it is about anything
        else."""
        if isinstance(error, Refused) and not _EXISTS.search(str(error)):
            raise error
        found = self.find_project(name)
        if found is None:
            raise Conflict(
                f"A project named {name} exists on the platform, but the user of the API key cannot see it: "
                "add that user to the project there, or give the key of a user who can see it.",
                status=error.status,
            ) from None
        return found

    def _v2_capture(self, instance: str, region: str, cloud_id: str, mode: str) -> dict[str, Any]:
        if mode != "full":
            raise Refused(f"API v2 makes full captures only, not {mode}; the platform's API v3 can.")
        if cloud_id not in ("", "Default"):
            raise Refused(f"API v2 captures in the platform's own account only, not in {cloud_id}.")
        return {
            "bucket": self._bucket,
            "instance_id": instance,
            "region": region,
            "include_disks": True,
            "include_hash": True,
            "include_logs": True,
            "include_screenshot": True,
            "compress": True,
        }

    def _with_reason(self, pipeline: Pipeline) -> Pipeline:
        reason = self._reasons.get(pipeline.id)
        if reason is None:
            try:
                reason = self.pipeline(pipeline.id).reason or pipeline.reason
            except CadoError:
                return pipeline  # the names of the failed steps will have to do
            if len(self._reasons) > 1_000:
                self._reasons.clear()
            self._reasons[pipeline.id] = reason
        return replace(pipeline, reason=reason)

    def _counted(self, project_id: int, evidence_id: int | None) -> Iterator[Finding]:
        """Platforms before 2.273 have no summary: their alarms, counted here."""
        params = {"project_id": project_id, "evidence_id": evidence_id}
        counted: dict[tuple[str, Severity], Finding] = {}
        for item in self._pages("/alarms", params, most=_MOST_ALARM_PAGES):
            one = _finding(_parse(_Alarm, item))
            known = counted.get((one.description, one.severity), replace(one, count=0))
            counted[one.description, one.severity] = replace(known, count=known.count + 1)
        yield from counted.values()

    def _paths(self, params: Mapping[str, Any]) -> dict[str, str]:
        """Where the newest of each malicious alarm was found; nothing where that cannot be had."""
        try:
            answer = self._wire.call("GET", f"{self._api}/alarms", params={**params, "alarm_severity": [1]})
            alarms = [_finding(_parse(_Alarm, item)) for item in _items(_data(answer))]
        except CadoError:
            return {}
        return {alarm.description: alarm.path for alarm in reversed(alarms) if alarm.path}

    def _pages(
        self, path: str, params: Mapping[str, Any], most: int = _MOST_PAGES, what: str = ""
    ) -> Iterator[Any]:
        """Every item of a list. The spec names no largest page: what is refused is asked for by default."""
        size: dict[str, Any] = {"per_page": _PER_PAGE}
        for page in range(1, most + 1):
            try:
                answer = self._read(path, {**params, **size, "page": page}, what=what)
            except Refused:
                if page > 1 or not size:
                    raise
                size = {}
                answer = self._read(path, {**params, "page": page}, what=what)
            yield from _items(_data(answer))
            if page >= (_parse(_Paged, answer).total_pages or 1):
                return
        if most == _MOST_PAGES:
            raise Refused(f"The platform's list has more than {most} pages, which is more than can be read.")

    def _read(self, path: str, params: Mapping[str, Any] | None = None, *, what: str = "") -> Any:
        for pause in self._pauses():
            try:
                return self._wire.call("GET", self._api + path, params=params, what=what)
            except Unavailable as error:
                error.ambiguous = False  # a read changes nothing
                pause(error)
        raise AssertionError("the last pause raises")

    def _pauses(self) -> Iterator[Callable[[Unavailable], None]]:
        """One for each try: waits for the next, or raises where there is none or none would help."""
        for tried in range(1, self._tries + 1):

            def pause(error: Unavailable, tried: int = tried) -> None:
                wait = max(error.after or 0, 2.0**tried * (0.25 + 0.25 * self._rng()))
                if tried == self._tries or not error.passing or wait > _LONGEST_PAUSE or not lasts(wait):
                    raise error
                self._sleep(wait)

            yield pause


def _seen_by(users: Sequence[str], groups: Sequence[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if users:
        found["users"] = [{"username": name} for name in users]
    if groups:
        found["groups"] = [{"name": name} for name in groups]
    return found


_MODES: dict[str, dict[str, Any]] = {
    "full": {},
    "triage": {"acquire_with_host": True},
    "scan": {"fast_scan": True},
}


class _Wire:
    """One request, one answer or one typed error."""

    def __init__(
        self,
        url: str,
        key: Callable[[], Secret],
        renew: Callable[[], None] | None,
        http: Http,
        now: Callable[[], float],
        admin: bool,
    ) -> None:
        self._url, self._http, self._now = url.rstrip("/"), http, now
        self._read_key, self._renew, self._admin = key, renew, admin

    def call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        what: str = "",
        hidden: tuple[Secret, ...] = (),
    ) -> Any:
        """`hidden` are secrets in `body`; no error holds one."""
        key = self._key()
        answer = self._send(key, method, path, params, body)
        if answer.status == 401 and (newer := self._newer(key)):
            key = newer
            answer = self._send(key, method, path, params, body)
        hidden = (key, *hidden)
        if not 200 <= answer.status < 300:
            raise self._failure(answer, what, hidden)
        try:
            found = answer.json()
        except ValueError:
            if answer.is_page:
                kind = "is a web page, such as a proxy puts in its place"
            else:
                kind = "is longer than can be read" if answer.truncated else "is not JSON"
            raise Unavailable(
                f"The platform's answer ({answer.status}) {kind}; "
                "see whether platform.url is the platform's own address.",
                ambiguous=True,
                status=answer.status,
                passing=False,
            ) from None
        if isinstance(found, dict) and found.get("status") == "error":
            raise Refused(f"The platform refused it{self._said(answer, hidden)}.", status=answer.status)
        return found

    def _key(self) -> Secret:
        try:
            return self._read_key()
        except SecretError as error:
            raise Unavailable(f"The platform cannot be asked: {error}.", passing=False) from None

    def _newer(self, refused: Secret) -> Secret | None:
        """The key that has taken the place of the refused one, where there is one."""
        if self._renew is None:
            return None
        self._renew()
        try:
            newer = self._read_key()
        except SecretError:
            return None  # that the key is refused says more
        return newer if newer.reveal() != refused.reveal() else None

    def _send(
        self,
        key: Secret,
        method: str,
        path: str,
        params: Mapping[str, Any] | None,
        body: Mapping[str, Any] | None,
    ) -> Answer:
        try:
            return self._http.request(
                method,
                self._url + path,
                params=params,
                json=body,
                headers={"Authorization": f"Bearer {key.reveal().strip()}"},
            )
        except NetworkError as error:
            did_not = "did not answer" if error.sent else "cannot be reached"
            raise Unavailable(
                f"The platform {did_not}: {error}.", ambiguous=error.sent, passing=error.kind != "tls"
            ) from None
        except ValueError as error:
            raise Refused(f"The platform cannot be asked: {error}.") from None

    def _failure(self, answer: Answer, what: str, hidden: tuple[Secret, ...]) -> CadoError:
        status, said = answer.status, self._said(answer, hidden)
        if status == 401:
            return Unauthorized(
                f"The platform refused the API key (401){said}. "
                "Make a new key there and put it where "
                f"{'platform.admin_key' if self._admin else 'platform.api_key'} points.",
                status=status,
            )
        if status == 403:
            needs = (
                "Webhooks need the role Platform Administrator"
                if self._admin
                else "Hunts need the role Lead Analyst"
            )
            return Unauthorized(
                f"The role of the API key may not do this (403){said}. {needs}.", status=status
            )
        if status == 404:
            return NotFound(
                f"The platform does not know {what or 'what was asked for'} (404){said}.", status=404
            )
        if status == 409:
            return Conflict(f"The platform has one already (409){said}.", status=status)
        if 300 <= status < 400:
            return Refused(
                f"The platform points to another address ({status}); "
                "write the address of the platform itself as platform.url.",
                status=status,
            )
        if status in (408, 429) or status >= 500:
            return Unavailable(
                f"The platform is {'busy' if status == 429 else 'not available'} ({status}){said}.",
                ambiguous=status not in (429, 503),
                after=retry_after(answer.headers, self._now()),
                status=status,
            )
        return Refused(f"The platform refused it ({status}){said}.", status=status)

    def _said(self, answer: Answer, hidden: tuple[Secret, ...]) -> str:
        """What the platform says about it, made harmless, for the end of a sentence."""
        try:
            body = answer.json()
        except ValueError:
            return ""
        words = _parse(_Problem, body)
        text = words.message or words.msg or words.detail or ""
        for secret in hidden:
            if value := secret.reveal().strip():
                text = text.replace(value, "<secret>")
        line = one_line(text, 200).rstrip(".")
        return (f": {line}" if line else "") + (f" [{one_line(words.code, 40)}]" if words.code else "")


# --- what the platform answers ----------------------------------------------------------------------------
#
# All of it is optional and of a wrong type is taken as not there: an odd field must not cost an alarm.


def _or_none(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    try:
        return handler(value)
    except ValidationError:
        return None


# A larger number is no count and no id. A sum of a few of these fits into every store and JSON reader.
_LARGEST = 2**48
_LATEST = datetime(2200, 1, 1, tzinfo=UTC)

_Text = Annotated[str | None, WrapValidator(_or_none)]
_Count = Annotated[Annotated[int, Field(ge=0, le=_LARGEST)] | None, WrapValidator(_or_none)]
_Id = _Count
_Number = Annotated[Annotated[float, Field(allow_inf_nan=False)] | None, WrapValidator(_or_none)]


def _or_empty(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    """For a part that is an object, a list or a table: an empty one where it is not."""
    candidates: tuple[Any, ...] = (value, {}, [])
    for candidate in candidates:
        try:
            return handler(candidate)
        except ValidationError:
            continue
    raise AssertionError("one of these is empty and of the right kind")


_Part = WrapValidator(_or_empty)


class _Answer(BaseModel):
    model_config = ConfigDict(extra="ignore")


class _Problem(_Answer):
    message: _Text = None
    msg: _Text = None
    detail: _Text = None
    code: _Text = None


class _Paged(_Answer):
    total_pages: _Count = Field(None, validation_alias=AliasPath("pagination", "total_pages"))
    next_token: _Text = Field(None, validation_alias=AliasPath("pagination", "next_token"))


class _Importable(_Answer):
    instance_id: _Text = None
    importable: Annotated[bool | None, WrapValidator(_or_none)] = None


class _User(_Answer):
    rbac_role: _Text = None
    permissions: Annotated[dict[str, Annotated[bool | None, WrapValidator(_or_none)]], _Part] = {}


class _Update(_Answer):
    version: _Text = Field(None, validation_alias=AliasPath("version_info", "backend_version"))


class _Made(_Answer):
    id: _Id = None


class _Webhook(_Answer):
    id: _Id = None
    name: _Text = None
    event_type: _Text = None
    url: _Text = None
    payload: Annotated[dict[str, Any] | None, WrapValidator(_or_none)] = None
    payload_type: _Text = None
    enabled: Annotated[bool | None, WrapValidator(_or_none)] = None
    times_sent: _Count = None
    last_sent: _Number = None


class _MadeWebhook(_Answer):
    id: _Id = None
    webhook: Annotated[_Webhook, _Part] = _Webhook()


class _Started(_Answer):
    pipeline_ids: Annotated[list[_Made], _Part] = []
    pipeline_id: _Id = None  # v2

    @property
    def ids(self) -> tuple[int, ...]:
        given = [*(made.id for made in self.pipeline_ids), self.pipeline_id]
        return tuple(one for one in given if one is not None)


class _Alarms(_Answer):
    malicious: _Count = None
    suspicious: _Count = None


class _Details(_Answer):
    name: _Text = None
    os: _Text = None
    hostname: _Text = None
    disk_size: _Count = None
    disk_hash: _Text = None


class _Project(_Answer):
    id: _Id = None
    alarms: Annotated[_Alarms, _Part] = _Alarms()
    details: Annotated[_Details, _Part] = _Details()
    last_update: _Number = None
    caseName: _Text = None  # v2

    @property
    def title(self) -> str | None:
        return self.details.name or self.caseName


class _Named(_Answer):
    id: _Id = None
    type: _Text = None


class _Steps(_Answer):
    total: _Count = None
    success: _Count = None
    failure: _Count = None
    cancelled: _Count = None
    running: _Count = None

    @property
    def all_ended(self) -> bool:
        ended = (self.success or 0) + (self.failure or 0) + (self.cancelled or 0)
        return ended > 0 and ended == self.total


class _Step(_Answer):
    name: _Text = None
    state: _Text = None
    progress_text: Annotated[list[_Text], _Part] = []


class _Pipeline(_Answer):
    name: _Text = None
    pipeline: Annotated[_Named, _Part] = _Named()
    project: Annotated[_Named, _Part] = _Named()
    evidence: Annotated[_Named, _Part] = _Named()
    summary: Annotated[_Steps, _Part] = _Steps()
    status: _Text = None  # since 2.269
    terminated: Annotated[bool | None, WrapValidator(_or_none)] = None
    aborted: Annotated[bool | None, WrapValidator(_or_none)] = None
    triggering_pipeline_id: _Id = None
    created: Annotated[float | str | None, WrapValidator(_or_none)] = None  # ms; v2: naive ISO time
    subtasks: Annotated[list[_Step], _Part] = []
    pipeline_id: _Id = None  # v2, and the next four
    pipeline_type: _Text = None
    project_id: _Id = None
    evidence_id: _Id = None
    evidence_name: _Text = None


class _PipelinesStatus(_Answer):
    queued: _Count = None
    in_progress: _Count = None
    limit: _Count = None


class _Resource(_Answer):
    id: _Text = None
    type: _Text = None
    account_id: _Text = None
    parent_id: _Text = None


class _Preservation(_Answer):
    raw: _Text = None
    encase: _Text = None


class _Evidence(_Answer):
    id: _Id = None
    project_id: _Id = None
    display_name: _Text = None
    alarms: Annotated[_Alarms, _Part] = _Alarms()
    details: Annotated[_Details, _Part] = _Details()
    resource: Annotated[_Resource, _Part] = _Resource()
    last_processed: _Number = None
    preservation: Annotated[_Preservation, _Part] = _Preservation()


class _Alarm(_Answer):
    description: _Text = None
    severity: _Count = None
    total_count: _Count = None  # of a summary's row
    attack: Annotated[list[_Text], _Part] = []
    full_path: _Text = None  # of a single alarm


class _Summary(_Answer):
    breakdown: Annotated[list[_Alarm], _Part] = []


M = TypeVar("M", bound=_Answer)


def _parse(kind: type[M], data: Any) -> M:
    return kind.model_validate(data if isinstance(data, dict) else {})


def _data(answer: Any, *, ambiguous: bool = False) -> Any:
    """What is inside v3's envelope."""
    if not isinstance(answer, dict) or "data" not in answer:
        raise Unavailable(
            "The platform's answer is not one of API v3; for an old platform write platform.api_version: v2.",
            ambiguous=ambiguous,
            passing=False,
        )
    return answer["data"]


def _items(data: Any, name: str = "") -> list[Any]:
    """A list, however it is wrapped: v2 answers with an object, a list, or a list under `name`."""
    if name and isinstance(data, dict):
        data = data.get(name, [data])
    if not isinstance(data, list):
        raise Unavailable("The platform's answer holds no list where there should be one.", passing=False)
    return data


def _numbers(version: str) -> tuple[int, ...] | None:
    found = re.match(r"(\d{1,6})\.(\d{1,6})", version)
    return (int(found[1]), int(found[2])) if found else None


def revealed(payload: Mapping[str, Any]) -> dict[str, Any]:
    """A webhook's payload as it is sent, its secrets in clear."""
    return {key: value.reveal() if isinstance(value, Secret) else value for key, value in payload.items()}


def _webhook(found: _Webhook, number: int) -> Webhook:
    return Webhook(
        id=number,
        name=one_line(found.name or ""),
        event_type=one_line(found.event_type or "", 60),
        url=one_line(found.url or "", 2_000),
        payload=found.payload,
        payload_type=one_line(found.payload_type or "", 40),
        enabled=bool(found.enabled),
        times_sent=found.times_sent,
        last_sent=_moment(found.last_sent),
    )


def _instance(*candidates: str | None) -> str:
    """The first EC2 instance id that one of these texts holds."""
    for text in candidates:
        found = re.search(r"(?<![0-9a-z])i-[0-9a-f]{8,17}(?![0-9a-z])", text or "")
        if found:
            return found[0]
    return ""


def _first(*candidates: int | None) -> int | None:
    return next((one for one in candidates if one is not None), None)


def _pipeline(found: _Pipeline) -> Pipeline | None:
    number = _first(found.pipeline.id, found.pipeline_id)
    if number is None:
        return None
    state = _state(found)
    return Pipeline(
        id=number,
        type=one_line(found.pipeline.type or found.pipeline_type or "", 40),
        name=one_line(found.name or ""),
        state=state,
        project_id=_first(found.project.id, found.project_id),
        evidence_id=_first(found.evidence.id, found.evidence_id or None),  # v2 writes 0 for none
        triggered_by=found.triggering_pipeline_id,
        created_ms=_milliseconds(found.created),
        reason=_reason(found) if state == "failed" else "",
        steps_ended=(found.summary.success or 0) + (found.summary.failure or 0),
    )


_STATES = {
    "success": "complete",  # the platform's words before 2.269
    "failure": "failed",
    "canceled": "cancelled",
    "running": "in_progress",
    **{state: state for state in ("queued", "in_progress", "complete", "failed", "cancelled")},
}


def _state(found: _Pipeline) -> str:
    """The platform says it since 2.269; before that, and for "pending", its steps tell."""
    steps = found.summary
    if said := _STATES.get((found.status or "").lower()):
        return said
    if found.terminated or found.aborted or steps.all_ended:
        if steps.failure:
            return "failed"
        return "cancelled" if found.aborted or steps.cancelled else "complete"
    return "in_progress" if steps.running or steps.success or steps.failure else "queued"


def _reason(found: _Pipeline) -> str:
    failed = [step for step in found.subtasks if (step.state or "").upper() == "FAILURE"]
    said = [text for step in failed for text in step.progress_text if text] or [
        f"{step.name} failed" for step in failed if step.name
    ]
    return one_line("; ".join(dict.fromkeys(said)), 300)


def _milliseconds(created: float | str | None) -> int | None:
    try:
        if isinstance(created, str):
            created = datetime.fromisoformat(created).replace(tzinfo=UTC).timestamp() * 1_000
        found = int(created or 0)
    except (ValueError, OverflowError):
        return None
    return found if 0 < found <= _LATEST.timestamp() * 1_000 else None


def _moment(seconds: float | None) -> datetime | None:
    """The spec says seconds; later figures than the year 5138 are taken as milliseconds. What lies before
    1970 or after 2199 is not known."""
    if not seconds:
        return None
    seconds = seconds / 1_000 if seconds > 1e11 else seconds
    return datetime.fromtimestamp(seconds, UTC) if 0 < seconds < _LATEST.timestamp() else None


def _project(found: _Project, number: int) -> Project:
    return Project(
        id=number,
        name=one_line(found.title or ""),
        malicious=found.alarms.malicious,
        suspicious=found.alarms.suspicious,
        updated_at=_moment(found.last_update),
    )


def _evidence(found: _Evidence, number: int) -> Evidence:
    details, resource = found.details, found.resource
    return Evidence(
        id=number,
        project_id=found.project_id,
        name=one_line(found.display_name or ""),
        hostname=one_line(details.hostname or ""),
        os=one_line(details.os or "", 100),
        size_mb=details.disk_size,
        resource=one_line(resource.id or ""),
        resource_type=one_line(resource.type or "", 40),
        instance=_instance(resource.parent_id, resource.id, found.display_name),
        account_id=one_line(resource.account_id or "", 40),
        malicious=found.alarms.malicious,
        suspicious=found.alarms.suspicious,
        processed_at=_moment(found.last_processed),
        disk_hash=one_line(details.disk_hash or "", 200),
        preserved=one_line(found.preservation.raw or found.preservation.encase or "", 1_000),
    )


_SEVERITIES = {1: Severity.MALICIOUS, 3: Severity.SUSPICIOUS}  # docs.cadosecurity.com, SIEM export
_ORDER = (Severity.MALICIOUS, Severity.SUSPICIOUS, Severity.INFO)


def _finding(found: _Alarm) -> Finding:
    return Finding(
        description=one_line(found.description or "", 300),
        count=found.total_count or 0,
        severity=_SEVERITIES.get(found.severity or 0, Severity.INFO),
        attack=tuple(one_line(technique, 20) for technique in found.attack if technique),
        path=one_line(found.full_path or "", 500),
    )


def _sorted(found: Iterator[Finding]) -> tuple[Finding, ...]:
    return tuple(sorted(found, key=lambda one: (_ORDER.index(one.severity), -one.count, one.description)))
